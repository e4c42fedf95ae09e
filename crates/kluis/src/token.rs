//! `kluis token-open`: the agent's side of libcryptsetup's token plugin (`crates/token/src/exchange.rs` has the other, and the bytes).

use std::fs::File;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crypto::SecretBytes;
use volume::verbs::Asked;
use volume::{Error, Kluis};

use crate::out::tell;

/// The version of the request.
const VERSION: &[u8] = b"1";
/// The longest request: a path, a UUID, and a header's JSON as libcryptsetup prints it.
const REQUEST_MAX: u64 = (16 << 20) + 8192;

/// Prints a volume's passphrase into a pipe.
pub(crate) fn print(kluis: &Kluis<'_>, device: &Path, uuid: Option<&str>) -> Result<u8, Error> {
    refuse_terminal()?;
    let asked = Asked {
        device,
        uuid,
        header: None,
    };
    let passphrase = kluis.token_open(asked)?;
    tell(passphrase.danger_expose())?;
    Ok(0)
}

/// Answers one request of the plugin: a code, then the passphrase, or words for a person.
pub(crate) fn serve(kluis: &Kluis<'_>) -> u8 {
    let outcome = refuse_terminal().and_then(|()| answer(kluis));
    let (code, told) = match &outcome {
        Ok(passphrase) => (0, tell_both(0, passphrase.danger_expose())),
        Err(error) => {
            // For the journal; the plugin passes on what it is told.
            tell!("kluis: {error}");
            let code = error.exit_code() as u8;
            (code, tell_both(code, error.to_string().as_bytes()))
        }
    };
    if let Err(error) = told {
        tell!("kluis: {error}");
    }
    code
}

/// Answers a request that cannot be looked at.
pub(crate) fn refuse(code: u8, why: &str) -> u8 {
    tell!("kluis: {why}");
    // Whoever is still writing hears the answer only once it was heard out.
    let mut request = std::io::stdin().take(REQUEST_MAX);
    let _ = std::io::copy(&mut request, &mut std::io::sink());
    if refuse_terminal().is_ok() {
        let _ = tell_both(code, why.as_bytes());
    }
    code
}

fn answer(kluis: &Kluis<'_>) -> Result<SecretBytes, Error> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(REQUEST_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::Misuse(format!("the request cannot be read: {error}")))?;
    let asked = request(&bytes).ok_or_else(|| {
        Error::Misuse(
            "standard input holds no request of the token plugin; for a person it is: kluis token-open --device DEVICE"
                .to_owned(),
        )
    })?;
    kluis.token_open(asked)
}

/// `"1" NUL device NUL uuid NUL header's-JSON`
fn request(bytes: &[u8]) -> Option<Asked<'_>> {
    if bytes.len() as u64 > REQUEST_MAX {
        return None;
    }
    let mut parts = bytes.splitn(4, |byte| *byte == 0);
    let (version, device, uuid, header) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let device = Path::new(std::ffi::OsStr::from_bytes(device));
    (version == VERSION && device.is_absolute()).then_some(Asked {
        device,
        uuid: Some(std::str::from_utf8(uuid).ok()?),
        header: Some(header),
    })
}

fn refuse_terminal() -> Result<(), Error> {
    if std::io::stdout().is_terminal() {
        return Err(Error::Misuse(
            "a passphrase is not shown on a terminal; it goes into a pipe: kluis token-open --device DEVICE | cryptsetup open --key-file - DEVICE NAME"
                .to_owned(),
        ));
    }
    Ok(())
}

fn tell_both(code: u8, rest: &[u8]) -> Result<(), Error> {
    tell(&[code])?;
    tell(rest)
}

/// Writes past the standard library's buffer, which would keep a copy.
fn tell(bytes: &[u8]) -> Result<(), Error> {
    let written = std::io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .and_then(|out| File::from(out).write_all(bytes));
    written.map_err(|error| Error::Misuse(format!("standard output took no answer: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_taken_apart() {
        let Some(asked) = request(b"1\0/dev/x\0uuid\0{\"a\":\"\0\"}") else {
            unreachable!("it is a request");
        };
        assert_eq!(asked.device, Path::new("/dev/x"));
        assert_eq!(asked.uuid, Some("uuid"));
        assert_eq!(asked.header, Some(&b"{\"a\":\"\0\"}"[..]));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for bytes in [
            &b""[..],
            b"2\0/dev/x\0uuid\0{}",
            b"1\0/dev/x\0uuid",
            b"1\0dev/x\0uuid\0{}",
            b"1\0/dev/x\0\xff\0{}",
        ] {
            assert!(request(bytes).is_none(), "{bytes:?}");
        }
        let huge = [
            &b"1\0/dev/x\0uuid\0"[..],
            &vec![b'x'; 16 << 20],
            &[b'x'; 9000],
        ]
        .concat();
        assert!(request(&huge).is_none());
    }
}
