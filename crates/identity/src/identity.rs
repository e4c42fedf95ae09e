//! The room: opened from the store, and the root user's first key.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use crypto::{SecretBytes, WrappingKey};
use jiff::Timestamp;
use store::{Key, Store, StoreError, Transaction};
use tokio::sync::Mutex;

use crate::{
    Error,
    access_keys::Holder,
    directory::{Change, Directory},
    limits, names,
    records::{AccessKey, Role, Stored, User},
};

/// Accounts, users, roles, access keys and sessions.
pub struct Identity {
    store: Arc<dyn Store>,
    sealing: Arc<WrappingKey>,
    account: String,
    directory: RwLock<Directory>,
    /// Held by the one operation that is changing something.
    turn: Mutex<()>,
}

/// The root user's first access key.
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
    pub async fn open(
        store: Arc<dyn Store>,
        sealing: Arc<WrappingKey>,
        account: impl Into<String>,
    ) -> Result<Self, Error> {
        let mut directory = Directory::default();
        load::<User>(
            store.as_ref(),
            names::USERS,
            Change::PutUser,
            &mut directory,
        )
        .await?;
        load::<Role>(
            store.as_ref(),
            names::ROLES,
            Change::PutRole,
            &mut directory,
        )
        .await?;
        load::<AccessKey>(
            store.as_ref(),
            names::ACCESS_KEYS,
            Change::PutAccessKey,
            &mut directory,
        )
        .await?;
        let (account, directory) = (account.into(), RwLock::new(directory));
        Ok(Self {
            store,
            sealing,
            account,
            directory,
            turn: Mutex::new(()),
        })
    }

    /// Gives the root user an access key, once in the life of the store, and tells it each time it is asked, so that a
    /// start that was cut short can be made again. Nothing once that key was deleted: whoever did that meant it.
    ///
    /// # Errors
    /// [`Error::Store`], and [`Error::Crypto`] when `sealing` is not the key that it was made under.
    pub async fn bootstrap(&self, now: Timestamp) -> Result<Option<RootKey>, Error> {
        let _turn = self.turn.lock().await;
        let marker = Key::new(names::BOOTSTRAP)?;
        let Some(given) = self.store.get(&marker).await? else {
            return self.give_root_key(marker, now).await;
        };
        let id = std::str::from_utf8(&given.value).map_err(|error| Error::Record {
            key: marker.to_string(),
            reason: error.to_string(),
        })?;
        let Some(key) = self.look(|directory| directory.access_key(id).cloned()) else {
            return Ok(None);
        };
        let secret = key.secret(&self.sealing, &self.account)?;
        Ok(Some(RootKey {
            access_key_id: key.id.clone(),
            secret,
        }))
    }

    async fn give_root_key(&self, marker: Key, now: Timestamp) -> Result<Option<RootKey>, Error> {
        let (key, secret) = AccessKey::fresh(
            &self.sealing,
            &self.account,
            Holder::root(&self.account),
            now,
        )?;
        let access_key_id = key.id.clone();
        let transaction = Transaction::new()
            .expect_absent(marker.clone())
            .put(marker, access_key_id.clone());
        self.commit(vec![Change::PutAccessKey(key)], transaction)
            .await?;
        Ok(Some(RootKey {
            access_key_id,
            secret,
        }))
    }

    /// Makes `changes` durable together with what `transaction` already holds, then lets others see them. Whoever calls
    /// this holds the turn.
    pub(crate) async fn commit(
        &self,
        changes: Vec<Change>,
        mut transaction: Transaction,
    ) -> Result<(), StoreError> {
        for change in &changes {
            transaction = self.look(|directory| directory.stage(change, transaction))?;
        }
        let revision = self.store.commit(transaction).await?;
        let mut directory = self
            .directory
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            directory.apply(change, revision);
        }
        Ok(())
    }

    /// Waits until nobody else is changing anything.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Looks at the directory. `look` must be short: it holds the lock.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Directory) -> T) -> T {
        look(
            &self
                .directory
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    pub(crate) fn sealing(&self) -> &WrappingKey {
        &self.sealing
    }

    /// The account, twelve digits.
    pub fn account(&self) -> &str {
        &self.account
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

async fn load<T: Stored>(
    store: &dyn Store,
    folder: &str,
    change: fn(T) -> Change,
    directory: &mut Directory,
) -> Result<(), Error> {
    let mut after: Option<Key> = None;
    loop {
        let records = store.scan(folder, after.as_ref(), limits::SCAN).await?;
        let full = records.len() == limits::SCAN;
        for (key, record) in &records {
            let value = T::decode(&record.value).map_err(|reason| Error::Record {
                key: key.to_string(),
                reason,
            })?;
            directory.apply(change(value), record.revision);
        }
        after = records.into_iter().next_back().map(|(key, _)| key);
        if !full {
            return Ok(());
        }
    }
}
