//! What goes to the agent and what comes back, over a socket that is closed in one direction after the other:
//!
//! ```text
//! request = "1" NUL device NUL uuid NUL header's-JSON          until the end
//! answer  = code (one byte) ‖ passphrase                       code 0
//!         | code (one byte) ‖ a message for a person           any other: an exit code of kluis
//! ```
//!
//! `kluis token-open --socket` is the other end; a plugin and an agent of different packages may meet, hence the version.

use std::fmt;

/// The version of the request.
const VERSION: &[u8] = b"1";
/// The longest name of a device.
const DEVICE_MAX: usize = 4096;
/// The longest UUID that a header has room for.
const UUID_MAX: usize = 40;
/// The longest JSON area of a LUKS2 header, and room for the blanks that libcryptsetup prints it with.
const HEADER_MAX: usize = 16 << 20;
/// The longest passphrase that cryptsetup reads from anywhere but a key file.
const PASSPHRASE_MAX: usize = 512;
/// The longest message that is passed on.
const MESSAGE_MAX: usize = 2048;
/// The longest answer that is read; one byte more than there may be, so that a longer one shows.
pub(crate) const ANSWER_MAX: usize = 1 + MESSAGE_MAX + 1;

/// The exit codes of kluis that mean something here.
mod code {
    pub(super) const DONE: u8 = 0;
    pub(super) const PARAMETERS: u8 = 1;
    pub(super) const MEMORY: u8 = 3;
    pub(super) const BUSY: u8 = 5;
    pub(super) const TEMPORARY: u8 = 75;
}

/// The bytes of a request; `None` when a part is longer than any that is real, or would end the one before it.
pub(crate) fn request(device: &[u8], uuid: &[u8], header: &[u8]) -> Option<Vec<u8>> {
    let fits = device.len() <= DEVICE_MAX && uuid.len() <= UUID_MAX && header.len() <= HEADER_MAX;
    let is_plain = device.starts_with(b"/") && !device.contains(&0) && !uuid.contains(&0);
    (fits && is_plain).then(|| [VERSION, device, uuid, header].join(&0))
}

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer<'a> {
    /// The passphrase of the token's keyslot.
    Passphrase(&'a [u8]),
    /// None, why, and the agent's words.
    Refused(Refusal, &'a [u8]),
}

/// Why there is no passphrase, as libcryptsetup is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It may work later: the key service or the agent cannot be reached. libcryptsetup goes on to other tokens, and tells its
    /// caller that a token was not ready.
    TryAgain,
    /// This is no volume of this machine, or there is no agent: as if there were no token.
    NotOurs,
    /// The key service or the header says no. libcryptsetup goes on to other tokens, and its caller to a passphrase.
    Denied,
    /// Out of memory.
    Memory,
    /// A signal: whoever sent it wants an end of this.
    Interrupted,
}

impl Refusal {
    /// The number that libcryptsetup is given. Never `-EIO`, `-EINVAL` or any other at which it would stop trying what is left,
    /// but for want of memory and at a signal.
    pub(crate) fn errno(self) -> libc::c_int {
        match self {
            Self::TryAgain => -libc::EAGAIN,
            Self::NotOurs => -libc::ENOENT,
            Self::Denied => -libc::EPERM,
            Self::Memory => -libc::ENOMEM,
            Self::Interrupted => -libc::EINTR,
        }
    }
}

impl Answer<'_> {
    /// Takes an answer apart, whoever wrote it.
    pub(crate) fn read(bytes: &[u8]) -> Answer<'_> {
        let refused = |refusal, words| Answer::Refused(refusal, words);
        let Some((code, rest)) = bytes.split_first() else {
            return refused(Refusal::TryAgain, b"the agent ended without an answer");
        };
        match *code {
            code::DONE if (1..=PASSPHRASE_MAX).contains(&rest.len()) => Answer::Passphrase(rest),
            code::DONE => refused(Refusal::Denied, b"the agent's answer is no passphrase"),
            _ if rest.len() > MESSAGE_MAX => {
                refused(Refusal::Denied, b"the agent's answer is too long")
            }
            code::TEMPORARY | code::BUSY => refused(Refusal::TryAgain, rest),
            code::PARAMETERS => refused(Refusal::NotOurs, rest),
            code::MEMORY => refused(Refusal::Memory, rest),
            _ => refused(Refusal::Denied, rest),
        }
    }
}

/// Shows no passphrase.
impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passphrase(_) => f.write_str("Passphrase"),
            Self::Refused(refusal, words) => {
                write!(
                    f,
                    "Refused({refusal:?}, {:?})",
                    String::from_utf8_lossy(words)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_its_parts_in_order() {
        assert_eq!(
            request(b"/dev/x", b"uuid", b"{}").unwrap(),
            b"1\0/dev/x\0uuid\0{}"
        );
    }

    #[test]
    fn a_request_that_could_be_read_otherwise_is_not_made() {
        assert_eq!(request(b"/dev/x\0/dev/y", b"uuid", b"{}"), None);
        assert_eq!(request(b"dev/x", b"uuid", b"{}"), None);
        assert_eq!(request(b"/dev/x", b"uu\0id", b"{}"), None);
        assert_eq!(request(b"/dev/x", &[b'u'; 41], b"{}"), None);
        assert_eq!(request(&[b'/'; 4097], b"uuid", b"{}"), None);
    }

    #[test]
    fn each_code_becomes_what_libcryptsetup_understands_by_it() {
        for (code, errno) in [
            (1, -libc::ENOENT),
            (2, -libc::EPERM),
            (3, -libc::ENOMEM),
            (4, -libc::EPERM),
            (5, -libc::EAGAIN),
            (75, -libc::EAGAIN),
            (255, -libc::EPERM),
        ] {
            let answer = [&[code], &b"why"[..]].concat();
            let Answer::Refused(refusal, words) = Answer::read(&answer) else {
                unreachable!("code {code} opens");
            };
            assert_eq!((refusal.errno(), words), (errno, &b"why"[..]), "{code}");
        }
    }

    #[test]
    fn only_a_passphrase_that_can_be_one_is_taken() {
        assert_eq!(Answer::read(b"\0secret"), Answer::Passphrase(b"secret"));
        for bytes in [&b"\0"[..], &[0; 2 + PASSPHRASE_MAX]] {
            assert!(matches!(
                Answer::read(bytes),
                Answer::Refused(Refusal::Denied, _)
            ));
        }
        assert!(matches!(
            Answer::read(&[2; ANSWER_MAX]),
            Answer::Refused(Refusal::Denied, b"the agent's answer is too long")
        ));
        assert!(matches!(
            Answer::read(b""),
            Answer::Refused(Refusal::TryAgain, _)
        ));
    }

    #[test]
    fn a_passphrase_is_never_shown() {
        assert_eq!(format!("{:?}", Answer::read(b"\0secret")), "Passphrase");
    }
}
