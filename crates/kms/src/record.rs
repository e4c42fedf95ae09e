//! Keys and aliases as bytes in the store, and the names under which they lie there.
//!
//! ```text
//! kms/root-key-check                    a constant under the root key: whether it is still the same root key
//! kms/<account>/<region>/key/<id>       a key, its policy and its wrapped backing keys
//! kms/<account>/<region>/alias/<name>   an alias; <name> without "alias/"
//! kms/<account>/<region>/grant/<key id>/<grant id>
//!                                       a grant on that key
//! kms/<account>/<region>/use/<id>       when the key was last used, as far as it is written down
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use policy::Policy;
use serde::{Deserialize, Serialize};
use wire::kms::{KeySpec, KeyUsageType, OriginType, RotationType};

use crate::backing::{BackingKey, Imported, Purpose};
use crate::ciphertext::BackingVersion;
use crate::grants::GrantId;
use crate::key::{Alias, Key, Lifecycle};
use crate::names::{AliasName, Home, KeyArn, KeyId};
use crate::schedule::Schedule;
use crate::uses::LastUse;

/// The folder of everything here.
pub(crate) const FOLDER: &str = "kms/";
/// Where the constant under the root key lies.
pub(crate) const ROOT_KEY_CHECK: &str = "kms/root-key-check";

/// The format that this code writes; it reads no other.
const FORMAT: u32 = 1;

/// What the name of a record says it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The constant under the root key.
    RootKeyCheck,
    /// A key.
    Key(Home, KeyId),
    /// An alias.
    Alias(Home, AliasName),
    /// A grant on a key.
    Grant(KeyArn, GrantId),
    /// A key's last use.
    Use(KeyArn),
}

impl Place {
    /// Reads a record's name; `None` for one that this service does not write.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if name == ROOT_KEY_CHECK {
            return Some(Self::RootKeyCheck);
        }
        let (account, rest) = name.strip_prefix(FOLDER)?.split_once('/')?;
        let (region, rest) = rest.split_once('/')?;
        let home = Home {
            account: account.parse().ok()?,
            region: region.parse().ok()?,
        };
        if let Some(id) = rest.strip_prefix("key/") {
            return Some(Self::Key(home, id.parse().ok()?));
        }
        if let Some(of_grant) = rest.strip_prefix("grant/") {
            let (key, id) = of_grant.split_once('/')?;
            return Some(Self::Grant(home.key(key.parse().ok()?), id.parse().ok()?));
        }
        if let Some(id) = rest.strip_prefix("use/") {
            return Some(Self::Use(home.key(id.parse().ok()?)));
        }
        Some(Self::Alias(home, rest.parse().ok()?))
    }
}

/// The name of a key's record.
pub(crate) fn key_name(arn: &KeyArn) -> String {
    format!("{FOLDER}{}/{}/key/{}", arn.account, arn.region, arn.id)
}

/// The name of the record of a key's last use.
pub(crate) fn use_name(arn: &KeyArn) -> String {
    format!("{FOLDER}{}/{}/use/{}", arn.account, arn.region, arn.id)
}

/// The name of an alias's record.
pub(crate) fn alias_name(home: &Home, alias: &AliasName) -> String {
    // An alias name begins with "alias/" by itself.
    format!("{FOLDER}{}/{}/{alias}", home.account, home.region)
}

/// The name of the record of a grant on a key.
pub(crate) fn grant_name(key: &KeyArn, id: GrantId) -> String {
    let KeyArn {
        region,
        account,
        id: key,
    } = key;
    format!("{FOLDER}{account}/{region}/grant/{key}/{id}")
}

/// The record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record is not one that this version of Kluis wrote")]
pub(crate) struct Unreadable;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRecord {
    format: u32,
    account: String,
    spec: KeySpec,
    usage: KeyUsageType,
    origin: OriginType,
    state: StateRecord,
    description: String,
    created: Timestamp,
    policy: String,
    /// The unique ids of those whom the policy names, by ARN.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    principals: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    backing: Vec<BackingRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending: Option<BackingRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation: Option<ScheduleRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    primary: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleRecord {
    period_days: u16,
    next: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StateRecord {
    Enabled,
    Disabled,
    PendingDeletion(Timestamp),
    PendingReplicaDeletion(u8),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BackingRecord {
    version: u32,
    created: Timestamp,
    material_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation: Option<RotationType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wrapped: Option<String>,
    /// A pair's public half.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    imported: Option<ImportedRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportedRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AliasRecord {
    format: u32,
    target: String,
    created: Timestamp,
    updated: Timestamp,
}

/// A key's record.
///
/// # Errors
/// When the library cannot write it, which no key is known to cause.
pub(crate) fn encode_key(key: &Key) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&KeyRecord {
        format: FORMAT,
        account: key.arn.account.to_string(),
        spec: key.purpose.spec,
        usage: key.purpose.usage,
        origin: key.purpose.origin,
        state: match key.lifecycle {
            Lifecycle::Enabled => StateRecord::Enabled,
            Lifecycle::Disabled => StateRecord::Disabled,
            Lifecycle::PendingDeletion(at) => StateRecord::PendingDeletion(at),
            Lifecycle::PendingReplicaDeletion(days) => StateRecord::PendingReplicaDeletion(days),
        },
        description: key.description.to_string(),
        created: key.created,
        policy: key.policy.document().to_owned(),
        principals: key.policy.ids().clone(),
        tags: key.tags.clone(),
        backing: key.backing.iter().map(backing_record).collect(),
        pending: key.pending.as_ref().map(backing_record),
        rotation: key.rotation.map(|schedule| ScheduleRecord {
            period_days: schedule.period_days,
            next: schedule.next,
        }),
        primary: key.primary.as_ref().map(ToString::to_string),
    })
}

/// Reads a key's record; `compile` turns its policy's text, and the ids that it is bound
/// to, into a policy. Whether its backing keys unwrap is not known
/// yet: see [`Key::probed`].
///
/// # Errors
/// [`Unreadable`] when a field is missing, foreign or out of range, or the policy does not compile.
pub(crate) fn decode_key(
    home: &Home,
    id: KeyId,
    bytes: &[u8],
    compile: impl FnOnce(&str, BTreeMap<String, String>) -> Option<Arc<Policy>>,
) -> Result<Key, Unreadable> {
    let record: KeyRecord = serde_json::from_slice(bytes).map_err(|_| Unreadable)?;
    if record.format != FORMAT || record.account != home.account.to_string() {
        return Err(Unreadable);
    }
    Ok(Key {
        arn: home.key(id),
        purpose: Purpose {
            spec: record.spec,
            usage: record.usage,
            origin: record.origin,
        },
        lifecycle: match record.state {
            StateRecord::Enabled => Lifecycle::Enabled,
            StateRecord::Disabled => Lifecycle::Disabled,
            StateRecord::PendingDeletion(at) => Lifecycle::PendingDeletion(at),
            StateRecord::PendingReplicaDeletion(days) => Lifecycle::PendingReplicaDeletion(days),
        },
        available: false,
        description: record.description.into(),
        created: record.created,
        policy: compile(&record.policy, record.principals).ok_or(Unreadable)?,
        tags: record.tags,
        backing: record
            .backing
            .into_iter()
            .map(backing_key)
            .collect::<Result<_, _>>()?,
        pending: record.pending.map(backing_key).transpose()?,
        rotation: record.rotation.map(|schedule| Schedule {
            period_days: schedule.period_days,
            next: schedule.next,
        }),
        primary: record
            .primary
            .map(|region| region.parse().map_err(|_| Unreadable))
            .transpose()?,
    })
}

fn backing_record(backing: &BackingKey) -> BackingRecord {
    BackingRecord {
        version: backing.version.number(),
        created: backing.created,
        material_id: backing.material_id.to_string(),
        rotation: backing.rotation,
        wrapped: backing.wrapped.as_ref().map(|bytes| STANDARD.encode(bytes)),
        public: backing.public.as_deref().map(|der| STANDARD.encode(der)),
        imported: backing.imported.as_ref().map(|facts| ImportedRecord {
            description: facts.description.clone(),
            expires: facts.expires,
        }),
    }
}

fn backing_key(record: BackingRecord) -> Result<BackingKey, Unreadable> {
    Ok(BackingKey {
        version: BackingVersion::new(record.version).ok_or(Unreadable)?,
        created: record.created,
        material_id: record.material_id.into(),
        rotation: record.rotation,
        wrapped: record.wrapped.as_deref().map(bytes).transpose()?,
        public: record.public.as_deref().map(bytes).transpose()?,
        imported: record.imported.map(|facts| Imported {
            description: facts.description,
            expires: facts.expires,
        }),
    })
}

fn bytes(text: &str) -> Result<Box<[u8]>, Unreadable> {
    let bytes = STANDARD.decode(text).map_err(|_| Unreadable)?;
    Ok(bytes.into())
}

/// The record of a key's last use.
pub(crate) fn encode_use(last: &LastUse) -> Vec<u8> {
    // Four plain members: there is nothing in it that cannot be written.
    serde_json::to_vec(last).unwrap_or_default()
}

/// Reads the record of a key's last use.
///
/// # Errors
/// [`Unreadable`] when a field is missing, foreign or out of range.
pub(crate) fn decode_use(bytes: &[u8]) -> Result<LastUse, Unreadable> {
    serde_json::from_slice(bytes).map_err(|_| Unreadable)
}

/// An alias's record.
///
/// # Errors
/// When the library cannot write it, which no alias is known to cause.
pub(crate) fn encode_alias(alias: &Alias) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&AliasRecord {
        format: FORMAT,
        target: alias.target.to_string(),
        created: alias.created,
        updated: alias.updated,
    })
}

/// Reads an alias's record.
///
/// # Errors
/// [`Unreadable`] when a field is missing, foreign or out of range.
pub(crate) fn decode_alias(name: AliasName, bytes: &[u8]) -> Result<Alias, Unreadable> {
    let record: AliasRecord = serde_json::from_slice(bytes).map_err(|_| Unreadable)?;
    if record.format != FORMAT {
        return Err(Unreadable);
    }
    let target = record.target.parse().map_err(|_| Unreadable)?;
    Ok(Alias {
        name,
        target,
        created: record.created,
        updated: record.updated,
    })
}
