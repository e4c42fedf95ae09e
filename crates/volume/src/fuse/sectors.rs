//! The decrypted view of a backing: any byte range read or written, whole sectors underneath.
//!
//! Knows sectors and their initialisation vectors; knows nothing of FUSE, files or processes. Aligned requests, the only
//! ones a loop device sends, are encrypted in the caller's buffer; the others go through read, modify and write.

use std::io;
use std::ops::Range;
use std::sync::{PoisonError, RwLock};

use crypto::{XtsCipher, XtsKey};

use super::buffer::AlignedBuffer;

/// Where the ciphertext lies. Offsets are bytes from the start of the backing.
pub trait Backing: Send + Sync {
    /// Fills `out` from `offset`.
    ///
    /// # Errors
    /// What the backing reports; `UnexpectedEof` where it has become shorter.
    fn read_exact_at(&self, out: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// What the backing reports.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns once everything written before is on stable storage.
    ///
    /// # Errors
    /// What the backing reports.
    fn sync(&self) -> io::Result<()>;

    /// How many requests it is best given at a time: as many as hide its latency.
    fn requests_at_a_time(&self) -> usize;
}

/// How sectors lie in the backing (LUKS2 specification, 3.3, segments).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geometry {
    payload: Range<u64>,
    sector_size: u32,
    iv_start: u64,
}

impl Geometry {
    /// A payload of whole sectors; a tail that is not a whole sector is left out, as dm-crypt does.
    ///
    /// `payload` is in bytes; `iv_start` counts 512-byte sectors.
    ///
    /// # Errors
    /// `InvalidInput` where the sector size is not 512, 1024, 2048 or 4096, the payload holds no sector, or the last sector's
    /// initialisation vector would overflow.
    pub fn new(payload: Range<u64>, sector_size: u32, iv_start: u64) -> io::Result<Self> {
        let refuse = |reason| Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        if !matches!(sector_size, 512 | 1024 | 2048 | 4096) {
            return refuse("the sector size is not 512, 1024, 2048 or 4096");
        }
        let len = payload.end.saturating_sub(payload.start);
        let len = len - len % u64::from(sector_size);
        if len == 0 {
            return refuse("the payload is smaller than one sector");
        }
        if iv_start.checked_add(len / 512).is_none() {
            return refuse("the initialisation vector of the last sector overflows");
        }
        Ok(Geometry {
            payload: payload.start..payload.start + len,
            sector_size,
            iv_start,
        })
    }

    /// Bytes of plaintext.
    pub fn len(&self) -> u64 {
        self.payload.end - self.payload.start
    }

    /// Never: a geometry holds at least one sector.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The bytes of the backing that the sectors take.
    pub fn payload(&self) -> &Range<u64> {
        &self.payload
    }

    /// Bytes that are encrypted as one unit.
    pub fn sector_size(&self) -> u32 {
        self.sector_size
    }

    /// The sectors that `range` touches, as a byte range of the plaintext.
    fn covering(&self, range: &Range<u64>) -> Range<u64> {
        let size = u64::from(self.sector_size);
        range.start - range.start % size..range.end.next_multiple_of(size)
    }

    fn is_aligned(&self, range: &Range<u64>) -> bool {
        let mask = u64::from(self.sector_size) - 1;
        (range.start | range.end) & mask == 0
    }

    fn backing_offset(&self, at: u64) -> u64 {
        self.payload.start + at
    }

    fn iv(&self, at: u64) -> u64 {
        self.iv_start + at / 512
    }
}

/// One thread's cipher contexts, one a direction: setting up AES key schedules for each request would cost more than the request.
pub struct Ciphers<'key> {
    encrypt: XtsCipher<'key>,
    decrypt: XtsCipher<'key>,
}

impl<'key> Ciphers<'key> {
    /// Contexts of the calling thread.
    ///
    /// # Errors
    /// Where the library has no memory for them.
    pub fn new(key: &'key XtsKey) -> Result<Self, crypto::Error> {
        Ok(Ciphers {
            encrypt: key.encryptor()?,
            decrypt: key.decryptor()?,
        })
    }
}

/// A backing seen through its key.
pub struct View<B> {
    backing: B,
    geometry: Geometry,
    /// Shared by writers of whole sectors, exclusive to those that read, modify and write a sector of which they change a part: else a
    /// whole-sector write between the two steps would be undone.
    whole_sectors: RwLock<()>,
}

impl<B: Backing> View<B> {
    /// Shows `backing` through `geometry`.
    pub fn new(backing: B, geometry: Geometry) -> Self {
        View {
            backing,
            geometry,
            whole_sectors: RwLock::new(()),
        }
    }

    /// How the sectors lie.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// See [`Backing::requests_at_a_time`].
    pub fn requests_at_a_time(&self) -> usize {
        self.backing.requests_at_a_time()
    }

    /// How long a buffer must be for [`View::read`] to read `len` bytes from anywhere.
    pub fn read_buffer_len(&self, len: usize) -> usize {
        len + 2 * self.geometry.sector_size as usize
    }

    /// Reads up to `len` bytes at `offset`, using `buffer`, and returns the plaintext: a part of `buffer`.
    ///
    /// Shorter than `len` only at the end of the volume, as with a file.
    ///
    /// # Errors
    /// Those of the backing and the cipher; `InvalidInput` where `buffer` is shorter than [`View::read_buffer_len`].
    pub fn read<'b>(
        &self,
        ciphers: &mut Ciphers<'_>,
        buffer: &'b mut [u8],
        offset: u64,
        len: usize,
    ) -> io::Result<&'b [u8]> {
        let wanted = self.clamp(offset, len);
        let covering = self.geometry.covering(&wanted);
        let sectors = buffer
            .get_mut(..span(&covering))
            .ok_or(io::ErrorKind::InvalidInput)?;
        self.read_sectors(ciphers, sectors, covering.start)?;
        let skip = span(&(covering.start..wanted.start));
        Ok(&sectors[skip..skip + span(&wanted)])
    }

    /// Writes `data` at `offset`; what `data` holds afterwards is unspecified (whole sectors are encrypted where they lie).
    ///
    /// Returns how many bytes lay within the volume. For speed, `data` begins on a page.
    ///
    /// # Errors
    /// Those of the backing and the cipher; a write that fails may have been done in part.
    pub fn write(
        &self,
        ciphers: &mut Ciphers<'_>,
        data: &mut [u8],
        offset: u64,
    ) -> io::Result<usize> {
        let range = self.clamp(offset, data.len());
        let data = &mut data[..span(&range)];
        if self.geometry.is_aligned(&range) {
            let _shared = self
                .whole_sectors
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            self.write_sectors(ciphers, data, range.start)?;
        } else {
            let _exclusive = self
                .whole_sectors
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            self.read_modify_write(ciphers, data, &range)?;
        }
        Ok(data.len())
    }

    /// Returns once everything written before is on stable storage.
    ///
    /// # Errors
    /// Those of the backing.
    pub fn sync(&self) -> io::Result<()> {
        self.backing.sync()
    }

    fn clamp(&self, offset: u64, len: usize) -> Range<u64> {
        let start = offset.min(self.geometry.len());
        start
            ..offset
                .saturating_add(len as u64)
                .clamp(start, self.geometry.len())
    }

    fn read_sectors(
        &self,
        ciphers: &mut Ciphers<'_>,
        sectors: &mut [u8],
        at: u64,
    ) -> io::Result<()> {
        if sectors.is_empty() {
            return Ok(());
        }
        self.backing
            .read_exact_at(sectors, self.geometry.backing_offset(at))?;
        let size = self.geometry.sector_size as usize;
        let iv = self.geometry.iv(at);
        ciphers
            .decrypt
            .sectors(sectors, size, iv)
            .map_err(io::Error::other)
    }

    fn write_sectors(
        &self,
        ciphers: &mut Ciphers<'_>,
        sectors: &mut [u8],
        at: u64,
    ) -> io::Result<()> {
        if sectors.is_empty() {
            return Ok(());
        }
        let size = self.geometry.sector_size as usize;
        let iv = self.geometry.iv(at);
        ciphers
            .encrypt
            .sectors(sectors, size, iv)
            .map_err(io::Error::other)?;
        self.backing
            .write_all_at(sectors, self.geometry.backing_offset(at))
    }

    /// Only the first and the last sector are read: those between are replaced whole.
    fn read_modify_write(
        &self,
        ciphers: &mut Ciphers<'_>,
        data: &[u8],
        range: &Range<u64>,
    ) -> io::Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        let size = self.geometry.sector_size as usize;
        let covering = self.geometry.covering(range);
        let mut sectors = AlignedBuffer::new(span(&covering));
        self.read_sectors(ciphers, &mut sectors[..size], covering.start)?;
        let last = sectors.len() - size;
        if last > 0 {
            self.read_sectors(ciphers, &mut sectors[last..], covering.end - size as u64)?;
        }
        let skip = span(&(covering.start..range.start));
        sectors[skip..skip + data.len()].copy_from_slice(data);
        self.write_sectors(ciphers, &mut sectors, covering.start)
    }
}

/// Length of a range that lies within a buffer.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the ranges measured are those of buffers"
)]
fn span(range: &Range<u64>) -> usize {
    (range.end - range.start) as usize
}
