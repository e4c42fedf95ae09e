//! Multi-Region keys: `ReplicateKey`, `UpdatePrimaryRegion`, and what their keys have in common.
//!
//! Keys with the same id in several regions are one multi-Region key. Each names the region of its primary key and
//! nothing else of the others; a key and its namesakes are found by their id. What they share (material, schedule,
//! primary) is changed in all of them, in one transaction, so that the transient states `Creating` and `Updating` of AWS
//! never show.

use std::sync::Arc;

use policy::Ask;
use serde_json::{Value, json};
use trail::Resource;
use wire::ApiError;
use wire::kms::{
    KeyMetadata, MultiRegionConfiguration, MultiRegionKey, MultiRegionKeyType, OriginType,
    ReplicateKeyRequest, ReplicateKeyResponse, Response, UpdatePrimaryRegionRequest,
};

use crate::backing::BackingKey;
use crate::desk::{Accept, Desk, Located, Target};
use crate::key::{Key, Lifecycle};
use crate::keyring::Change;
use crate::names::{KeyArn, Region};
use crate::operation::{Mutation, Plan, Request};
use crate::parameters::Parameters;
use crate::states::Class;
use crate::{KEY_RESOURCE, describe, events, faults, limits, policies, tags};

impl Request for ReplicateKeyRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::Key)?;
        let context = desk
            .context()
            .with("kms:ReplicaRegion", self.replica_region.as_str());
        let mut asks = vec![desk.key_ask("kms:ReplicateKey", &located, context)];
        // The replica is made in its own region, whatever region the request was sent to.
        let mut there = desk
            .context()
            .with("aws:RequestedRegion", self.replica_region.as_str());
        tags::requested(self.tags.as_deref().unwrap_or_default(), &mut there);
        if let Located::Here(target) = &located {
            target.key.describe_made(&mut there);
            there.set(
                "kms:MultiRegionKeyType",
                MultiRegionKeyType::Replica.as_str(),
            );
        }
        asks.push(Ask::new("kms:CreateKey", "*").with_context(there.clone()));
        if self.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
            asks.push(Ask::new("kms:TagResource", "*").with_context(there));
        }
        Ok(asks)
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .with("replicaRegion", self.replica_region.as_str())
            .maybe("policy", self.policy.as_deref())
            .maybe("description", self.description.as_deref())
            .with(
                "bypassPolicyLockoutSafetyCheck",
                self.bypass_policy_lockout_safety_check.unwrap_or_default(),
            )
            .maybe("tags", self.tags.as_deref().map(tags::for_trail))
            .into_value()
    }
}

impl Mutation for ReplicateKeyRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let target = primary(desk, &self.key_id)?;
        let region = region(&self.replica_region)?;
        let arn = target.key.arn.in_region(&region);
        if desk.look(|ring| ring.has(&arn)) {
            return Err(faults::replica_exists(&arn));
        }
        if desk.look(|ring| ring.count(&arn.home())) >= limits::KEYS_PER_REGION {
            return Err(faults::too_many_keys());
        }
        let replica = self.replica(desk, &target.key, arn)?;
        Ok(replicated(desk, &target, replica))
    }
}

/// What `ReplicateKey` makes.
trait Replicating {
    fn replica(&self, desk: &Desk<'_>, primary: &Key, arn: KeyArn) -> Result<Key, ApiError>;
}

impl Replicating for ReplicateKeyRequest {
    fn replica(&self, desk: &Desk<'_>, primary: &Key, arn: KeyArn) -> Result<Key, ApiError> {
        let copy = |backing: &BackingKey| copied(desk, primary, backing, &arn);
        let mut key = Key {
            lifecycle: Lifecycle::Enabled,
            description: self.description.as_deref().unwrap_or_default().into(),
            created: desk.now,
            policy: policies::default_policy(desk)?,
            tags: tags::checked(self.tags.as_deref().unwrap_or_default())?,
            backing: primary.backing.iter().map(copy).collect::<Result<_, _>>()?,
            pending: primary.pending.as_ref().map(copy).transpose()?,
            arn: arn.clone(),
            ..primary.clone()
        };
        if let Some(text) = &self.policy {
            let mut later = desk.context();
            key.describe(&mut later);
            let bypass = self.bypass_policy_lockout_safety_check.unwrap_or_default();
            key.policy = policies::checked(desk, text, &arn.to_string(), later, bypass)?;
        }
        Ok(key)
    }
}

/// A primary key's backing key for a replica. Imported material does not travel: it is imported again.
fn copied(
    desk: &Desk<'_>,
    primary: &Key,
    backing: &BackingKey,
    arn: &KeyArn,
) -> Result<BackingKey, ApiError> {
    if primary.purpose.origin == OriginType::External {
        return Ok(backing.emptied());
    }
    backing
        .replicated(desk.root, &primary.arn, arn, primary.purpose)
        .map_err(|error| faults::crypto(&error))
}

fn replicated(desk: &Desk<'_>, primary: &Target, replica: Key) -> Plan {
    let replica = Arc::new(replica);
    let mut family = desk.look(|ring| ring.family(&primary.key));
    family.push(Arc::clone(&replica));
    let metadata = KeyMetadata {
        multi_region_configuration: configuration(&replica, &family),
        ..describe::metadata(&replica)
    };
    let elements = json!({
        "replicaKeyMetadata": describe::for_trail(&replica),
        "replicaPolicy": replica.policy.document(),
        "replicaTags": tags::for_trail(&tags::list(&replica)),
    });
    let resource = Resource::new(
        replica.arn.to_string(),
        replica.arn.account.to_string(),
        KEY_RESOURCE,
    );
    Plan {
        response: Response::ReplicateKey(ReplicateKeyResponse {
            replica_key_metadata: Some(metadata),
            replica_policy: Some(replica.policy.document().to_owned()),
            replica_tags: Some(tags::list(&replica)),
        }),
        changes: vec![
            Change::Event(events::creation(&replica, desk.now)),
            Change::PutKey(replica),
        ],
        elements: Some(elements),
        made: vec![resource],
    }
}

impl Request for UpdatePrimaryRegionRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        const ACTION: &str = "kms:UpdatePrimaryRegion";
        let located = desk.locate(&self.key_id, Accept::Key)?;
        let context = desk
            .context()
            .with("kms:PrimaryRegion", self.primary_region.as_str());
        let mut asks = vec![desk.key_ask(ACTION, &located, context.clone())];
        // Both keys change place, so both must let it happen, each under its own policy.
        if let (Located::Here(target), Ok(region)) = (&located, self.primary_region.parse()) {
            let there = locate_kin(desk, &target.key.arn.in_region(&region));
            asks.push(desk.key_ask(ACTION, &there, context));
        }
        Ok(asks)
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .with("primaryRegion", self.primary_region.as_str())
            .into_value()
    }
}

impl Mutation for UpdatePrimaryRegionRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let target = primary(desk, &self.key_id)?;
        let region = region(&self.primary_region)?;
        let arn = target.key.arn.in_region(&region);
        let heir = desk.granted(locate_kin(desk, &arn))?;
        heir.permits(Class::Use)?;
        let family = desk.look(|ring| ring.family(&target.key));
        let altered = |key: &Arc<Key>| {
            let key = Key {
                primary: Some(region.clone()),
                ..(**key).clone()
            };
            Change::PutKey(Arc::new(key))
        };
        Ok(Plan {
            changes: if arn == target.key.arn {
                Vec::new()
            } else {
                family.iter().map(altered).collect()
            },
            response: Response::UpdatePrimaryRegion,
            elements: None,
            made: Vec::new(),
        })
    }
}

impl Key {
    /// Which of the two it is, as a multi-Region key.
    pub(crate) fn kind(&self) -> MultiRegionKeyType {
        if self.is_replica() {
            MultiRegionKeyType::Replica
        } else {
            MultiRegionKeyType::Primary
        }
    }
}

/// A multi-Region key as the API shows it: which of `family` is the primary key, and where the replicas are.
pub(crate) fn configuration(key: &Key, family: &[Arc<Key>]) -> Option<MultiRegionConfiguration> {
    let primary = key.primary.as_ref()?;
    let entry = |region: &Region| MultiRegionKey {
        arn: Some(key.arn.in_region(region).to_string()),
        region: Some(region.to_string()),
    };
    let replicas = family.iter().filter(|key| key.is_replica());
    Some(MultiRegionConfiguration {
        multi_region_key_type: Some(key.kind()),
        primary_key: Some(entry(primary)),
        replica_keys: Some(replicas.map(|key| entry(&key.arn.region)).collect()),
    })
}

/// The primary key of a multi-Region key, in a state in which it can be replicated or replaced.
fn primary(desk: &Desk<'_>, key_id: &str) -> Result<Target, ApiError> {
    let target = desk.find(key_id, Accept::Key)?;
    if target.key.primary.is_none() || target.key.is_replica() {
        return Err(faults::not_primary(&target.key.arn));
    }
    target.permits(Class::Use)?;
    Ok(target)
}

fn region(text: &str) -> Result<Region, ApiError> {
    text.parse()
        .map_err(|_| faults::validation("The region is not well-formed."))
}

/// A key of another region than the request's.
fn locate_kin(desk: &Desk<'_>, arn: &KeyArn) -> Located {
    let found = desk.look(|ring| {
        let key = ring.known(arn)?;
        Some(Target {
            key: Arc::clone(key),
            alias: None,
            aliases: ring.aliases_of(&arn.home(), arn.id).cloned().collect(),
        })
    });
    match found {
        Some(target) if !target.key.is_due(desk.now) => Located::Here(target),
        _ => Located::Nowhere {
            resource: arn.to_string(),
            error: faults::no_such_key(arn),
        },
    }
}
