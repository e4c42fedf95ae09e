//! The stripe of a volume's disks: device-mapper's own `striped` target, which is a part of dm-mod. It has no metadata: what it is made of is
//! said anew each time, and nothing on the disks makes anybody else assemble it.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::engine::Changed;
use crate::host::{HostError, Identity};
use crate::linux::dm::{Control, DIRECTORY, Info, Target};
use crate::linux::failure::host_error;
use crate::linux::udev::Cookie;
use crate::linux::unmap::{Unmapped, abandon, unmap};
use crate::linux::{identity, node, users};
use crate::raid0::{CHUNK, Stripe};

/// How the UUID of a stripe begins that Kluis made.
const UUID_PREFIX: &str = "KLUIS-RAID0-";
/// The target's name.
const STRIPED: &str = "striped";
/// Bytes of a sector of device-mapper.
const SECTOR: u64 = 512;

/// What there is of that name.
pub(super) fn find(path: &Path) -> Result<Option<Stripe>, HostError> {
    let name = name_of(path)?;
    let Some(control) = control_if_any()? else {
        return Ok(None);
    };
    look(&control, name)
        .map_err(|error| host_error(format!("asking for the mapping {name}"), error))
        .map(|found| found.map(|(_, stripe)| stripe))
}

/// Makes it, unless it is there.
pub(super) fn assemble(backing: &Identity) -> Result<Changed, HostError> {
    let path = &backing.path;
    let name = name_of(path)?;
    let unsupported = |why: String| HostError::Unsupported {
        what: "raid0".to_owned(),
        why,
    };
    let control = control_if_any()?.ok_or_else(|| {
        unsupported(
            "the kernel has no device-mapper; on a machine of your own: modprobe dm-mod".to_owned(),
        )
    })?;
    let failed = |error| host_error(format!("making the stripe {}", path.display()), error);
    match look(&control, name).map_err(failed)? {
        Some((info, stripe)) if stripe.is_of(backing) => {
            node::make_block(path, info.device).map_err(failed)?;
            return Ok(Changed::No);
        }
        Some((_, Stripe::Unfinished { .. })) => {
            let _ = take_apart(path)?;
        }
        Some(_) => {
            return Err(HostError::Busy {
                what: path.display().to_string(),
                by: "a mapping of that name that is there already".to_owned(),
            });
        }
        None => {}
    }
    if control.target_version(STRIPED).map_err(failed)?.is_none() {
        return Err(unsupported(
            "the kernel's device-mapper has no striped target".to_owned(),
        ));
    }
    let target = target_of(backing)?;
    control
        .create(name, &format!("{UUID_PREFIX}{}", volume_of(name)))
        .map_err(failed)?;
    let made = load_and_resume(&control, path, name, &target);
    if made.is_err() {
        abandon(&control, name);
    }
    made.map_err(|error| match error.raw_os_error() {
        Some(libc::EBUSY) => busy_member(backing),
        Some(libc::EINVAL) => {
            unsupported("the kernel refused the stripe; its log (dmesg) says why".to_owned())
        }
        _ => failed(error),
    })?;
    Ok(Changed::Yes)
}

fn load_and_resume(control: &Control, path: &Path, name: &str, target: &Target) -> io::Result<()> {
    control.load(name, target, false)?;
    let cookie = Cookie::new();
    let info = control.resume(name, cookie.event())?;
    cookie.wait();
    node::make_block(path, info.device)
}

/// Takes it away, if it is one of Kluis's.
pub(super) fn take_apart(path: &Path) -> Result<Changed, HostError> {
    let name = name_of(path)?;
    let Some(control) = control_if_any()? else {
        return Ok(Changed::No);
    };
    let removed = unmap(&control, name, is_own)
        .map_err(|error| host_error(format!("removing the mapping {name}"), error))?;
    match removed {
        Unmapped::Yes => Ok(Changed::Yes),
        Unmapped::NotThere => Ok(Changed::No),
        Unmapped::Busy(by) => Err(HostError::Busy {
            what: path.display().to_string(),
            by,
        }),
    }
}

fn look(control: &Control, name: &str) -> io::Result<Option<(Info, Stripe)>> {
    let Some(info) = control.status(name)? else {
        return Ok(None);
    };
    if !is_own(&info) {
        return Ok(Some((info, Stripe::Foreign)));
    }
    let targets = match control.table(name) {
        Ok(targets) => targets,
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => return Ok(None),
        Err(error) => return Err(error),
    };
    let unfinished = Stripe::Unfinished {
        holder: format!("dm-{}", info.device.minor),
    };
    let stripe = match &targets[..] {
        [target] if info.has_table && !info.suspended => {
            // The node may not be there where no udev made it; the number is what counts.
            let path = Path::new(DIRECTORY).join(name);
            node::make_block(&path, info.device)?;
            let device = identity::of_number(info.device, &path)?;
            let (chunk, members) = parse(target).unwrap_or_default();
            Stripe::Serving {
                device,
                members: members
                    .into_iter()
                    .filter_map(|number| identity::of_number(number, &number.path()?).ok())
                    .collect(),
                chunk,
            }
        }
        _ => unfinished,
    };
    Ok(Some((info, stripe)))
}

/// The table's line: `COUNT CHUNK (DEVICE OFFSET)…`, in sectors.
fn target_of(backing: &Identity) -> Result<Target, HostError> {
    let mut parameters = format!("{} {}", backing.members.len(), CHUNK / SECTOR);
    for member in &backing.members {
        let about = |error| host_error(member.path.display().to_string(), error);
        let number = node::number_of(&member.path).map_err(about)?;
        // The path may lead to another disk by now.
        let now = identity::identify(&member.path)?;
        match (number, now) {
            (Some(number), Some(now)) if now.token == member.token => {
                let _ = write!(parameters, " {number} 0");
            }
            _ => {
                return Err(HostError::Replaced {
                    what: member.stable_name.clone(),
                });
            }
        }
    }
    Ok(Target {
        start: 0,
        sectors: backing.size / SECTOR,
        kind: STRIPED.to_owned(),
        parameters,
    })
}

/// Chunk in bytes and members of a table's line; `None` for one that Kluis did not make.
fn parse(target: &Target) -> Option<(u64, Vec<node::Number>)> {
    let mut words = target.parameters.split_whitespace();
    let count: usize = words.next()?.parse().ok()?;
    let chunk: u64 = words.next()?.parse().ok()?;
    let rest: Vec<&str> = words.collect();
    let members: Option<Vec<node::Number>> = rest
        .chunks(2)
        .map(|pair| match pair {
            [number, "0"] => number.parse().ok(),
            _ => None,
        })
        .collect();
    let members = members.filter(|members| members.len() == count)?;
    (target.kind == STRIPED && target.start == 0).then_some((chunk.saturating_mul(SECTOR), members))
}

fn busy_member(backing: &Identity) -> HostError {
    let used = backing.members.iter().find_map(|member| {
        let number = node::number_of(&member.path).ok()??;
        Some((member, users::of_device(number)?))
    });
    match used {
        Some((member, by)) => HostError::Busy {
            what: member.stable_name.clone(),
            by,
        },
        None => HostError::Busy {
            what: backing.stable_name.clone(),
            by: "another program".to_owned(),
        },
    }
}

fn is_own(info: &Info) -> bool {
    info.uuid.starts_with(UUID_PREFIX)
}

fn name_of(path: &Path) -> Result<&str, HostError> {
    path.file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| HostError::NotFound {
            what: path.display().to_string(),
        })
}

fn volume_of(name: &str) -> &str {
    name.split(':').next().unwrap_or(name)
}

/// The control device; `None` where the kernel has no device-mapper, and so nothing is mapped either.
fn control_if_any() -> Result<Option<Control>, HostError> {
    Control::open_if_any()
        .map_err(|error| host_error(format!("opening {DIRECTORY}/control"), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(parameters: &str) -> Target {
        Target {
            start: 0,
            sectors: 8192,
            kind: STRIPED.to_owned(),
            parameters: parameters.to_owned(),
        }
    }

    #[test]
    fn a_table_is_read_as_the_kernel_prints_it() {
        let (chunk, members) = parse(&line("2 1024 98:16 0 98:32 0")).unwrap();
        assert_eq!(chunk, CHUNK);
        assert_eq!(members.len(), 2);
        assert_eq!((members[1].major, members[1].minor), (98, 32));
    }

    #[test]
    fn a_table_that_kluis_does_not_make_is_not_read() {
        for parameters in [
            "",
            "2 1024 98:16 0",
            "2 1024 98:16 8 98:32 0",
            "x 1 98:16 0",
        ] {
            assert_eq!(parse(&line(parameters)), None, "{parameters}");
        }
    }
}
