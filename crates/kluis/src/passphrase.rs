//! A passphrase that a person has, from the terminal or from a file.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use crypto::SecretBytes;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use volume::Error;

use crate::out::tell;

/// The longest that is taken: of a terminal, cryptsetup's own bound; of a file, what has room in locked memory.
const TYPED_MAX: usize = 512;

/// The passphrase that opens a volume already.
///
/// # Errors
/// [`Error::Misuse`] when there is none to be had.
pub(crate) fn existing(key_file: Option<&Path>) -> Result<SecretBytes, Error> {
    match key_file {
        Some(path) => from_file(path),
        None => typed(),
    }
}

/// All bytes of a file, as `cryptsetup --key-file` takes them.
fn from_file(path: &Path) -> Result<SecretBytes, Error> {
    let fault = |why: &dyn std::fmt::Display| Error::Misuse(format!("{}: {why}", path.display()));
    let mut file = File::open(path).map_err(|error| fault(&error))?;
    read(&mut file, SecretBytes::MAX, |_| false)
        .map_err(|error| fault(&error))?
        .ok_or_else(|| fault(&format!("empty, or longer than {} bytes", SecretBytes::MAX)))
}

/// What is typed until the line ends.
fn typed() -> Result<SecretBytes, Error> {
    let mut terminal = std::io::stdin();
    if !terminal.is_terminal() {
        return Err(Error::Misuse(
            "nobody is here to be asked for the passphrase; give it with --key-file".to_owned(),
        ));
    }
    eprint!("A passphrase that opens the root: ");
    let _ = std::io::stderr().flush();
    let silent = Silent::new()
        .map_err(|error| Error::Misuse(format!("the terminal cannot be made silent: {error}")))?;
    let line = read(&mut terminal, TYPED_MAX, |byte| byte == b'\n');
    drop(silent);
    tell!("");
    line.map_err(|error| Error::Misuse(format!("the passphrase cannot be read: {error}")))?
        .ok_or_else(|| {
            Error::Misuse(format!(
                "a passphrase has 1 to {TYPED_MAX} bytes; nothing was written"
            ))
        })
}

/// Reads up to an end that `ends` knows, byte by byte into locked memory. `None` for nothing, and for more than `max` bytes.
fn read(
    source: &mut dyn std::io::Read,
    max: usize,
    ends: impl Fn(u8) -> bool,
) -> std::io::Result<Option<SecretBytes>> {
    let mut len = 0;
    let mut failed = None;
    let whole = SecretBytes::build::<crypto::Error>(max, |out| {
        loop {
            let mut byte = [0];
            match source.read(&mut byte) {
                Ok(0) => return Ok(()),
                Ok(_) if ends(byte[0]) => return Ok(()),
                Ok(_) => {
                    let Some(place) = out.get_mut(len) else {
                        len = 0;
                        return Ok(());
                    };
                    *place = byte[0];
                    len += 1;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    failed = Some(error);
                    return Ok(());
                }
            }
        }
    });
    let whole = whole.map_err(std::io::Error::other)?;
    match (failed, whole.danger_expose().get(..len)) {
        (Some(error), _) => Err(error),
        (None, Some(kept)) if len > 0 => SecretBytes::copy_of(kept)
            .map(Some)
            .map_err(std::io::Error::other),
        (None, _) => Ok(None),
    }
}

/// A terminal that shows nothing of what is typed, until this goes.
struct Silent(Termios);

impl Silent {
    fn new() -> std::io::Result<Self> {
        let was = tcgetattr(std::io::stdin())?;
        let mut now = was.clone();
        now.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &now)?;
        Ok(Self(was))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8], max: usize) -> Option<Vec<u8>> {
        let secret = read(&mut &bytes[..], max, |byte| byte == b'\n').unwrap()?;
        Some(secret.danger_expose().to_vec())
    }

    #[test]
    fn a_line_ends_where_it_ends() {
        assert_eq!(of(b"horse\nmore", 8).as_deref(), Some(&b"horse"[..]));
        assert_eq!(of(b"horse", 5).as_deref(), Some(&b"horse"[..]));
    }

    #[test]
    fn nothing_and_too_much_are_no_passphrase() {
        assert_eq!(of(b"", 8), None);
        assert_eq!(of(b"\nhorse", 8), None);
        assert_eq!(of(b"horses", 5), None);
    }

    #[test]
    fn a_key_file_is_taken_with_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "horse\n").unwrap();
        let secret = existing(Some(&path)).unwrap();
        assert_eq!(secret.danger_expose(), b"horse\n");
        assert!(existing(Some(&folder.path().join("none"))).is_err());
    }
}
