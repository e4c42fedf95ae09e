//! The hash chain, and the envelope that carries it: bytes in, bytes out.
//!
//! ```text
//! h_i = SHA-256(0x01 ‖ len(node) ‖ node ‖ seq ‖ h_(i-1) ‖ len(record) ‖ record)
//! ```
//!
//! `seq` and both lengths are 8 bytes, big endian; `h_0` is 32 zero bytes; `seq` begins at 1; `record` is its exact
//! bytes. A line of a segment is, in exactly this spelling and ended by a line feed,
//!
//! ```text
//! {"seq":1,"node":"NODE","chain":"h_i in lower-case hex","event":RECORD}
//! ```

use std::fmt;

use crate::{Record, TrailError};

/// The first byte under the hash: a link of the chain, and not a checkpoint.
const LINK: u8 = 0x01;
/// The most bytes of a line around its record.
pub(crate) const MAX_ENVELOPE_LEN: usize = 256;

/// The name of the machine that keeps a chain: 1 to 64 of `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node(String);

impl Node {
    /// Makes a name.
    ///
    /// # Errors
    /// [`TrailError::NodeName`].
    pub fn new(name: impl Into<String>) -> Result<Self, TrailError> {
        let name = name.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) {
            return Err(TrailError::NodeName);
        }
        Ok(Self(name))
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A link of the chain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChainHash(pub [u8; 32]);

impl ChainHash {
    /// What the first record is chained to.
    pub const START: Self = Self([0; 32]);

    pub(crate) fn next(self, node: &Node, sequence: u64, record: &[u8]) -> Self {
        let node = node.as_str().as_bytes();
        Self(crypto::sha256(&[
            &[LINK],
            &(node.len() as u64).to_be_bytes(),
            node,
            &sequence.to_be_bytes(),
            &self.0,
            &(record.len() as u64).to_be_bytes(),
            record,
        ]))
    }

    /// Reads lower-case hex of 32 bytes.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        let hash = Self(bytes);
        (hash.to_string() == text).then_some(hash)
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One line, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) sequence: u64,
    pub(crate) node: &'a str,
    pub(crate) chain: ChainHash,
    pub(crate) record: &'a [u8],
}

/// Appends the line of a record.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    node: &Node,
    sequence: u64,
    chain: ChainHash,
    record: &Record,
) {
    let head = format!(r#"{{"seq":{sequence},"node":"{node}","chain":"{chain}","event":"#);
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(record.bytes());
    out.extend_from_slice(b"}\n");
}

/// Takes a line (without its line feed) apart; `None` when it is not in the one spelling that [`encode`] has.
pub(crate) fn decode(line: &[u8]) -> Option<Line<'_>> {
    let rest = line.strip_prefix(br#"{"seq":"#)?;
    let (sequence, rest) = until(rest, br#","node":""#, 20)?;
    let (node, rest) = until(rest, br#"","chain":""#, 64)?;
    let (chain, rest) = until(rest, br#"","event":"#, 64)?;
    let record = rest.strip_suffix(b"}")?;
    let number: u64 = sequence.parse().ok()?;
    if number.to_string() != sequence
        || record.first() != Some(&b'{')
        || record.last() != Some(&b'}')
    {
        return None;
    }
    Some(Line {
        sequence: number,
        node,
        chain: ChainHash::from_hex(chain)?,
        record,
    })
}

/// The text before `mark`, at most `max` bytes of it, and what follows `mark`.
fn until<'a>(bytes: &'a [u8], mark: &[u8], max: usize) -> Option<(&'a str, &'a [u8])> {
    let window = &bytes[..bytes.len().min(max + mark.len())];
    let at = window.windows(mark.len()).position(|part| part == mark)?;
    Some((
        std::str::from_utf8(&bytes[..at]).ok()?,
        &bytes[at + mark.len()..],
    ))
}

/// A walk along the chain: takes line after line and says whether each follows.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    pub(crate) sequence: u64,
    pub(crate) chain: ChainHash,
}

impl Walk {
    pub(crate) const START: Self = Self {
        sequence: 0,
        chain: ChainHash::START,
    };

    /// Follows `line` when it is the next link of `node`'s chain.
    pub(crate) fn follow<'a>(
        &mut self,
        node: Option<&Node>,
        line: &'a [u8],
    ) -> Result<Line<'a>, &'static str> {
        let line = decode(line).ok_or("the line is not an envelope with a record")?;
        if line.sequence != self.sequence + 1 {
            return Err("the sequence number does not follow the one before");
        }
        if node.is_some_and(|node| node.as_str() != line.node) {
            return Err("the node is another");
        }
        let named = Node::new(line.node).map_err(|_| "the node's name is malformed")?;
        if self.chain.next(&named, line.sequence, line.record) != line.chain {
            return Err("the chain hash does not fit the record and the one before");
        }
        self.sequence = line.sequence;
        self.chain = line.chain;
        Ok(line)
    }
}
