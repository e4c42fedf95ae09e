//! ARNs, and the names of records in the store.

use store::{Key, StoreError};

/// The folder of everything here.
pub(crate) const FOLDER: &str = "iam/";

/// What stands for an account in the ARNs of AWS's own managed policies.
pub(crate) const AWS: &str = "aws";

/// What a record is of, as its name says: `iam/<account>/<kind>/<name>`, and `iam/<account>/account` for the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The account itself.
    Account,
    User,
    Role,
    AccessKey,
    Policy,
}

impl Kind {
    /// The account and the kind in a record's name; `None` for one that this room does not write.
    pub(crate) fn parse(name: &str) -> Option<(&str, Self)> {
        let (account, rest) = name.strip_prefix(FOLDER)?.split_once('/')?;
        let kind = match rest.split_once('/') {
            None if rest == "account" => Self::Account,
            Some(("user", _)) => Self::User,
            Some(("role", _)) => Self::Role,
            Some(("access-key", _)) => Self::AccessKey,
            Some(("policy", _)) => Self::Policy,
            _ => return None,
        };
        is_account(account).then_some((account, kind))
    }
}

/// Whether a text is an account's number.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The form in which a name is compared: IAM keeps a name's case, and has no two that differ only in it.
pub(crate) fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

pub(crate) fn account_key(account: &str) -> Result<Key, StoreError> {
    Key::new(format!("{FOLDER}{account}/account"))
}

pub(crate) fn user_key(account: &str, name: &str) -> Result<Key, StoreError> {
    Key::new(format!("{FOLDER}{account}/user/{}", fold(name)))
}

pub(crate) fn role_key(account: &str, name: &str) -> Result<Key, StoreError> {
    Key::new(format!("{FOLDER}{account}/role/{}", fold(name)))
}

pub(crate) fn access_key_key(account: &str, id: &str) -> Result<Key, StoreError> {
    Key::new(format!("{FOLDER}{account}/access-key/{id}"))
}

pub(crate) fn policy_key(account: &str, name: &str) -> Result<Key, StoreError> {
    Key::new(format!("{FOLDER}{account}/policy/{}", fold(name)))
}

pub(crate) fn root_arn(account: &str) -> String {
    format!("arn:aws:iam::{account}:root")
}

/// `path` begins and ends with a slash.
pub(crate) fn user_arn(account: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:user{path}{name}")
}

/// `path` begins and ends with a slash.
pub(crate) fn role_arn(account: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role{path}{name}")
}

/// `path` begins and ends with a slash; `owner` is an account, or [`AWS`].
pub(crate) fn policy_arn(owner: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{owner}:policy{path}{name}")
}

pub(crate) fn session_arn(account: &str, role: &str, session: &str) -> String {
    format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
}

/// The account and the role's name in a role's ARN.
pub(crate) fn role_in(arn: &str) -> Option<(&str, &str)> {
    let (account, resource) = arn.strip_prefix("arn:aws:iam::")?.split_once(':')?;
    let name = resource.strip_prefix("role/")?.rsplit('/').next()?;
    (!name.is_empty()).then_some((account, name))
}
