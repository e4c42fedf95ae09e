//! Paths as the names of units, and as they stand in them (systemd.unit(5), "String Escaping for Inclusion in Unit Names").

use std::fmt::Write as _;
use std::path::Path;

/// The longest name of a unit (`UNIT_NAME_MAX`, of which one byte is the end of the text).
const UNIT_NAME_MAX: usize = 255;

/// Why a path cannot be told to systemd.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// The unit's name would be too long.
    #[error("{0} is too long for the name of a unit; choose a shorter path")]
    TooLong(String),
    /// It has characters that a unit cannot hold.
    #[error(
        "{0} ends with a blank or a backslash, or is not UTF-8, which a unit cannot hold; choose another path"
    )]
    Unwritable(String),
}

/// The unit of a path: `mount` of a mount point, `device` of a disk.
///
/// # Errors
/// [`UnitError::TooLong`].
pub fn of_path(path: &Path, kind: &str) -> Result<String, UnitError> {
    let name = format!("{}.{kind}", escape(path));
    if name.len() > UNIT_NAME_MAX {
        return Err(UnitError::TooLong(path.display().to_string()));
    }
    Ok(name)
}

/// As `systemd-escape --path`.
fn escape(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;

    let path: std::path::PathBuf = path.components().collect();
    let bytes = path.as_os_str().as_bytes();
    let bytes = bytes.strip_prefix(b"/").unwrap_or(bytes);
    if bytes.is_empty() {
        return "-".to_owned();
    }
    let mut name = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if at == 0 => name.push_str("\\x2e"),
            b':' | b'_' | b'.' => name.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => name.push(char::from(*byte)),
            byte => {
                let _ = write!(name, "\\x{byte:02x}");
            }
        }
    }
    name
}

/// A path as the whole value of a setting: specifiers are not meant.
///
/// # Errors
/// [`UnitError::Unwritable`].
pub fn as_value(path: &Path) -> Result<String, UnitError> {
    let unwritable = || UnitError::Unwritable(path.display().to_string());
    let text = path.to_str().ok_or_else(unwritable)?;
    // systemd trims blanks, and takes a backslash at the end for a line that goes on.
    if text.ends_with([' ', '\t', '\\']) || text.chars().any(char::is_control) {
        return Err(unwritable());
    }
    Ok(text.replace('%', "%%"))
}

/// A path as one of the words of a setting, whose quotes keep what stands at its end.
///
/// # Errors
/// [`UnitError::Unwritable`].
pub fn as_word(path: &Path) -> Result<String, UnitError> {
    let text = path
        .to_str()
        .filter(|text| !text.chars().any(char::is_control));
    let text = text.ok_or_else(|| UnitError::Unwritable(path.display().to_string()))?;
    let text = text.replace('%', "%%");
    Ok(format!(
        "\"{}\"",
        text.replace('\\', "\\\\").replace('"', "\\\"")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths of every kind that a configuration may hold.
    const PATHS: [&str; 14] = [
        "/data",
        "/data/1",
        "/data//1/",
        "/mnt/my-disk",
        "/.hidden/.x",
        "/a b",
        "/täglich",
        "/100%",
        "/x\"y'z",
        "/back\\slash",
        "/a:b_c.d",
        "/a@b+c,d",
        "/dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage-ns-1",
        "/-",
    ];

    #[test]
    fn names_are_those_of_systemd_escape() {
        for path in PATHS {
            let output = std::process::Command::new("systemd-escape")
                .args(["--path", "--suffix=mount", path])
                .output()
                .unwrap();
            let theirs = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "{path}");
            assert_eq!(
                of_path(Path::new(path), "mount").unwrap(),
                theirs.trim_end()
            );
        }
    }

    #[test]
    fn a_path_too_long_for_a_unit_is_refused() {
        let path = format!("/{}", "-".repeat(63));
        let error = of_path(Path::new(&path), "mount").unwrap_err();
        assert_eq!(error, UnitError::TooLong(path));
        assert!(of_path(Path::new(&format!("/{}", "-".repeat(62))), "mount").is_ok());
    }

    #[test]
    fn specifiers_and_quotes_stand_for_themselves() {
        assert_eq!(as_value(Path::new("/100%i")).unwrap(), "/100%%i");
        assert_eq!(
            as_word(Path::new("/a \"b\" \\c")).unwrap(),
            r#""/a \"b\" \\c""#
        );
        for path in ["/a ", "/a\\", "/a\nb"] {
            assert!(as_value(Path::new(path)).is_err(), "{path:?}");
        }
    }
}
