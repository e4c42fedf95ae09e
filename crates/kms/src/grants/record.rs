//! A grant as bytes in the store.

use std::str::FromStr;

use jiff::Timestamp;
use policy::Grantee;
use serde::{Deserialize, Serialize};
use wire::kms::{GrantConstraints, GrantOperation};

use super::constraints::Constraints;
use super::grant::{Grant, GrantId, Party, Terms};
use crate::names::KeyArn;
use crate::record::Unreadable;

/// The format that this code writes; it reads no other.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantRecord {
    format: u32,
    account: String,
    created: Timestamp,
    issuer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    grantee: PartyRecord,
    /// The unique ids of those whom it names, where they have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grantee_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retiring: Option<PartyRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retiring_id: Option<String>,
    operations: Vec<GrantOperation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    constraints: Option<GrantConstraints>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PartyRecord {
    Principal(String),
    Service(String),
}

/// A grant's record.
///
/// # Errors
/// When the library cannot write it, which no grant is known to cause.
pub(crate) fn encode(grant: &Grant) -> serde_json::Result<Vec<u8>> {
    let Terms {
        name,
        grantee,
        retiring,
        operations,
        constraints,
    } = &grant.terms;
    serde_json::to_vec(&GrantRecord {
        format: FORMAT,
        account: grant.key.account.to_string(),
        created: grant.created,
        issuer: grant.issuer.to_string(),
        name: name.as_deref().map(str::to_owned),
        grantee: grantee.into(),
        grantee_id: grantee.who().id().map(str::to_owned),
        retiring: retiring.as_ref().map(Into::into),
        retiring_id: retiring
            .as_ref()
            .and_then(|party| party.who().id())
            .map(str::to_owned),
        operations: operations.iter().collect(),
        constraints: (!constraints.is_empty()).then(|| constraints.into()),
    })
}

/// Reads the record of a grant on `key`.
///
/// # Errors
/// [`Unreadable`] when a field is missing, foreign or out of range.
pub(crate) fn decode(key: &KeyArn, id: GrantId, bytes: &[u8]) -> Result<Grant, Unreadable> {
    let record: GrantRecord = serde_json::from_slice(bytes).map_err(|_| Unreadable)?;
    if record.format != FORMAT || record.account != key.account.to_string() {
        return Err(Unreadable);
    }
    let retiring = record
        .retiring
        .map(|party| party.read(record.retiring_id))
        .transpose();
    let constraints = record.constraints.as_ref();
    Ok(Grant {
        key: key.clone(),
        id,
        created: record.created,
        issuer: FromStr::from_str(&record.issuer).map_err(|_| Unreadable)?,
        terms: Terms {
            name: record.name.map(Into::into),
            grantee: record.grantee.read(record.grantee_id)?,
            retiring: retiring?,
            operations: record.operations.into_iter().collect(),
            constraints: constraints.map(Constraints::from).unwrap_or_default(),
        },
    })
}

impl From<&Party> for PartyRecord {
    fn from(party: &Party) -> Self {
        match party {
            Party::Principal(who) => Self::Principal(who.to_string()),
            Party::Service(who) => Self::Service(who.to_string()),
        }
    }
}

impl PartyRecord {
    /// Whom it names, bound to the unique id.
    fn read(self, id: Option<String>) -> Result<Party, Unreadable> {
        let who = |text: &str| Grantee::parse(text).ok_or(Unreadable);
        Ok(match self {
            Self::Principal(text) => Party::Principal(who(&text)?.bound_to(id)),
            Self::Service(text) => Party::Service(who(&text)?),
        })
    }
}
