//! One event in CloudTrail's schema, from what is known before execution to exact bytes.
//!
//! The schema is CloudTrail's "record contents", event version 1.11. Members are in CloudTrail's own order, and those
//! that do not apply are left out, but for `requestParameters` and `responseElements`, which are then `null`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// CloudTrail's limits on the members that a caller decides; longer text is cut, longer JSON is left out and said so.
const MAX_TEXT_LEN: usize = 1 << 10;
/// For `requestParameters`, `responseElements` and `additionalEventData`.
const MAX_JSON_LEN: usize = 100 << 10;
/// The version of the record contents.
const EVENT_VERSION: &str = "1.11";

/// An event's id: a UUID in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

impl EventId {
    fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for EventId {
    type Err = RecordError;
    fn from_str(text: &str) -> Result<Self, RecordError> {
        let id = Uuid::try_parse(text).map_err(|_| RecordError::EventId)?;
        // One spelling for one id: it is a key in the store and in look-ups.
        if id.hyphenated().to_string() == text {
            Ok(Self(id))
        } else {
            Err(RecordError::EventId)
        }
    }
}

/// What an event was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Its ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// The account that owns it.
    #[serde(rename = "accountId", skip_serializing_if = "Option::is_none", default)]
    pub account_id: Option<String>,
    /// `CloudFormation`'s name of its kind, such as `AWS::KMS::Key`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<String>,
}

impl Resource {
    /// A resource of `account`, of the kind that `CloudFormation` calls `kind`.
    pub fn new(
        arn: impl Into<String>,
        account: impl Into<String>,
        kind: impl Into<String>,
    ) -> Self {
        Self {
            arn: arn.into(),
            account_id: Some(account.into()),
            kind: Some(kind.into()),
        }
    }
}

/// What is known of a request before it is executed. None of it may be secret.
#[derive(Debug, Clone)]
pub struct DraftFacts {
    /// CloudTrail's `userIdentity`.
    pub identity: Arc<Value>,
    /// When the request came in.
    pub event_time: Timestamp,
    /// The service, such as `kms.amazonaws.com`.
    pub event_source: String,
    /// The operation, such as `Decrypt`.
    pub event_name: String,
    /// The region asked, such as `eu-west-1`.
    pub region: String,
    /// The caller's address.
    pub source_ip: String,
    /// The caller's program, as it names itself.
    pub user_agent: Option<String>,
    /// The id that the answer carries.
    pub request_id: String,
    /// The account that the request was made to.
    pub recipient_account: String,
    /// Whether the operation changes nothing.
    pub read_only: bool,
    /// Whether it manages resources (KMS, IAM, STS, buckets), or works on the data in them (S3 objects).
    pub management: bool,
    /// What was asked, redacted, in CloudTrail's spelling.
    pub request_parameters: Option<Value>,
    /// CloudTrail's `additionalEventData`.
    pub additional_event_data: Option<Value>,
    /// CloudTrail's `tlsDetails`: `tlsVersion`, `cipherSuite`, `clientProvidedHostHeader`, and our `keyExchange`.
    pub tls: Option<Arc<Value>>,
}

impl DraftFacts {
    /// Facts of an imagined `Decrypt`, for documentation and tests.
    #[doc(hidden)]
    pub fn example() -> Self {
        Self {
            identity: json!({
                "type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/alice",
                "accountId": "111122223333", "accessKeyId": "AKIAEXAMPLE", "userName": "alice",
            }).into(),
            event_time: Timestamp::UNIX_EPOCH,
            event_source: "kms.amazonaws.com".into(),
            event_name: "Decrypt".into(),
            region: "eu-west-1".into(),
            source_ip: "127.0.0.1".into(),
            user_agent: Some("aws-cli/2".into()),
            request_id: "5a3a0f0e-0000-4000-8000-000000000001".into(),
            recipient_account: "111122223333".into(),
            read_only: true,
            management: true,
            request_parameters: Some(json!({ "encryptionAlgorithm": "SYMMETRIC_DEFAULT" })),
            additional_event_data: None,
            tls: None,
        }
    }
}

/// An event whose outcome is not known yet.
///
/// It can be cloned because an operation that changes state writes its record of success in its own transaction, and
/// needs the draft again when that transaction fails.
#[derive(Debug, Clone)]
#[must_use = "a draft that is dropped is a request without an audit record"]
pub struct Draft {
    facts: DraftFacts,
    event_id: EventId,
    event_type: &'static str,
    service_details: Option<Value>,
}

impl Draft {
    /// A draft with a fresh event id.
    pub fn new(facts: DraftFacts) -> Self {
        Self {
            facts,
            event_id: EventId::random(),
            event_type: "AwsApiCall",
            service_details: None,
        }
    }

    /// A draft of what the service did by itself, with no call behind it (`AwsServiceEvent`), such as a key's deletion
    /// when its waiting period is over.
    pub fn of_service(facts: DraftFacts) -> Self {
        Self {
            event_type: "AwsServiceEvent",
            ..Self::new(facts)
        }
    }

    /// With CloudTrail's `serviceEventDetails`: what the service says of what it did by itself.
    pub fn with_service_details(mut self, details: Value) -> Self {
        self.service_details = Some(details);
        self
    }

    /// The id that the answer to the request carries.
    pub fn request_id(&self) -> &str {
        &self.facts.request_id
    }

    /// The id that the record will have.
    pub const fn event_id(&self) -> EventId {
        self.event_id
    }

    /// Adds a member to `requestParameters`, for what only execution learns (such as the key a ciphertext names).
    pub fn add_request_parameter(&mut self, name: &str, value: Value) {
        let parameters = self
            .facts
            .request_parameters
            .get_or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(members) = parameters {
            members.insert(name.to_owned(), value);
        }
    }

    /// Sets `additionalEventData`, for what only execution learns and the request does not show.
    pub fn set_additional_event_data(&mut self, data: Value) {
        self.facts.additional_event_data = Some(data);
    }

    /// The record of success. `response_elements` is for what changes state; a read has `None`.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "whoever calls has made the elements for this alone"
    )]
    pub fn succeeded(self, response_elements: Option<Value>, resources: Vec<Resource>) -> Record {
        self.finish(None, response_elements.as_ref(), resources)
    }

    /// The record of failure, with the error's code and message as the caller is told them.
    pub fn failed(self, code: &str, message: &str, resources: Vec<Resource>) -> Record {
        self.finish(Some((code, message)), None, resources)
    }

    fn finish(
        self,
        error: Option<(&str, &str)>,
        response: Option<&Value>,
        resources: Vec<Resource>,
    ) -> Record {
        let Self {
            facts,
            event_id,
            event_type,
            service_details,
        } = self;
        let mut event = Members::new();
        event.set("eventVersion", EVENT_VERSION);
        event.set("userIdentity", &*facts.identity);
        event.set("eventTime", &event_time(facts.event_time));
        event.set("eventSource", &facts.event_source);
        event.set("eventName", &facts.event_name);
        event.set("awsRegion", &facts.region);
        event.set("sourceIPAddress", &facts.source_ip);
        if let Some(user_agent) = facts.user_agent {
            event.set("userAgent", shortened(&user_agent));
        }
        if let Some((code, message)) = error {
            event.set("errorCode", code);
            event.set("errorMessage", shortened(message));
        }
        event.set_bounded("requestParameters", facts.request_parameters.as_ref());
        event.set_bounded("responseElements", response);
        if let Some(data) = facts.additional_event_data {
            event.set_bounded("additionalEventData", Some(&data));
        }
        event.set("requestID", &facts.request_id);
        event.set("eventID", &event_id.0);
        event.set("readOnly", &facts.read_only);
        if !resources.is_empty() {
            let all: Vec<Listed> = resources.into_iter().map(Listed::from).collect();
            event.set("resources", &all);
        }
        event.set("eventType", event_type);
        event.set("managementEvent", &facts.management);
        event.set("recipientAccountId", &facts.recipient_account);
        if let Some(details) = service_details {
            event.set_bounded("serviceEventDetails", Some(&details));
        }
        let category = if facts.management {
            "Management"
        } else {
            "Data"
        };
        event.set("eventCategory", category);
        if let Some(tls) = facts.tls {
            event.set("tlsDetails", &*tls);
        }
        Record {
            event_id,
            bytes: event.into_bytes().into(),
        }
    }
}

/// A JSON object written member by member, with no tree of it: one is made for each request.
struct Members(Vec<u8>);

impl Members {
    /// About what an event takes.
    const EXPECTED_LEN: usize = 1536;

    fn new() -> Self {
        Self(Vec::with_capacity(Self::EXPECTED_LEN))
    }

    /// Adds a member. `name` is one of CloudTrail's, which need no escapes.
    fn set<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.name(name);
        self.write(value);
    }

    /// Adds a member of at most [`MAX_JSON_LEN`] bytes, or a note of how long it was.
    fn set_bounded(&mut self, name: &str, value: Option<&Value>) {
        self.name(name);
        let begin = self.0.len();
        self.write(&value);
        let length = self.0.len() - begin;
        if length > MAX_JSON_LEN {
            self.0.truncate(begin);
            self.write(&json!({ "omitted": true, "originalSize": length }));
        }
    }

    fn name(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        for part in ["\"", name, "\":"] {
            self.0.extend_from_slice(part.as_bytes());
        }
    }

    fn write<T: Serialize + ?Sized>(&mut self, value: &T) {
        // Writing to memory does not fail, nor does anything here refuse to be written.
        let _ = serde_json::to_writer(&mut self.0, value);
    }

    fn into_bytes(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }
}

/// A resource as an event lists it.
#[derive(Serialize)]
struct Listed {
    #[serde(rename = "accountId", skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(rename = "ARN")]
    arn: String,
}

impl From<Resource> for Listed {
    fn from(resource: Resource) -> Self {
        let Resource {
            arn,
            account_id: account,
            kind,
        } = resource;
        Self { account, kind, arn }
    }
}

/// Text of at most [`MAX_TEXT_LEN`] bytes.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_LEN)]
}

/// CloudTrail's times have whole seconds.
fn event_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// One finished event: its id and its exact bytes, a JSON object without a line break.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    event_id: EventId,
    bytes: Arc<[u8]>,
}

impl Record {
    /// The longest record, in bytes.
    pub const MAX_LEN: usize = 1 << 20;

    /// Reads a record back that [`Record::bytes`] gave, such as one that waited in the store's outbox.
    ///
    /// # Errors
    /// [`RecordError`] when the bytes are not one line with a JSON object that has an event id.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct Identified {
            #[serde(rename = "eventID")]
            event_id: String,
        }
        let bytes = bytes.into();
        if bytes.len() > Self::MAX_LEN {
            return Err(RecordError::TooLong { len: bytes.len() });
        }
        if bytes.contains(&b'\n') || bytes.first() != Some(&b'{') || bytes.last() != Some(&b'}') {
            return Err(RecordError::NotOneLine);
        }
        let event: Identified = serde_json::from_slice(&bytes).map_err(|_| RecordError::NotJson)?;
        Ok(Self {
            event_id: event.event_id.parse()?,
            bytes,
        })
    }

    /// The event's id.
    pub const fn event_id(&self) -> EventId {
        self.event_id
    }

    /// The exact bytes, as they are chained, logged and looked up.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({})", String::from_utf8_lossy(&self.bytes))
    }
}

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It has more than [`Record::MAX_LEN`] bytes.
    #[error("a record has at most {} bytes, this one has {len}", Record::MAX_LEN)]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It is not one line that begins with `{` and ends with `}`.
    #[error("a record is one line with one JSON object")]
    NotOneLine,
    /// It is not JSON, or its `eventID` is missing or not text.
    #[error("the record is not a JSON object with an eventID")]
    NotJson,
    /// Its event id is not a UUID in lower case with hyphens.
    #[error("the record's eventID is not a UUID in lower case")]
    EventId,
}
