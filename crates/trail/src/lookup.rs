//! Look-up, as CloudTrail's `LookupEvents` has it: one attribute, a time range, newest first, in pages.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;

use crate::chain::decode;
use crate::log::Shared;
use crate::segment;
use crate::{Record, Resource};

/// Bytes of older segments that one call reads; a page that is not full then has a token to go on with.
const MAX_SCAN_BYTES: u64 = 256 << 20;
/// The most records in one page.
const MAX_PAGE: usize = 50;

/// What records must match; CloudTrail takes one attribute at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// The event's id.
    EventId(String),
    /// The operation.
    EventName(String),
    /// Whether it changed nothing.
    ReadOnly(bool),
    /// The user's name; a role's session name; `root`.
    Username(String),
    /// A resource's kind, such as `AWS::KMS::Key`.
    ResourceType(String),
    /// A resource's ARN, or its name at the end of the ARN.
    ResourceName(String),
    /// The service, such as `kms.amazonaws.com`.
    EventSource(String),
    /// The caller's access key.
    AccessKeyId(String),
}

/// A look-up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Only what an account may see: what its own callers did, and what others did to its resources.
    pub account: Option<String>,
    /// Only what matches this.
    pub attribute: Option<Attribute>,
    /// Only at or after this time.
    pub start: Option<Timestamp>,
    /// Only at or before this time.
    pub end: Option<Timestamp>,
    /// At most so many records; 50 where it is 0 or more than 50.
    pub limit: usize,
    /// [`Page::next`] of the page before, from a look-up that was otherwise the same.
    pub token: Option<String>,
}

/// Some records, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The records; there may be none on a page that has a next one.
    pub found: Vec<Found>,
    /// The token for the next page; `None` at the end.
    pub next: Option<String>,
}

/// A record and what look-ups say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its place in the trail.
    pub sequence: u64,
    /// The exact bytes: `CloudTrailEvent`.
    pub record: Record,
    /// The operation.
    pub event_name: String,
    /// The service.
    pub event_source: String,
    /// When, in whole seconds.
    pub event_time: Timestamp,
    /// Who.
    pub username: Option<String>,
    /// With which access key.
    pub access_key_id: Option<String>,
    /// Whether it changed nothing.
    pub read_only: bool,
    /// Whether it managed resources, and did not work on the data in them.
    pub management: bool,
    /// What it was about.
    pub resources: Vec<Resource>,
    recipient_account: Option<String>,
}

/// Why a look-up failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The token is not one of this look-up's.
    #[error("the token is malformed or belongs to another look-up; leave it out to begin anew")]
    Token,
    /// The log cannot be read.
    #[error("the trail cannot be read: {reason}")]
    Unreadable {
        /// Which file, and why.
        reason: String,
    },
}

/// The members of a record that look-ups use.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    #[serde(default)]
    user_identity: Identity,
    event_time: Timestamp,
    event_source: String,
    event_name: String,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    management_event: bool,
    #[serde(default)]
    resources: Vec<Resource>,
    #[serde(rename = "recipientAccountId")]
    recipient_account: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Identity {
    #[serde(rename = "type")]
    kind: Option<String>,
    arn: Option<String>,
    access_key_id: Option<String>,
    user_name: Option<String>,
}

impl Identity {
    fn username(&self) -> Option<String> {
        if self.user_name.is_some() {
            return self.user_name.clone();
        }
        if self.kind.as_deref() == Some("Root") {
            return Some("root".into());
        }
        self.arn
            .as_deref()
            .and_then(|arn| arn.rsplit_once('/'))
            .map(|(_, name)| name.to_owned())
    }
}

impl Found {
    /// `None` for what is not a CloudTrail record; nothing of the sort is appended by this service.
    fn read(sequence: u64, record: Record) -> Option<Self> {
        let facts: Facts = serde_json::from_slice(record.bytes()).ok()?;
        Some(Self {
            sequence,
            record,
            username: facts.user_identity.username(),
            access_key_id: facts.user_identity.access_key_id,
            event_name: facts.event_name,
            event_source: facts.event_source,
            event_time: facts.event_time,
            read_only: facts.read_only,
            management: facts.management_event,
            resources: facts.resources,
            recipient_account: facts.recipient_account,
        })
    }

    fn concerns(&self, account: &str) -> bool {
        self.recipient_account.as_deref() == Some(account)
            || self
                .resources
                .iter()
                .any(|resource| resource.account_id.as_deref() == Some(account))
    }
}

impl Query {
    fn matches(&self, found: &Found) -> bool {
        self.account
            .as_deref()
            .is_none_or(|account| found.concerns(account))
            && self.start.is_none_or(|start| found.event_time >= start)
            && self.end.is_none_or(|end| found.event_time <= end)
            && self
                .attribute
                .as_ref()
                .is_none_or(|attribute| attribute.matches(found))
    }

    /// What a token must agree with, so that it is not used for another look-up.
    fn fingerprint(&self) -> [u8; 8] {
        let described = format!(
            "{:?} {:?} {:?} {:?}",
            self.account, self.attribute, self.start, self.end
        );
        let digest = crypto::sha256(&[described.as_bytes()]);
        let mut fingerprint = [0; 8];
        fingerprint.copy_from_slice(&digest[..8]);
        fingerprint
    }

    fn token_before(&self, sequence: u64) -> String {
        let mut bytes = sequence.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.fingerprint());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Records must come before this.
    fn before(&self) -> Result<u64, LookupError> {
        let Some(token) = &self.token else {
            return Ok(u64::MAX);
        };
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| LookupError::Token)?;
        let (sequence, fingerprint) = bytes.split_first_chunk::<8>().ok_or(LookupError::Token)?;
        if *fingerprint != self.fingerprint() {
            return Err(LookupError::Token);
        }
        Ok(u64::from_be_bytes(*sequence))
    }
}

impl Attribute {
    fn matches(&self, found: &Found) -> bool {
        match self {
            Self::EventId(id) => found.record.event_id().to_string() == *id,
            Self::EventName(name) => found.event_name == *name,
            Self::ReadOnly(read_only) => found.read_only == *read_only,
            Self::Username(name) => found.username.as_ref() == Some(name),
            Self::ResourceType(kind) => found
                .resources
                .iter()
                .any(|resource| resource.kind.as_ref() == Some(kind)),
            Self::ResourceName(name) => found
                .resources
                .iter()
                .any(|resource| is_named(&resource.arn, name)),
            Self::EventSource(source) => found.event_source == *source,
            Self::AccessKeyId(id) => found.access_key_id.as_ref() == Some(id),
        }
    }
}

/// Whether `name` is the ARN, its resource part (`key/1234`, `bucket`), or that part's name (`1234`).
fn is_named(arn: &str, name: &str) -> bool {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    arn == name
        || resource == name
        || resource
            .split_once('/')
            .is_some_and(|(_, rest)| rest == name)
}

/// A page that is being filled.
struct Search<'a> {
    query: &'a Query,
    limit: usize,
    before: u64,
    found: Vec<Found>,
}

impl Search<'_> {
    /// Looks at the next older record; true when the page is full.
    fn look(&mut self, sequence: u64, record: Record) -> bool {
        self.before = sequence;
        if let Some(found) = Found::read(sequence, record)
            && self.query.matches(&found)
        {
            self.found.push(found);
        }
        self.found.len() == self.limit
    }

    fn page(self) -> Page {
        let next = (self.before > 1).then(|| self.query.token_before(self.before));
        Page {
            found: self.found,
            next,
        }
    }
}

pub(crate) fn run(shared: &Shared, query: &Query) -> Result<Page, LookupError> {
    let limit = if query.limit == 0 {
        MAX_PAGE
    } else {
        query.limit.min(MAX_PAGE)
    };
    let mut search = Search {
        query,
        limit,
        before: query.before()?,
        found: Vec::new(),
    };
    let (recent, segments, last) = {
        let state = shared.state();
        let before = search.before;
        let recent: Vec<_> = state
            .recent
            .iter()
            .filter(|(sequence, _)| *sequence < before)
            .cloned()
            .collect();
        (recent, state.segments.clone(), state.position.sequence)
    };
    search.before = search.before.min(last + 1);
    for (sequence, record) in recent.into_iter().rev() {
        if search.look(sequence, record) {
            return Ok(search.page());
        }
    }
    let mut budget = MAX_SCAN_BYTES;
    for (number, first) in (1..)
        .zip(segments)
        .collect::<Vec<(u64, u64)>>()
        .into_iter()
        .rev()
    {
        if first >= search.before {
            continue;
        }
        let path = segment::path(&shared.folder, number);
        let unreadable = |error| LookupError::Unreadable {
            reason: format!("{}: {error}", path.display()),
        };
        let bytes = fs::read(&path).map_err(unreadable)?;
        let lines: Vec<_> = segment::lines(&bytes, number).collect();
        for line in lines.into_iter().rev() {
            let Some(line) = decode(line.bytes) else {
                continue;
            };
            if line.sequence < search.before
                && let Ok(record) = Record::from_bytes(line.record)
                && search.look(line.sequence, record)
            {
                return Ok(search.page());
            }
        }
        search.before = search.before.min(first);
        budget = budget.saturating_sub(bytes.len() as u64);
        if budget == 0 {
            break;
        }
    }
    Ok(search.page())
}
