//! The dm-crypt engine: a mapping exactly as cryptsetup makes it for the same header (same table, name and UUID, the
//! volume key in the kernel's keyring and not in the table), so that `cryptsetup status` and `close` work on it.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::engine::{Active, Changed, Engine, EngineError, EngineKind, Health, LuksKind, Mapping};
use crate::linux::crypt_target::{CryptTarget, KeySource, SECTOR};
use crate::linux::device::block_size_bytes;
use crate::linux::dm::{Control, DIRECTORY, Info, Target, TargetVersion};
use crate::linux::keyring::LogonKey;
use crate::linux::udev::Cookie;
use crate::linux::unmap::{Unmapped, abandon, unmap};
use crate::linux::{node, users};

/// The first version of the crypt target whose keyring keys and sector sizes can be relied on (Linux 4.15).
const TARGET_NEEDED: TargetVersion = (1, 18, 1);
/// The table's option that passes discards on; before the sector size, as cryptsetup writes them.
const ALLOW_DISCARDS: &str = "allow_discards";
/// How the UUID of a mapping begins that cryptsetup or Kluis made of a LUKS volume.
const UUID_PREFIX: &str = "CRYPT-LUKS";

/// The engine on the kernel's dm-crypt.
#[derive(Clone, Copy, Debug, Default)]
pub struct DmCrypt;

impl DmCrypt {
    /// The engine. Touches nothing.
    pub fn new() -> Self {
        Self
    }
}

impl Engine for DmCrypt {
    fn kind(&self) -> EngineKind {
        EngineKind::DmCrypt
    }

    fn available(&self) -> Result<(), EngineError> {
        let unavailable = |missing: String| EngineError::Unavailable {
            engine: EngineKind::DmCrypt,
            missing,
        };
        let control = Control::open().map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => EngineError::Denied { what: format!("{DIRECTORY}/control") },
            _ => unavailable(format!("the kernel has no device-mapper ({error}); on a machine of your own: modprobe dm-crypt")),
        })?;
        match control.target_version("crypt") {
            Ok(Some(version)) if version >= TARGET_NEEDED => {}
            Ok(Some((major, minor, patch))) => {
                return Err(unavailable(format!(
                    "the kernel's crypt target {major}.{minor}.{patch} is too old; Linux 5.4 or later has what is needed"
                )));
            }
            Ok(None) => {
                return Err(unavailable(
                    "the kernel has no crypt target; on a machine of your own: modprobe dm-crypt"
                        .into(),
                ));
            }
            Err(error) => {
                return Err(unavailable(format!(
                    "the kernel's crypt target cannot be asked for: {error}"
                )));
            }
        }
        LogonKey::add("kluis:probe", &[0]).map(drop).map_err(|error| {
            unavailable(format!("the kernel's keyring cannot be used ({error}); a container needs a seccomp profile that allows add_key and keyctl"))
        })
    }

    fn needs_block_device(&self) -> bool {
        true
    }

    fn open(&self, mapping: &Mapping<'_>) -> Result<PathBuf, EngineError> {
        self.available()?;
        let control = control()?;
        let target = target_of(mapping)?;
        let uuid = mapping_uuid(mapping.luks, mapping.uuid, mapping.name);

        control
            .create(mapping.name, &uuid)
            .map_err(|error| match error.raw_os_error() {
                Some(libc::EBUSY) => EngineError::Busy {
                    what: format!("the mapping {}", mapping.name),
                    by: "a mapping of that name or volume that is there already".into(),
                },
                _ => failed(format!("making the mapping {}", mapping.name), error),
            })?;
        // From here on a failure takes the half-made mapping away again.
        let made = load_and_resume(&control, mapping, &target);
        if made.is_err() {
            abandon(&control, mapping.name);
        }
        made
    }

    fn close(&self, name: &str) -> Result<Changed, EngineError> {
        let Some(control) = control_if_any()? else {
            return Ok(Changed::No);
        };
        let removed = unmap(&control, name, is_luks)
            .map_err(|error| failed(format!("removing the mapping {name}"), error))?;
        match removed {
            Unmapped::Yes => Ok(Changed::Yes),
            Unmapped::NotThere => Ok(Changed::No),
            Unmapped::Busy(by) => Err(EngineError::Busy {
                what: format!("{DIRECTORY}/{name}"),
                by,
            }),
        }
    }

    fn find(&self, name: &str) -> Result<Option<Active>, EngineError> {
        let Some(control) = control_if_any()? else {
            return Ok(None);
        };
        let Some(info) = ours(&control, name)? else {
            return Ok(None);
        };
        let mut targets = match control.table(name) {
            Ok(targets) => targets,
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => return Ok(None),
            Err(error) => return Err(failed(format!("reading the table of {name}"), error)),
        };
        let target = if targets.len() == 1 {
            targets.pop()
        } else {
            None
        };
        Ok(Some(active(name, &info, target.as_ref())))
    }
}

fn failed(what: String, source: io::Error) -> EngineError {
    match source.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => EngineError::Denied { what },
        Some(libc::ENOMEM) => EngineError::Memory { what },
        _ => EngineError::Failed { what, source },
    }
}

fn control() -> Result<Control, EngineError> {
    Control::open().map_err(|error| failed(format!("opening {DIRECTORY}/control"), error))
}

/// The control device; `None` where the kernel has no device-mapper, and so nothing is mapped either.
fn control_if_any() -> Result<Option<Control>, EngineError> {
    Control::open_if_any().map_err(|error| failed(format!("opening {DIRECTORY}/control"), error))
}

/// What is mapped under a name, if it is a LUKS volume. Other mappings are none of this engine's.
fn ours(control: &Control, name: &str) -> Result<Option<Info>, EngineError> {
    let info = control
        .status(name)
        .map_err(|error| failed(format!("asking for the mapping {name}"), error))?;
    Ok(info.filter(is_luks))
}

fn is_luks(info: &Info) -> bool {
    info.uuid.starts_with(UUID_PREFIX)
}

/// As cryptsetup spells it: `CRYPT-LUKS2-<uuid without dashes>-<name>`.
fn mapping_uuid(luks: LuksKind, uuid: Uuid, name: &str) -> String {
    format!("CRYPT-{luks}-{}-{name}", uuid.simple())
}

/// The inverse of [`mapping_uuid`], as far as it goes.
fn parse_mapping_uuid(text: &str) -> (Option<LuksKind>, Option<Uuid>) {
    let mut parts = text.splitn(4, '-').skip(1);
    let luks = match parts.next() {
        Some("LUKS1") => Some(LuksKind::V1),
        Some("LUKS2") => Some(LuksKind::V2),
        _ => None,
    };
    (
        luks,
        parts.next().and_then(|uuid| Uuid::try_parse(uuid).ok()),
    )
}

/// How cryptsetup describes the key of a volume's first digest in the keyring.
fn key_description(uuid: Uuid) -> String {
    format!("cryptsetup:{}-d0", uuid.hyphenated())
}

/// The table's line. The backing's size is checked here: dm-crypt itself says nothing but `EINVAL`.
fn target_of(mapping: &Mapping<'_>) -> Result<Target, EngineError> {
    let backing = mapping.backing.display();
    let number = node::number_of(mapping.backing)
        .map_err(|error| failed(format!("looking at {backing}"), error))?
        .ok_or_else(|| EngineError::Unsupported {
            what: format!("dm-crypt over {backing}"),
            why: "it is not a block device".into(),
        })?;
    let size = block_size_bytes(mapping.backing)
        .map_err(|error| failed(format!("asking for the size of {backing}"), error))?;
    let Range { start, end } = mapping.payload;
    let unsupported = |why: String| EngineError::Unsupported {
        what: format!("the volume {} on {backing}", mapping.name),
        why,
    };
    if end > size {
        return Err(unsupported(format!(
            "its payload ends at byte {end} and the device at byte {size}: this is the wrong device, or it has shrunk"
        )));
    }
    let unit = u64::from(mapping.sector_size);
    if !matches!(mapping.sector_size, 512 | 1024 | 2048 | 4096)
        || start >= end
        || start % SECTOR != 0
        || (end - start) % unit != 0
    {
        return Err(unsupported(format!(
            "bytes {start} to {end} are no whole number of {unit}-byte sectors"
        )));
    }
    let target = CryptTarget {
        cipher: mapping.cipher.to_string(),
        key: KeySource::Keyring {
            bytes: mapping.key.len(),
            description: key_description(mapping.uuid),
        },
        iv_offset: mapping.iv_start,
        device: number.to_string(),
        offset_sectors: start / SECTOR,
        options: mapping
            .discards
            .then(|| ALLOW_DISCARDS.to_owned())
            .into_iter()
            .chain((unit != SECTOR).then(|| format!("sector_size:{unit}")))
            .collect(),
    };
    Ok(Target {
        start: 0,
        sectors: (end - start) / SECTOR,
        kind: "crypt".into(),
        parameters: target.to_string(),
    })
}

fn load_and_resume(
    control: &Control,
    mapping: &Mapping<'_>,
    target: &Target,
) -> Result<PathBuf, EngineError> {
    let name = mapping.name;
    {
        // The key is in the keyring only while the kernel reads it: dm-crypt keeps its own copy.
        let _key = LogonKey::add(&key_description(mapping.uuid), mapping.key.danger_expose())
            .map_err(|error| {
                failed(
                    "putting the volume key in the kernel's keyring".into(),
                    error,
                )
            })?;
        control
            .load(name, target, mapping.read_only)
            .map_err(|error| refused(mapping, error))?;
    }
    let cookie = Cookie::new();
    let info = control
        .resume(name, cookie.event())
        .map_err(|error| failed(format!("activating the mapping {name}"), error))?;
    cookie.wait();
    let path = Path::new(DIRECTORY).join(name);
    node::make_block(&path, info.device)
        .map_err(|error| failed(format!("making {}", path.display()), error))?;
    Ok(path)
}

/// What the kernel's refusal of a table means.
fn refused(mapping: &Mapping<'_>, error: io::Error) -> EngineError {
    let backing = mapping.backing.display();
    match error.raw_os_error() {
        Some(libc::EBUSY) => EngineError::Busy {
            what: backing.to_string(),
            by: node::number_of(mapping.backing)
                .ok()
                .flatten()
                .and_then(users::of_device)
                .unwrap_or_else(|| "another program".into()),
        },
        Some(libc::ENOENT) => EngineError::Unsupported {
            what: mapping.cipher.to_string(),
            why: "the kernel has no such cipher; modprobe xts may bring it".into(),
        },
        Some(libc::EINVAL) => EngineError::Unsupported {
            what: format!("the volume {} on {backing}", mapping.name),
            why: "dm-crypt refused it; the kernel's log (dmesg) says why".into(),
        },
        _ => failed(format!("mapping {} on {backing}", mapping.name), error),
    }
}

/// What `find` reports. A mapping without a live crypt table is what a kill between two steps leaves.
fn active(name: &str, info: &Info, target: Option<&Target>) -> Active {
    let (luks, uuid) = parse_mapping_uuid(&info.uuid);
    let crypt = target
        .filter(|target| target.kind == "crypt")
        .and_then(|target| Some((target, CryptTarget::parse(&target.parameters)?)));
    let mut found = Active {
        engine: EngineKind::DmCrypt,
        device: Path::new(DIRECTORY).join(name),
        backing: PathBuf::new(),
        uuid,
        luks,
        cipher: String::new(),
        key_bits: 0,
        payload: 0..0,
        sector_size: 512,
        read_only: info.read_only,
        discards: false,
        health: Health::Serving,
    };
    let Some((target, crypt)) = crypt else {
        found.health = Health::Dead("the mapping was never finished, or is not dm-crypt's".into());
        return found;
    };
    let start = crypt.offset_sectors.saturating_mul(SECTOR);
    found.payload = start..start.saturating_add(target.sectors.saturating_mul(SECTOR));
    found.sector_size = crypt.sector_size();
    found.discards = crypt.options.iter().any(|option| option == ALLOW_DISCARDS);
    found.key_bits = u32::try_from(crypt.key.len().saturating_mul(8)).unwrap_or(u32::MAX);
    let backing = crypt.device.parse::<node::Number>().ok();
    match backing.and_then(node::Number::path) {
        Some(backing) => found.backing = backing,
        None => {
            found.health = Health::Dead(format!("its backing device ({}) is gone", crypt.device));
        }
    }
    found.cipher = crypt.cipher;
    if info.suspended {
        found.health = Health::Dead("it is suspended: its I/O waits".into());
    } else if !info.has_table {
        found.health = Health::Dead("the mapping was never finished".into());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOLUME: Uuid = uuid::uuid!("fe04a2d6-0cca-48c8-9dda-bde3b92cac9c");

    #[test]
    fn a_mappings_uuid_is_what_cryptsetup_gives_it() {
        let text = mapping_uuid(LuksKind::V2, VOLUME, "x-y");
        assert_eq!(text, "CRYPT-LUKS2-fe04a2d60cca48c89ddabde3b92cac9c-x-y");
        assert_eq!(
            parse_mapping_uuid(&text),
            (Some(LuksKind::V2), Some(VOLUME))
        );
        assert_eq!(parse_mapping_uuid("CRYPT-PLAIN-x"), (None, None));
        assert_eq!(parse_mapping_uuid("LVM-abc"), (None, None));
    }

    #[test]
    fn a_mapping_that_was_never_loaded_is_found_dead() {
        let info = Info {
            device: node::Number {
                major: 254,
                minor: 0,
            },
            uuid: mapping_uuid(LuksKind::V2, VOLUME, "x"),
            open_count: 0,
            has_table: false,
            suspended: false,
            read_only: false,
        };
        let found = active("x", &info, None);
        assert_eq!(found.uuid, Some(VOLUME));
        assert!(matches!(found.health, Health::Dead(_)));
    }
}
