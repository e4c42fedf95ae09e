//! What lies beneath the mount points, and which of them are guarded.

use super::{Finding, Level};
use crate::error::Error;
use crate::host::Beneath;
use crate::mount_point::{self, Guard};
use crate::target::{self, Target};
use crate::verbs::Kluis;

impl Kluis<'_> {
    pub(super) fn check_mount_points(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for volume in self.config.volumes.values() {
            // What does not settle is told where volumes are.
            for target in target::settle(self.host, volume).unwrap_or_default() {
                if target.discard {
                    findings.push(Finding::new(
                        Level::Note,
                        &target.name,
                        "discard = \"allow\": whoever holds the disk sees how full the volume is, and where",
                    ));
                }
                match self.check_mount_point(&target) {
                    Ok(found) => findings.extend(found),
                    Err(error) => findings.push(Finding::bad(&target.name, &error)),
                }
            }
        }
        match self.forgotten() {
            Ok(guards) => findings.extend(guards.iter().map(forgotten)),
            Err(error) => findings.push(Finding::bad("mount points", &error)),
        }
        findings
    }

    fn check_mount_point(&self, target: &Target) -> Result<Vec<Finding>, Error> {
        let name = &target.name;
        let note = |message: String| Finding::new(Level::Note, name, message);
        let Some(mount) = &target.mount else {
            return Ok(Vec::new());
        };
        let bare = mount_point::look(self.host, name, mount)?;
        let at = mount.display();
        let mut findings: Vec<Finding> = bare.notes().into_iter().map(note).collect();
        match &bare.place.beneath {
            Beneath::Hidden(why) => findings.push(note(format!(
                "what lies beneath the mount at {at} cannot be seen here ({why}); look again while the volume is down"
            ))),
            Beneath::Folder(folder) if folder.is_protected() && folder.immutable != Some(true) && !folder.read_only => {
                findings.push(note(format!(
                    "{at} has mode 0 while nothing is mounted, for want of an immutable flag: root's own programs can still write there in clear"
                )));
            }
            Beneath::Folder(folder) if !folder.is_protected() => findings.push(note(format!(
                "{at} is not protected: while nothing is mounted, programs can write there in clear; run: kluis up {name}"
            ))),
            Beneath::Missing | Beneath::Folder(_) => {}
        }
        Ok(findings)
    }
}

fn forgotten(guard: &Guard) -> Finding {
    Finding::new(
        Level::Note,
        &guard.volume,
        format!(
            "{} is still protected and no volume of the configuration is mounted there; the next kluis up gives it back, or: kluis release {}",
            guard.path.display(),
            guard.volume
        ),
    )
}
