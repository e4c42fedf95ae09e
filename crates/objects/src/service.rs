//! One request's way through: what leave it needs, its execution, its audit record.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use policy::{Ask, Authorized};
use serde_json::Value;
use store::{Key, Revision, Store, StoreError, Transaction, Versioned};
use trail::{Draft, Entry, Executed, Record, Resource};
use wire::{ApiError, Scope};

use crate::content::Content;
use crate::record::{self, BucketRecord, ObjectRecord};
use crate::{Operation, Response, asks, faults, names};

/// Records read at a time where all are read.
const PAGE: usize = 1000;
/// How often a write begins anew because somebody else changed the same object meanwhile.
pub(crate) const MAX_ATTEMPTS: usize = 16;

/// Buckets and objects, over a store and a folder.
#[derive(Clone)]
pub struct Objects(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) content: Content,
}

/// Why the service could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder of bodies cannot be used.
    #[error("the folder of objects {}: {error}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        error: std::io::Error,
    },
    /// An object's record cannot be read, so that nobody can say which bodies are in use.
    #[error(
        "the record {name} cannot be read; restore the store from a backup or run a later version of Kluis"
    )]
    Record {
        /// The record's name in the store.
        name: String,
    },
}

/// What an operation came to: its response, and for a change the record that was committed with it.
pub(crate) struct Done {
    pub(crate) response: Response,
    pub(crate) committed: Option<Record>,
}

impl Done {
    pub(crate) fn read(response: Response) -> Self {
        Self {
            response,
            committed: None,
        }
    }
}

/// What a change needs to know of its request.
pub(crate) struct Call<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) draft: &'a Draft,
    pub(crate) resources: &'a [Resource],
}

impl Call<'_> {
    /// The record of success, and `transaction` with it.
    pub(crate) fn audited(
        &self,
        transaction: Transaction,
    ) -> Result<(Transaction, Record), ApiError> {
        let record = self.draft.clone().succeeded(None, self.resources.to_vec());
        let key = names::record(trail::outbox_key(record.event_id()))?;
        Ok((transaction.put(key, record.bytes().to_vec()), record))
    }
}

impl Objects {
    /// Opens the service over `store`, with its bodies in `folder`, and removes bodies that no object has.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(
        store: Arc<dyn Store>,
        folder: impl Into<PathBuf>,
    ) -> Result<Self, OpenError> {
        let folder = folder.into();
        let failed = |error| OpenError::Folder {
            folder: folder.clone(),
            error,
        };
        let content = Content::open(&folder).map_err(failed)?;
        let used = used_bodies(&*store).await?;
        let removed = content.sweep(&used).map_err(failed)?;
        if removed > 0 {
            tracing::info!(removed, "removed bodies that no object had");
        }
        Ok(Self(Arc::new(Shared { store, content })))
    }

    /// What leave `operation` needs.
    ///
    /// # Errors
    /// For names and numbers that cannot be.
    pub fn asks(&self, operation: &Operation, scope: &Scope) -> Result<Vec<Ask>, ApiError> {
        asks::asks(operation, scope)
    }

    /// The leave that lets the caller know that an object is not there: where policies allow it, the gate sets
    /// [`GetObject::sees_absence`](crate::GetObject::sees_absence).
    pub fn listing_ask(&self, operation: &Operation, scope: &Scope) -> Option<Ask> {
        asks::listing_ask(operation, scope)
    }

    /// What the trail shows of a request.
    pub fn request_parameters(operation: &Operation) -> Value {
        operation.request_parameters()
    }

    /// Carries an operation out. What it changes is durable, with its record, when this returns. A change goes on to
    /// its end even if the caller stops waiting, but for a body that is still being received.
    pub async fn execute(
        &self,
        operation: Authorized<Operation>,
        scope: &Scope,
        draft: Draft,
    ) -> Executed<Result<Response, ApiError>> {
        let (operation, _) = operation.into_parts();
        let resources = operation.resources(&scope.account);
        let call = Call {
            scope,
            draft: &draft,
            resources: &resources,
        };
        // The authorization has checked the names; a proof for an operation that never asked must not get past here.
        let done = match asks::asks(&operation, scope) {
            Ok(_) => Shared::run(&self.0, operation, &call).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(Done {
                response,
                committed: Some(record),
            }) => Executed {
                answer: Ok(response),
                entry: Entry::InStore(record),
            },
            Ok(Done {
                response,
                committed: None,
            }) => Executed {
                answer: Ok(response),
                entry: Entry::Unwritten(draft.succeeded(None, resources)),
            },
            Err(error) => {
                let record = draft.failed(error.code, &error.message, resources);
                Executed {
                    answer: Err(error),
                    entry: Entry::Unwritten(record),
                }
            }
        }
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Objects").field(&self.0.content).finish()
    }
}

impl Shared {
    async fn run(
        shared: &Arc<Self>,
        operation: Operation,
        call: &Call<'_>,
    ) -> Result<Done, ApiError> {
        match operation {
            Operation::ListBuckets => shared.list_buckets(call).await,
            Operation::CreateBucket { bucket, location } => {
                shared.create_bucket(&bucket, location, call).await
            }
            Operation::HeadBucket { bucket } => shared.head_bucket(&bucket, call).await,
            Operation::DeleteBucket { bucket } => shared.delete_bucket(&bucket, call).await,
            Operation::GetBucketLocation { bucket } => shared.bucket_location(&bucket, call).await,
            Operation::PutObject(put) => Self::put_object(shared, put, call).await,
            Operation::GetObject(get) => shared.get_object(&get, call).await,
            Operation::HeadObject(get) => shared.head_object(&get, call).await,
            Operation::DeleteObject { bucket, key } => {
                let done =
                    Self::delete_objects(shared, &bucket, std::slice::from_ref(&key), call).await?;
                Ok(Done {
                    response: Response::DeleteObject,
                    ..done
                })
            }
            Operation::DeleteObjects(delete) => {
                Self::delete_objects(shared, &delete.bucket, &delete.keys, call).await
            }
            Operation::ListObjects(list) => shared.list_objects(&list, call).await,
        }
    }

    pub(crate) async fn get(&self, name: &Key) -> Result<Option<Versioned>, ApiError> {
        self.store
            .get(name)
            .await
            .map_err(|error| faults::store(&error))
    }

    pub(crate) async fn scan(
        &self,
        prefix: &str,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned)>, ApiError> {
        self.store
            .scan(prefix, after, limit)
            .await
            .map_err(|error| faults::store(&error))
    }

    /// The bucket, if the account has it. There are no bucket policies yet, so nobody has leave for another account's.
    pub(crate) async fn bucket(
        &self,
        bucket: &str,
        scope: &Scope,
    ) -> Result<(BucketRecord, Revision), ApiError> {
        let name = names::bucket_record(bucket)?;
        let found = self
            .get(&name)
            .await?
            .ok_or_else(|| faults::no_such_bucket(bucket))?;
        let record: BucketRecord = record::decode(&name, &found.value)?;
        if record.account != scope.account {
            return Err(faults::access_denied());
        }
        Ok((record, found.revision))
    }

    /// The object, if it is there.
    pub(crate) async fn object(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Option<(ObjectRecord, Revision)>, ApiError> {
        let name = names::object_record(bucket, key)?;
        let Some(found) = self.get(&name).await? else {
            return Ok(None);
        };
        Ok(Some((record::decode(&name, &found.value)?, found.revision)))
    }
}

/// The bodies that objects have.
async fn used_bodies(store: &dyn Store) -> Result<HashSet<crate::content::BodyId>, OpenError> {
    let mut used = HashSet::new();
    let mut after = None;
    loop {
        let page = store.scan("s3/object/", after.as_ref(), PAGE).await?;
        for (name, found) in &page {
            let record = record::decode::<ObjectRecord>(name, &found.value);
            let record = record.map_err(|_| OpenError::Record {
                name: name.to_string(),
            })?;
            used.insert(record.body);
        }
        if page.len() < PAGE {
            return Ok(used);
        }
        after = page.into_iter().next_back().map(|(name, _)| name);
    }
}
