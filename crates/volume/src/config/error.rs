//! What is wrong with the file, and where.

use std::ops::Range;

use toml::Spanned;

/// What is wrong with the file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// What is wrong, and what would be right.
    pub message: String,
    /// The bytes of the file that it is about, for a caret.
    pub span: Option<Range<usize>>,
}

impl ConfigError {
    /// The line of [`ConfigError::span`] within `text`, counted from 1.
    #[expect(clippy::naive_bytecount, reason = "once, over a configuration")]
    pub fn line(&self, text: &str) -> Option<usize> {
        let start = self.span.as_ref()?.start.min(text.len());
        Some(
            text.as_bytes()[..start]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count()
                + 1,
        )
    }

    pub(super) fn at<T>(place: &Spanned<T>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            span: Some(place.span()),
        }
    }
}
