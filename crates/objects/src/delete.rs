//! `DeleteObject` and `DeleteObjects`: one transaction for all the keys of a request.

use std::collections::BTreeSet;
use std::sync::Arc;

use store::{StoreError, Transaction};
use wire::ApiError;

use crate::service::{Call, Done, MAX_ATTEMPTS, Shared};
use crate::{Deleted, Response, faults, names};

impl Shared {
    pub(crate) async fn delete_objects(
        shared: &Arc<Self>,
        bucket: &str,
        keys: &[String],
        call: &Call<'_>,
    ) -> Result<Done, ApiError> {
        // A task of its own: a client that hangs up must not part the store from the bodies.
        let (shared, scope) = (Arc::clone(shared), call.scope.clone());
        let (draft, resources) = (call.draft.clone(), call.resources.to_vec());
        let (bucket, keys) = (bucket.to_owned(), keys.to_vec());
        let task = tokio::spawn(async move {
            let call = Call {
                scope: &scope,
                draft: &draft,
                resources: &resources,
            };
            shared.remove(&bucket, keys, &call).await
        });
        task.await.unwrap_or_else(|_| Err(faults::internal()))
    }

    async fn remove(
        &self,
        bucket: &str,
        keys: Vec<String>,
        call: &Call<'_>,
    ) -> Result<Done, ApiError> {
        for _ in 0..MAX_ATTEMPTS {
            let (_, revision) = self.bucket(bucket, call.scope).await?;
            let mut transaction =
                Transaction::new().expect(names::bucket_record(bucket)?, revision);
            let mut bodies = Vec::new();
            for key in keys.iter().collect::<BTreeSet<_>>() {
                let name = names::object_record(bucket, key)?;
                transaction = match self.object(bucket, key).await? {
                    Some((object, revision)) => {
                        bodies.push(object.body);
                        transaction.expect(name.clone(), revision).delete(name)
                    }
                    // Deleting what is not there succeeds, and must stay true until the commit.
                    None => transaction.expect_absent(name),
                };
            }
            let (transaction, audit) = call.audited(transaction)?;
            match self.store.commit(transaction).await {
                Ok(_) => {
                    for body in bodies {
                        self.content.remove(body);
                    }
                    let deleted = keys
                        .into_iter()
                        .map(|key| Deleted { key, error: None })
                        .collect();
                    return Ok(Done {
                        response: Response::DeleteObjects(deleted),
                        committed: Some(audit),
                    });
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(faults::store(&error)),
            }
        }
        Err(faults::unavailable("Please reduce your request rate."))
    }
}
