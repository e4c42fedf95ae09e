//! The room: opened from the store, and the root user's first key.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use crypto::{SecretBytes, WrappingKey};
use jiff::Timestamp;
use policy::PrincipalIds;
use store::{Key, Store, StoreError, Transaction};
use tokio::sync::Mutex;

use crate::{
    Error,
    access_keys::Holder,
    accounts::Accounts,
    directory::{Change, Directory},
    limits,
    managed::ManagedPolicy,
    names::{self, Kind},
    records::{AccessKey, Account, Role, Stored, User},
};

/// Accounts, users, roles, access keys and sessions.
pub struct Identity {
    store: Arc<dyn Store>,
    sealing: Arc<WrappingKey>,
    accounts: RwLock<Accounts>,
    /// Held by the one operation that is changing something.
    turn: Mutex<()>,
}

/// A root user's first access key.
#[derive(Debug)]
pub struct RootKey {
    /// `AKIA…`
    pub access_key_id: String,
    /// Its secret, 40 ASCII characters.
    pub secret: SecretBytes,
}

impl Identity {
    /// Loads everything from `store`. `sealing` wraps the secrets of access keys and seals sessions; with another
    /// key than before, neither opens.
    ///
    /// # Errors
    /// [`Error::Store`], and [`Error::Record`] for a record that cannot be read.
    pub async fn open(store: Arc<dyn Store>, sealing: Arc<WrappingKey>) -> Result<Self, Error> {
        let accounts = RwLock::new(load(store.as_ref()).await?);
        Ok(Self {
            store,
            sealing,
            accounts,
            turn: Mutex::new(()),
        })
    }

    /// Makes an account, with an access key for its root user. Whether it was made: one that is there stays as it is.
    ///
    /// # Errors
    /// [`Error::Account`] for what is no account's number, [`Error::Store`] and [`Error::Crypto`] when those fail.
    pub async fn add_account(&self, account: &str, now: Timestamp) -> Result<bool, Error> {
        if !names::is_account(account) {
            return Err(Error::Account);
        }
        let _turn = self.turn.lock().await;
        let ordinal = self.look(|accounts| {
            let is_new = accounts.get(account).is_none();
            is_new.then(|| accounts.in_order().len())
        });
        let Some(ordinal) = ordinal else {
            return Ok(false);
        };
        let (key, _) = AccessKey::fresh(&self.sealing, account, Holder::root(account), now)?;
        let made = Account::new(ordinal, now, key.id.clone());
        let changes = vec![Change::PutAccount(made), Change::PutAccessKey(key)];
        self.commit(account, changes, Transaction::new()).await?;
        Ok(true)
    }

    /// All accounts, in the order in which they were made.
    pub fn accounts(&self) -> Vec<String> {
        self.look(|accounts| {
            let all = accounts.in_order().into_iter();
            all.map(|(id, _)| id.to_owned()).collect()
        })
    }

    /// The access key that the root user of an account was given when it was made, told each time it is asked, so that a
    /// start that was cut short can be made again. Nothing once that key was deleted: whoever did that meant it.
    ///
    /// # Errors
    /// [`Error::Crypto`] when the sealing key is not the one that it was made under.
    pub fn root_key(&self, account: &str) -> Result<Option<RootKey>, Error> {
        let key = self.look(|accounts| {
            let directory = accounts.get(account)?;
            let given = &directory.account()?.root_access_key;
            directory.access_key(given).cloned()
        });
        let Some(key) = key else {
            return Ok(None);
        };
        Ok(Some(RootKey {
            access_key_id: key.id.clone(),
            secret: key.secret(&self.sealing, account)?,
        }))
    }

    /// Makes `changes` in an account durable together with what `transaction` already holds, then lets others see them.
    /// Whoever calls this holds the turn.
    pub(crate) async fn commit(
        &self,
        account: &str,
        changes: Vec<Change>,
        mut transaction: Transaction,
    ) -> Result<(), StoreError> {
        let empty = Directory::new(account);
        for change in &changes {
            transaction = self.look(|accounts| {
                let directory = accounts.get(account).unwrap_or(&empty);
                directory.stage(change, transaction)
            })?;
        }
        let revision = self.store.commit(transaction).await?;
        let mut accounts = self
            .accounts
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            accounts.apply(account, change, revision);
        }
        Ok(())
    }

    /// Waits until nobody else is changing anything.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Looks at the accounts. `look` must be short: it holds the lock.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Accounts) -> T) -> T {
        look(&self.accounts.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn sealing(&self) -> &WrappingKey {
        &self.sealing
    }
}

/// The ids of all users and roles, for policies of other rooms.
impl PrincipalIds for Identity {
    fn id_of(&self, arn: &str) -> Option<String> {
        self.look(|accounts| accounts.id_of(arn))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

async fn load(store: &dyn Store) -> Result<Accounts, Error> {
    let mut accounts = Accounts::default();
    let mut after: Option<Key> = None;
    loop {
        let records = store
            .scan(names::FOLDER, after.as_ref(), limits::SCAN)
            .await?;
        let full = records.len() == limits::SCAN;
        for (key, record) in &records {
            let unreadable = |reason| Error::Record {
                key: key.to_string(),
                reason,
            };
            let (account, kind) = Kind::parse(key.as_str())
                .ok_or_else(|| unreadable("no record has such a name".to_owned()))?;
            let change = change(kind, &record.value).map_err(unreadable)?;
            accounts.apply(account, change, record.revision);
        }
        after = records.into_iter().next_back().map(|(key, _)| key);
        if !full {
            return whole(accounts);
        }
    }
}

/// What made a record as it is.
fn change(kind: Kind, bytes: &[u8]) -> Result<Change, String> {
    Ok(match kind {
        Kind::Account => Change::PutAccount(Account::decode(bytes)?),
        Kind::User => Change::PutUser(User::decode(bytes)?),
        Kind::Role => Change::PutRole(Role::decode(bytes)?),
        Kind::AccessKey => Change::PutAccessKey(AccessKey::decode(bytes)?),
        Kind::Policy => Change::PutPolicy(ManagedPolicy::decode(bytes)?),
    })
}

/// Refuses a store that holds parts of an account and not the account, or that has lost a managed policy which
/// somebody has: it may have been one that denies.
fn whole(accounts: Accounts) -> Result<Accounts, Error> {
    let missing = |key: String| Error::Record {
        key,
        reason: "it is missing".to_owned(),
    };
    for (id, directory) in accounts.in_order() {
        if directory.account().is_none() {
            return Err(missing(names::account_key(id)?.to_string()));
        }
        if let Some(arn) = directory.dangling() {
            return Err(missing(arn.to_owned()));
        }
    }
    Ok(accounts)
}
