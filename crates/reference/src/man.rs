//! A reference as a manual page of section 5.

use roff::{Inline, Roff, bold, italic, roman};

use crate::{Key, Reference};

/// What a manual page has around a reference.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The page's name: `kluis-volumes`.
    pub name: &'a str,
    /// What it is, in a line.
    pub about: &'a str,
    /// The program and its version: `kluis 0.1.0`.
    pub source: &'a str,
    /// Where the file is.
    pub file: &'a str,
    /// Pages to look at as well: `kluis(1)`.
    pub see_also: &'a [&'a str],
}

impl Reference {
    /// As a manual page, in roff.
    pub fn man(&self, page: &Page<'_>) -> String {
        let mut roff = Roff::new();
        let title = page.name.to_uppercase();
        // No date: the same source makes the same page.
        roff.control(
            "TH",
            [title.as_str(), "5", " ", page.source, "File formats"],
        );
        roff.control("SH", ["NAME"]);
        roff.text([roman(format!("{} - {}", page.name, page.about))]);
        roff.control("SH", ["SYNOPSIS"]);
        roff.text([italic(page.file)]);
        roff.control("SH", ["DESCRIPTION"]);
        text(&mut roff, &self.about);
        for table in &self.tables {
            if table.heading.is_empty() {
                roff.control("SH", ["KEYS"]);
            } else {
                roff.control("SH", [table.heading.as_str()]);
            }
            text(&mut roff, &table.about);
            for key in &table.keys {
                entry(&mut roff, key);
            }
        }
        roff.control("SH", ["SEE ALSO"]);
        roff.text([roman(page.see_also.join(", "))]);
        roff.to_roff()
    }
}

fn entry(roff: &mut Roff, key: &Key) {
    roff.control("TP", []);
    roff.text([bold(key.name.as_str()), roman(format!(" ({})", key.kind))]);
    let mut paragraphs = key.about.iter();
    match paragraphs.next() {
        Some(first) => roff.text(inline(first)),
        None => roff.text([roman("")]),
    };
    for paragraph in paragraphs {
        roff.control("IP", []);
        roff.text(inline(paragraph));
    }
    roff.control("IP", []);
    let mut last = match &key.default {
        Some(default) => vec![roman("Default: "), roman(format!("{default}."))],
        None => vec![roman("Has to be given.")],
    };
    if let Some(example) = &key.example {
        last.push(roman(" Example: "));
        last.push(bold(format!("{} = {example}", key.name)));
    }
    roff.text(last);
}

fn text(roff: &mut Roff, paragraphs: &[String]) {
    for paragraph in paragraphs {
        roff.control("PP", []);
        roff.text(inline(paragraph));
    }
}

/// What stands between backticks is bold.
fn inline(paragraph: &str) -> Vec<Inline> {
    paragraph
        .split('`')
        .zip([false, true].into_iter().cycle())
        .filter(|(piece, _)| !piece.is_empty())
        .map(|(piece, is_code)| if is_code { bold(piece) } else { roman(piece) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Table;

    #[test]
    fn a_page_says_each_key_with_its_default_and_example() {
        let reference = Reference {
            about: vec!["A file.".to_owned()],
            tables: vec![Table {
                heading: "[agent]".to_owned(),
                about: vec!["Where `it` is.".to_owned()],
                keys: vec![Key {
                    name: "deadline".to_owned(),
                    kind: "text".to_owned(),
                    default: Some("2min".to_owned()),
                    example: Some("\"90s\"".to_owned()),
                    about: vec![".How long.".to_owned()],
                }],
            }],
        };
        let page = reference.man(&Page {
            name: "kluis-volumes",
            about: "volumes",
            source: "kluis 1",
            file: "/etc/kluis/volumes.toml",
            see_also: &["kluis(1)"],
        });
        for part in [
            ".TH KLUIS-VOLUMES 5 \" \" \"kluis 1\"",
            ".SH [agent]",
            "\\fBdeadline\\fR (text)",
            "Where \\fBit\\fR is.",
            "Default: 2min.",
            "\\fBdeadline = \"90s\"\\fR",
            // A line that begins with a dot would be taken for a request.
            "\\&.How long.",
        ] {
            assert!(page.contains(part), "{part} is not in:\n{page}");
        }
    }
}
