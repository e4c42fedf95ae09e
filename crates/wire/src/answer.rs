//! What goes back to a caller, and where a request is carried out.

use jiff::Timestamp;

/// An answer in bytes, for whoever owns the socket.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers with lower-case names. `content-length` is left to whoever writes the answer.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Bodies hold secrets (`Plaintext`, `SecretAccessKey`), so only their length is shown.
impl std::fmt::Debug for Answer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Answer")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body_len", &self.body.len())
            .finish()
    }
}

/// Where and when an operation is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The account that owns what the operation names, twelve digits.
    pub account: String,
    /// The region of the credential scope.
    pub region: String,
    /// The instant of the request, read once.
    pub now: Timestamp,
}
