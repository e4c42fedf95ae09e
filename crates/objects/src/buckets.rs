//! Buckets: made, found, listed, removed.

use store::{StoreError, Transaction};
use wire::ApiError;

use crate::record::{self, BucketRecord};
use crate::service::{Call, Done, Shared};
use crate::{BucketSummary, Response, faults, names};

/// The region that S3 names by saying nothing.
const UNNAMED_REGION: &str = "us-east-1";
/// Records read at a time.
const PAGE: usize = 1000;

impl Shared {
    pub(crate) async fn list_buckets(&self, call: &Call<'_>) -> Result<Done, ApiError> {
        let mut buckets = Vec::new();
        let mut after = None;
        loop {
            let page = self.scan(names::BUCKETS, after.as_ref(), PAGE).await?;
            for (name, found) in &page {
                let bucket: BucketRecord = record::decode(name, &found.value)?;
                if bucket.account == call.scope.account {
                    let name = name
                        .as_str()
                        .strip_prefix(names::BUCKETS)
                        .unwrap_or_default()
                        .to_owned();
                    buckets.push(BucketSummary {
                        name,
                        created: bucket.created,
                        region: bucket.region,
                    });
                }
            }
            if page.len() < PAGE {
                return Ok(Done::read(Response::ListBuckets(buckets)));
            }
            after = page.into_iter().next_back().map(|(name, _)| name);
        }
    }

    pub(crate) async fn create_bucket(
        &self,
        bucket: &str,
        location: Option<String>,
        call: &Call<'_>,
    ) -> Result<Done, ApiError> {
        let region = call.scope.region.as_str();
        if let Some(location) = location.filter(|location| location != region) {
            return Err(faults::illegal_location(&location));
        }
        let name = names::bucket_record(bucket)?;
        let made = record::encode(&BucketRecord::new(
            &call.scope.account,
            region,
            call.scope.now,
        ))?;
        let transaction = Transaction::new()
            .expect_absent(name.clone())
            .put(name.clone(), made);
        let (transaction, audit) = call.audited(transaction)?;
        match self.store.commit(transaction).await {
            Ok(_) => {
                let response = Response::CreateBucket {
                    location: format!("/{bucket}"),
                };
                Ok(Done {
                    response,
                    committed: Some(audit),
                })
            }
            Err(StoreError::Conflict { .. }) => match self.bucket(bucket, call.scope).await {
                Ok(_) => Err(faults::bucket_is_yours(bucket)),
                Err(error) if error.code == "AccessDenied" => {
                    Err(faults::bucket_is_anothers(bucket))
                }
                Err(error) => Err(error),
            },
            Err(error) => Err(faults::store(&error)),
        }
    }

    pub(crate) async fn head_bucket(
        &self,
        bucket: &str,
        call: &Call<'_>,
    ) -> Result<Done, ApiError> {
        let (bucket, _) = self.bucket(bucket, call.scope).await?;
        Ok(Done::read(Response::HeadBucket {
            region: bucket.region,
        }))
    }

    pub(crate) async fn bucket_location(
        &self,
        bucket: &str,
        call: &Call<'_>,
    ) -> Result<Done, ApiError> {
        let (bucket, _) = self.bucket(bucket, call.scope).await?;
        let location = Some(bucket.region).filter(|region| region != UNNAMED_REGION);
        Ok(Done::read(Response::GetBucketLocation { location }))
    }

    /// The check for emptiness is part of the transaction, so that no object can slip in.
    pub(crate) async fn delete_bucket(
        &self,
        bucket: &str,
        call: &Call<'_>,
    ) -> Result<Done, ApiError> {
        let (_, revision) = self.bucket(bucket, call.scope).await?;
        let name = names::bucket_record(bucket)?;
        let transaction = Transaction::new()
            .expect(name.clone(), revision)
            .expect_none_prefixed(names::record(names::object_prefix(bucket))?)
            .delete(name.clone());
        let (transaction, audit) = call.audited(transaction)?;
        match self.store.commit(transaction).await {
            Ok(_) => Ok(Done {
                response: Response::DeleteBucket,
                committed: Some(audit),
            }),
            Err(StoreError::Conflict { key }) if key == name => Err(faults::no_such_bucket(bucket)),
            Err(StoreError::Conflict { .. }) => Err(faults::bucket_not_empty(bucket)),
            Err(error) => Err(faults::store(&error)),
        }
    }
}
