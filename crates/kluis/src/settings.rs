//! The configuration file, and how a mistake in it is shown.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

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
    #[error("{}{}", path.display(), Shown { error, text })]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where and what.
        error: ConfigError,
        /// What the file holds.
        text: String,
    },
}

/// Reads the configuration.
pub(crate) fn read(path: &Path) -> Result<Config, SettingsError> {
    let bytes = std::fs::read(path).map_err(|error| SettingsError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    let parsed = match std::str::from_utf8(&bytes) {
        Ok(text) => Config::parse(text),
        // Wherever it is, a comment included: TOML is UTF-8.
        Err(error) => Err(ConfigError {
            message: "this is not UTF-8, as TOML has to be; write the file in UTF-8".to_owned(),
            span: Some(error.valid_up_to()..error.valid_up_to()),
        }),
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match parsed {
        Ok(config) => Ok(Config {
            source: std::path::absolute(path).ok(),
            ..config
        }),
        Err(error) => Err(SettingsError::Wrong {
            path: path.to_owned(),
            error,
            text,
        }),
    }
}

/// A mistake as compilers show theirs: `:LINE:COLUMN: MESSAGE`, so that editors find it, then the line and carets.
struct Shown<'a> {
    error: &'a ConfigError,
    text: &'a str,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The TOML reader's messages may have several lines.
        let message = self.error.message.trim_end().replace('\n', "; ");
        let Some(place) = self
            .error
            .span
            .clone()
            .and_then(|span| place(self.text, span))
        else {
            return write!(f, ": {message}");
        };
        let number = place.number.to_string();
        let margin = " ".repeat(number.len());
        let carets = "^".repeat(place.carets);
        writeln!(f, ":{number}:{}: {message}", place.column)?;
        writeln!(f, " {margin} |")?;
        writeln!(f, " {number} | {}", place.line)?;
        write!(f, " {margin} | {}{carets}", place.before)
    }
}

/// A line of the file, and the part of it that is meant.
struct Place<'a> {
    number: usize,
    column: usize,
    line: &'a str,
    /// Blanks as wide as what precedes the carets, tabs kept.
    before: String,
    carets: usize,
}

fn place(text: &str, span: Range<usize>) -> Option<Place<'_>> {
    let before = text.get(..span.start)?;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(start..)?.lines().next().unwrap_or_default();
    let before_on_line = text.get(start..span.start)?;
    let meant = text.get(span)?.lines().next().unwrap_or_default();
    Some(Place {
        number: before.matches('\n').count() + 1,
        column: before_on_line.chars().count() + 1,
        line,
        before: before_on_line
            .chars()
            .map(|c| if c == '\t' { c } else { ' ' })
            .collect(),
        carets: meant.chars().count().max(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, span: Option<Range<usize>>) -> String {
        let error = ConfigError {
            message: "no".to_owned(),
            span,
        };
        Shown {
            error: &error,
            text,
        }
        .to_string()
    }

    #[test]
    fn the_carets_stand_below_what_is_meant() {
        let text = "[agent]\nsécret = \"x\"\n";
        let at = text.find("\"x\"").unwrap();
        assert_eq!(
            shown(text, Some(at..at + 3)),
            ":2:10: no\n   |\n 2 | sécret = \"x\"\n   |          ^^^"
        );
    }

    #[test]
    fn any_span_is_shown_somehow() {
        for text in ["", "\n", "a", "é\n\ttab", "a\r\nb"] {
            for start in 0..=text.len() + 1 {
                for end in 0..=text.len() + 1 {
                    assert!(shown(text, Some(start..end)).contains(": no"));
                }
            }
        }
        assert_eq!(shown("", None), ": no");
    }
}
