//! `/etc/kluis/environment`, which two read by grammars of their own: systemd (`EnvironmentFile=`) for the units, and a shell for the
//! initramfs. What both read alike is taken, and the rest is refused by `kluis check` and where an initramfs is made.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use volume::ExitCode;
use volume::verbs::{Finding, Level};

/// Where it is.
const FILE: &str = "/etc/kluis/environment";
/// What stands for itself without quotes, beside letters and digits, to both of them.
const BARE: &str = "_-.,:/@%+=";

/// What is wrong with the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The line, from 1; none for the file as a whole.
    line: Option<usize>,
    why: &'static str,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FILE)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.why)
    }
}

/// Whether systemd and a shell read the file alike; one that is not there is.
///
/// # Errors
/// The first [`Mistake`].
pub(crate) fn check() -> Result<(), Mistake> {
    check_file(Path::new(FILE))
}

fn check_file(path: &Path) -> Result<(), Mistake> {
    let whole = |why| Err(Mistake { line: None, why });
    match std::fs::read(path) {
        Ok(bytes) => match std::str::from_utf8(&bytes) {
            Ok(text) => check_text(text),
            Err(_) => whole("it is not UTF-8; systemd ignores such lines"),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(_) => whole("it cannot be read; it is a file of root's"),
    }
}

/// What `kluis check` has to say of it.
pub(crate) fn findings() -> Option<Finding> {
    let mistake = check().err()?;
    Some(Finding {
        level: Level::Bad,
        subject: "environment".to_owned(),
        message: mistake.to_string(),
        code: Some(ExitCode::Parameters),
    })
}

fn check_text(text: &str) -> Result<(), Mistake> {
    for (line, number) in text.split('\n').zip(1..) {
        check_line(line).map_err(|why| Mistake {
            line: Some(number),
            why,
        })?;
    }
    Ok(())
}

fn check_line(line: &str) -> Result<(), &'static str> {
    // A shell takes the backslash at a comment's end for nothing, and systemd for a line that goes on.
    if line.contains('\\') {
        return Err("a backslash means different things to systemd and to a shell; leave it out");
    }
    if line.contains('\r') {
        return Err("it has the line ends of another system; write it with those of Unix");
    }
    let line = line.trim_matches([' ', '\t']);
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    if line.starts_with("export ") {
        return Err("systemd ignores a line with export; leave the word out: NAME=VALUE");
    }
    let Some((name, value)) = line.split_once('=') else {
        return Err("this is not NAME=VALUE, and not a comment (#)");
    };
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    if !is_name {
        return Err("a name is letters, digits and _, with = directly behind it: NAME=VALUE");
    }
    check_value(value)
}

fn check_value(value: &str) -> Result<(), &'static str> {
    let within = |quote: char| {
        let inside = value.strip_prefix(quote)?.strip_suffix(quote)?;
        (value.len() > 1 && !inside.contains(quote)).then_some(inside)
    };
    if within('\'').is_some() {
        return Ok(());
    }
    if let Some(inside) = within('"') {
        return if inside.contains(['$', '`']) {
            Err("a shell would put something else in place of $ or `; write the value in '…'")
        } else {
            Ok(())
        };
    }
    if value.contains(['\'', '"']) {
        return Err("one pair of quotes stands around the whole value: NAME='VALUE'");
    }
    if value
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || BARE.contains(c))
    {
        return Ok(());
    }
    Err(
        "this value means different things to systemd and to a shell unless it is in quotes: NAME='VALUE'",
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Values that are taken, and what they are.
    const TAKEN: [(&str, &str); 9] = [
        (
            "A=https://kms.example.com:7600",
            "https://kms.example.com:7600",
        ),
        ("A=/etc/kluis/ca.pem", "/etc/kluis/ca.pem"),
        ("A=", ""),
        ("A=a=b,c+d@e_f%20", "a=b,c+d@e_f%20"),
        ("A='a b $c \"d\" `e` #;'", "a b $c \"d\" `e` #;"),
        ("A=\"a b 'c' #;~*\"", "a b 'c' #;~*"),
        ("  A=x \t", "x"),
        ("# a 'comment\nA=x", "x"),
        ("A=1\nA='2'", "2"),
    ];

    #[test]
    fn what_is_taken_is_the_same_to_a_shell() {
        for (text, value) in TAKEN {
            assert_eq!(check_text(text), Ok(()), "{text}");
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            let output = Command::new("sh")
                .args(["-euc", "set -a; . \"$1\"; set +a; printf %s \"$A\"", "sh"])
                .arg(file.path())
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), value, "{text}");
        }
    }

    #[test]
    fn what_the_two_read_differently_is_refused_with_its_line() {
        for (line, said) in [
            ("export A=b", "leave the word out"),
            ("A = b", "directly behind it"),
            ("A= b", "in quotes"),
            ("A=a b", "in quotes"),
            ("A=$HOME", "in quotes"),
            ("A=~/x", "in quotes"),
            ("A=a;b", "in quotes"),
            ("A=a#b", "in quotes"),
            ("A=a # b", "in quotes"),
            ("A=\"$HOME\"", "in '…'"),
            ("A=\"`id`\"", "in '…'"),
            ("A='a'b", "around the whole value"),
            ("A='a", "around the whole value"),
            ("A=\"", "around the whole value"),
            ("A=a\\ b", "backslash"),
            ("# goes on \\", "backslash"),
            ("; a comment of systemd's", "not NAME=VALUE"),
            ("A=b\r", "line ends"),
            ("1A=b", "a name is"),
            ("A", "not NAME=VALUE"),
        ] {
            let mistake = check_text(&format!("# first\n{line}\n")).unwrap_err();
            assert_eq!(mistake.line, Some(2), "{line}");
            assert!(mistake.why.contains(said), "{line}: {mistake}");
            assert!(
                mistake
                    .to_string()
                    .starts_with("/etc/kluis/environment:2: ")
            );
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_well() {
        assert_eq!(check_file(Path::new("/nonexistent/environment")), Ok(()));
        assert!(check_file(Path::new("/")).is_err());
    }
}
