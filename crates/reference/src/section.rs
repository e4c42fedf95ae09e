//! A part of a document that a program writes, between two marks, while people write the rest.

use std::fmt;
use std::path::Path;

/// A part of a document, by the name in its marks.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a>(pub &'a str);

/// The document does not say what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stale {
    /// It has no such part.
    NoMarks(String),
    /// The part says something else.
    Differs(String),
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMarks(name) => write!(
                f,
                "there is no part between <!-- {name}: begin --> and <!-- {name}: end -->"
            ),
            Self::Differs(name) => write!(
                f,
                "the part {name} is not what the types say; write it with: make docs"
            ),
        }
    }
}

impl std::error::Error for Stale {}

/// Set to write the parts of documents instead of comparing them.
const WRITE: &str = "KLUIS_WRITE_DOCS";

impl Section<'_> {
    /// Compares the part of the document at `path` with what it should say; with `KLUIS_WRITE_DOCS` set, writes it.
    ///
    /// # Errors
    /// [`Stale`], in a box, or the file's.
    pub fn hold(self, path: &Path, wanted: &str) -> Result<(), Box<dyn std::error::Error>> {
        let document = std::fs::read_to_string(path)?;
        if std::env::var_os(WRITE).is_some() {
            return Ok(std::fs::write(path, self.replace(&document, wanted)?)?);
        }
        Ok(self.check(&document, wanted)?)
    }

    /// Whether the part says what it should.
    ///
    /// # Errors
    /// [`Stale`].
    pub fn check(self, document: &str, wanted: &str) -> Result<(), Stale> {
        if self.replace(document, wanted)? == document {
            Ok(())
        } else {
            Err(Stale::Differs(self.0.to_owned()))
        }
    }

    /// The document with the part as it should be.
    ///
    /// # Errors
    /// [`Stale::NoMarks`].
    pub fn replace(self, document: &str, wanted: &str) -> Result<String, Stale> {
        let missing = || Stale::NoMarks(self.0.to_owned());
        let begin = format!("<!-- {}: begin -->\n", self.0);
        let end = format!("<!-- {}: end -->", self.0);
        let (before, rest) = document.split_once(&begin).ok_or_else(missing)?;
        let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
        Ok(format!(
            "{before}{begin}\n{}\n\n{end}{after}",
            wanted.trim()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "# Title\n<!-- a: begin -->\n\nold\n\n<!-- a: end -->\nrest\n";

    #[test]
    fn a_part_is_replaced_and_the_rest_is_kept() {
        let document = Section("a").replace(DOCUMENT, "new\n").unwrap();
        assert_eq!(document, DOCUMENT.replace("old", "new"));
        assert_eq!(Section("a").check(&document, "new"), Ok(()));
    }

    #[test]
    fn a_part_that_is_stale_or_missing_is_told() {
        assert_eq!(
            Section("a").check(DOCUMENT, "new"),
            Err(Stale::Differs("a".to_owned()))
        );
        assert_eq!(
            Section("b").check(DOCUMENT, "new"),
            Err(Stale::NoMarks("b".to_owned()))
        );
    }
}
