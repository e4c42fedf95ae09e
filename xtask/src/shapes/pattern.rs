//! The models' regular expressions are Java's; this rewrites them for the `regex` crate.
//!
//! What differs: `\uXXXX`, and `\w`, `\d` and `\s`, which are ASCII in Java.

use anyhow::{Result, bail};

/// The pattern in the syntax of the `regex` crate.
pub(super) fn translated(java: &str) -> Result<String> {
    if java.contains("(?!") || java.contains("(?<") || java.contains("(?=") {
        bail!("pattern {java} looks around, which `regex` cannot: rewrite it here");
    }
    let mut out = String::new();
    let mut in_class = false;
    let mut rest = java.chars();
    while let Some(character) = rest.next() {
        match character {
            '[' => {
                in_class = true;
                out.push('[');
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            '\\' => match rest.next() {
                Some('u') => {
                    let hex = code_point(rest.as_str());
                    rest.nth(hex.len() - 1);
                    out.extend([r"\x{", hex, "}"]);
                }
                Some('w') => push_class(&mut out, in_class, "0-9A-Za-z_"),
                Some('d') => push_class(&mut out, in_class, "0-9"),
                Some('s') => push_class(&mut out, in_class, r" \t\n\x0B\f\r"),
                Some('/') => out.push('/'),
                Some(escaped) => out.extend(['\\', escaped]),
                None => bail!("pattern {java} ends in a backslash"),
            },
            _ => out.push(character),
        }
    }
    Ok(out)
}

/// The hexadecimal digits of a `\u` escape: four, and, against Java's letter but as the models mean it, five or six for what lies
/// beyond the first plane.
fn code_point(rest: &str) -> &str {
    ["10FFFF", "10000"]
        .iter()
        .find(|beyond| rest.starts_with(*beyond))
        .map_or_else(
            || rest.get(..4).unwrap_or("FFFD"),
            |beyond| &rest[..beyond.len()],
        )
}

fn push_class(out: &mut String, in_class: bool, members: &str) {
    if in_class {
        out.push_str(members);
    } else {
        out.extend(["[", members, "]"]);
    }
}

#[cfg(test)]
mod tests {
    use super::translated;

    #[test]
    fn escapes_of_characters_are_spelt_anew() {
        assert_eq!(
            translated(r"[\u0020-\u00FF]*").unwrap(),
            r"[\x{0020}-\x{00FF}]*"
        );
        assert_eq!(
            translated(r"[\uE000-\uFFFD\u10000-\u10FFFF]+").unwrap(),
            r"[\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]+"
        );
    }

    #[test]
    fn classes_are_ascii_as_in_java() {
        assert_eq!(translated(r"[\w+=,.@-]+").unwrap(), r"[0-9A-Za-z_+=,.@-]+");
        assert_eq!(translated(r"^v\d+$").unwrap(), r"^v[0-9]+$");
    }

    #[test]
    fn looking_around_is_refused_by_name() {
        assert!(
            translated("a(?=b)")
                .unwrap_err()
                .to_string()
                .contains("a(?=b)")
        );
    }
}
