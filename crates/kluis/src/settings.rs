//! The configuration file, and how a mistake in it is shown.

use std::path::{Path, PathBuf};

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use volume::config::{Config, ConfigError};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {error}; name another with --config, or write one (see kluis(1))", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is wrong.
    #[error("{error}")]
    Wrong {
        /// Where and what.
        error: ConfigError,
        /// The whole file, for the caret.
        file: Box<NamedSource<String>>,
    },
}

impl Diagnostic for SettingsError {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        match self {
            Self::Unreadable { .. } => None,
            Self::Wrong { file, .. } => Some(file.as_ref()),
        }
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Self::Wrong { error, .. } = self else {
            return None;
        };
        let span = error.span.clone()?;
        Some(Box::new(std::iter::once(LabeledSpan::new(
            Some("here".to_owned()),
            span.start,
            span.len(),
        ))))
    }
}

/// Reads the configuration.
pub(crate) fn read(path: &Path) -> Result<Config, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|error| SettingsError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    Config::parse(&text).map_err(|error| SettingsError::Wrong {
        error,
        file: Box::new(NamedSource::new(path.display().to_string(), text)),
    })
}
