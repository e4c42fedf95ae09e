//! `PutObject`.

use std::sync::Arc;

use store::{StoreError, Transaction};
use wire::ApiError;

use crate::content::{MAX_OBJECT_LEN, Received};
use crate::record::{self, ObjectRecord, StoredChecksum};
use crate::service::{Call, Done, MAX_ATTEMPTS, Shared};
use crate::{Conditions, ObjectHead, PutDone, PutObject, Response, faults, names};

/// The most bytes of `x-amz-meta-…` names and values together.
const MAX_METADATA_LEN: usize = 2048;
/// The most bytes of the other headers that come back with an object.
const MAX_HEADERS_LEN: usize = 8192;

impl Shared {
    pub(crate) async fn put_object(
        shared: &Arc<Self>,
        mut put: PutObject,
        call: &Call<'_>,
    ) -> Result<Done, ApiError> {
        put.conditions.check_for_write()?;
        let length = |map: &std::collections::BTreeMap<String, String>| -> usize {
            map.iter()
                .map(|(name, value)| name.len() + value.len())
                .sum()
        };
        if length(&put.metadata) > MAX_METADATA_LEN || length(&put.headers) > MAX_HEADERS_LEN {
            return Err(faults::metadata_too_large());
        }
        if put
            .content_length
            .is_some_and(|length| length > MAX_OBJECT_LEN)
        {
            return Err(faults::entity_too_large());
        }
        // Before the body, to spare the client sending it; the transaction looks again.
        shared.bucket(&put.bucket, call.scope).await?;
        let current = shared.object(&put.bucket, &put.key).await?;
        put.conditions
            .for_write(&put.key, current.as_ref().map(|(record, _)| &record.head))?;

        let received = shared.content.receive(&mut put.body).await?;
        if put
            .content_length
            .is_some_and(|length| length != received.size)
        {
            return Err(faults::incomplete_body());
        }
        if put.content_md5.is_some_and(|md5| md5 != received.md5) {
            return Err(faults::bad_digest());
        }
        let checksum = put.body.source().checksum();
        let checksum = checksum.map(|(algorithm, value)| StoredChecksum::new(algorithm, &value));
        let head = ObjectHead {
            size: received.size,
            etag: format!("\"{}\"", hex::encode(received.md5)),
            last_modified: call.scope.now,
            headers: put.headers,
            metadata: put.metadata,
            checksum,
        };
        let change = Change {
            bucket: put.bucket,
            key: put.key,
            conditions: put.conditions,
            head,
            received,
        };

        // A task of its own: a client that hangs up must not part the store from the bodies.
        let (shared, scope) = (Arc::clone(shared), call.scope.clone());
        let (draft, resources) = (call.draft.clone(), call.resources.to_vec());
        let task = tokio::spawn(async move {
            let call = Call {
                scope: &scope,
                draft: &draft,
                resources: &resources,
            };
            shared.replace(change, &call).await
        });
        task.await.unwrap_or_else(|_| Err(faults::internal()))
    }

    /// Makes a received body the object's, in one transaction with its record, and removes the body before it.
    async fn replace(&self, change: Change, call: &Call<'_>) -> Result<Done, ApiError> {
        let Change {
            bucket,
            key,
            conditions,
            head,
            received,
        } = change;
        let bucket_name = names::bucket_record(&bucket)?;
        let name = names::object_record(&bucket, &key)?;
        let object = ObjectRecord::new(received.id, received.sha256, head.clone());
        let bytes = record::encode(&object)?;
        for _ in 0..MAX_ATTEMPTS {
            let (_, bucket_revision) = self.bucket(&bucket, call.scope).await?;
            let current = self.object(&bucket, &key).await?;
            conditions.for_write(&key, current.as_ref().map(|(record, _)| &record.head))?;
            let transaction = Transaction::new().expect(bucket_name.clone(), bucket_revision);
            let transaction = match &current {
                Some((_, revision)) => transaction.expect(name.clone(), *revision),
                None => transaction.expect_absent(name.clone()),
            };
            let (transaction, audit) =
                call.audited(transaction.put(name.clone(), bytes.clone()))?;
            match self.store.commit(transaction).await {
                Ok(_) => {
                    received.keep();
                    if let Some((old, _)) = current {
                        self.content.remove(old.body);
                    }
                    let response = Response::PutObject(PutDone {
                        etag: head.etag,
                        checksum: head.checksum,
                    });
                    return Ok(Done {
                        response,
                        committed: Some(audit),
                    });
                }
                // Looked at anew: a condition may fail now, the bucket may be gone.
                Err(StoreError::Conflict { .. }) => {}
                Err(error @ StoreError::OutcomeUnknown { .. }) => {
                    // It may be the object's body; if not, the next opening removes it.
                    received.keep();
                    return Err(faults::store(&error));
                }
                Err(error) => return Err(faults::store(&error)),
            }
        }
        Err(if conditions.binds_write() {
            faults::conflicting_request()
        } else {
            faults::unavailable("Please reduce your request rate.")
        })
    }
}

/// An object that is about to be.
struct Change {
    bucket: String,
    key: String,
    conditions: Conditions,
    head: ObjectHead,
    received: Received,
}
