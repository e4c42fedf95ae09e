//! All accounts of the service, and whose each access key is.

use std::collections::{BTreeMap, HashMap};

use policy::PrincipalIds;
use store::Revision;
use wire::ApiError;

use crate::{
    directory::{Change, Directory},
    known::Known,
    records::AccessKey,
};

/// The directories of all accounts.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    directories: BTreeMap<String, Directory>,
    /// The account of each access key: their ids are one name space.
    holders: HashMap<String, String>,
    /// What was found in all this of those who asked last.
    pub(crate) known: Known,
}

impl Accounts {
    /// The directory of an account.
    pub(crate) fn get(&self, account: &str) -> Option<&Directory> {
        self.directories.get(account)
    }

    /// The directory of the account that a caller was authenticated in.
    ///
    /// # Errors
    /// `InternalFailure` where there is none, which no authenticated caller is known to cause.
    pub(crate) fn of_caller(&self, account: &str) -> Result<&Directory, ApiError> {
        self.get(account).ok_or_else(ApiError::internal_failure)
    }

    /// The account of an access key, and its directory.
    pub(crate) fn of_access_key(&self, id: &str) -> Option<(&str, &Directory)> {
        let account = self.holders.get(id)?;
        Some((account, self.get(account)?))
    }

    /// All accounts, in the order in which they were made; those whose own record is missing come last.
    pub(crate) fn in_order(&self) -> Vec<(&str, &Directory)> {
        let mut all: Vec<_> = self
            .directories
            .iter()
            .map(|(id, directory)| (id.as_str(), directory))
            .collect();
        all.sort_by_key(|(_, directory)| {
            directory
                .account()
                .map_or(usize::MAX, |account| account.ordinal)
        });
        all
    }

    /// Takes over a change in an account that the store has made durable as `revision`.
    pub(crate) fn apply(&mut self, account: &str, change: Change, revision: Revision) {
        self.known.forget();
        match &change {
            Change::PutAccessKey(AccessKey { id, .. }) => {
                self.holders.insert(id.clone(), account.to_owned());
            }
            Change::DeleteAccessKey(id) => {
                self.holders.remove(id);
            }
            _ => (),
        }
        self.directories
            .entry(account.to_owned())
            .or_insert_with(|| Directory::new(account))
            .apply(change, revision);
    }
}

impl PrincipalIds for Accounts {
    fn id_of(&self, arn: &str) -> Option<String> {
        let account = arn.split(':').nth(4)?;
        self.get(account)?.id_of(arn).map(str::to_owned)
    }
}
