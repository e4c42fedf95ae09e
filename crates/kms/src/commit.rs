//! Changes made durable, with their audit record, and then taken over into memory.

use std::time::Duration;

use store::{Key as Name, Revision, StoreError, Transaction};
use trail::Record;

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
        let transaction = self.transaction(&changes, record)?;
        let names: Vec<Name> = transaction
            .checks()
            .iter()
            .map(|check| check.key.clone())
            .collect();
        match self.store.commit(transaction).await {
            Ok(revision) => {
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

    fn transaction(&self, changes: &[Change], record: &Record) -> Result<Transaction, StoreError> {
        let mut transaction = Transaction::new();
        for change in changes {
            let (name, value, revision) = self.written(change)?;
            transaction = match revision {
                Some(revision) => transaction.expect(name.clone(), revision),
                None => transaction.expect_absent(name.clone()),
            };
            transaction = match value {
                Some(value) => transaction.put(name, value),
                None => transaction.delete(name),
            };
        }
        Ok(transaction.put(
            Name::new(trail::outbox_key(record.event_id()))?,
            record.bytes().to_vec(),
        ))
    }

    /// A change as the store sees it: the record's name, its new value, and the revision that it has now.
    fn written(
        &self,
        change: &Change,
    ) -> Result<(Name, Option<Vec<u8>>, Option<Revision>), StoreError> {
        let unwritable = |_| StoreError::Corrupt {
            place: "a record that cannot be written as JSON".to_owned(),
        };
        let (name, value) = match change {
            Change::PutKey(key) => (
                record::key_name(&key.arn),
                Some(record::encode_key(key).map_err(unwritable)?),
            ),
            Change::DeleteKey(arn) => (record::key_name(arn), None),
            Change::PutAlias(region, alias) => (
                record::alias_name(region, &alias.name),
                Some(record::encode_alias(alias).map_err(unwritable)?),
            ),
            Change::DeleteAlias(region, name) => (record::alias_name(region, name), None),
        };
        let revision = self.with_ring(|ring| match change {
            Change::PutKey(key) => ring
                .key(&key.arn.region, key.arn.id)
                .map(|(_, revision)| *revision),
            Change::DeleteKey(arn) => ring.key(&arn.region, arn.id).map(|(_, revision)| *revision),
            Change::PutAlias(region, alias) => ring
                .alias(region, &alias.name)
                .map(|(_, revision)| *revision),
            Change::DeleteAlias(region, name) => {
                ring.alias(region, name).map(|(_, revision)| *revision)
            }
        });
        Ok((Name::new(name)?, value, revision))
    }

    fn take_over(&self, changes: Vec<Change>, revision: Revision) {
        self.with_ring(|ring| {
            changes
                .into_iter()
                .for_each(|change| ring.apply(change, revision))
        });
    }

    /// Reads records again whose fate is not known. What cannot be read now stays as it is in memory.
    async fn refresh(&self, names: &[Name]) {
        for name in names {
            if let Ok(found) = self.store.get(name).await {
                self.with_ring(|ring| {
                    load::take_in(
                        ring,
                        name.as_str(),
                        found.as_ref(),
                        &self.root,
                        self.account,
                    )
                });
            }
        }
    }
}
