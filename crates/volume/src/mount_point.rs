//! The guard on a bare mount point: while the volume is not mounted nothing can be put where it would be, so that no failure, of Kluis
//! or of others, makes a program write in clear to the disk beneath.
//!
//! The guard is the immutable flag; where a file system has none, permissions that let nobody but root in. What was there before is
//! kept in root-owned state, and written there first: no kill leaves a folder guarded that nobody knows of.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::engine::Changed;
use crate::error::Error;
use crate::host::{Beneath, Folder, Host, HostError, MountPoint};
use crate::plan::Step;
use crate::state::Place;

/// The permissions of a mount point that Kluis makes.
const MADE_MODE: u32 = 0o755;

/// What is known of a guarded mount point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Guard {
    /// The volume that is mounted there.
    pub(crate) volume: String,
    /// The configuration that has the volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) configuration: Option<PathBuf>,
    /// The mount point as the configuration has it.
    pub(crate) mount: PathBuf,
    /// The same, links resolved.
    pub(crate) path: PathBuf,
    /// Whether Kluis made the folder.
    pub(crate) made: bool,
    /// The permission bits that it had.
    pub(crate) mode: u32,
    /// Whether it was immutable before, and so is not Kluis's to change back.
    pub(crate) was_immutable: bool,
}

/// A volume's mount point, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bare {
    /// The volume.
    pub(crate) volume: String,
    /// The mount point as the configuration has it.
    pub(crate) mount: PathBuf,
    /// What is there.
    pub(crate) place: MountPoint,
    /// What is on record of it.
    pub(crate) guard: Option<Guard>,
    /// Where the volume was mounted by an earlier configuration.
    pub(crate) left: Vec<Guard>,
}

/// Looks at a volume's mount point.
///
/// # Errors
/// The machine's, when it cannot be asked.
pub(crate) fn look(host: &dyn Host, volume: &str, mount: &Path) -> Result<Bare, Error> {
    let place = host.mount_point(mount)?;
    let guard = read(host, &Place::guard(&place.path))?;
    let left = all(host)?
        .into_iter()
        .filter(|other| other.volume == volume && other.path != place.path && other.mount != mount)
        .collect();
    Ok(Bare {
        volume: volume.to_owned(),
        mount: mount.to_path_buf(),
        place,
        guard,
        left,
    })
}

/// Every guard on record.
///
/// # Errors
/// The machine's, when it cannot be asked.
pub(crate) fn all(host: &dyn Host) -> Result<Vec<Guard>, Error> {
    let mut guards = Vec::new();
    for place in Place::guards(host)? {
        guards.extend(read(host, &place)?);
    }
    Ok(guards)
}

/// A record that is damaged says nothing, and is replaced at the next `up`.
fn read(host: &dyn Host, place: &Place) -> Result<Option<Guard>, Error> {
    match place.read(host) {
        Err(Error::State(_)) => Ok(None),
        other => other,
    }
}

impl Bare {
    /// Whether the mount point is guarded, and on record for this volume.
    pub(crate) fn is_guarded(&self) -> bool {
        let known = self
            .guard
            .as_ref()
            .is_some_and(|guard| guard.volume == self.volume && guard.mount == self.mount);
        let folder = self.place.beneath.folder();
        known && folder.is_some_and(Folder::is_protected)
    }

    /// What guards it, if that is wanting.
    pub(crate) fn guard_step(&self) -> Option<Step> {
        let out_of_reach = matches!(self.place.beneath, Beneath::Hidden(_))
            || self.place.unmounted_parent.is_some();
        (!out_of_reach && !self.is_guarded()).then(|| Step::GuardMountPoint {
            at: self.mount.clone(),
            make: self.place.beneath == Beneath::Missing,
        })
    }

    /// What gives it up.
    pub(crate) fn release_step(&self) -> Option<Step> {
        let guard = self.guard.as_ref()?;
        Some(Step::ReleaseMountPoint {
            at: guard.path.clone(),
        })
    }

    /// What gives up the places where the volume was mounted before.
    pub(crate) fn release_left_steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.left.iter().map(|guard| Step::ReleaseMountPoint {
            at: guard.path.clone(),
        })
    }

    /// What a person should know before it is mounted over.
    pub(crate) fn notes(&self) -> Vec<String> {
        let at = self.mount.display();
        let mut notes = Vec::new();
        if let Some(parent) = &self.place.unmounted_parent {
            notes.push(format!(
                "{at} was not protected: /etc/fstab has {0}, and nothing is mounted there yet; mount that first (mount {0}), and give what runs kluis RequiresMountsFor={0}",
                parent.display()
            ));
        }
        if let Some(contents) = self.place.beneath.folder().and_then(Folder::contents) {
            notes.push(format!(
                "{at} is not empty: {contents} lies there in clear, beneath the volume and hidden by it. {}",
                how_to_look(&self.volume)
            ));
        }
        notes
    }
}

/// How files come out from beneath a volume.
pub(crate) fn how_to_look(volume: &str) -> String {
    format!(
        "To move it away: kluis down {volume} && kluis release {volume}, then kluis up {volume}"
    )
}

/// Guards the mount point of a volume. A mount point that cannot be guarded keeps no volume from coming up: the note says why.
pub(crate) fn guard(
    host: &dyn Host,
    volume: &str,
    mount: &Path,
    configuration: Option<&Path>,
) -> (Changed, Option<String>) {
    match try_guard(host, volume, mount, configuration) {
        Ok(done) => done,
        Err(error) => (
            Changed::No,
            Some(format!(
                "{} could not be protected: {error}; while the volume is not mounted, what is written there lies in clear",
                mount.display()
            )),
        ),
    }
}

fn try_guard(
    host: &dyn Host,
    volume: &str,
    mount: &Path,
    configuration: Option<&Path>,
) -> Result<(Changed, Option<String>), Error> {
    let bare = look(host, volume, mount)?;
    if bare.is_guarded() || bare.place.unmounted_parent.is_some() {
        return Ok((Changed::No, None));
    }
    let path = &bare.place.path;
    let folder = bare.place.beneath.folder();
    // What an earlier run found counts: what is there now may be that run's doing.
    let before = bare.guard.as_ref();
    let record = Guard {
        volume: volume.to_owned(),
        configuration: configuration.map(Path::to_path_buf),
        mount: mount.to_path_buf(),
        path: path.clone(),
        made: before.map_or(bare.place.beneath == Beneath::Missing, |guard| guard.made),
        mode: before.map_or(folder.map_or(MADE_MODE, |folder| folder.mode), |guard| {
            guard.mode
        }),
        was_immutable: before.map_or(
            folder.is_some_and(|folder| folder.immutable == Some(true)),
            |guard| guard.was_immutable,
        ),
    };
    let place = Place::guard(path);
    if before != Some(&record) {
        place.write(host, &record)?;
    }
    if bare.place.beneath == Beneath::Missing {
        let _ = host.make_mount_point(path)?;
    }
    match host.set_immutable(path, true) {
        Ok(_) => Ok((Changed::Yes, None)),
        // No such flag, or no right to set it, as in a container: the next best.
        Err(HostError::Unsupported { .. } | HostError::Denied { .. }) => {
            let changed = host.set_mode(path, 0)?;
            Ok((
                changed,
                Some(format!(
                    "{} cannot be made immutable here; it has mode 0 now, which does not keep root's own programs from writing there in clear",
                    mount.display()
                )),
            ))
        }
        Err(error) => Err(error.into()),
    }
}

/// Gives a mount point back as it was. Its record goes last.
///
/// # Errors
/// The machine's; then it is still guarded, or still on record.
pub(crate) fn release(host: &dyn Host, guard: &Guard) -> Result<Changed, Error> {
    let found = host.mount_point(&guard.path)?;
    if found.path != guard.path {
        return Err(HostError::Unsupported {
            what: format!("releasing {}", guard.path.display()),
            why: format!(
                "it leads to {} now, which is not the folder that was protected; nothing was changed",
                found.path.display()
            ),
        }
        .into());
    }
    match found.beneath {
        Beneath::Missing => {}
        Beneath::Hidden(why) => {
            return Err(HostError::Unsupported {
                what: format!(
                    "looking beneath what is mounted at {}",
                    guard.path.display()
                ),
                why: format!("{why}; unmount it first"),
            }
            .into());
        }
        Beneath::Folder(folder) => {
            if folder.immutable == Some(true) && !guard.was_immutable {
                let _ = host.set_immutable(&guard.path, false)?;
            }
            if folder.mode == 0 && guard.mode != 0 {
                let _ = host.set_mode(&guard.path, guard.mode)?;
            }
            if guard.made {
                let _ = host.remove_mount_point(&guard.path)?;
            }
        }
    }
    Place::guard(&guard.path).remove(host)?;
    Ok(Changed::Yes)
}
