//! A policy document: read, checked and compiled once, when it is written.

use crate::{PolicyError, json::Json, statement::Statement};

/// The longest document that is looked at at all, in bytes (the API's own bound).
pub const MAX_DOCUMENT_LEN: usize = 131_072;

/// What a document hangs on, which decides which elements it may and must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// An inline policy of a user or a role: no `Principal`.
    Identity,
    /// A key's or a bucket's policy: with `Principal` and `Resource`.
    Resource,
    /// A role's trust policy: with `Principal`, without `Resource`, of STS actions.
    Trust,
    /// The policy given to `AssumeRole`: as `Identity`, and shorter.
    Session,
}

/// A compiled policy, which keeps the document it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(crate) statements: Vec<Statement>,
    kind: PolicyKind,
    document: String,
}

impl Policy {
    /// Compiles a document.
    ///
    /// # Errors
    /// [`PolicyError`] with AWS's text and the place, when the document is no policy of that kind or too long.
    pub fn compile(json: &str, kind: PolicyKind) -> Result<Self, PolicyError> {
        if json.len() > MAX_DOCUMENT_LEN {
            return Err(PolicyError::new(format!("Maximum policy size of {MAX_DOCUMENT_LEN} bytes exceeded."), ""));
        }
        let statements = Statement::compile_all(&Json::parse(json)?, kind)?;
        Ok(Self { statements, kind, document: json.to_owned() })
    }

    /// The document as it was written.
    pub fn document(&self) -> &str {
        &self.document
    }

    /// What the document hangs on.
    pub fn kind(&self) -> PolicyKind {
        self.kind
    }
}
