//! What a signed request presents: the parts of its `Authorization` header, or of its presigned query.

use jiff::{Timestamp, civil::DateTime, fmt::rfc2822, tz::TimeZone};

use super::{ALGORITHM, S3, SigError, error::ScopePart};
use crate::{
    head::Head,
    uri::{self, Plus},
};

/// How long the text of a credential, of a list of headers or of a token may be.
const TEXT_MAX: usize = 16 * 1024;

/// The longest life of a presigned request: a week.
const EXPIRES_MAX: u32 = 604_800;

/// What a request says of its signature. Nothing of it is true until [`Presented::verify`] has said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    pub(super) access_key_id: String,
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
    pub(super) terminator: String,
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: [u8; 32],
    pub(super) signed_at: Timestamp,
    pub(super) session_token: Option<String>,
    pub(super) payload: PayloadForm,
    /// The life of a presigned request in seconds; `None` for a signed header.
    pub(super) expires: Option<u32>,
}

/// How the payload is covered by the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadForm {
    /// The signature covers the body's hash, which the caller of [`Presented::verify`] computes: all services but S3.
    Body,
    /// S3: the signature covers this SHA-256 of the body.
    Sha256([u8; 32]),
    /// S3: `UNSIGNED-PAYLOAD`; the transport alone protects it.
    Unsigned,
    /// S3: in chunks, each signed.
    SignedChunks {
        /// Whether trailing headers follow, signed too.
        trailer: bool,
    },
    /// S3: in unsigned chunks, with trailing headers.
    UnsignedChunks,
}

impl Presented {
    /// Whose key it is said to be signed with.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The day of the credential scope, `YYYYMMDD`.
    pub fn date(&self) -> &str {
        &self.date
    }

    /// The region of the credential scope.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The service of the credential scope.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// When it is said to be signed.
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }

    /// The token of a session's temporary credentials.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// How the payload is covered.
    pub fn payload(&self) -> PayloadForm {
        self.payload
    }

    /// Whether the signature is in the query.
    pub fn is_presigned(&self) -> bool {
        self.expires.is_some()
    }
}

/// Reads what a request presents.
///
/// # Errors
///
/// [`SigError::Missing`] of an unsigned request, and an error for whatever is missing, malformed, repeated or not supported.
pub fn parse(head: &Head) -> Result<Presented, SigError> {
    let in_header = head.header("authorization").is_some();
    let in_query = has_parameter(head, "X-Amz-Algorithm") || has_parameter(head, "X-Amz-Signature");
    match (in_header, in_query) {
        (true, true) => Err(SigError::Ambiguous),
        (true, false) => from_header(head),
        (false, true) => from_query(head),
        (false, false) => Err(SigError::Missing),
    }
}

fn from_header(head: &Head) -> Result<Presented, SigError> {
    let value = head
        .only_header("authorization")
        .ok_or(SigError::Ambiguous)?
        .trim();
    let incomplete = |what: &str| SigError::incomplete(what, false);
    if value.len() > TEXT_MAX {
        return Err(incomplete("Authorization header is too long."));
    }
    let (algorithm, fields) = value.split_once(' ').unwrap_or((value, ""));
    if algorithm != ALGORITHM {
        return Err(SigError::Algorithm);
    }
    let (mut credential, mut headers, mut signature) = (None, None, None);
    for field in fields.split(',') {
        let (name, text) = field
            .trim()
            .split_once('=')
            .ok_or_else(|| incomplete("Authorization header requires 'name=value' parameters."))?;
        let place = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut headers,
            "Signature" => &mut signature,
            _ => return Err(incomplete("Authorization header has an unknown parameter.")),
        };
        if place.replace(text).is_some() {
            return Err(SigError::Ambiguous);
        }
    }
    let requires = |name: &str| {
        incomplete(&format!(
            "Authorization header requires '{name}' parameter."
        ))
    };
    let credential = Credential::parse(credential.ok_or_else(|| requires("Credential"))?, false)?;
    let is_s3 = credential.service == S3;
    Ok(Presented {
        signed_headers: signed_headers(headers.ok_or_else(|| requires("SignedHeaders"))?, false)?,
        signature: signature_bytes(signature.ok_or_else(|| requires("Signature"))?, false)?,
        signed_at: signed_at(head)?,
        session_token: at_most_one(head, "x-amz-security-token")?.map(str::to_owned),
        payload: if is_s3 {
            let digest = at_most_one(head, "x-amz-content-sha256")?.ok_or_else(|| {
                incomplete("Missing required header for this request: x-amz-content-sha256")
            })?;
            payload_form(digest, false)?
        } else {
            PayloadForm::Body
        },
        expires: None,
        access_key_id: credential.access_key_id,
        date: credential.date,
        region: credential.region,
        service: credential.service,
        terminator: credential.terminator,
    })
}

fn from_query(head: &Head) -> Result<Presented, SigError> {
    let incomplete = |what: &str| SigError::incomplete(what, true);
    if head.query.len() > 4 * TEXT_MAX {
        return Err(incomplete("The query is too long"));
    }
    let required = |name: &str| {
        parameter(head, name)?.ok_or_else(|| {
            incomplete(
                "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
            )
        })
    };
    if required("X-Amz-Algorithm")? != ALGORITHM {
        return Err(SigError::Algorithm);
    }
    let credential = Credential::parse(&required("X-Amz-Credential")?, true)?;
    let expires: u32 = required("X-Amz-Expires")?
        .parse()
        .map_err(|_| incomplete("X-Amz-Expires should be a number"))?;
    if !(1..=EXPIRES_MAX).contains(&expires) {
        return Err(incomplete(
            "X-Amz-Expires must be at least 1 and less than a week (in seconds); that is, the given X-Amz-Expires must be at most 604800 seconds",
        ));
    }
    let payload = if credential.service == S3 {
        let in_header = at_most_one(head, "x-amz-content-sha256")?.map(str::to_owned);
        let in_query = parameter(head, "X-Amz-Content-Sha256")?;
        if in_header.is_some() && in_query.is_some() && in_header != in_query {
            return Err(SigError::Ambiguous);
        }
        in_header
            .or(in_query)
            .map_or(Ok(PayloadForm::Unsigned), |digest| {
                payload_form(&digest, true)
            })?
    } else {
        PayloadForm::Body
    };
    let in_header = at_most_one(head, "x-amz-security-token")?;
    let in_query = parameter(head, "X-Amz-Security-Token")?;
    if in_header.is_some() && in_query.is_some() {
        return Err(SigError::Ambiguous);
    }
    Ok(Presented {
        signed_headers: signed_headers(&required("X-Amz-SignedHeaders")?, true)?,
        signature: signature_bytes(&required("X-Amz-Signature")?, true)?,
        signed_at: basic_instant(&required("X-Amz-Date")?).ok_or_else(|| {
            incomplete("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
        })?,
        session_token: in_query.or_else(|| in_header.map(str::to_owned)),
        payload,
        expires: Some(expires),
        access_key_id: credential.access_key_id,
        date: credential.date,
        region: credential.region,
        service: credential.service,
        terminator: credential.terminator,
    })
}

/// `AKID/20150830/us-east-1/service/aws4_request`.
struct Credential {
    access_key_id: String,
    date: String,
    region: String,
    service: String,
    terminator: String,
}

impl Credential {
    fn parse(text: &str, in_query: bool) -> Result<Self, SigError> {
        let mut parts = text.rsplitn(5, '/').map(str::to_owned);
        let mut next = || {
            parts.next().filter(|part| !part.is_empty()).ok_or_else(|| {
                SigError::incomplete(
                    "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term",
                    in_query,
                )
            })
        };
        let (terminator, service, region, date, access_key_id) =
            (next()?, next()?, next()?, next()?, next()?);
        if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SigError::Scope {
                part: ScopePart::Date,
                found: date,
                expected: "yyyyMMdd".to_owned(),
            });
        }
        Ok(Self {
            access_key_id,
            date,
            region,
            service,
            terminator,
        })
    }
}

/// Names in lower case, sorted, each once: one list has one spelling.
fn signed_headers(text: &str, in_query: bool) -> Result<Vec<String>, SigError> {
    let names: Vec<String> = text.split(';').map(str::to_owned).collect();
    let is_lower =
        |name: &String| !name.is_empty() && !name.bytes().any(|b| b.is_ascii_uppercase());
    if !names.iter().all(is_lower) || !names.is_sorted_by(|one, next| one < next) {
        return Err(SigError::incomplete(
            "SignedHeaders must be lower-case names in order, each once.",
            in_query,
        ));
    }
    Ok(names)
}

fn signature_bytes(text: &str, in_query: bool) -> Result<[u8; 32], SigError> {
    digest(text)
        .ok_or_else(|| SigError::incomplete("Signature must be 64 hexadecimal digits.", in_query))
}

/// 32 bytes in lower-case hexadecimal.
pub(crate) fn digest(text: &str) -> Option<[u8; 32]> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

fn payload_form(text: &str, in_query: bool) -> Result<PayloadForm, SigError> {
    match text {
        "UNSIGNED-PAYLOAD" => Ok(PayloadForm::Unsigned),
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(PayloadForm::SignedChunks { trailer: false }),
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => {
            Ok(PayloadForm::SignedChunks { trailer: true })
        }
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(PayloadForm::UnsignedChunks),
        _ => digest(text).map(PayloadForm::Sha256).ok_or_else(|| {
            SigError::incomplete(
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
                in_query,
            )
        }),
    }
}

/// The instant of `x-amz-date`, else of `date`.
fn signed_at(head: &Head) -> Result<Timestamp, SigError> {
    let missing = || {
        SigError::incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
            false,
        )
    };
    if let Some(text) = at_most_one(head, "x-amz-date")? {
        return basic_instant(text).ok_or_else(missing);
    }
    let text = at_most_one(head, "date")?.ok_or_else(missing)?;
    basic_instant(text)
        .or_else(|| Some(rfc2822::parse(text).ok()?.timestamp()))
        .ok_or_else(missing)
}

/// `20150830T123600Z` and nothing else.
fn basic_instant(text: &str) -> Option<Timestamp> {
    let is_basic = text.len() == 16
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    if !is_basic {
        return None;
    }
    let local = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn at_most_one<'h>(head: &'h Head, name: &str) -> Result<Option<&'h str>, SigError> {
    let mut found = head.headers_named(name);
    let first = found.next();
    match found.next() {
        Some(_) => Err(SigError::Ambiguous),
        None => Ok(first.map(str::trim)),
    }
}

/// Every parameter of a raw query, as it is: name and value still encoded.
pub(super) fn raw_parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Whether the raw name of a parameter stands for `name`.
pub(super) fn is_named(raw: &str, name: &str) -> bool {
    uri::decode(raw, Plus::Itself).is_some_and(|decoded| decoded == name.as_bytes())
}

fn has_parameter(head: &Head, name: &str) -> bool {
    raw_parameters(&head.query).any(|(raw, _)| is_named(raw, name))
}

fn parameter(head: &Head, name: &str) -> Result<Option<String>, SigError> {
    let mut found = raw_parameters(&head.query).filter(|(raw, _)| is_named(raw, name));
    let Some((_, value)) = found.next() else {
        return Ok(None);
    };
    if found.next().is_some() {
        return Err(SigError::Ambiguous);
    }
    uri::decode(value, Plus::Itself)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .map(Some)
        .ok_or_else(|| SigError::incomplete(format!("{name} is not percent-encoded UTF-8"), true))
}
