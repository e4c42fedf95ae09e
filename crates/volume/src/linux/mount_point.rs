//! The bare folder of a mount point. While something is mounted on it no path leads there; a copy of its parent's mount does, which
//! belongs to this process alone and is attached nowhere, so that nobody takes it for the volume.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, IFlags, Mode, OFlags, ResolveFlags, StatVfsMountFlags, StatxAttributes,
    StatxFlags,
};
use rustix::io::Errno;
use rustix::mount::OpenTreeFlags;

use crate::engine::Changed;
use crate::host::{Beneath, ENTRIES_MAX, Folder, HostError, MountPoint};
use crate::linux::failure::{about, host_error};
use crate::linux::mounts::{self, shown};

/// The permissions of a mount point that is made.
const MODE: u32 = 0o755;
/// As many links as the kernel follows.
const LINKS_MAX: usize = 40;
/// What is to be mounted at boot.
const FSTAB: &str = "/etc/fstab";

/// A bare folder, or why there is none in hand.
enum Bare {
    Missing,
    Open(OwnedFd),
    Hidden(String),
}

/// Looks at a mount point.
pub(super) fn look(at: &Path) -> Result<MountPoint, HostError> {
    let path = place(at)?;
    let beneath = match open(&path)? {
        Bare::Missing => Beneath::Missing,
        Bare::Hidden(why) => Beneath::Hidden(why),
        Bare::Open(folder) => Beneath::Folder(describe(&folder).map_err(about(&path))?),
    };
    let unmounted_parent = unmounted_parent(&path)?;
    Ok(MountPoint {
        path,
        beneath,
        unmounted_parent,
    })
}

/// Makes a mount point, and the folders above it, durably.
pub(super) fn make(at: &Path) -> Result<Changed, HostError> {
    let path = place(at)?;
    if path.exists() {
        return Ok(Changed::No);
    }
    let mut missing: Vec<&Path> = path
        .ancestors()
        .take_while(|folder| !folder.exists())
        .collect();
    while let Some(folder) = missing.pop() {
        match fs::DirBuilder::new().mode(MODE).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(not_made(folder, error));
            }
            Err(_) => {}
            // Whatever the umask is, which a service has its own of: whose the volume is must be able to reach it.
            Ok(()) => fs::set_permissions(folder, fs::Permissions::from_mode(MODE))
                .map_err(about(folder))?,
        }
        if let Some(above) = folder.parent() {
            let above = fs::File::open(above).map_err(about(above))?;
            above.sync_all().map_err(about(folder))?;
        }
    }
    Ok(Changed::Yes)
}

/// Root is denied nothing but by the flag: what is to be made lies in the bare mount point of another volume.
fn not_made(folder: &Path, error: io::Error) -> HostError {
    let above = folder.parent().unwrap_or(folder);
    let is_guarded = || {
        let folder = folder_at(CWD, above.as_os_str()).ok()?;
        rustix::fs::ioctl_getflags(folder).ok()
    };
    match error.kind() {
        io::ErrorKind::PermissionDenied
            if is_guarded().is_some_and(|flags| flags.contains(IFlags::IMMUTABLE)) =>
        {
            HostError::Unsupported {
                what: format!("making {}", folder.display()),
                why: format!(
                    "{} is immutable, as the mount point of a volume is that is not mounted; bring that one up first",
                    above.display()
                ),
            }
        }
        _ => about(folder)(error),
    }
}

/// Where a mount point is, links resolved. A link is followed only where nobody but root could have put it: whoever may write to
/// the folder that it lies in would decide what is mounted over, and what is made immutable.
///
/// # Errors
/// [`HostError::Unsupported`] for another link; [`HostError::Io`].
pub(super) fn place(at: &Path) -> Result<PathBuf, HostError> {
    let mut left = LINKS_MAX;
    walk(PathBuf::from("/"), at, &mut left)
}

fn walk(mut folder: PathBuf, path: &Path, left: &mut usize) -> Result<PathBuf, HostError> {
    for part in path.components() {
        match part {
            Component::RootDir => folder = PathBuf::from("/"),
            Component::CurDir | Component::Prefix(_) => {}
            // The folder in hand has no links in it.
            Component::ParentDir => {
                let _ = folder.pop();
            }
            Component::Normal(name) => {
                let next = folder.join(name);
                let link = match fs::symlink_metadata(&next) {
                    Ok(found) if found.is_symlink() => found,
                    _ => {
                        folder = next;
                        continue;
                    }
                };
                let within = fs::metadata(&folder).map_err(about(&folder))?;
                // In a sticky folder everyone may put something, and take away what is his.
                let is_roots =
                    within.mode() & 0o022 == 0 || (within.mode() & 0o1000 != 0 && link.uid() == 0);
                if within.uid() != 0 || !is_roots {
                    return Err(HostError::Unsupported {
                        what: format!("following the link {}", next.display()),
                        why: format!(
                            "others than root may write to {}; name the folder that is meant in `mount`",
                            folder.display()
                        ),
                    });
                }
                *left = left
                    .checked_sub(1)
                    .ok_or_else(|| about(&next)(Errno::LOOP.into()))?;
                let target = fs::read_link(&next).map_err(about(&next))?;
                folder = walk(folder, &target, left)?;
            }
        }
    }
    Ok(folder)
}

/// Opens what a path without links leads to. A link that came to be on it since is not followed.
pub(super) fn without_links(path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CLOEXEC;
    rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)
}

/// Sets or clears the immutable flag, durably.
pub(super) fn set_immutable(at: &Path, immutable: bool) -> Result<Changed, HostError> {
    let (path, folder) = in_hand(at)?;
    let unsupported = || HostError::Unsupported {
        what: format!("the immutable flag at {}", path.display()),
        why: "its file system has none".to_owned(),
    };
    let flags = rustix::fs::ioctl_getflags(&folder).map_err(|_| unsupported())?;
    if flags.contains(IFlags::IMMUTABLE) == immutable {
        return Ok(Changed::No);
    }
    let mut wanted = flags;
    wanted.set(IFlags::IMMUTABLE, immutable);
    rustix::fs::ioctl_setflags(&folder, wanted).map_err(|error| match error {
        Errno::NOTTY | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS => unsupported(),
        other => about(&path)(other.into()),
    })?;
    sync(&folder, &path)?;
    Ok(Changed::Yes)
}

/// Sets the permission bits, durably.
pub(super) fn set_mode(at: &Path, mode: u32) -> Result<Changed, HostError> {
    let (path, folder) = in_hand(at)?;
    let now = rustix::fs::fstat(&folder).map_err(|error| about(&path)(error.into()))?;
    if now.st_mode & 0o7777 == mode {
        return Ok(Changed::No);
    }
    rustix::fs::fchmod(&folder, Mode::from_raw_mode(mode))
        .map_err(|error| about(&path)(error.into()))?;
    sync(&folder, &path)?;
    Ok(Changed::Yes)
}

/// Removes the folder if nothing is in it or on it.
pub(super) fn remove(at: &Path) -> Result<Changed, HostError> {
    let path = place(at)?;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(Changed::No);
    };
    let removed = without_links(parent, OFlags::PATH | OFlags::DIRECTORY)
        .and_then(|parent| rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR));
    match removed {
        Ok(()) => Ok(Changed::Yes),
        Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST | Errno::BUSY) => Ok(Changed::No),
        Err(error) => Err(about(&path)(error.into())),
    }
}

fn sync(folder: &OwnedFd, path: &Path) -> Result<(), HostError> {
    rustix::fs::fsync(folder).map_err(|error| about(path)(error.into()))
}

fn in_hand(at: &Path) -> Result<(PathBuf, OwnedFd), HostError> {
    let path = place(at)?;
    match open(&path)? {
        Bare::Open(folder) => Ok((path, folder)),
        Bare::Missing => Err(HostError::NotFound {
            what: path.display().to_string(),
        }),
        Bare::Hidden(why) => Err(HostError::Unsupported {
            what: format!("looking beneath what is mounted at {}", path.display()),
            why,
        }),
    }
}

fn open(path: &Path) -> Result<Bare, HostError> {
    // What is mounted there is not so much as opened: it may be dead, or an automount that waits for this very run.
    if mounts::at(path)?.is_none() {
        match without_links(path, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(folder) if !is_mount_root(&folder) => return Ok(Bare::Open(folder)),
            Ok(_) => {}
            Err(error) => return or_missing(path, error),
        }
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(Bare::Hidden("it is the root".to_owned()));
    };
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    let copy = without_links(parent, OFlags::PATH | OFlags::DIRECTORY)
        .and_then(|parent| rustix::mount::open_tree(parent, "", flags));
    let copy = match copy {
        Ok(copy) => copy,
        Err(error) => return Ok(Bare::Hidden(io::Error::from(error).to_string())),
    };
    match folder_at(&copy, name) {
        Ok(folder) => Ok(Bare::Open(folder)),
        Err(error) => or_missing(path, error),
    }
}

fn folder_at(at: impl AsFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, name, flags, Mode::empty())
}

fn or_missing(path: &Path, error: Errno) -> Result<Bare, HostError> {
    match error {
        Errno::NOENT => Ok(Bare::Missing),
        Errno::NOTDIR | Errno::LOOP => Err(HostError::WrongKind {
            what: path.display().to_string(),
            wanted: "a folder",
        }),
        other => Err(host_error(path.display().to_string(), other.into())),
    }
}

/// Whether something came to be mounted between the look at the table and the opening.
fn is_mount_root(folder: &OwnedFd) -> bool {
    rustix::fs::statx(
        folder,
        c"",
        AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC,
        StatxFlags::empty(),
    )
    .is_ok_and(|stat| stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

fn describe(folder: &OwnedFd) -> io::Result<Folder> {
    let mut names = 0;
    let mut first: Option<String> = None;
    for entry in rustix::fs::Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let name = shown(std::os::unix::ffi::OsStrExt::from_bytes(name));
        if first.as_ref().is_none_or(|known| name < *known) {
            first = Some(name);
        }
        names += 1;
        if names >= ENTRIES_MAX {
            break;
        }
    }
    let flags = rustix::fs::ioctl_getflags(folder).ok();
    Ok(Folder {
        mode: rustix::fs::fstat(folder)?.st_mode & 0o7777,
        immutable: flags.map(|flags| flags.contains(IFlags::IMMUTABLE)),
        read_only: rustix::fs::fstatvfs(folder)?
            .f_flag
            .contains(StatVfsMountFlags::RDONLY),
        entries: names,
        first,
    })
}

fn unmounted_parent(path: &Path) -> Result<Option<PathBuf>, HostError> {
    let Ok(table) = fs::read(FSTAB) else {
        return Ok(None);
    };
    let mounted = mounts::lines()?;
    Ok(parents_in(&table, path)
        .into_iter()
        .find(|parent| !mounted.iter().any(|line| line.target == *parent)))
}

/// The mount points of an fstab that a path lies below and that are mounted without being asked for.
fn parents_in(table: &[u8], path: &Path) -> Vec<PathBuf> {
    table
        .split(|&byte| byte == b'\n')
        .filter_map(|line| {
            let mut words = line
                .split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty());
            let source = words.next()?;
            let at = PathBuf::from(mounts::unescape(words.next()?));
            let options = words.nth(1).unwrap_or_default();
            let by_hand = options
                .split(|&byte| byte == b',')
                .any(|option| option == b"noauto");
            let above = at != Path::new("/") && path != at && path.starts_with(&at);
            (!source.starts_with(b"#") && !by_hand && above).then_some(at)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parents_of_an_fstab_are_those_above_that_boot_mounts() {
        let table = b"# /dev/x /srv ext4\n/dev/a / ext4 defaults 0 1\nUUID=b\t/srv  xfs defaults 0 2\n\
            /dev/c /srv/late ext4 noauto 0 0\n/dev/d /srv/my\\040data ext4\nnone none swap sw 0 0\n";
        let parents = |path: &str| parents_in(table, Path::new(path));
        assert_eq!(parents("/srv/v"), [Path::new("/srv")]);
        assert_eq!(parents("/srv"), Vec::<PathBuf>::new());
        assert_eq!(parents("/srv/late/v"), [Path::new("/srv")]);
        assert_eq!(
            parents("/srv/my data/v"),
            [Path::new("/srv"), Path::new("/srv/my data")]
        );
        assert_eq!(parents("/mnt/v"), Vec::<PathBuf>::new());
    }
}
