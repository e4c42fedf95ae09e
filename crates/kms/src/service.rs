//! The key service: one request's way through it.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crypto::{KeyPair, WrappingKey};
use jiff::Timestamp;
use policy::{Ask, Authorized, Principal, PrincipalIds};
use serde_json::Value;
use store::Store;
use trail::{Draft, Entry, Executed, Resource};
use wire::kms::{Operation, Response};
use wire::{ApiError, Scope};

use crate::desk::Desk;
use crate::keyring::Keyring;
use crate::load::{self, Loaded, OpenError};
use crate::operation::{Kind, Plan, kind};
use crate::pairs::Mill;
use crate::sweep::{self, Swept};
use crate::uses::LastUse;
use crate::{faults, last_usage};

/// The resource type of a key, as the trail's `resources` have it.
pub(crate) const KEY_RESOURCE: &str = "AWS::KMS::Key";
/// The same for an alias.
const ALIAS_RESOURCE: &str = "AWS::KMS::Alias";

/// The key service of all accounts, over one store.
///
/// Everything that requests are answered from is in memory; what changes it is first made durable, together with the
/// record of who changed it. Cheap to clone: clones are one service.
#[derive(Clone)]
pub struct Kms(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) root: Arc<WrappingKey>,
    /// Who knows the users and roles that key policies name.
    pub(crate) principals: Arc<dyn PrincipalIds>,
    pub(crate) ring: RwLock<Keyring>,
    /// Whoever holds it may change keys: mutations are planned and made one at a time.
    pub(crate) turn: tokio::sync::Mutex<()>,
    mill: Mill,
    /// What the trail is yet to be told beside the records of requests.
    events: Mutex<Vec<Entry>>,
    damaged: Vec<String>,
}

impl Kms {
    /// Opens the service over `store`, with every key of every account in memory. Key policies are bound to the users and
    /// roles that they name, as `principals` knows them.
    ///
    /// A record that cannot be read, or a key that does not unwrap, does not keep the service from opening: see
    /// [`Self::damaged`]. Call [`Self::sweep`] before the first request, and from then on once in a while.
    ///
    /// # Errors
    /// [`OpenError::WrongRootKey`] when `root` is not the key that this store's keys are wrapped under;
    /// [`OpenError::Store`] and [`OpenError::Crypto`] when those fail.
    pub async fn open(
        store: Arc<dyn Store>,
        root: Arc<WrappingKey>,
        principals: Arc<dyn PrincipalIds>,
    ) -> Result<Self, OpenError> {
        let Loaded { ring, damaged } = load::load(&*store, &root).await?;
        let (ring, turn) = (RwLock::new(ring), tokio::sync::Mutex::new(()));
        Ok(Self(Arc::new(Shared {
            store,
            root,
            principals,
            ring,
            turn,
            mill: Mill::new(),
            events: Mutex::default(),
            damaged,
        })))
    }

    /// The store's names of the records that were found damaged at opening: unreadable, or of keys that do not unwrap.
    pub fn damaged(&self) -> &[String] {
        &self.0.damaged
    }

    /// What leave `caller` needs for an operation.
    ///
    /// # Errors
    /// What can be said against the request without looking at any key that the caller may not know of: names that
    /// are no names, ciphertexts that are none.
    pub fn asks(
        &self,
        operation: &Operation,
        caller: &Principal,
        scope: &Scope,
    ) -> Result<Vec<Ask>, ApiError> {
        let desk = self.0.desk(scope, caller, None)?;
        kind(operation).request().asks(&desk)
    }

    /// What the trail shows of a request, in CloudTrail's spelling: never a plaintext, a ciphertext or a token.
    pub fn request_parameters(operation: &Operation) -> Value {
        kind(operation).request().parameters()
    }

    /// Whether an operation changes nothing: CloudTrail's `readOnly`.
    pub fn is_read_only(operation: &Operation) -> bool {
        matches!(kind(operation), Kind::Read(_))
    }

    /// Carries an operation out. What it changes is durable, with its record, when this returns; it goes on to its end
    /// even if the caller stops waiting.
    pub async fn execute(
        &self,
        operation: Authorized<Operation>,
        scope: &Scope,
        draft: Draft,
    ) -> Executed<Result<Response, ApiError>> {
        if Self::is_read_only(operation.operation()) {
            return self.0.read(&operation, scope, draft).await;
        }
        // A task of its own: a caller who hangs up between the store's commit and its taking over into memory must not
        // leave the two apart.
        let (shared, scope, spare) = (Arc::clone(&self.0), scope.clone(), draft.clone());
        let task = tokio::spawn(async move { shared.mutate(&operation, &scope, draft).await });
        task.await.unwrap_or_else(|_| {
            failed(
                faults::internal("The request was cut off. Try again."),
                spare,
                Vec::new(),
            )
        })
    }

    /// Does to keys what is due by `now`: deletes for good those whose waiting period is over (backing keys, policy,
    /// aliases, grants), destroys imported material that has expired, rotates keys that are on a schedule.
    ///
    /// The entries are to be appended to the trail like those of requests. A key that could not be deleted stays
    /// unusable, as does material that has expired, and the next sweep tries again.
    pub async fn sweep(&self, now: Timestamp) -> Swept {
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move { sweep::sweep(&shared, now).await })
            .await
            .unwrap_or_default()
    }
}

impl Shared {
    pub(crate) fn desk<'a>(
        &'a self,
        scope: &Scope,
        caller: &'a Principal,
        leave: Option<&'a [String]>,
    ) -> Result<Desk<'a>, ApiError> {
        Desk::new(
            &self.ring,
            &self.root,
            &*self.principals,
            scope,
            caller,
            leave,
        )
    }

    async fn read(
        &self,
        operation: &Authorized<Operation>,
        scope: &Scope,
        draft: Draft,
    ) -> Executed<Result<Response, ApiError>> {
        let resources = resources(operation.resources());
        let answer = self.answer(operation, scope).await;
        if answer.is_ok() {
            self.note_use(operation, scope, &draft);
        }
        match answer {
            Ok(response) => Executed {
                answer: Ok(response),
                entry: Entry::Unwritten(draft.succeeded(None, resources)),
            },
            Err(error) => failed(error, draft, resources),
        }
    }

    /// The view of an operation that has leave.
    fn desk_of<'a>(
        &'a self,
        operation: &'a Authorized<Operation>,
        scope: &Scope,
        pair: Option<KeyPair>,
    ) -> Result<Desk<'a>, ApiError> {
        let desk = self.desk(scope, operation.principal(), Some(operation.resources()))?;
        Ok(desk.with_pair(pair))
    }

    /// The answer to a read, on one view of the service unless a key pair is made in between.
    async fn answer(
        &self,
        operation: &Authorized<Operation>,
        scope: &Scope,
    ) -> Result<Response, ApiError> {
        let desk = self.desk_of(operation, scope, None)?;
        let request = kind(operation.operation()).request();
        let Some(spec) = request.pair(&desk)? else {
            return read(operation.operation(), &desk);
        };
        drop(desk);
        let pair = self.mill.make(spec).await?;
        let desk = self.desk_of(operation, scope, Some(pair))?;
        read(operation.operation(), &desk)
    }

    /// Makes the key pair that a mutation needs, if it needs one.
    async fn pair(
        &self,
        operation: &Authorized<Operation>,
        scope: &Scope,
    ) -> Result<Option<KeyPair>, ApiError> {
        let desk = self.desk_of(operation, scope, None)?;
        let wanted = kind(operation.operation()).request().pair(&desk)?;
        drop(desk);
        match wanted {
            Some(spec) => self.mill.make(spec).await.map(Some),
            None => Ok(None),
        }
    }

    async fn mutate(
        &self,
        operation: &Authorized<Operation>,
        scope: &Scope,
        mut draft: Draft,
    ) -> Executed<Result<Response, ApiError>> {
        let mut resources = resources(operation.resources());
        let pair = match self.pair(operation, scope).await {
            Ok(pair) => pair,
            Err(error) => return failed(error, draft, resources),
        };
        let _turn = self.turn.lock().await;
        if let Err(error) = sweep::settle_material(self, operation.resources(), scope.now).await {
            return failed(faults::store(&error), draft, resources);
        }
        let planned = self.desk_of(operation, scope, pair).and_then(|desk| {
            if let Some(data) = kind(operation.operation()).request().additional(&desk) {
                draft.set_additional_event_data(data);
            }
            plan(operation.operation(), &desk)
        });
        let plan = match planned {
            Ok(plan) => plan,
            Err(error) => return failed(error, draft, resources),
        };
        resources.extend(plan.made);
        let record = draft.clone().succeeded(plan.elements, resources.clone());
        if plan.changes.is_empty() {
            return Executed {
                answer: Ok(plan.response),
                entry: Entry::Unwritten(record),
            };
        }
        match self.commit(plan.changes, &record).await {
            Ok(()) => Executed {
                answer: Ok(plan.response),
                entry: Entry::InStore(record),
            },
            Err(error) => failed(faults::store(&error), draft, resources),
        }
    }

    /// Keeps that an operation has used its keys, if it is one that does.
    fn note_use(&self, operation: &Authorized<Operation>, scope: &Scope, draft: &Draft) {
        let Some(tracked) = last_usage::tracked(operation.operation()) else {
            return;
        };
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        for arn in operation.resources() {
            let last = LastUse {
                operation: tracked,
                at: scope.now,
                event_id: draft.event_id().to_string().into(),
                request_id: draft.request_id().into(),
            };
            ring.uses.note(arn, last);
        }
    }

    /// What the trail is yet to be told beside the records of requests.
    pub(crate) fn with_events<T>(&self, work: impl FnOnce(&mut Vec<Entry>) -> T) -> T {
        work(&mut self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the keyring, or changes it: shortly, and never across an await.
    pub(crate) fn with_ring<T>(&self, work: impl FnOnce(&mut Keyring) -> T) -> T {
        work(&mut self.ring.write().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read(operation: &Operation, desk: &Desk<'_>) -> Result<Response, ApiError> {
    match kind(operation) {
        Kind::Read(read) => read.read(desk),
        Kind::Mutation(_) => Err(faults::internal("A mutation was taken for a read.")),
    }
}

fn plan(operation: &Operation, desk: &Desk<'_>) -> Result<Plan, ApiError> {
    match kind(operation) {
        Kind::Mutation(mutation) => mutation.plan(desk),
        Kind::Read(_) => Err(faults::internal("A read was taken for a mutation.")),
    }
}

fn failed(
    error: ApiError,
    draft: Draft,
    resources: Vec<Resource>,
) -> Executed<Result<Response, ApiError>> {
    let record = draft.failed(error.code, &error.message, resources);
    Executed {
        answer: Err(error),
        entry: Entry::Unwritten(record),
    }
}

/// The keys and aliases that leave was given for, as the trail names them: with the account that owns them, which need
/// not be the caller's.
fn resources(arns: &[String]) -> Vec<Resource> {
    let mut named: Vec<&String> = Vec::new();
    for arn in arns {
        // Leave may be for something else: everything, or a principal.
        if arn.starts_with("arn:aws:kms:") && !named.contains(&arn) {
            named.push(arn);
        }
    }
    let kind = |arn: &str| {
        if arn.contains(":alias/") {
            ALIAS_RESOURCE
        } else {
            KEY_RESOURCE
        }
    };
    let owner = |arn: &str| arn.split(':').nth(4).unwrap_or_default().to_owned();
    named
        .into_iter()
        .map(|arn| Resource::new(arn, owner(arn), kind(arn)))
        .collect()
}
