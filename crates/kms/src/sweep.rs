//! What is done to keys when its time comes: nobody calls for it then. Keys whose waiting period is over are destroyed,
//! imported material that has expired is, and keys on a schedule are rotated.

use std::sync::Arc;

use jiff::Timestamp;
use store::{Key as Name, StoreError, Transaction};
use trail::{Entry, Record};
use wire::kms::RotationType;

use crate::imported::without_material;
use crate::key::{Key, Lifecycle};
use crate::keyring::Change;
use crate::names::KeyArn;
use crate::page::Page;
use crate::schedule::days;
use crate::service::Shared;
use crate::uses::LastUse;
use crate::{events, limits, record, rotate};

/// What a sweep did.
#[derive(Debug, Default)]
#[must_use = "a deletion whose entry is not appended to the trail has no audit record"]
pub struct Swept {
    /// What is to be appended to the trail: what this sweep did, and what requests since the last one brought about
    /// beside their own records.
    pub entries: Vec<Entry>,
    /// The keys for which it could not be done this time, and why.
    pub failures: Vec<(KeyArn, SweepError)>,
    /// Why last uses could not be written down, if they could not.
    pub unwritten: Option<StoreError>,
}

/// Why something was not done to a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cryptography failed: no memory for a secret, no randomness.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
}

/// Does to every key what is due, each in a transaction of its own, and writes last uses down.
pub(crate) async fn sweep(shared: &Shared, now: Timestamp) -> Swept {
    let mut swept = Swept::default();
    for key in shared.with_ring(|ring| ring.due(now)) {
        let _turn = shared.turn.lock().await;
        if let Err(error) = settle(shared, &key, now).await {
            swept.failures.push((key.arn.clone(), error));
        }
    }
    swept.unwritten = write_uses(shared).await.err();
    swept.entries = shared.with_events(std::mem::take);
    swept
}

/// Does to the keys that a request is about what is due, before the request is. Call it in turn.
///
/// # Errors
/// The store's.
pub(crate) async fn settle_material(
    shared: &Shared,
    resources: &[String],
    now: Timestamp,
) -> Result<(), StoreError> {
    for arn in resources {
        let Ok(arn) = arn.parse::<KeyArn>() else {
            continue;
        };
        let held = shared.with_ring(|ring| ring.known(&arn).cloned());
        if let Some(key) = held.filter(|key| !key.is_due(now) && !key.expired(now).is_empty()) {
            let (changes, record) = expiry(shared, &key, now);
            shared.commit_event(changes, record).await?;
        }
    }
    Ok(())
}

/// Does what is due to one key, if it is still the one that is held: it may have been deleted since, or its record have
/// been read again.
async fn settle(shared: &Shared, key: &Arc<Key>, now: Timestamp) -> Result<(), SweepError> {
    let held = shared.with_ring(|ring| ring.known(&key.arn).cloned());
    if !held.is_some_and(|held| Arc::ptr_eq(&held, key)) {
        return Ok(());
    }
    let (changes, record) = if key.is_due(now) {
        (
            last_remains(shared, key, now).await?,
            events::deletion(key, now),
        )
    } else if !key.expired(now).is_empty() {
        expiry(shared, key, now)
    } else {
        rotation(shared, key, now)?
    };
    Ok(shared.commit_event(changes, record).await?)
}

/// Deletes as many of a key's grants as do not fit in one transaction with it, and says what is then left of it. They have
/// given nobody anything since the key was due; a sweep that ends in between is taken up by the next.
async fn last_remains(
    shared: &Shared,
    key: &Arc<Key>,
    now: Timestamp,
) -> Result<Vec<Change>, StoreError> {
    loop {
        let (grants, all) = some_grants(shared, key);
        if all {
            let mut changes = remains(shared, key, now);
            changes.extend(grants);
            return Ok(changes);
        }
        shared.commit_part(grants).await?;
    }
}

/// The deletion of as many grants of a key as fit in one transaction, and whether those are all.
fn some_grants(shared: &Shared, key: &Key) -> (Vec<Change>, bool) {
    let page = shared.with_ring(|ring| {
        let ids = ring.grants(&key.arn).into_iter();
        let ids = ids.flat_map(|grants| grants.ids(key.arn.id));
        Page::take(ids, limits::GRANTS_PER_TRANSACTION)
    });
    let ids = page.items.iter();
    let changes = ids.map(|id| Change::DeleteGrant(key.arn.clone(), *id));
    (changes.collect(), !page.truncated)
}

/// Everything of a key that is in the store, but its grants; and the key that waited for it to go.
fn remains(shared: &Shared, key: &Arc<Key>, now: Timestamp) -> Vec<Change> {
    let home = key.arn.home();
    let aliases: Vec<_> =
        shared.with_ring(|ring| ring.aliases_of(&home, key.arn.id).cloned().collect());
    let aliases = aliases
        .into_iter()
        .map(|name| Change::DeleteAlias(home.clone(), name));
    std::iter::once(Change::DeleteKey(key.arn.clone()))
        .chain(aliases)
        .chain(bereaved(shared, key, now))
        .collect()
}

/// The primary key that waited for the last of its replicas to go: its own waiting period begins.
fn bereaved(shared: &Shared, key: &Arc<Key>, now: Timestamp) -> Option<Change> {
    let family = shared.with_ring(|ring| ring.family(key));
    let [_, primary] = family.as_slice() else {
        return None;
    };
    let Lifecycle::PendingReplicaDeletion(wait) = primary.lifecycle else {
        return None;
    };
    let at = now.checked_add(days(wait.into())).ok()?;
    let waiting = Key {
        lifecycle: Lifecycle::PendingDeletion(at),
        ..(**primary).clone()
    };
    Some(Change::PutKey(Arc::new(waiting)))
}

/// The end of the first of a key's materials that have expired: the next sweep sees to the next.
fn expiry(shared: &Shared, key: &Arc<Key>, now: Timestamp) -> (Vec<Change>, Record) {
    let expired = key.expired(now);
    let material_id = expired.first().copied().unwrap_or_default();
    let family = shared.with_ring(|ring| ring.family(key));
    let changes = without_material(&family, material_id);
    (changes, events::expiry(key, material_id, now))
}

/// The automatic rotation of a key and its replicas.
fn rotation(
    shared: &Shared,
    key: &Arc<Key>,
    now: Timestamp,
) -> Result<(Vec<Change>, Record), crypto::Error> {
    let family = shared.with_ring(|ring| ring.family(key));
    let rotated = rotate::rotate(&shared.root, &family, RotationType::Automatic, now)?;
    let mut records = rotated.records.into_iter();
    let own = records.next().ok_or(crypto::Error::NotAuthentic)?;
    let changes = rotated.changes.into_iter();
    Ok((changes.chain(records.map(Change::Event)).collect(), own))
}

/// Writes down the uses of keys since the last time.
async fn write_uses(shared: &Shared) -> Result<(), StoreError> {
    loop {
        let batch = shared.with_ring(|ring| ring.uses.take_unwritten(limits::USES_BATCH));
        if batch.is_empty() {
            return Ok(());
        }
        // No key is deleted between the look and the writing, or its last use would outlive it.
        let _turn = shared.turn.lock().await;
        if let Err(error) = write(shared, &batch).await {
            shared.with_ring(|ring| ring.uses.not_written(&batch));
            return Err(error);
        }
    }
}

async fn write(shared: &Shared, uses: &[(Box<str>, LastUse)]) -> Result<(), StoreError> {
    let mut transaction = Transaction::new();
    for (arn, last) in uses {
        let here = arn.parse::<KeyArn>().ok();
        if let Some(arn) = here.filter(|arn| shared.with_ring(|ring| ring.has(arn))) {
            transaction =
                transaction.put(Name::new(record::use_name(&arn))?, record::encode_use(last));
        }
    }
    shared.store.commit(transaction).await.map(drop)
}
