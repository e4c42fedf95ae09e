//! Users and groups by name: from the files, and what else the system knows (`getent`).

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::host::HostError;
use crate::linux::failure::about;

/// The number of a user. `None`: there is none of that name.
pub(super) fn user(name: &str) -> Result<Option<u32>, HostError> {
    number("passwd", name)
}

/// The number of a group. `None`: there is none of that name.
pub(super) fn group(name: &str) -> Result<Option<u32>, HostError> {
    number("group", name)
}

/// A number stands for itself, whether or not it has a name.
fn number(database: &str, name: &str) -> Result<Option<u32>, HostError> {
    if let Ok(number) = name.parse() {
        // The last number stands for "leave it as it is" in chown(2), and is nobody's.
        return Ok(Some(number).filter(|number| *number != u32::MAX));
    }
    let path = Path::new("/etc").join(database);
    let table = match fs::read_to_string(&path) {
        Ok(table) => table,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(about(&path)(error)),
    };
    Ok(in_table(&table, name).or_else(|| elsewhere(database, name)))
}

/// Directory services. A machine without `getent` has none.
fn elsewhere(database: &str, name: &str) -> Option<u32> {
    let output = Command::new("getent")
        .args([database, name])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    in_table(&String::from_utf8_lossy(&output.stdout), name)
}

/// `NAME:x:NUMBER:…`
fn in_table(table: &str, name: &str) -> Option<u32> {
    table.lines().find_map(|line| {
        let mut words = line.split(':');
        (words.next() == Some(name))
            .then(|| words.nth(1)?.parse().ok())
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_up_and_a_number_is_one() {
        assert_eq!(user("root").unwrap(), Some(0));
        assert_eq!(group("root").unwrap(), Some(0));
        assert_eq!(user("4711").unwrap(), Some(4711));
        assert_eq!(user("kluis-no-such-user").unwrap(), None);
        let table = "a:x:1:\nkafka:x:994:994::/:/bin/sh\nkafka2:x:7:";
        assert_eq!(in_table(table, "kafka"), Some(994));
        assert_eq!(in_table(table, "kaf"), None);
        assert_eq!(in_table("kafka:x:many:", "kafka"), None);
    }
}
