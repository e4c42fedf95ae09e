//! Deletion when the waiting period is over: nobody calls for it then, and nothing brings the key back.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use store::StoreError;
use trail::{Draft, DraftFacts, Entry, Record, Resource};
use uuid::Uuid;

use crate::key::Key;
use crate::keyring::{Change, Slot};
use crate::limits;
use crate::names::KeyArn;
use crate::page::Page;
use crate::service::{KEY_RESOURCE, Shared};

/// Who acts, in the words of CloudTrail, when nobody called.
const INTERNAL: &str = "AWS Internal";

/// What a sweep did.
#[derive(Debug, Default)]
#[must_use = "a deletion whose entry is not appended to the trail has no audit record"]
pub struct Swept {
    /// One for each key deleted, to be appended to the trail.
    pub entries: Vec<Entry>,
    /// The keys that could not be deleted this time, and why.
    pub failures: Vec<(KeyArn, StoreError)>,
}

/// Deletes every key that is due, each in a transaction of its own.
pub(crate) async fn sweep(shared: &Shared, now: Timestamp) -> Swept {
    let mut swept = Swept::default();
    let due = shared.with_ring(|ring| ring.due(now));
    for key in due {
        let _turn = shared.turn.lock().await;
        // It may have been deleted since, or its record have been read again.
        let still = shared.with_ring(|ring| match ring.key(&key.arn.home(), key.arn.id) {
            Some((Slot::Known(held), _)) => Arc::ptr_eq(held, &key),
            _ => false,
        });
        if !still {
            continue;
        }
        let record = deletion(&key, now);
        match delete(shared, &key, &record).await {
            Ok(()) => swept.entries.push(Entry::InStore(record)),
            Err(error) => swept.failures.push((key.arn.clone(), error)),
        }
    }
    swept
}

/// Deletes a key, and before it as many of its grants as do not fit in one transaction with it. They have given nobody
/// anything since the key was due; a sweep that ends in between is taken up by the next.
async fn delete(shared: &Shared, key: &Key, record: &Record) -> Result<(), StoreError> {
    loop {
        let (grants, all) = some_grants(shared, key);
        if all {
            let mut changes = remains(shared, key);
            changes.extend(grants);
            return shared.commit(changes, record).await;
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

/// Everything of a key that is in the store, but its grants.
fn remains(shared: &Shared, key: &Key) -> Vec<Change> {
    let home = key.arn.home();
    let aliases: Vec<_> =
        shared.with_ring(|ring| ring.aliases_of(&home, key.arn.id).cloned().collect());
    let aliases = aliases
        .into_iter()
        .map(|name| Change::DeleteAlias(home.clone(), name));
    std::iter::once(Change::DeleteKey(key.arn.clone()))
        .chain(aliases)
        .collect()
}

/// The record of it, as CloudTrail has it.
fn deletion(key: &Key, now: Timestamp) -> Record {
    let account = key.arn.account.to_string();
    let draft = Draft::of_service(DraftFacts {
        identity: json!({ "accountId": account, "invokedBy": INTERNAL }),
        event_time: now,
        event_source: wire::kms::SERVICE.event_source.to_owned(),
        event_name: "DeleteKey".to_owned(),
        region: key.arn.region.to_string(),
        source_ip: INTERNAL.to_owned(),
        user_agent: Some(INTERNAL.to_owned()),
        request_id: Uuid::new_v4().to_string(),
        recipient_account: account.clone(),
        read_only: false,
        management: true,
        request_parameters: None,
        additional_event_data: None,
        tls: None,
    });
    draft.succeeded(
        None,
        vec![Resource::new(key.arn.to_string(), account, KEY_RESOURCE)],
    )
}
