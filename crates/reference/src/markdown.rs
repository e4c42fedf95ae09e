//! A reference in Markdown: a heading for each table, an entry for each key.

use std::fmt::{self, Display, Formatter};

use crate::{Key, Reference};

impl Reference {
    /// In Markdown, below headings of the second level.
    pub fn markdown(&self) -> String {
        Markdown(self).to_string()
    }
}

struct Markdown<'a>(&'a Reference);

impl Display for Markdown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for paragraph in &self.0.about {
            writeln!(f, "{paragraph}\n")?;
        }
        for table in &self.0.tables {
            if !table.heading.is_empty() {
                writeln!(f, "### `{}`\n", table.heading)?;
            }
            for paragraph in &table.about {
                writeln!(f, "{paragraph}\n")?;
            }
            for key in &table.keys {
                entry(f, key)?;
            }
        }
        Ok(())
    }
}

fn entry(f: &mut Formatter<'_>, key: &Key) -> fmt::Result {
    writeln!(f, "#### `{}`\n", key.name)?;
    for paragraph in &key.about {
        writeln!(f, "{paragraph}\n")?;
    }
    write!(f, "*{}*; ", key.kind)?;
    match &key.default {
        Some(default) => write!(f, "default: {default}")?,
        None => f.write_str("has to be given")?,
    }
    match &key.example {
        Some(example) => writeln!(f, "; for example `{} = {example}`\n", key.name),
        None => f.write_str("\n\n"),
    }
}
