//! The FUSE kernel protocol, as far as one file needs it: bytes to requests, answers to bytes. No I/O.
//!
//! The kernel's own description is `include/uapi/linux/fuse.h`; the numbers and layouts here are its (version 7.38). The mount's
//! root is the file itself, so there are no names, directories or other inodes, and of the protocol's 52 operations a dozen remain.

use std::time::Duration;

/// Major version; the kernel's must be the same.
pub(crate) const MAJOR: u32 = 7;
/// The newest minor version whose layouts are used here.
const MINOR: u32 = 38;
/// The oldest that has parallel direct writes' flags and extended INIT: Linux 5.17's, though 7.23 would lay out what is used.
const MINOR_MIN: u32 = 23;

/// Bytes before a WRITE's payload: `fuse_in_header` and `fuse_write_in`. Reading a request as this many bytes and the rest apart
/// puts a payload at the start of its own buffer.
pub(crate) const WRITE_HEAD_LEN: usize = IN_HEADER_LEN + 40;
const IN_HEADER_LEN: usize = 40;
const OUT_HEADER_LEN: usize = 16;
/// `FUSE_ROOT_ID`, the only inode there is.
const ROOT: u64 = 1;

/// `FOPEN_DIRECT_IO`: the kernel keeps no pages of the file, so what the loop device reads is what is on the backing.
const FOPEN_DIRECT_IO: u32 = 1 << 0;
/// `FOPEN_PARALLEL_DIRECT_WRITES`: writes need no lock of the inode.
const FOPEN_PARALLEL_DIRECT_WRITES: u32 = 1 << 6;

/// `FUSE_ASYNC_READ`, `FUSE_BIG_WRITES`, `FUSE_ASYNC_DIO`, `FUSE_MAX_PAGES`: many large requests at a time.
const INIT_FLAGS: u32 = 1 << 0 | 1 << 5 | 1 << 15 | FUSE_MAX_PAGES;
const FUSE_MAX_PAGES: u32 = 1 << 22;

/// How long the kernel may believe the attributes: the file's length and mode never change.
const ATTRIBUTES_VALID: Duration = Duration::from_hours(24);
const PAGE: usize = 4096;

/// One request of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Names the request in its answer.
    pub(crate) unique: u64,
    /// What is asked.
    pub(crate) operation: Operation,
}

/// What the kernel asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    /// The first request: versions and limits.
    Init {
        major: u32,
        minor: u32,
        max_readahead: u32,
        flags: u32,
    },
    /// The file's attributes.
    GetAttr,
    /// A change of attributes, such as a truncation.
    SetAttr,
    /// A new open file.
    Open,
    /// `len` bytes at `offset`.
    Read { offset: u64, len: usize },
    /// `len` bytes of payload to `offset`.
    Write { offset: u64, len: usize },
    /// Everything written goes to stable storage.
    Fsync,
    /// A descriptor was closed; the open file may live on in others.
    Flush,
    /// The last descriptor of an open file was closed.
    Release,
    /// Preallocation, hole punching, zeroing.
    Fallocate,
    /// A command of the caller's, with `room` bytes for what comes of it.
    Ioctl { command: u32, room: usize },
    /// Size and use of the file system.
    StatFs,
    /// The file system is going away.
    Destroy,
    /// Nothing is to be answered: a request is no longer waited for, or an inode is forgotten.
    Silent,
    /// Anything else; the kernel learns that it does not exist.
    Unknown(u32),
}

/// A request that the kernel cannot have sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a malformed request came from /dev/fuse")]
pub(crate) struct Malformed;

impl Request {
    /// Reads one request: its first [`WRITE_HEAD_LEN`] bytes (fewer where it is shorter), the following `rest`, as many bytes as were received.
    pub(crate) fn parse(head: &[u8], rest: &[u8]) -> Result<Self, Malformed> {
        let len = u32_at(head, 0)? as usize;
        if len != head.len() + rest.len() || len < IN_HEADER_LEN {
            return Err(Malformed);
        }
        let body = &head[IN_HEADER_LEN..];
        let operation = match u32_at(head, 4)? {
            2 | 36 | 42 => Operation::Silent,
            _ if u64_at(head, 16)? > ROOT => return Err(Malformed),
            3 => Operation::GetAttr,
            4 => Operation::SetAttr,
            14 => Operation::Open,
            15 => Operation::Read {
                offset: u64_at(body, 8)?,
                len: u32_at(body, 16)? as usize,
            },
            16 => {
                let len = u32_at(body, 16)? as usize;
                if len != rest.len() {
                    return Err(Malformed);
                }
                Operation::Write {
                    offset: u64_at(body, 8)?,
                    len,
                }
            }
            17 => Operation::StatFs,
            18 => Operation::Release,
            20 => Operation::Fsync,
            25 => Operation::Flush,
            26 => Operation::Init {
                major: u32_at(body, 0)?,
                minor: u32_at(body, 4)?,
                max_readahead: u32_at(body, 8)?,
                flags: u32_at(body, 12)?,
            },
            38 => Operation::Destroy,
            39 => Operation::Ioctl {
                command: u32_at(body, 12)?,
                room: u32_at(body, 28)? as usize,
            },
            43 => Operation::Fallocate,
            other => Operation::Unknown(other),
        };
        Ok(Request {
            unique: u64_at(head, 8)?,
            operation,
        })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Malformed> {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map(|four| u32::from_ne_bytes(*four))
        .ok_or(Malformed)
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64, Malformed> {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .map(|eight| u64::from_ne_bytes(*eight))
        .ok_or(Malformed)
}

/// The limits that INIT agrees on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The largest payload of one request, in bytes; whole pages.
    pub(crate) max_transfer: usize,
    /// How many asynchronous requests the kernel may have outstanding.
    pub(crate) max_background: u16,
}

/// What of the file its attributes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// Bytes.
    pub(crate) len: u64,
    /// Sector size.
    pub(crate) block_size: u32,
    /// Without write permission.
    pub(crate) read_only: bool,
}

/// An answer's fixed part: the header and, for small answers, all of the body.
pub(crate) struct Answer {
    bytes: [u8; OUT_HEADER_LEN + BODY_MAX],
    len: usize,
}

/// The longest body built here: `fuse_attr_out`.
const BODY_MAX: usize = 104;

impl Answer {
    /// Done, or refused with a positive `errno`.
    pub(crate) fn status(unique: u64, errno: i32) -> Self {
        Answer::build(unique, -errno, 0, |_| ())
    }

    /// Done; `payload` bytes of data follow.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a payload is at most Limits::max_transfer"
    )]
    pub(crate) fn data(unique: u64, payload: usize) -> Self {
        Answer::build(unique, 0, payload as u32, |_| ())
    }

    /// `fuse_init_out`. `None` where the kernel speaks a version too old or too new.
    pub(crate) fn init(unique: u64, operation: &Operation, limits: Limits) -> Option<Self> {
        let &Operation::Init {
            major: MAJOR,
            minor: MINOR_MIN..,
            max_readahead,
            flags,
        } = operation
        else {
            return None;
        };
        Some(Answer::build(unique, 0, 0, |out| {
            out.u32(MAJOR)
                .u32(MINOR)
                .u32(max_readahead)
                .u32(flags & INIT_FLAGS);
            out.u16(limits.max_background)
                .u16(limits.max_background / 4 * 3);
            out.u32(u32::try_from(limits.max_transfer).unwrap_or(u32::MAX));
            out.u32(1); // the granularity of times, in nanoseconds
            out.u16(u16::try_from(limits.max_transfer / PAGE).unwrap_or(u16::MAX))
                .u16(0);
            out.zeros(32);
        }))
    }

    /// `fuse_attr_out`.
    pub(crate) fn attributes(unique: u64, attributes: Attributes) -> Self {
        let mode = libc::S_IFREG | if attributes.read_only { 0o400 } else { 0o600 };
        Answer::build(unique, 0, 0, |out| {
            out.u64(ATTRIBUTES_VALID.as_secs()).u32(0).u32(0);
            out.u64(ROOT).u64(attributes.len).u64(attributes.len / 512);
            out.zeros(3 * 8 + 3 * 4); // times: the view has none of its own
            out.u32(mode)
                .u32(1)
                .u32(0)
                .u32(0)
                .u32(0)
                .u32(attributes.block_size)
                .u32(0);
        })
    }

    /// `fuse_open_out`.
    pub(crate) fn open(unique: u64) -> Self {
        Answer::build(unique, 0, 0, |out| {
            out.u64(0)
                .u32(FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES)
                .u32(0);
        })
    }

    /// `fuse_ioctl_out`; `payload` bytes follow.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a payload is at most what there was room for"
    )]
    pub(crate) fn ioctl(unique: u64, payload: usize) -> Self {
        Answer::build(unique, 0, payload as u32, |out| {
            out.zeros(16);
        })
    }

    /// `fuse_write_out`.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a payload is at most Limits::max_transfer"
    )]
    pub(crate) fn written(unique: u64, len: usize) -> Self {
        Answer::build(unique, 0, 0, |out| {
            out.u32(len as u32).u32(0);
        })
    }

    /// `fuse_statfs_out`: a file system that is full of its one file.
    pub(crate) fn statfs(unique: u64, attributes: Attributes) -> Self {
        Answer::build(unique, 0, 0, |out| {
            out.u64(attributes.len / u64::from(attributes.block_size))
                .zeros(16)
                .u64(1)
                .u64(0);
            out.u32(attributes.block_size)
                .u32(255)
                .u32(attributes.block_size)
                .zeros(28);
        })
    }

    /// The bytes for the kernel, before any data.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    #[expect(clippy::cast_possible_truncation, reason = "at most BODY_MAX")]
    fn build(unique: u64, error: i32, payload: u32, body: impl FnOnce(&mut Writer<'_>)) -> Self {
        let mut answer = Answer {
            bytes: [0; OUT_HEADER_LEN + BODY_MAX],
            len: 0,
        };
        let mut writer = Writer {
            out: &mut answer.bytes[OUT_HEADER_LEN..],
            len: 0,
        };
        body(&mut writer);
        answer.len = OUT_HEADER_LEN + writer.len;
        let mut header = Writer {
            out: &mut answer.bytes[..OUT_HEADER_LEN],
            len: 0,
        };
        header
            .u32(answer.len as u32 + payload)
            .bytes(&error.to_ne_bytes())
            .u64(unique);
        answer
    }
}

/// Lays native-endian fields one after another.
struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.out[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
        self
    }

    fn zeros(&mut self, count: usize) -> &mut Self {
        self.len += count;
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_ne_bytes())
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_ne_bytes())
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_ne_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(opcode: u32, body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(IN_HEADER_LEN + body.len()).unwrap();
        let mut bytes = Vec::new();
        bytes.extend(len.to_ne_bytes());
        bytes.extend(opcode.to_ne_bytes());
        bytes.extend(77_u64.to_ne_bytes());
        bytes.extend(ROOT.to_ne_bytes());
        bytes.extend([0; 16]);
        bytes.extend(body);
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Request, Malformed> {
        let (head, rest) = bytes.split_at(bytes.len().min(WRITE_HEAD_LEN));
        Request::parse(head, rest)
    }

    #[test]
    fn a_write_names_its_offset_and_its_payload() {
        let mut body = [0; 40];
        body[8..16].copy_from_slice(&4096_u64.to_ne_bytes());
        body[16..20].copy_from_slice(&3_u32.to_ne_bytes());
        let bytes = request(16, &[&body[..], b"abc"].concat());
        assert_eq!(
            parse(&bytes).unwrap(),
            Request {
                unique: 77,
                operation: Operation::Write {
                    offset: 4096,
                    len: 3
                }
            }
        );
    }

    #[test]
    fn a_write_that_lies_about_its_length_is_malformed() {
        let mut body = [0; 40];
        body[16..20].copy_from_slice(&4_u32.to_ne_bytes());
        let bytes = request(16, &[&body[..], b"abc"].concat());
        assert_eq!(parse(&bytes), Err(Malformed));
    }

    #[test]
    fn no_prefix_of_a_request_is_taken_for_one() {
        for opcode in [3, 14, 15, 16, 17, 20, 25, 26, 43] {
            let whole = request(opcode, &[0; 40]);
            assert!(parse(&whole).is_ok(), "{opcode}");
            for len in 0..whole.len() {
                assert_eq!(
                    parse(&whole[..len]),
                    Err(Malformed),
                    "{opcode} cut to {len}"
                );
            }
        }
    }

    #[test]
    fn bodies_have_the_lengths_of_the_kernels_structures() {
        let attributes = Attributes {
            len: 1 << 20,
            block_size: 4096,
            read_only: false,
        };
        let init = Operation::Init {
            major: 7,
            minor: 44,
            max_readahead: 1 << 17,
            flags: u32::MAX,
        };
        let limits = Limits {
            max_transfer: 1 << 20,
            max_background: 64,
        };
        assert_eq!(
            Answer::init(1, &init, limits).unwrap().as_bytes().len(),
            16 + 64
        );
        assert_eq!(Answer::attributes(1, attributes).as_bytes().len(), 16 + 104);
        assert_eq!(Answer::statfs(1, attributes).as_bytes().len(), 16 + 80);
        assert_eq!(Answer::open(1).as_bytes().len(), 16 + 16);
        assert_eq!(Answer::written(1, 5).as_bytes().len(), 16 + 8);
        assert_eq!(Answer::status(1, libc::EIO).as_bytes().len(), 16);
    }

    #[test]
    fn a_kernel_of_another_major_version_is_refused() {
        let init = Operation::Init {
            major: 8,
            minor: 0,
            max_readahead: 0,
            flags: 0,
        };
        assert!(
            Answer::init(
                1,
                &init,
                Limits {
                    max_transfer: 1 << 20,
                    max_background: 64
                }
            )
            .is_none()
        );
    }

    #[test]
    fn nothing_is_asked_of_a_kernel_that_it_does_not_offer() {
        let init = Operation::Init {
            major: 7,
            minor: 31,
            max_readahead: 0,
            flags: 1,
        };
        let answer = Answer::init(
            1,
            &init,
            Limits {
                max_transfer: 1 << 20,
                max_background: 64,
            },
        )
        .unwrap();
        assert_eq!(u32_at(answer.as_bytes(), 16 + 12).unwrap(), 1);
    }
}
