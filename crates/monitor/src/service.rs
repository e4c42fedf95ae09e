//! The room: one request's way through it, and what it weighs on the way to the key service.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use policy::{Ask, Authorized, Principal};
use serde_json::Value;
use store::{Key as Name, Store, StoreError, Transaction};
use trail::{Draft, Entry, Executed, Record};
use wire::{ApiError, Scope, cloudwatch};

use crate::applied::{Applied, Settings};
use crate::book::{Book, Change};
use crate::data;
use crate::desk::{Desk, Plan};
use crate::faults;
use crate::meters::{self, Meters};
use crate::metrics::Metrics;
use crate::operation::{Operation, Response};
use crate::place::{Minute, Place};
use crate::quota::QUOTAS;
use crate::sinks::Sinks;
use crate::{load, record};

/// CloudWatch and Service Quotas of this service, and the quotas themselves. Cheap to clone: clones are one room.
#[derive(Clone)]
pub struct Monitor(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) sinks: Arc<dyn Sinks>,
    pub(crate) book: RwLock<Book>,
    pub(crate) metrics: RwLock<Metrics>,
    pub(crate) meters: Meters,
    /// Whoever holds it may change the book: changes are planned and made one at a time.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// The minute of the last tick.
    pub(crate) ticked: std::sync::Mutex<Minute>,
    started: Instant,
    damaged: Vec<String>,
}

impl Monitor {
    /// Opens the room over `store`, with everything in memory.
    ///
    /// A record that cannot be read does not keep it from opening: see [`Self::damaged`].
    ///
    /// # Errors
    /// The store's.
    pub async fn open(
        store: Arc<dyn Store>,
        settings: Settings,
        sinks: Arc<dyn Sinks>,
    ) -> Result<Self, StoreError> {
        let mut book = Book::new(Applied::new(settings));
        let mut metrics = Metrics::default();
        let damaged = load::load(store.as_ref(), &mut book, &mut metrics).await?;
        Ok(Self(Arc::new(Shared {
            store,
            sinks,
            book: RwLock::new(book),
            metrics: RwLock::new(metrics),
            meters: Meters::default(),
            turn: tokio::sync::Mutex::new(()),
            ticked: std::sync::Mutex::new(Minute::default()),
            started: Instant::now(),
            damaged,
        })))
    }

    /// The store's names of the records that could not be read.
    pub fn damaged(&self) -> &[String] {
        &self.0.damaged
    }

    /// Weighs one request of `account` in the scope's region against the quota that AWS/Usage calls `resource`, and counts it.
    ///
    /// # Errors
    /// `ThrottlingException` when the quota admits no more for now.
    pub fn admit(&self, account: &str, scope: &Scope, resource: &str) -> Result<(), ApiError> {
        let Some(quota) = meters::place_of(resource) else {
            return Ok(());
        };
        let (now, minute) = (self.0.started.elapsed(), Minute::of(scope.now));
        if self.0.admits((account, &scope.region), quota, now, minute) {
            Ok(())
        } else {
            Err(faults::throttled())
        }
    }

    /// What leave an operation needs.
    pub fn asks(operation: &Operation, scope: &Scope) -> Vec<Ask> {
        operation.asks(&Place::from(scope))
    }

    /// What the trail shows of a request.
    pub fn request_parameters(operation: &Operation) -> Value {
        operation.parameters()
    }

    /// Carries an operation out. What it changes is durable, together with its audit record, when this returns; points that
    /// were put are durable within a minute.
    pub async fn execute(
        &self,
        operation: Authorized<Operation>,
        scope: &Scope,
        draft: Draft,
    ) -> Executed<Result<Response, ApiError>> {
        let (operation, principal) = operation.into_parts();
        if let Operation::CloudWatch(cloudwatch::Operation::PutMetricData(request)) = &operation {
            return recorded(self.0.put(request, scope), draft);
        }
        if operation.is_read_only() {
            return recorded(self.0.plan(&operation, &principal, scope), draft);
        }
        // A task of its own: a caller who hangs up between the store's commit and its taking over into memory must not leave
        // the two apart.
        let (shared, scope, spare) = (Arc::clone(&self.0), scope.clone(), draft.clone());
        let task =
            tokio::spawn(async move { shared.change(&operation, &principal, &scope, draft).await });
        task.await
            .unwrap_or_else(|_| failed(ApiError::internal_failure(), spare))
    }
}

/// The outcome of what changed nothing in the store.
fn recorded(outcome: Result<Plan, ApiError>, draft: Draft) -> Executed<Result<Response, ApiError>> {
    match outcome {
        Ok(plan) => Executed {
            answer: Ok(plan.response),
            entry: Entry::Unwritten(draft.succeeded(plan.elements, plan.resources)),
        },
        Err(error) => failed(error, draft),
    }
}

fn failed(error: ApiError, draft: Draft) -> Executed<Result<Response, ApiError>> {
    let record = draft.failed(error.code, &error.message, Vec::new());
    Executed {
        answer: Err(error),
        entry: Entry::Unwritten(record),
    }
}

impl Shared {
    fn admits(&self, place: (&str, &str), quota: usize, now: Duration, minute: Minute) -> bool {
        self.meters.admits(place, quota, now, minute, |at| {
            let place = Place::new(place.0, place.1);
            let quota = QUOTAS.get(at);
            self.with_book(|book| quota.map_or(0.0, |quota| book.applied.value(&place, quota)))
        })
    }

    /// Looks at the book: shortly, and never across an await.
    pub(crate) fn with_book<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the metrics, likewise.
    pub(crate) fn with_metrics<T>(&self, look: impl FnOnce(&Metrics) -> T) -> T {
        look(&self.metrics.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the metrics, likewise.
    pub(crate) fn change_metrics<T>(&self, work: impl FnOnce(&mut Metrics) -> T) -> T {
        work(&mut self.metrics.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn plan(
        &self,
        operation: &Operation,
        principal: &Principal,
        scope: &Scope,
    ) -> Result<Plan, ApiError> {
        self.with_book(|book| {
            self.with_metrics(|metrics| {
                operation.plan(&Desk {
                    place: scope.into(),
                    now: scope.now,
                    principal,
                    book,
                    metrics,
                    sinks: self.sinks.as_ref(),
                })
            })
        })
    }

    /// Puts points: all that there is room for.
    fn put(
        &self,
        request: &cloudwatch::PutMetricDataInput,
        scope: &Scope,
    ) -> Result<Plan, ApiError> {
        let points = data::points(request, scope.now)?;
        let place = Place::from(scope);
        let put = self.change_metrics(|metrics| {
            let mut points = points.iter();
            points.try_for_each(|(name, minute, datum)| metrics.put(&place, name, *minute, *datum))
        });
        put.map_err(|_| {
            faults::limit(
                "The service holds as many metrics as it can; old ones make room after two weeks.",
            )
        })?;
        Ok(Plan::answer(cloudwatch::Response::PutMetricData))
    }

    async fn change(
        &self,
        operation: &Operation,
        principal: &Principal,
        scope: &Scope,
        draft: Draft,
    ) -> Executed<Result<Response, ApiError>> {
        let _turn = self.turn.lock().await;
        let plan = match self.plan(operation, principal, scope) {
            Ok(plan) => plan,
            Err(error) => return failed(error, draft),
        };
        let record = draft.clone().succeeded(plan.elements, plan.resources);
        if plan.changes.is_empty() {
            return Executed {
                answer: Ok(plan.response),
                entry: Entry::Unwritten(record),
            };
        }
        match self.commit(plan.changes, Some(&record)).await {
            Ok(()) => Executed {
                answer: Ok(plan.response),
                entry: Entry::InStore(record),
            },
            Err(error) => failed(faults::store(&error), draft),
        }
    }

    /// Makes changes durable, with the record of who made them, and takes them over. Call it in turn.
    pub(crate) async fn commit(
        &self,
        changes: Vec<Change>,
        record: Option<&Record>,
    ) -> Result<(), StoreError> {
        let mut transaction = Transaction::new();
        for change in &changes {
            let (name, value) = record::of_change(change)?;
            let name = Name::new(name)?;
            transaction = match value {
                Some(value) => transaction.put(name, value),
                None => transaction.delete(name),
            };
        }
        if let Some(record) = record {
            let outbox = Name::new(trail::outbox_key(record.event_id()))?;
            transaction = transaction.put(outbox, record.bytes().to_vec());
        }
        self.store.commit(transaction).await?;
        self.take_over(changes);
        Ok(())
    }

    fn take_over(&self, changes: Vec<Change>) {
        let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            let raised = match &change {
                Change::AddIncrease(place, increase) if increase.is_granted => {
                    let at = QUOTAS.iter().position(|quota| quota.code == increase.code);
                    at.map(|at| (place.clone(), at))
                }
                _ => None,
            };
            book.apply(change);
            if let Some((place, at)) = raised {
                let quota = QUOTAS.get(at);
                let rate = quota.map_or(0.0, |quota| book.applied.value(&place, quota));
                self.meters.set_rate(&place, at, rate);
            }
        }
    }

    /// Now, as alarms and points have it.
    pub(crate) fn minute_before(now: Timestamp) -> Minute {
        Minute::of(now).before(1)
    }
}
