//! Loop devices: a file shown as a block device, configured in one call (`LOOP_CONFIGURE`, Linux 5.8) so that there is
//! no instant at which it shows the file with another block size or writable.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::host::HostError;
use crate::linux::failure::{about, host_error};
use crate::linux::{ioctl, node, users};

/// `LO_FLAGS_READ_ONLY`.
const READ_ONLY: u32 = 1;
/// `LO_FLAGS_AUTOCLEAR`: detach when the last user closes it.
const AUTOCLEAR: u32 = 4;
/// `LO_FLAGS_DIRECT_IO`: past the page cache of the file beneath, where that can be.
const DIRECT_IO: u32 = 16;
/// The driver's number.
const LOOP_MAJOR: u32 = 7;
/// How often another program may take the free device first.
const ATTEMPTS: u32 = 64;
/// How long a loop device takes at most to go when its last user has gone.
const DETACH_TRIES: u32 = 100;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// How a loop device is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopOptions {
    /// The block size that it shows: 512 to 4096 bytes, a power of two.
    pub block_size: u32,
    /// Whether writes are refused.
    pub read_only: bool,
    /// Whether it goes by itself when nobody has it open any more.
    pub autoclear: bool,
    /// Whether I/O should pass by the file's page cache. The kernel does without where the file cannot.
    pub direct_io: bool,
}

/// A loop device, held open: one that clears itself stays at least as long as this.
#[derive(Debug)]
pub struct LoopDevice {
    file: File,
    path: PathBuf,
}

/// What the kernel says of a loop device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Status {
    file_device: node::Number,
    file_inode: u64,
    offset: u64,
    size_limit: u64,
    flags: u32,
}

impl LoopDevice {
    /// Attaches a free loop device to a file.
    ///
    /// # Errors
    /// [`HostError::Unsupported`] without a loop driver, without a free device, or with one from before Linux 5.8;
    /// the rest as the system's error says.
    pub fn attach(file: &Path, options: LoopOptions) -> Result<Self, HostError> {
        let backing = File::options()
            .read(true)
            .write(!options.read_only)
            .open(file)
            .map_err(about(file))?;
        // Asked for, so that the kernel knows the size of a file that FUSE shows: before Linux 6.17 the driver takes what is known, which
        // is nothing before the first question.
        backing.metadata().map_err(about(file))?;
        let control = open_control()?;
        let mut config = configuration(&backing, options, file);
        for attempt in 0..ATTEMPTS {
            let number =
                ioctl::scalar(control.as_fd(), ioctl::LOOP_CTL_GET_FREE, 0).map_err(|error| {
                    unsupported("a loop device", &format!("none is free ({error})"))
                })?;
            let path = PathBuf::from(format!("/dev/loop{number}"));
            let device = open_node(&path, number.unsigned_abs(), options.read_only)?;
            match ioctl::fixed(device.as_fd(), ioctl::LOOP_CONFIGURE, &mut config) {
                Ok(()) => {
                    settle_direct_io(&device, options).map_err(|error| {
                        host_error(format!("reading {}", path.display()), error)
                    })?;
                    return Ok(Self { file: device, path });
                }
                // Another program was faster, or the device's last user has not quite gone.
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                    thread::sleep(PAUSE.min(Duration::from_millis(u64::from(attempt))));
                }
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                    return Err(unsupported(
                        &format!(
                            "a loop device with blocks of {} bytes over {}",
                            options.block_size,
                            file.display()
                        ),
                        "the kernel refused it; Linux 5.8 or later is needed",
                    ));
                }
                Err(error) => {
                    return Err(host_error(
                        format!("attaching {} to {}", path.display(), file.display()),
                        error,
                    ));
                }
            }
        }
        Err(unsupported(
            "a loop device",
            &format!("other programs took each of {ATTEMPTS} free ones first"),
        ))
    }

    /// Opens the loop device over a file, if there is one that shows it whole.
    ///
    /// # Errors
    /// The system's, looking at the file or the devices.
    pub fn find(file: &Path) -> Result<Option<Self>, HostError> {
        let wanted = file_of(file)?;
        for path in find(file)? {
            let device = match File::open(&path) {
                Ok(device) => device,
                Err(error) if gone(&error) => continue,
                Err(error) => return Err(about(&path)(error)),
            };
            // It may have gone, and come back over another file, since it was found.
            let whole = status(&device)
                .map_err(about(&path))?
                .is_some_and(|status| {
                    (status.file_device, status.file_inode) == wanted
                        && status.offset == 0
                        && status.size_limit == 0
                });
            if whole {
                return Ok(Some(Self { file: device, path }));
            }
        }
        Ok(None)
    }

    /// Opens a loop device that nobody else has claimed, by a mount say, and lets nobody claim it while this lives: what is
    /// detached through it was not in use.
    ///
    /// # Errors
    /// [`HostError::Busy`] naming who has; the system's.
    pub fn claim(path: &Path) -> Result<Self, HostError> {
        match File::options()
            .read(true)
            .custom_flags(libc::O_EXCL)
            .open(path)
        {
            Ok(file) => Ok(Self {
                file,
                path: path.to_owned(),
            }),
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                let number = node::number_of(path).ok().flatten();
                let by = number
                    .and_then(users::of_device)
                    .unwrap_or_else(|| "another program".into());
                Err(HostError::Busy {
                    what: path.display().to_string(),
                    by,
                })
            }
            Err(error) => Err(about(path)(error)),
        }
    }

    /// Returns once what was written to it is on stable storage.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> Result<(), HostError> {
        self.file.sync_all().map_err(about(&self.path))
    }

    /// Its node: `/dev/loopN`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its I/O passes by the file's page cache.
    pub fn is_direct(&self) -> bool {
        matches!(status(&self.file), Ok(Some(status)) if status.flags & DIRECT_IO != 0)
    }

    /// Detaches it: at once if nobody else has it open, else when the last one closes it.
    ///
    /// # Errors
    /// The system's. That it is detached already is none.
    pub fn detach(self) -> Result<(), HostError> {
        match ioctl::scalar(self.file.as_fd(), ioctl::LOOP_CLR_FD, 0) {
            Ok(_) => Ok(()),
            Err(error) if gone(&error) => Ok(()),
            Err(error) => Err(host_error(
                format!("detaching {}", self.path.display()),
                error,
            )),
        }
    }
}

fn unsupported(what: &str, why: &str) -> HostError {
    HostError::Unsupported {
        what: what.into(),
        why: why.into(),
    }
}

/// Whether an error says that a loop device is not attached (any more).
fn gone(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENXIO | libc::ENOENT | libc::ENODEV)
    )
}

/// Turns direct I/O off where the file beneath only says that it can do it: an overlay says so whatever it lies on (a
/// container's root over tmpfs, say), and then every read and write fails.
fn settle_direct_io(device: &File, options: LoopOptions) -> io::Result<()> {
    if !options.direct_io {
        return Ok(());
    }
    let mut first = vec![0; options.block_size as usize];
    if device.read_at(&mut first, 0).is_err() {
        ioctl::scalar(device.as_fd(), ioctl::LOOP_SET_DIRECT_IO, 0)?;
        device.read_at(&mut first, 0)?;
    }
    Ok(())
}

fn open_control() -> Result<File, HostError> {
    File::options()
        .read(true)
        .write(true)
        .open("/dev/loop-control")
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => unsupported(
                "a loop device",
                "the kernel has no loop driver; on a machine of your own: modprobe loop",
            ),
            _ => host_error("/dev/loop-control", error),
        })
}

/// Opens a loop device's node, making it in a container whose `/dev` has only those that were there at its start.
fn open_node(path: &Path, number: u32, read_only: bool) -> Result<File, HostError> {
    let open = || File::options().read(true).write(!read_only).open(path);
    match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            node::make_block(
                path,
                node::Number {
                    major: LOOP_MAJOR,
                    minor: number,
                },
            )
            .map_err(about(path))?;
            open().map_err(about(path))
        }
        other => other.map_err(about(path)),
    }
}

/// `struct loop_config`: `fd`, `block_size`, then `struct loop_info64` with flags at 52 and a name for people at 56.
fn configuration(backing: &File, options: LoopOptions, file: &Path) -> [u8; 304] {
    const INFO: usize = 8;
    const NAME_LEN: usize = 64;
    let mut config = [0; 304];
    let mut flags = 0;
    for (wanted, flag) in [
        (options.read_only, READ_ONLY),
        (options.autoclear, AUTOCLEAR),
        (options.direct_io, DIRECT_IO),
    ] {
        if wanted {
            flags |= flag;
        }
    }
    config[..4].copy_from_slice(&backing.as_raw_fd().to_ne_bytes());
    config[4..8].copy_from_slice(&options.block_size.to_ne_bytes());
    config[INFO + 52..INFO + 56].copy_from_slice(&flags.to_ne_bytes());
    let name = file.as_os_str().as_encoded_bytes();
    let name = &name[..name.len().min(NAME_LEN - 1)];
    config[INFO + 56..INFO + 56 + name.len()].copy_from_slice(name);
    config
}

/// What a loop device shows; `None` when it is not attached.
fn status(device: &File) -> io::Result<Option<Status>> {
    let mut info = [0; 232];
    match ioctl::fixed(device.as_fd(), ioctl::LOOP_GET_STATUS64, &mut info) {
        Ok(()) => Ok(Some(parse_status(&info))),
        Err(error) if gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `struct loop_info64`: words of eight bytes for device, inode, rdevice, offset and size limit; the flags at 52.
fn parse_status(info: &[u8; 232]) -> Status {
    let long = |index: usize| {
        info[index..]
            .first_chunk()
            .copied()
            .map_or(0, u64::from_ne_bytes)
    };
    Status {
        file_device: node::Number::from_kernel(long(0)),
        file_inode: long(8),
        offset: long(24),
        size_limit: long(32),
        flags: info[52..]
            .first_chunk()
            .copied()
            .map_or(0, u32::from_ne_bytes),
    }
}

fn file_of(file: &Path) -> Result<(node::Number, u64), HostError> {
    let stat = rustix::fs::stat(file).map_err(|error| about(file)(error.into()))?;
    Ok((node::Number::from_stat(stat.st_dev), stat.st_ino))
}

/// The loop devices over a file, told by its device and inode, not by its name.
///
/// # Errors
/// The system's; [`HostError::NotFound`] when the file is not there.
pub fn find(file: &Path) -> Result<Vec<PathBuf>, HostError> {
    let wanted = file_of(file)?;
    let mut found = Vec::new();
    for number in attached().map_err(about(Path::new("/sys/block")))? {
        let path = PathBuf::from(format!("/dev/loop{number}"));
        let device = match open_node(&path, number, true) {
            Ok(device) => device,
            Err(HostError::NotFound { .. }) => continue,
            Err(HostError::Io { source, .. }) if gone(&source) => continue,
            Err(error) => return Err(error),
        };
        if let Some(status) = status(&device).map_err(about(&path))?
            && (status.file_device, status.file_inode) == wanted
        {
            found.push(path);
        }
    }
    Ok(found)
}

/// The numbers of the loop devices that are attached to something.
fn attached() -> io::Result<Vec<u32>> {
    let mut numbers: Vec<u32> = fs::read_dir("/sys/block")?
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("loop/backing_file").exists())
        .filter_map(|entry| {
            entry
                .file_name()
                .to_str()?
                .strip_prefix("loop")?
                .parse()
                .ok()
        })
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Waits, boundedly, until a loop device is no longer over a file: the kernel detaches one only some time after its last
/// user has closed it.
///
/// # Errors
/// As [`find`].
pub(super) fn is_gone_soon(file: &Path, device: &Path) -> Result<bool, HostError> {
    for _ in 0..DETACH_TRIES {
        if !find(file)?.iter().any(|path| path == device) {
            return Ok(true);
        }
        thread::sleep(PAUSE);
    }
    Ok(false)
}
