//! Managed policies: documents with versions, of an account or AWS's own, that users and roles are given by ARN.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use policy::{Policy, PolicyKind};
use serde::{Deserialize, Serialize};

use crate::{
    names,
    records::{Stored, VERSION, known},
    tags::Tags,
};

/// A managed policy.
#[derive(Debug, Clone)]
pub(crate) struct ManagedPolicy {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) description: Option<String>,
    pub(crate) tags: Tags,
    /// The number of the version that is in force.
    pub(crate) default: u32,
    /// The number that was given last; none is given twice.
    pub(crate) latest: u32,
    /// By number; the default one is always there.
    pub(crate) versions: BTreeMap<u32, Version>,
}

/// One version of a managed policy.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) created: Timestamp,
    pub(crate) policy: Arc<Policy>,
}

impl ManagedPolicy {
    /// `owner` is an account, or `aws`.
    pub(crate) fn arn(&self, owner: &str) -> String {
        names::policy_arn(owner, &self.path, &self.name)
    }

    /// What is in force.
    pub(crate) fn in_force(&self) -> Option<&Arc<Policy>> {
        self.versions
            .get(&self.default)
            .map(|version| &version.policy)
    }

    /// This policy with one more version, and the version's number.
    pub(crate) fn with_version(&self, policy: Policy, now: Timestamp) -> (Self, u32) {
        let number = self.latest.saturating_add(1);
        let mut altered = self.clone();
        altered.latest = number;
        altered.updated = now;
        let version = Version {
            created: now,
            policy: Arc::new(policy),
        };
        altered.versions.insert(number, version);
        (altered, number)
    }
}

/// A version's name, `v1`.
pub(crate) fn version_id(number: u32) -> String {
    format!("v{number}")
}

/// The number in a version's name; only the canonical spelling is one.
pub(crate) fn version_number(id: &str) -> Option<u32> {
    let number = id.strip_prefix('v')?.parse().ok()?;
    (version_id(number) == id).then_some(number)
}

/// A managed policy in the store.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManagedPolicyRecord {
    v: u32,
    name: String,
    path: String,
    id: String,
    created: Timestamp,
    updated: Timestamp,
    description: Option<String>,
    tags: Tags,
    default: u32,
    latest: u32,
    versions: BTreeMap<u32, VersionRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionRecord {
    created: Timestamp,
    document: String,
}

impl Stored for ManagedPolicy {
    type Record = ManagedPolicyRecord;

    fn to_record(&self) -> ManagedPolicyRecord {
        let version = |(number, version): (&u32, &Version)| {
            let document = version.policy.document().to_owned();
            let created = version.created;
            (*number, VersionRecord { created, document })
        };
        ManagedPolicyRecord {
            v: VERSION,
            name: self.name.clone(),
            path: self.path.clone(),
            id: self.id.clone(),
            created: self.created,
            updated: self.updated,
            description: self.description.clone(),
            tags: self.tags.clone(),
            default: self.default,
            latest: self.latest,
            versions: self.versions.iter().map(version).collect(),
        }
    }

    fn from_record(record: ManagedPolicyRecord) -> Result<Self, String> {
        known(record.v)?;
        let version = |(number, version): (u32, VersionRecord)| {
            let policy = Policy::compile(&version.document, PolicyKind::Identity)
                .map_err(|error| format!("version {number}: {error}"))?;
            let (created, policy) = (version.created, Arc::new(policy));
            Ok::<_, String>((number, Version { created, policy }))
        };
        let versions = record
            .versions
            .into_iter()
            .map(version)
            .collect::<Result<BTreeMap<_, _>, _>>()?;
        if !versions.contains_key(&record.default) {
            return Err("its default version is missing".to_owned());
        }
        Ok(Self {
            name: record.name,
            path: record.path,
            id: record.id,
            created: record.created,
            updated: record.updated,
            description: record.description,
            tags: record.tags,
            default: record.default,
            latest: record.latest,
            versions,
        })
    }
}
