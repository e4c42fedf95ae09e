//! Changes made durable, with their audit record, and then taken over into memory.

use std::time::Duration;

use store::{Key as Name, Revision, StoreError, Transaction};
use trail::{Entry, Record};

use crate::grants;
use crate::keyring::Change;
use crate::load;
use crate::record;
use crate::service::Shared;

/// How long a failed commit waits for the store to say what became of it.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(5);

impl Shared {
    /// Makes `changes` durable in one transaction with `record`, and takes them over. Call it in turn.
    ///
    /// # Errors
    /// The store's. Memory then follows whatever the store says has become of the records.
    pub(crate) async fn commit(
        &self,
        changes: Vec<Change>,
        record: &Record,
    ) -> Result<(), StoreError> {
        let outbox = Name::new(trail::outbox_key(record.event_id()))?;
        let transaction = self
            .transaction(&changes)?
            .put(outbox, record.bytes().to_vec());
        self.carry_out(transaction, changes).await
    }

    /// Makes changes durable that another record tells of, and takes them over. Call it in turn.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub(crate) async fn commit_part(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let transaction = self.transaction(&changes)?;
        self.carry_out(transaction, changes).await
    }

    async fn carry_out(
        &self,
        transaction: Transaction,
        changes: Vec<Change>,
    ) -> Result<(), StoreError> {
        let names: Vec<Name> = transaction
            .checks()
            .iter()
            .map(|check| check.key.clone())
            .collect();
        match self.store.commit(transaction).await {
            Ok(revision) => {
                self.announce(&changes);
                self.take_over(changes, revision);
                Ok(())
            }
            Err(error) => {
                // Bounded, since it holds up every other mutation. If it is given up, the revisions that the next
                // transaction expects no longer hold, and that one ends here again.
                let _ = tokio::time::timeout(REFRESH_TIMEOUT, self.refresh(&names)).await;
                Err(error)
            }
        }
    }

    /// As [`Self::commit`], for what no request asked for: the record is kept for the next sweep to hand on.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn commit_event(
        &self,
        changes: Vec<Change>,
        record: Record,
    ) -> Result<(), StoreError> {
        self.commit(changes, &record).await?;
        self.with_events(|waiting| waiting.push(Entry::InStore(record)));
        Ok(())
    }

    fn transaction(&self, changes: &[Change]) -> Result<Transaction, StoreError> {
        let mut transaction = Transaction::new();
        for change in changes {
            let name = Name::new(name(change))?;
            transaction = match self.revision(change) {
                Some(revision) => transaction.expect(name.clone(), revision),
                None => transaction.expect_absent(name.clone()),
            };
            transaction = match value(change)? {
                Some(value) => transaction.put(name, value),
                None => transaction.delete(name),
            };
            if let Change::DeleteKey(arn) = change {
                transaction = transaction.delete(Name::new(record::use_name(arn))?);
            }
        }
        Ok(transaction)
    }

    /// The revision of the record that a change is about, as far as memory knows.
    fn revision(&self, change: &Change) -> Option<Revision> {
        self.with_ring(|ring| match change {
            Change::PutKey(key) => ring.key(&key.arn.home(), key.arn.id).map(|(_, at)| *at),
            Change::DeleteKey(arn) => ring.key(&arn.home(), arn.id).map(|(_, at)| *at),
            Change::PutAlias(home, alias) => ring.alias_revision(home, &alias.name),
            Change::DeleteAlias(home, name) => ring.alias_revision(home, name),
            Change::PutGrant(grant) => ring.grant_revision(&grant.key, grant.id),
            Change::DeleteGrant(key, id) => ring.grant_revision(key, *id),
            Change::Event(_) => None,
        })
    }

    /// Keeps what the trail is to be told beside the record of the request, for the next sweep to hand on. It lies in
    /// the store's outbox until then.
    fn announce(&self, changes: &[Change]) {
        let events = changes.iter().filter_map(|change| match change {
            Change::Event(record) => Some(Entry::InStore(record.clone())),
            _ => None,
        });
        self.with_events(|waiting| waiting.extend(events));
    }

    fn take_over(&self, changes: Vec<Change>, revision: Revision) {
        self.with_ring(|ring| {
            for change in changes {
                ring.apply(change, revision);
            }
        });
    }

    /// Reads records again whose fate is not known. What cannot be read now stays as it is in memory.
    async fn refresh(&self, names: &[Name]) {
        for name in names {
            if let Ok(found) = self.store.get(name).await {
                self.with_ring(|ring| {
                    load::take_in(ring, name.as_str(), found.as_ref(), &self.root)
                });
            }
        }
    }
}

/// The store's name of the record that a change is about.
fn name(change: &Change) -> String {
    match change {
        Change::PutKey(key) => record::key_name(&key.arn),
        Change::DeleteKey(arn) => record::key_name(arn),
        Change::PutAlias(home, alias) => record::alias_name(home, &alias.name),
        Change::DeleteAlias(home, name) => record::alias_name(home, name),
        Change::PutGrant(grant) => record::grant_name(&grant.key, grant.id),
        Change::DeleteGrant(key, id) => record::grant_name(key, *id),
        Change::Event(record) => trail::outbox_key(record.event_id()),
    }
}

/// What that record is to hold; nothing when it is to go.
fn value(change: &Change) -> Result<Option<Vec<u8>>, StoreError> {
    let encoded = match change {
        Change::PutKey(key) => record::encode_key(key),
        Change::PutAlias(_, alias) => record::encode_alias(alias),
        Change::PutGrant(grant) => grants::record::encode(grant),
        Change::DeleteKey(_) | Change::DeleteAlias(..) | Change::DeleteGrant(..) => {
            return Ok(None);
        }
        Change::Event(record) => return Ok(Some(record.bytes().to_vec())),
    };
    encoded.map(Some).map_err(|_| StoreError::Corrupt {
        place: "a record that cannot be written as JSON".to_owned(),
    })
}
