//! `EnableKeyRotation`, `DisableKeyRotation`, `GetKeyRotationStatus`, `RotateKeyOnDemand`.

use std::sync::Arc;

use jiff::SignedDuration;
use policy::Ask;
use serde_json::{Value, json};
use wire::ApiError;
use wire::kms::{
    DisableKeyRotationRequest, EnableKeyRotationRequest, GetKeyRotationStatusRequest,
    GetKeyRotationStatusResponse, KeySpec, OriginType, Response, RotateKeyOnDemandRequest,
    RotateKeyOnDemandResponse, RotationType,
};

use crate::desk::{Accept, Desk, Target};
use crate::key::{Key, Lifecycle};
use crate::keyring::Change;
use crate::operation::{Mutation, Plan, Read, Request};
use crate::parameters::Parameters;
use crate::schedule::Schedule;
use crate::states::Class;
use crate::{faults, limits, rotate};

/// How close an automatic rotation may be for one on demand still to begin.
const ROTATION_IS_NEAR: SignedDuration = SignedDuration::from_mins(20);

impl Request for EnableKeyRotationRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::Key)?;
        let days = self.period().to_string();
        let context = desk.context().with("kms:RotationPeriodInDays", days);
        Ok(vec![desk.key_ask(
            "kms:EnableKeyRotation",
            &located,
            context,
        )])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .maybe("rotationPeriodInDays", self.rotation_period_in_days)
            .into_value()
    }
}

impl Mutation for EnableKeyRotationRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let target = scheduled(desk, &self.key_id)?;
        let period = u16::try_from(self.period()).map_err(|_| faults::rotation_period())?;
        if !limits::ROTATION_DAYS.contains(&period) {
            return Err(faults::rotation_period());
        }
        let schedule = match target.key.rotation {
            Some(schedule) if schedule.period_days == period => schedule,
            _ => Schedule::starting(desk.now, period).ok_or_else(faults::end_of_calendar)?,
        };
        let response = Response::EnableKeyRotation;
        Ok(on_schedule(desk, &target, Some(schedule), response))
    }
}

impl Request for DisableKeyRotationRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        desk.ask_of_key("kms:DisableKeyRotation", &self.key_id)
    }

    fn parameters(&self) -> Value {
        Parameters::of_key(&self.key_id)
    }
}

impl Mutation for DisableKeyRotationRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let target = scheduled(desk, &self.key_id)?;
        let response = Response::DisableKeyRotation;
        Ok(on_schedule(desk, &target, None, response))
    }
}

impl Request for GetKeyRotationStatusRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::AnyKey)?;
        Ok(vec![desk.key_ask(
            "kms:GetKeyRotationStatus",
            &located,
            desk.context(),
        )])
    }

    fn parameters(&self) -> Value {
        Parameters::of_key(&self.key_id)
    }
}

impl Read for GetKeyRotationStatusRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let target = desk.find(&self.key_id, Accept::AnyKey)?;
        rotates_by_itself(&target.key)?;
        target.permits(Class::Govern)?;
        // A key that waits for its deletion is not rotated, and says so; it resumes its schedule when it is saved.
        let waits = matches!(
            target.key.lifecycle,
            Lifecycle::PendingDeletion(_) | Lifecycle::PendingReplicaDeletion(_)
        );
        let schedule = target.key.rotation.filter(|_| !waits);
        Ok(Response::GetKeyRotationStatus(
            GetKeyRotationStatusResponse {
                key_rotation_enabled: Some(schedule.is_some()),
                key_id: Some(target.key.arn.id.to_string()),
                rotation_period_in_days: schedule.map(|schedule| schedule.period_days.into()),
                next_rotation_date: schedule.map(|schedule| schedule.next.into()),
                // A rotation on demand is over before its request is answered.
                on_demand_rotation_start_date: None,
            },
        ))
    }
}

impl Request for RotateKeyOnDemandRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        desk.ask_of_key("kms:RotateKeyOnDemand", &self.key_id)
    }

    fn parameters(&self) -> Value {
        Parameters::of_key(&self.key_id)
    }
}

impl Mutation for RotateKeyOnDemandRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let target = desk.find(&self.key_id, Accept::Key)?;
        rotates(&target.key)?;
        is_primary(&target.key)?;
        target.permits(Class::Use)?;
        let family = desk.look(|ring| ring.family(&target.key));
        may_rotate_now(desk, &target.key, &family)?;
        let rotated = rotate::rotate(desk.root, &family, RotationType::OnDemand, desk.now)
            .map_err(|error| faults::crypto(&error))?;
        let events = rotated.records.into_iter().map(Change::Event);
        Ok(Plan {
            changes: rotated.changes.into_iter().chain(events).collect(),
            response: Response::RotateKeyOnDemand(RotateKeyOnDemandResponse {
                key_id: Some(target.key.arn.id.to_string()),
            }),
            elements: Some(json!({ "keyId": target.key.arn.id.to_string() })),
            made: Vec::new(),
        })
    }
}

/// What `EnableKeyRotation` reads out of its request.
trait Period {
    fn period(&self) -> i32;
}

impl Period for EnableKeyRotationRequest {
    fn period(&self) -> i32 {
        self.rotation_period_in_days
            .unwrap_or(limits::ROTATION_DAYS_DEFAULT)
    }
}

/// A key whose schedule may be changed.
fn scheduled(desk: &Desk<'_>, key_id: &str) -> Result<Target, ApiError> {
    let target = desk.find(key_id, Accept::Key)?;
    rotates_by_itself(&target.key)?;
    is_primary(&target.key)?;
    target.permits(Class::Use)?;
    Ok(target)
}

/// The plan that gives a key and its replicas a schedule.
fn on_schedule(
    desk: &Desk<'_>,
    target: &Target,
    rotation: Option<Schedule>,
    response: Response,
) -> Plan {
    let family = desk.look(|ring| ring.family(&target.key));
    let altered = |key: &Arc<Key>| {
        let key = Key {
            rotation,
            ..(**key).clone()
        };
        Change::PutKey(Arc::new(key))
    };
    Plan {
        changes: if target.key.rotation == rotation {
            Vec::new()
        } else {
            family.iter().map(altered).collect()
        },
        response,
        elements: None,
        made: Vec::new(),
    }
}

/// Refuses keys that never have more than one material: AWS does so without a word.
pub(crate) fn rotates(key: &Key) -> Result<(), ApiError> {
    if key.purpose.spec == KeySpec::SymmetricDefault {
        Ok(())
    } else {
        Err(faults::unsupported(""))
    }
}

/// Refuses keys that automatic rotation is not for.
fn rotates_by_itself(key: &Key) -> Result<(), ApiError> {
    rotates(key)?;
    match key.purpose.origin {
        OriginType::AwsKms => Ok(()),
        _ => Err(faults::foreign_origin(key)),
    }
}

fn is_primary(key: &Key) -> Result<(), ApiError> {
    if key.is_replica() {
        Err(faults::not_primary(&key.arn))
    } else {
        Ok(())
    }
}

/// Refuses one rotation too many or too near the next, and one to material that is not there in every region.
fn may_rotate_now(desk: &Desk<'_>, key: &Key, family: &[Arc<Key>]) -> Result<(), ApiError> {
    let near = |schedule: Schedule| schedule.next.duration_since(desk.now) < ROTATION_IS_NEAR;
    if key.rotation.is_some_and(near) {
        return Err(faults::rotation_near());
    }
    let on_demand = |how: Option<RotationType>| how == Some(RotationType::OnDemand);
    let made = key
        .backing
        .iter()
        .filter(|backing| on_demand(backing.rotation));
    if made.count() >= limits::ROTATIONS_ON_DEMAND {
        return Err(faults::rotations_spent(&key.arn));
    }
    let ready = |key: &Arc<Key>| {
        let pending = key.pending.as_ref();
        pending.is_some_and(|pending| pending.wrapped.is_some())
    };
    if key.purpose.origin == OriginType::External && !family.iter().all(ready) {
        return Err(faults::nothing_to_rotate_to(&key.arn));
    }
    Ok(())
}
