//! `raid0`: the disks that one volume is striped over.

use std::path::PathBuf;

use toml::Spanned;

use super::ConfigError;
use super::backing::check_device;
use super::volume::EngineChoice;
use crate::raid0::MEMBERS;

/// The members in their order, or what is wrong with one of them.
pub(super) fn check(
    members: Spanned<Vec<Spanned<PathBuf>>>,
    engine: EngineChoice,
) -> Result<Vec<PathBuf>, ConfigError> {
    if engine == EngineChoice::Fuse {
        return Err(ConfigError::at(
            &members,
            "raid0 is device-mapper's, and a machine that has it has dm-crypt; leave engine out, or use engine = \"dm-crypt\"",
        ));
    }
    if !MEMBERS.contains(&members.get_ref().len()) {
        return Err(ConfigError::at(
            &members,
            format!(
                "raid0 is a list of {} to {} disks; one disk alone is device = \"/dev/disk/by-id/…\"",
                MEMBERS.start(),
                MEMBERS.end()
            ),
        ));
    }
    let mut checked: Vec<PathBuf> = Vec::new();
    for member in members.into_inner() {
        if member.get_ref() == std::path::Path::new("instance-store") {
            return Err(ConfigError::at(
                &member,
                "raid0 names each disk, since their order counts; list them as /dev/disk/by-id/… (ls -l /dev/disk/by-id)",
            ));
        }
        check_device(&member, "raid0 is a list of paths in /dev")?;
        if checked.contains(member.get_ref()) {
            return Err(ConfigError::at(
                &member,
                format!(
                    "{} stands in raid0 twice; a disk is a member once",
                    member.get_ref().display()
                ),
            ));
        }
        checked.push(member.into_inner());
    }
    Ok(checked)
}
