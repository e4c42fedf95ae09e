//! The canonical request: the one spelling of a request that is signed.

use super::{
    S3,
    presented::{Presented, is_named, raw_parameters},
};
use crate::{
    head::Head,
    uri::{self, Plus},
};

/// What a canonical request takes, about.
const EXPECTED_LEN: usize = 1024;

/// How a service has its paths signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathStyle {
    /// S3: each segment in its one encoding; nothing is normalised, since an object's name may hold `//` and `..`.
    AsSent,
    /// All others: dot segments and empty ones are gone, and what was sent is encoded once more.
    Normalized,
}

impl PathStyle {
    pub(super) fn of(service: &str) -> Self {
        if service == S3 {
            Self::AsSent
        } else {
            Self::Normalized
        }
    }
}

/// The canonical request of `head` under what it presents; `None` when it cannot have one (an ill-encoded target, a signed header that is
/// not there), which no honest signature covers.
pub(super) fn request(
    presented: &Presented,
    head: &Head,
    payload_hash: &str,
    style: PathStyle,
) -> Option<String> {
    let path = match style {
        PathStyle::AsSent => path_as_sent(&head.path)?,
        PathStyle::Normalized => path_normalized(&head.path),
    };
    let query = query(&head.query)?;
    let mut text = String::with_capacity(EXPECTED_LEN);
    text.extend([head.method.as_str(), "\n", &path, "\n", &query, "\n"]);
    for name in &presented.signed_headers {
        push_header(&mut text, head, name)?;
    }
    text.push('\n');
    push_joined(&mut text, presented.signed_headers.iter(), ';');
    text.extend(["\n", payload_hash]);
    Some(text)
}

fn path_as_sent(path: &str) -> Option<String> {
    let segments: Option<Vec<String>> = path
        .split('/')
        .map(|segment| uri::decode(segment, Plus::Itself).map(|bytes| uri::encode(&bytes)))
        .collect();
    segments.map(|segments| segments.join("/"))
}

fn path_normalized(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let mut out = String::from("/");
    let joined: Vec<String> = kept
        .iter()
        .map(|segment| uri::encode(segment.as_bytes()))
        .collect();
    out.push_str(&joined.join("/"));
    let names_a_folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    if !kept.is_empty() && names_a_folder {
        out.push('/');
    }
    out
}

/// Parameters in their one encoding, sorted; the signature itself is left out.
fn query(raw: &str) -> Option<String> {
    let recoded = |part: &str| uri::decode(part, Plus::Itself).map(|bytes| uri::encode(&bytes));
    let mut parameters: Vec<(String, String)> = Vec::new();
    for (name, value) in raw_parameters(raw) {
        if !is_named(name, "X-Amz-Signature") {
            parameters.push((recoded(name)?, recoded(value)?));
        }
    }
    parameters.sort_unstable();
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Some(pairs.join("&"))
}

/// Adds a header's line: its values joined by commas, spaces at the ends dropped and within them made single. `None` when there is no
/// such header.
fn push_header(text: &mut String, head: &Head, name: &str) -> Option<()> {
    text.extend([name, ":"]);
    let mut values = head.headers_named(name);
    push_joined(text, values.next()?.split_ascii_whitespace(), ' ');
    for value in values {
        text.push(',');
        push_joined(text, value.split_ascii_whitespace(), ' ');
    }
    text.push('\n');
    Some(())
}

fn push_joined(text: &mut String, parts: impl Iterator<Item = impl AsRef<str>>, between: char) {
    for (at, part) in parts.enumerate() {
        if at > 0 {
            text.push(between);
        }
        text.push_str(part.as_ref());
    }
}
