//! Mount options: which the kernel takes, which are the unit's, which endanger the volume, and which are the file system's own.

use toml::Spanned;

use super::ConfigError;
use crate::host::{MountFlag, MountOptions};

/// The options that every file system has, by what they are about: two of one subject contradict each other. Some say what is so anyway.
const KNOWN: [(&str, &str, Option<MountFlag>); 21] = [
    ("ro", "writing", Some(MountFlag::ReadOnly)),
    ("rw", "writing", None),
    ("suid", "set-user-id", Some(MountFlag::Suid)),
    ("nosuid", "set-user-id", None),
    ("dev", "devices", Some(MountFlag::Dev)),
    ("nodev", "devices", None),
    ("noexec", "programs", Some(MountFlag::NoExec)),
    ("exec", "programs", None),
    ("sync", "syncing", Some(MountFlag::Synchronous)),
    ("async", "syncing", None),
    ("dirsync", "syncing folders", Some(MountFlag::DirSync)),
    ("noatime", "access times", Some(MountFlag::NoAtime)),
    ("strictatime", "access times", Some(MountFlag::StrictAtime)),
    ("relatime", "access times", None),
    ("atime", "access times", None),
    (
        "nodiratime",
        "folders' access times",
        Some(MountFlag::NoDirAtime),
    ),
    ("diratime", "folders' access times", None),
    ("lazytime", "lazy times", Some(MountFlag::LazyTime)),
    ("nolazytime", "lazy times", None),
    ("defaults", "nothing", None),
    ("auto", "nothing", None),
];

/// What the boot's units read, and mounting does not.
const OF_THE_UNIT: [&str; 3] = ["_netdev", "nofail", "comment"];
/// The same, by how they begin.
const OF_THE_UNIT_PREFIX: [&str; 2] = ["x-", "X-"];

/// What is refused by name, since it would not do what it says or do harm.
const REFUSED: [(&[&str], &str); 4] = [
    (
        &["loop", "offset", "sizelimit", "encryption"],
        "is about a loop device, and kluis makes the device itself; leave it out",
    ),
    (
        &["bind", "rbind", "move", "remount"],
        "mounts no device; leave it out",
    ),
    (
        &["noauto"],
        "says not to mount; leave it out, and run kluis up for the volumes that are wanted",
    ),
    (
        &["user", "users", "nouser", "owner", "group"],
        "says who else may mount, and kluis mounts as root alone; leave it out (owner, group and mode of the volume's root are settings of their own)",
    ),
];

/// Sorts the options of a volume.
pub(super) fn sort(options: &[Spanned<String>]) -> Result<MountOptions, ConfigError> {
    let mut sorted = MountOptions::default();
    let mut said: Vec<(&str, &str)> = Vec::new();
    for option in options {
        let word = option.get_ref().as_str();
        let name = word.split('=').next().unwrap_or(word);
        if name.starts_with("x-systemd.") {
            return Err(ConfigError::at(
                option,
                format!(
                    "{name} is read by systemd from fstab alone; leave it out, and say it of the volume's units (systemctl edit kluis@NAME.service)"
                ),
            ));
        }
        if let Some((_, why)) = REFUSED.iter().find(|(names, _)| names.contains(&name)) {
            return Err(ConfigError::at(option, format!("{name} {why}")));
        }
        if let Some((_, subject, flag)) = KNOWN.iter().find(|(known, ..)| *known == word) {
            let other = said
                .iter()
                .find(|(other, of)| of == subject && *other != word && *subject != "nothing");
            if let Some((other, _)) = other {
                return Err(ConfigError::at(
                    option,
                    format!("{other} and {word} contradict each other; leave one out"),
                ));
            }
            said.push((word, subject));
            sorted.flags.extend(*flag);
        } else if !is_of_the_unit(name) {
            sorted.data.push(word.to_owned());
        }
    }
    Ok(sorted)
}

fn is_of_the_unit(name: &str) -> bool {
    OF_THE_UNIT.contains(&name)
        || OF_THE_UNIT_PREFIX
            .iter()
            .any(|prefix| name.starts_with(prefix))
}
