//! Opening: the root key proved, every record read.

use std::sync::Arc;

use crypto::WrappingKey;
use store::{Key as Name, Revision, Store, StoreError, Transaction, Versioned};

use crate::grants::{self, GrantId};
use crate::keyring::{Change, Keyring, Slot};
use crate::limits;
use crate::names::KeyArn;
use crate::record::{self, Place, ROOT_KEY_CHECK};

/// What the root key wraps to be recognised by.
const CHECK_LABEL: &[u8] = b"kluis/kms/root-key-check/v1";
const CHECK_TEXT: &[u8] = b"this is the root key of this store";

/// Why the key service does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The keys in the store are wrapped under another root key.
    #[error(
        "the root key is not the one that this store's keys are wrapped under; start with the root key that belongs to this data directory"
    )]
    WrongRootKey,
    /// The store failed.
    #[error("the keys cannot be read: {0}")]
    Store(#[from] StoreError),
    /// The cryptography failed, not the data: no memory for a secret, no randomness.
    #[error("the root key cannot be used: {0}")]
    Crypto(crypto::Error),
}

/// Everything that was read.
pub(crate) struct Loaded {
    pub(crate) ring: Keyring,
    pub(crate) damaged: Vec<String>,
}

/// Reads every key and alias.
pub(crate) async fn load(store: &dyn Store, root: &WrappingKey) -> Result<Loaded, OpenError> {
    let check = Name::new(ROOT_KEY_CHECK)?;
    let known = store.get(&check).await?;
    if let Some(known) = &known {
        prove(root, known)?;
    }
    let loaded = read_all(store, root).await?;
    if known.is_none() {
        introduce(store, root, check, &loaded.tally).await?;
    }
    Ok(Loaded {
        ring: loaded.ring,
        damaged: loaded.damaged,
    })
}

/// Whether the root key is the one that the store has seen before.
fn prove(root: &WrappingKey, known: &Versioned) -> Result<(), OpenError> {
    match root.unwrap(CHECK_LABEL, &[], &[], &known.value) {
        Ok(text) if text.danger_expose() == CHECK_TEXT => Ok(()),
        Ok(_) | Err(crypto::Error::NotAuthentic) => Err(OpenError::WrongRootKey),
        Err(other) => Err(OpenError::Crypto(other)),
    }
}

/// Lets the store know its root key. Keys that are there already and all fail to unwrap say that it is another.
async fn introduce(
    store: &dyn Store,
    root: &WrappingKey,
    check: Name,
    tally: &Tally,
) -> Result<(), OpenError> {
    if tally.keys > 0 && tally.available == 0 {
        return Err(OpenError::WrongRootKey);
    }
    let wrapped = root
        .wrap(CHECK_LABEL, &[], &[], CHECK_TEXT)
        .map_err(OpenError::Crypto)?;
    let transaction = Transaction::new()
        .expect_absent(check.clone())
        .put(check.clone(), wrapped);
    match store.commit(transaction).await {
        Ok(_) => Ok(()),
        // Another process was faster: its root key has to be ours.
        Err(StoreError::Conflict { .. }) => match store.get(&check).await? {
            Some(known) => prove(root, &known),
            None => Err(OpenError::Store(StoreError::Conflict { key: check })),
        },
        Err(error) => Err(error.into()),
    }
}

#[derive(Default)]
struct Tally {
    keys: usize,
    available: usize,
}

struct All {
    ring: Keyring,
    damaged: Vec<String>,
    tally: Tally,
}

async fn read_all(store: &dyn Store, root: &WrappingKey) -> Result<All, OpenError> {
    let mut all = All {
        ring: Keyring::default(),
        damaged: Vec::new(),
        tally: Tally::default(),
    };
    let mut page = scan(store, None).await?;
    while let Some((last, _)) = page.last() {
        // The store reads the next page on a thread of its own while this one is taken in.
        let (next, ()) = tokio::join!(scan(store, Some(last)), async { all.take(&page, root) });
        page = next?;
    }
    Ok(all)
}

async fn scan(
    store: &dyn Store,
    after: Option<&Name>,
) -> Result<Vec<(Name, Versioned)>, StoreError> {
    store.scan(record::FOLDER, after, limits::LOAD_PAGE).await
}

impl All {
    fn take(&mut self, page: &[(Name, Versioned)], root: &WrappingKey) {
        for (name, found) in page {
            let taken = take_in(&mut self.ring, name.as_str(), Some(found), root);
            self.tally.keys += usize::from(matches!(taken, Taken::Key { .. }));
            self.tally.available += usize::from(taken == Taken::Key { available: true });
            if matches!(taken, Taken::Damaged | Taken::Key { available: false }) {
                self.damaged.push(name.to_string());
            }
        }
    }
}

/// What a record turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// A key.
    Key { available: bool },
    /// An alias, a grant, the root key's check, or nothing.
    Other,
    /// It cannot be read.
    Damaged,
}

/// Takes over into memory what the store holds under `name`.
pub(crate) fn take_in(
    ring: &mut Keyring,
    name: &str,
    found: Option<&Versioned>,
    root: &WrappingKey,
) -> Taken {
    match (Place::parse(name), found) {
        (Some(Place::Key(home, id)), Some(found)) => {
            let policy = |text: &str, ids| ring.policy(text, ids).ok();
            let key = record::decode_key(&home, id, &found.value, policy).ok();
            let key = key.map(|key| key.probed(root));
            let taken = key.as_ref().map_or(Taken::Damaged, |key| Taken::Key {
                available: key.available,
            });
            let slot = key.map_or(Slot::Unreadable, |key| Slot::Known(Arc::new(key)));
            ring.put_slot(home, id, slot, found.revision);
            taken
        }
        (Some(Place::Key(home, id)), None) => {
            ring.remove_key(&home, id);
            Taken::Other
        }
        (Some(Place::Alias(home, name)), Some(found)) => {
            let Ok(alias) = record::decode_alias(name.clone(), &found.value) else {
                ring.put_damaged_alias(home, name, found.revision);
                return Taken::Damaged;
            };
            ring.apply(Change::PutAlias(home, alias), found.revision);
            Taken::Other
        }
        (Some(Place::Alias(home, name)), None) => {
            ring.apply(Change::DeleteAlias(home, name), Revision::ZERO);
            Taken::Other
        }
        (Some(Place::Grant(key, id)), found) => take_in_grant(ring, key, id, found),
        (Some(Place::Use(arn)), Some(found)) => {
            let Ok(last) = record::decode_use(&found.value) else {
                return Taken::Damaged;
            };
            ring.uses.restore(&arn, last);
            Taken::Other
        }
        (Some(Place::RootKeyCheck | Place::Use(_)), _) => Taken::Other,
        (None, _) => Taken::Damaged,
    }
}

fn take_in_grant(ring: &mut Keyring, key: KeyArn, id: GrantId, found: Option<&Versioned>) -> Taken {
    let Some(found) = found else {
        ring.apply(Change::DeleteGrant(key, id), Revision::ZERO);
        return Taken::Other;
    };
    if let Ok(grant) = grants::record::decode(&key, id, &found.value) {
        ring.apply(Change::PutGrant(Arc::new(grant)), found.revision);
        Taken::Other
    } else {
        ring.put_damaged_grant(&key, id, found.revision);
        Taken::Damaged
    }
}
