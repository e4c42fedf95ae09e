//! The shapes of the services: what each operation takes and gives, as static data generated from AWS's own service models.
//!
//! Every codec, the validator and the tests are driven by these tables; an operation is described here once and nowhere else.

use std::sync::OnceLock;

use regex::Regex;

use crate::answer::Answer;
use crate::error::{ApiError, Fault};
use crate::protocol::Dialect;

/// The header with the code that a service had when it spoke Query alone.
const QUERY_ERROR: &str = "x-amzn-query-error";

/// A service: its protocol and its operations.
#[derive(Debug)]
pub struct Service {
    /// The name in the credential scope, such as `kms` or `monitoring`.
    pub name: &'static str,
    /// The event source of the trail, such as `kms.amazonaws.com`.
    pub event_source: &'static str,
    /// The version of the service's interface, such as `2014-11-01`.
    pub version: &'static str,
    /// The protocols that the service speaks.
    pub protocol: ServiceProtocol,
    /// The operations that this build knows, sorted by name.
    pub operations: &'static [&'static OperationShape],
}

/// The protocols of a service, with what their documents need. Every service that speaks AWS JSON speaks CBOR as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceProtocol {
    /// AWS JSON: the operation is in `X-Amz-Target`; CBOR: it is in the path.
    Json {
        /// What stands before the dot in `X-Amz-Target`.
        target_prefix: &'static str,
        /// `1.0` or `1.1`, as in the content type.
        version: &'static str,
    },
    /// AWS Query: the operation is in the form's `Action`; answers are XML.
    Query {
        /// The name space of the answers.
        xml_namespace: &'static str,
    },
    /// Once Query alone, now JSON and CBOR too, with the error codes of Query (Smithy's `awsQueryCompatible`).
    QueryCompatible {
        /// As of JSON.
        target_prefix: &'static str,
        /// As of JSON.
        version: &'static str,
        /// As of Query.
        xml_namespace: &'static str,
    },
}

/// Which family of error codes a service has, whatever protocol it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// `ValidationException`, `AccessDeniedException`.
    Json,
    /// `ValidationError`, `AccessDenied`.
    Query,
}

impl ServiceProtocol {
    /// What stands before the dot in `X-Amz-Target`, of a service that speaks JSON.
    pub fn target_prefix(self) -> Option<&'static str> {
        match self {
            Self::Json { target_prefix, .. } | Self::QueryCompatible { target_prefix, .. } => {
                Some(target_prefix)
            }
            Self::Query { .. } => None,
        }
    }

    /// The name space of XML answers, of a service that speaks Query.
    pub fn xml_namespace(self) -> Option<&'static str> {
        match self {
            Self::Query { xml_namespace } | Self::QueryCompatible { xml_namespace, .. } => {
                Some(xml_namespace)
            }
            Self::Json { .. } => None,
        }
    }

    /// The service's error codes.
    pub fn words(self) -> Words {
        match self {
            Self::Json { .. } => Words::Json,
            Self::Query { .. } | Self::QueryCompatible { .. } => Words::Query,
        }
    }
}

/// An operation: its name and the shapes of what goes in and out.
#[derive(Debug)]
pub struct OperationShape {
    /// The operation's name, such as `GenerateDataKey`.
    pub name: &'static str,
    /// The structure that a request holds.
    pub input: &'static Shape,
    /// The structure that an answer holds; `None` for an empty answer.
    pub output: Option<&'static Shape>,
    /// The element round the answer's members, in Query answers.
    pub result_wrapper: Option<&'static str>,
    /// The errors that the model lists for this operation.
    pub errors: &'static [&'static ErrorShape],
}

/// One named shape of a model.
#[derive(Debug)]
pub struct Shape {
    /// The model's name.
    pub name: &'static str,
    /// Whether values must not be shown in messages, logs or the trail.
    pub sensitive: bool,
    /// What it is made of.
    pub kind: Kind,
}

/// What a shape is made of, with its constraints.
#[derive(Debug)]
pub enum Kind {
    /// Named members.
    Structure(&'static [Member]),
    /// Values in order.
    List {
        /// The shape of each.
        member: &'static Shape,
        /// The element's name on the Query wire; `member` unless the model says otherwise.
        member_name: &'static str,
        /// Whether the elements stand without a wrapper on the Query wire.
        flattened: bool,
        /// How many.
        length: Bounds,
    },
    /// Values by string keys.
    Map {
        /// The shape of a key.
        key: &'static Shape,
        /// The shape of a value.
        value: &'static Shape,
        /// Whether the entries stand without a wrapper on the Query wire.
        flattened: bool,
        /// How many.
        length: Bounds,
    },
    /// Text.
    String {
        /// How many characters.
        length: Bounds,
        /// What the whole text must match.
        pattern: Option<&'static Pattern>,
        /// The values of an enumeration; empty for free text.
        allowed: &'static [&'static str],
    },
    /// Bytes; base64 in JSON and Query, themselves in CBOR.
    Blob {
        /// How many bytes.
        length: Bounds,
    },
    /// A 32-bit integer.
    Integer {
        /// Its range.
        range: Bounds,
    },
    /// A 64-bit integer.
    Long {
        /// Its range.
        range: Bounds,
    },
    /// A floating-point number.
    Double,
    /// True or false.
    Boolean,
    /// An instant: seconds since 1970 in JSON and CBOR, ISO 8601 in Query.
    Timestamp,
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// The model's name, and the JSON wire's.
    pub name: &'static str,
    /// The name on the Query wire.
    pub query_name: &'static str,
    /// Whether a value must be there.
    pub required: bool,
    /// The shape of its value.
    pub shape: &'static Shape,
}

/// Inclusive bounds, of a length or of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The least that is allowed.
    pub min: Option<i64>,
    /// The most that is allowed.
    pub max: Option<i64>,
}

impl Bounds {
    /// No bounds at all.
    pub const NONE: Self = Self {
        min: None,
        max: None,
    };
}

/// A regular expression of a model: the text that AWS shows, and the one that is matched.
///
/// The models' patterns are Java's; the generator translates the few constructs that differ.
#[derive(Debug)]
pub struct Pattern {
    /// The pattern as the model has it, for messages.
    pub shown: &'static str,
    /// The same in the syntax of the `regex` crate.
    pub regex: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern that is compiled when it is first used.
    pub const fn new(shown: &'static str, regex: &'static str) -> Self {
        Self {
            shown,
            regex,
            compiled: OnceLock::new(),
        }
    }

    /// Whether the whole of `text` matches.
    ///
    /// A pattern that does not compile matches nothing; a test compiles every pattern of every service.
    pub fn matches(&self, text: &str) -> bool {
        self.compiled().is_some_and(|regex| regex.is_match(text))
    }

    /// Whether the pattern is one that `regex` understands.
    pub fn is_valid(&self) -> bool {
        self.compiled().is_some()
    }

    fn compiled(&self) -> Option<&Regex> {
        self.compiled
            .get_or_init(|| Regex::new(&format!(r"\A(?:{})\z", self.regex)).ok())
            .as_ref()
    }
}

/// An error that a model declares.
#[derive(Debug, PartialEq, Eq)]
pub struct ErrorShape {
    /// The model's name, which JSON and CBOR answers of a service once of Query show.
    pub name: &'static str,
    /// The code on the wire.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Whose fault it is.
    pub fault: Fault,
}

impl ErrorShape {
    /// This error, with a message for the caller.
    pub fn because(&self, message: impl Into<String>) -> ApiError {
        ApiError::new(self.code, self.status, self.fault, message)
    }
}

impl Service {
    /// The operation of that name, if this build knows it.
    pub fn operation(&self, name: &str) -> Option<&'static OperationShape> {
        let at = self
            .operations
            .binary_search_by(|operation| operation.name.cmp(name))
            .ok()?;
        self.operations.get(at).copied()
    }

    /// The declared error of that code.
    fn error(&self, code: &str) -> Option<&'static ErrorShape> {
        let mut declared = self.operations.iter().flat_map(|each| each.errors);
        declared.find(|error| error.code == code).copied()
    }

    /// An error of this service in the caller's protocol. A service once of Query names the code of old in a header
    /// beside the model's name, as Smithy's `awsQueryCompatible` has it.
    pub fn refuse(&self, error: &ApiError, dialect: Dialect, request_id: &str) -> Answer {
        let is_compatible = matches!(self.protocol, ServiceProtocol::QueryCompatible { .. });
        if !is_compatible || matches!(dialect, Dialect::Query(_)) {
            return error.encode(dialect, request_id);
        }
        let mut named = error.clone();
        named.code = self
            .error(error.code)
            .map_or(error.code, |shape| shape.name);
        let mut answer = named.encode(dialect, request_id);
        let old = format!("{};{}", error.code, error.fault.as_str());
        answer.headers.push((QUERY_ERROR, old));
        answer
    }
}

impl Shape {
    /// The members of a structure; none for any other shape.
    pub fn members(&self) -> &'static [Member] {
        match self.kind {
            Kind::Structure(members) => members,
            _ => &[],
        }
    }
}
