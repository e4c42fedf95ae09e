//! Device-mapper's protocol on `/dev/mapper/control`, spoken by hand: libdevmapper would bring a C library and knows
//! nothing that is not in `linux/dm-ioctl.h`. What a crypt target is, is [`super::crypt`]'s business.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use crate::linux::{ioctl, node};

/// Bytes of `struct dm_ioctl`.
const HEADER_LEN: u32 = 312;
/// The same, as an offset.
const HEADER: usize = HEADER_LEN as usize;
/// Room for what follows it. A table of one crypt line takes some 300 bytes; a foreign mapping whose table
/// needs more is reported as too large.
const DATA_LEN: u32 = 16 << 10;
/// Bytes of both.
const MESSAGE_LEN: u32 = HEADER_LEN + DATA_LEN;
/// The longest name, and the longest UUID, in bytes.
pub(super) const NAME_MAX: usize = 127;
/// See [`NAME_MAX`].
pub(super) const UUID_MAX: usize = 128;
/// Bytes of `struct dm_target_spec`.
const TARGET_LEN: usize = 40;
/// The directory of nodes.
pub(super) const DIRECTORY: &str = "/dev/mapper";

/// Offsets in `struct dm_ioctl`.
mod field {
    pub(super) const VERSION: usize = 0;
    pub(super) const DATA_SIZE: usize = 12;
    pub(super) const DATA_START: usize = 16;
    pub(super) const TARGET_COUNT: usize = 20;
    pub(super) const OPEN_COUNT: usize = 24;
    pub(super) const FLAGS: usize = 28;
    pub(super) const EVENT_NR: usize = 32;
    pub(super) const DEV: usize = 40;
    pub(super) const NAME: usize = 48;
    pub(super) const UUID: usize = 176;
}

/// Flags of `struct dm_ioctl`.
mod flag {
    pub(super) const READ_ONLY: u32 = 1 << 0;
    pub(super) const SUSPEND: u32 = 1 << 1;
    pub(super) const STATUS_TABLE: u32 = 1 << 4;
    pub(super) const ACTIVE_PRESENT: u32 = 1 << 5;
    pub(super) const BUFFER_FULL: u32 = 1 << 8;
    pub(super) const SECURE_DATA: u32 = 1 << 15;
}

/// The commands in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Version = 0,
    Create = 3,
    Remove = 4,
    /// Suspends, or (without the flag) resumes.
    Suspend = 6,
    Status = 7,
    TableLoad = 9,
    TableStatus = 12,
    TargetVersion = 17,
}

impl Command {
    /// `_IOWR(0xfd, command, struct dm_ioctl)`.
    pub(super) fn request(self) -> libc::Ioctl {
        const READ_WRITE: u32 = 3;
        (READ_WRITE << 30 | HEADER_LEN << 16 | 0xFD << 8 | self as u32).into()
    }
}

/// A `struct dm_ioctl` and what follows it. Wiped when dropped: the table of a mapping that another program made may
/// hold its key in hex.
pub(super) struct Message(Box<[u8]>);

impl Message {
    /// A message about a mapping, or (empty) about none.
    fn about(name: &str) -> io::Result<Self> {
        let mut message = Self(vec![0; MESSAGE_LEN as usize].into_boxed_slice());
        // The lowest version that has every command in use; the kernel refuses only a greater minor than its own.
        for (index, part) in [4_u32, 0, 0].into_iter().enumerate() {
            message.put_u32(field::VERSION + 4 * index, part);
        }
        message.put_u32(field::DATA_START, HEADER_LEN);
        message.put_text(field::NAME, name, NAME_MAX)?;
        Ok(message)
    }

    /// The bytes, with the field that tells the kernel how many there are.
    pub(super) fn sized(&mut self) -> &mut [u8] {
        self.put_u32(field::DATA_SIZE, MESSAGE_LEN);
        &mut self.0
    }

    fn put_u32(&mut self, offset: usize, value: u32) {
        self.0[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
    }

    fn put_text(&mut self, offset: usize, text: &str, max: usize) -> io::Result<()> {
        if text.len() > max || text.bytes().any(|byte| byte == 0) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.0[offset..offset + text.len()].copy_from_slice(text.as_bytes());
        Ok(())
    }

    fn set_flag(&mut self, flag: u32) {
        self.put_u32(field::FLAGS, self.u32(field::FLAGS) | flag);
    }

    fn u32(&self, offset: usize) -> u32 {
        u32::from_ne_bytes(fixed_bytes(&self.0, offset).unwrap_or_default())
    }

    fn u64(&self, offset: usize) -> u64 {
        u64::from_ne_bytes(fixed_bytes(&self.0, offset).unwrap_or_default())
    }

    fn has(&self, flag: u32) -> bool {
        self.u32(field::FLAGS) & flag != 0
    }

    /// What follows the header, from where the kernel says that it starts.
    fn data(&self) -> io::Result<&[u8]> {
        if self.has(flag::BUFFER_FULL) {
            return Err(io::Error::other(
                "the mapping's table is larger than any that Kluis makes",
            ));
        }
        self.0
            .get(self.u32(field::DATA_START) as usize..)
            .ok_or_else(malformed)
    }

    fn info(&self) -> Info {
        let dev = self.u64(field::DEV);
        Info {
            device: node::Number::from_kernel(dev),
            uuid: text_at(&self.0[field::UUID..=field::UUID + UUID_MAX]).to_owned(),
            open_count: self.u32(field::OPEN_COUNT),
            has_table: self.has(flag::ACTIVE_PRESENT),
            suspended: self.has(flag::SUSPEND),
            read_only: self.has(flag::READ_ONLY),
        }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        self.0.fill(0);
        std::hint::black_box(&self.0);
    }
}

fn malformed() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "device-mapper's answer makes no sense",
    )
}

fn fixed_bytes<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

/// The text up to the first NUL, as far as it is UTF-8.
fn text_at(bytes: &[u8]) -> &str {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    match std::str::from_utf8(&bytes[..end]) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// What device-mapper says of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Info {
    /// Its block device.
    pub(super) device: node::Number,
    /// The UUID that its maker gave it.
    pub(super) uuid: String,
    /// How many have it open.
    pub(super) open_count: u32,
    /// Whether it maps anything.
    pub(super) has_table: bool,
    /// Whether I/O waits.
    pub(super) suspended: bool,
    /// Whether writes are refused.
    pub(super) read_only: bool,
}

/// A line of a table: sectors of 512 bytes, and a target that serves them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The first sector.
    pub(super) start: u64,
    /// How many.
    pub(super) sectors: u64,
    /// The kind of target: `crypt`.
    pub(super) kind: String,
    /// What the target's constructor is told. It may hold a key.
    pub(super) parameters: String,
}

/// The version of a target: major, minor, patch level.
pub(super) type TargetVersion = (u32, u32, u32);

/// The open control device.
pub(super) struct Control(File);

impl Control {
    /// The same where the kernel has device-mapper; `None` where it has not, and so nothing is mapped either.
    ///
    /// # Errors
    /// `PermissionDenied`, or the system's.
    pub(super) fn open_if_any() -> io::Result<Option<Self>> {
        match Self::open() {
            Ok(control) => Ok(Some(control)),
            Err(error)
                if matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO))
                    || error.kind() == io::ErrorKind::NotFound =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Opens the control device, making its node where no udev has.
    ///
    /// # Errors
    /// `NotFound` when the kernel has no device-mapper (or will not load it), `PermissionDenied`, or the system's.
    pub(super) fn open() -> io::Result<Self> {
        let path = Path::new(DIRECTORY).join("control");
        let open = || File::options().read(true).write(true).open(&path);
        let file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                node::make_control(&path)?;
                open()?
            }
            other => other?,
        };
        // A kernel that loads the module when the node is opened says ENODEV or ENXIO when there is none to load.
        let control = Self(file);
        control.call(Command::Version, Message::about("")?)?;
        Ok(control)
    }

    fn call(&self, command: Command, mut message: Message) -> io::Result<Message> {
        ioctl::device_mapper(self.0.as_fd(), command, &mut message)?;
        Ok(message)
    }

    /// The version of a target, loading its module if need be; `None` when the kernel has none.
    pub(super) fn target_version(&self, kind: &str) -> io::Result<Option<TargetVersion>> {
        match self.call(Command::TargetVersion, Message::about(kind)?) {
            Ok(message) => {
                let data = message.data()?;
                let part = |index: usize| {
                    fixed_bytes(data, 4 + 4 * index)
                        .map(u32::from_ne_bytes)
                        .ok_or_else(malformed)
                };
                Ok(Some((part(0)?, part(1)?, part(2)?)))
            }
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a mapping without a table.
    ///
    /// # Errors
    /// `EBUSY` when there is one of that name or UUID.
    pub(super) fn create(&self, name: &str, uuid: &str) -> io::Result<Info> {
        let mut message = Message::about(name)?;
        message.put_text(field::UUID, uuid, UUID_MAX)?;
        Ok(self.call(Command::Create, message)?.info())
    }

    /// Loads a table of one line, to be used from the next [`Control::resume`] on. The kernel wipes its copy of the
    /// message.
    ///
    /// # Errors
    /// `EINVAL` for parameters that the target refuses (the kernel's log has its words), `EBUSY` for a device that
    /// another claims, `ENOKEY` when the key is not in the keyring, `ENOENT` for a cipher that is not there.
    pub(super) fn load(&self, name: &str, target: &Target, read_only: bool) -> io::Result<()> {
        let mut message = Message::about(name)?;
        message.set_flag(flag::SECURE_DATA);
        if read_only {
            message.set_flag(flag::READ_ONLY);
        }
        message.put_u32(field::TARGET_COUNT, 1);
        // struct dm_target_spec: sector_start, length, status, next, target_type[16]; then the parameters and a NUL.
        let parameters = HEADER + TARGET_LEN;
        let next = TARGET_LEN + (target.parameters.len() + 1).next_multiple_of(8);
        let next = u32::try_from(next).map_err(|_| io::ErrorKind::InvalidInput)?;
        message.0[HEADER..HEADER + 8].copy_from_slice(&target.start.to_ne_bytes());
        message.0[HEADER + 8..HEADER + 16].copy_from_slice(&target.sectors.to_ne_bytes());
        message.put_u32(HEADER + 20, next);
        message.put_text(HEADER + 24, &target.kind, 15)?;
        message.put_text(
            parameters,
            &target.parameters,
            DATA_LEN as usize - TARGET_LEN - 1,
        )?;
        self.call(Command::TableLoad, message).map(drop)
    }

    /// Puts the loaded table to use. `event` is udev's cookie, see [`super::udev`].
    pub(super) fn resume(&self, name: &str, event: u32) -> io::Result<Info> {
        let mut message = Message::about(name)?;
        message.put_u32(field::EVENT_NR, event);
        Ok(self.call(Command::Suspend, message)?.info())
    }

    /// Removes a mapping. `event` is udev's cookie.
    ///
    /// # Errors
    /// `EBUSY` while it is open, `ENXIO` when there is none.
    pub(super) fn remove(&self, name: &str, event: u32) -> io::Result<()> {
        let mut message = Message::about(name)?;
        message.put_u32(field::EVENT_NR, event);
        self.call(Command::Remove, message).map(drop)
    }

    /// What there is under a name.
    pub(super) fn status(&self, name: &str) -> io::Result<Option<Info>> {
        match self.call(Command::Status, Message::about(name)?) {
            Ok(message) => Ok(Some(message.info())),
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The live table of a mapping.
    pub(super) fn table(&self, name: &str) -> io::Result<Vec<Target>> {
        let mut message = Message::about(name)?;
        message.set_flag(flag::STATUS_TABLE | flag::SECURE_DATA);
        let message = self.call(Command::TableStatus, message)?;
        parse_targets(message.data()?, message.u32(field::TARGET_COUNT))
    }
}

/// Reads `count` target lines as `DM_TABLE_STATUS` lays them out: `next` counts from the start of the data.
pub(super) fn parse_targets(data: &[u8], count: u32) -> io::Result<Vec<Target>> {
    let mut targets = Vec::new();
    let mut at = 0_usize;
    for _ in 0..count {
        let spec = data
            .get(at..)
            .filter(|rest| rest.len() >= TARGET_LEN)
            .ok_or_else(malformed)?;
        let word = |offset| fixed_bytes(spec, offset).ok_or_else(malformed);
        targets.push(Target {
            start: u64::from_ne_bytes(word(0)?),
            sectors: u64::from_ne_bytes(word(8)?),
            kind: text_at(&spec[24..TARGET_LEN]).to_owned(),
            parameters: text_at(&spec[TARGET_LEN..]).to_owned(),
        });
        let next = u32::from_ne_bytes(fixed_bytes(spec, 20).ok_or_else(malformed)?) as usize;
        if next <= at {
            break;
        }
        at = next;
    }
    if targets.len() == count as usize {
        Ok(targets)
    } else {
        Err(malformed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_those_of_the_kernel_header() {
        assert_eq!(Command::Version.request(), 0xC138_FD00);
        assert_eq!(Command::TableStatus.request(), 0xC138_FD0C);
    }

    #[test]
    fn a_name_that_would_not_fit_is_refused() {
        assert!(Message::about(&"n".repeat(NAME_MAX)).is_ok());
        assert!(Message::about(&"n".repeat(NAME_MAX + 1)).is_err());
        assert!(Message::about("a\0b").is_err());
    }

    fn spec(start: u64, sectors: u64, next: u32, kind: &str, parameters: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(start.to_ne_bytes());
        bytes.extend(sectors.to_ne_bytes());
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend(next.to_ne_bytes());
        bytes.extend(kind.bytes().chain(std::iter::repeat(0)).take(16));
        bytes.extend(parameters.bytes());
        bytes.push(0);
        bytes
    }

    #[test]
    fn a_table_of_two_lines_is_read() {
        let mut data = spec(0, 8, 64, "linear", "7:0 0");
        data.resize(64, 0);
        data.extend(spec(8, 16, 128, "error", ""));
        let targets = parse_targets(&data, 2).unwrap();
        assert_eq!(
            (targets[0].kind.as_str(), targets[0].parameters.as_str()),
            ("linear", "7:0 0")
        );
        assert_eq!(
            (
                targets[1].start,
                targets[1].sectors,
                targets[1].kind.as_str()
            ),
            (8, 16, "error")
        );
    }

    #[test]
    fn a_table_that_points_backwards_or_outside_is_refused() {
        assert!(parse_targets(&spec(0, 8, 0, "linear", "x"), 2).is_err());
        assert!(parse_targets(&spec(0, 8, 4000, "linear", "x"), 2).is_err());
        assert!(parse_targets(&[0; 39], 1).is_err());
    }
}
