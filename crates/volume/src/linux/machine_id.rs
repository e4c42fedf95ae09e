//! The machine's name towards the key service: systemd's application-specific machine id
//! (`sd_id128_get_machine_app_specific(3)`), which does not reveal `/etc/machine-id` and differs from other programs'.

use std::fs;
use std::path::Path;

use crate::host::HostError;
use crate::linux::failure::about;

/// The application id of Kluis: a random number, fixed for ever. `systemd-id128 machine-id --app-specific=` with it
/// prints the same.
pub(super) const APPLICATION: [u8; 16] = [
    0x3a, 0x39, 0x98, 0x92, 0xbe, 0xcd, 0x43, 0xd8, 0xb4, 0x00, 0x8c, 0x39, 0x68, 0x10, 0xf8, 0x95,
];

/// Reads a machine-id file and derives the application's id, as 32 hex digits.
pub(super) fn read(path: &Path) -> Result<String, HostError> {
    let text = fs::read_to_string(path).map_err(about(path))?;
    let id = parse(text.trim_end_matches('\n')).ok_or_else(|| HostError::NotFound {
        what: format!(
            "a machine id in {} (systemd-machine-id-setup makes one)",
            path.display()
        ),
    })?;
    Ok(derive(&id))
}

/// 32 lower-case hex digits that are not all zero; `None` for "uninitialized" and the rest (machine-id(5)).
fn parse(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32
        || !text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    {
        return None;
    }
    let id = u128::from_str_radix(text, 16).ok()?;
    (id != 0).then_some(id.to_be_bytes())
}

/// HMAC-SHA256 of the application's id under the machine's, cut to 128 bits and made a version 4 UUID.
fn derive(machine: &[u8; 16]) -> String {
    let mac = crypto::hmac_sha256(machine, &[&APPLICATION]);
    let mut id = [0; 16];
    id.copy_from_slice(&mac[..16]);
    uuid::Builder::from_random_bytes(id)
        .into_uuid()
        .simple()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_machine_id_is_refused() {
        for text in [
            "",
            "uninitialized",
            "0123",
            &"0".repeat(32),
            &"G".repeat(32),
            &"A".repeat(32),
            &"a".repeat(33),
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_id_is_the_one_that_systemd_derives() {
        let application = u128::from_be_bytes(APPLICATION);
        let output = std::process::Command::new("systemd-id128")
            .args(["machine-id", &format!("--app-specific={application:032x}")])
            .output()
            .expect("systemd-id128 is the oracle; run: apt-get install systemd");
        let expected = String::from_utf8(output.stdout).unwrap();
        assert_eq!(read(Path::new("/etc/machine-id")).unwrap(), expected.trim());
    }
}
