//! Why a document is not a policy.

/// A policy document that was refused: AWS's text for `MalformedPolicyDocument`, and the place in the document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}{}", self.at())]
pub struct PolicyError {
    text: String,
    place: String,
}

impl PolicyError {
    pub(crate) fn new(text: impl Into<String>, place: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            place: place.into(),
        }
    }

    /// A syntax error, which is all that AWS says of most.
    pub(crate) fn syntax(detail: &str, place: impl Into<String>) -> Self {
        Self::new(format!("Syntax errors in policy: {detail}."), place)
    }

    /// AWS's text, without the place.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where in the document: `Statement[0].Condition.StringEquals`, or a line and column; empty for the whole.
    pub fn place(&self) -> &str {
        &self.place
    }

    fn at(&self) -> String {
        if self.place.is_empty() {
            String::new()
        } else {
            format!(" (at {})", self.place)
        }
    }
}
