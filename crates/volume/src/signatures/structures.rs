//! Signatures whose magic is too short to be believed by itself, or whose place must be worked out.

use super::source::{Source, take};
use crate::host::Signature;

/// Where the first ext superblock is.
pub(super) const EXT_PRIMARY: u64 = 1024;
/// What an external journal is called: it cannot be mounted.
pub(super) const EXT_JOURNAL: &str = "ext journal";
/// The groups that hold copies of an ext superblock: 1 and powers of 3, 5 and 7. The first few will do.
const EXT_COPIES: [u16; 6] = [1, 3, 5, 7, 9, 25];

/// Reports every structure that is there.
pub(super) fn find<S: Source>(source: &mut S, found: &mut Vec<Signature>) -> Result<(), S::Error> {
    let mut report = |name: &str, offset| {
        found.push(Signature {
            name: name.to_owned(),
            offset,
        });
    };
    let len = source.len();

    if let Some(name) = ext(source, EXT_PRIMARY, None)? {
        report(name, EXT_PRIMARY);
    } else {
        // The copies only matter where the first has been wiped, and one is proof enough.
        for (group, log_block_size, offset) in EXT_COPIES.into_iter().flat_map(ext_copies) {
            if ext(source, offset, Some((group, log_block_size)))?.is_some() {
                report("ext, superblock copy", offset);
                break;
            }
        }
    }
    for (name, offset) in md_places(len) {
        if md(source, offset, name)? {
            report(name, offset);
        }
    }
    for offset in zfs_places(len) {
        if zfs(source, offset)? {
            report("ZFS label", offset);
        }
    }
    if let Some(name) = boot_sector(source)? {
        report(name, 0);
    }
    if minix(source)? {
        report("minix", 1024);
    }
    if nilfs(source, 1024)? {
        report("nilfs2", 1024);
    }
    if let Some(offset) = (len / 4096).checked_sub(1).map(|block| block * 4096)
        && nilfs(source, offset)?
    {
        report("nilfs2, second superblock", offset);
    }
    Ok(())
}

fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    bytes
        .get(offset..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    bytes
        .get(offset..)
        .and_then(<[u8]>::first_chunk)
        .map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// Where the copy in a group is, for each block size: with 1 KiB blocks the groups begin at block 1.
fn ext_copies(group: u16) -> impl Iterator<Item = (u16, u32, u64)> {
    (0..3).map(move |log_block_size| {
        let block = 1024_u64 << log_block_size;
        let blocks_per_group = block * 8;
        let first = u64::from(log_block_size == 0);
        let offset = (u64::from(group) * blocks_per_group + first) * block;
        (group, log_block_size, offset)
    })
}

/// Which of the ext family has a superblock at an offset; for a copy, one that says that it is that copy.
///
/// The features tell them apart, as libblkid does: ext4 has one that ext3 has not, ext3 has a journal.
pub(super) fn ext<S: Source>(
    source: &mut S,
    offset: u64,
    copy: Option<(u16, u32)>,
) -> Result<Option<&'static str>, S::Error> {
    const MAGIC: u16 = 0xEF53;
    const HAS_JOURNAL: u32 = 0x4;
    const JOURNAL_DEVICE: u32 = 0x8;
    const EXT3_INCOMPATIBLE: u32 = 0x2 | 0x4 | 0x10;
    const EXT3_READ_ONLY: u32 = 0x1 | 0x2 | 0x4;
    let Some(block) = take::<256, S>(source, offset)? else {
        return Ok(None);
    };
    let log_block_size = u32_at(&block, 24);
    let revision = u32_at(&block, 76);
    if u16_at(&block, 56) != MAGIC || log_block_size > 6 || revision > 1 || u32_at(&block, 4) == 0 {
        return Ok(None);
    }
    if let Some((group, size)) = copy
        && (u16_at(&block, 90), log_block_size) != (group, size)
    {
        return Ok(None);
    }
    let (compatible, incompatible, read_only) =
        (u32_at(&block, 92), u32_at(&block, 96), u32_at(&block, 100));
    Ok(Some(if incompatible & JOURNAL_DEVICE != 0 {
        EXT_JOURNAL
    } else if incompatible & !EXT3_INCOMPATIBLE != 0 || read_only & !EXT3_READ_ONLY != 0 {
        "ext4"
    } else if compatible & HAS_JOURNAL != 0 {
        "ext3"
    } else {
        "ext2"
    }))
}

/// Where Linux's software RAID keeps its superblock, by version.
fn md_places(len: u64) -> impl Iterator<Item = (&'static str, u64)> {
    const RESERVED: u64 = 64 << 10;
    let old = (len / RESERVED * RESERVED).checked_sub(RESERVED);
    // 8 KiB before the end, in sectors, rounded down to 4 KiB.
    let end = (len / 512)
        .checked_sub(16)
        .map(|sector| (sector & !7) * 512);
    [
        ("Linux RAID 1.1", Some(0)),
        ("Linux RAID 1.2", Some(4096)),
        ("Linux RAID 1.0", end),
        ("Linux RAID 0.90", old),
    ]
    .into_iter()
    .filter_map(|(name, offset)| Some((name, offset?)))
}

fn md<S: Source>(source: &mut S, offset: u64, name: &str) -> Result<bool, S::Error> {
    const MAGIC: u32 = 0xA92B_4EFC;
    let Some(block) = take::<8, S>(source, offset)? else {
        return Ok(false);
    };
    let magic = u32_at(&block, 0);
    // 0.90 is in the byte order of who made it. The three others differ by place only.
    Ok(if name.ends_with("0.90") {
        magic == MAGIC || magic.swap_bytes() == MAGIC
    } else {
        magic == MAGIC && u32_at(&block, 4) == 1
    })
}

const ZFS_LABEL: u64 = 256 << 10;

/// The four labels of a ZFS device.
fn zfs_places(len: u64) -> impl Iterator<Item = u64> {
    let end = len / ZFS_LABEL * ZFS_LABEL;
    [
        Some(0),
        Some(ZFS_LABEL),
        end.checked_sub(2 * ZFS_LABEL),
        end.checked_sub(ZFS_LABEL),
    ]
    .into_iter()
    .flatten()
}

/// Whether a label has an uberblock: 128 KiB of them, at least 1 KiB apart, in either byte order.
fn zfs<S: Source>(source: &mut S, label: u64) -> Result<bool, S::Error> {
    const MAGIC: u64 = 0x00BA_B10C;
    const RING: usize = 128 << 10;
    const SLOT: usize = 1 << 10;
    let ring = label + RING as u64;
    let end = ring + RING as u64;
    if end > source.len() || source.next_data(ring).is_none_or(|data| data >= end) {
        return Ok(false);
    }
    let mut bytes = vec![0; RING];
    source.read_at(ring, &mut bytes)?;
    Ok(bytes.chunks_exact(SLOT).any(|slot| {
        let magic = slot.first_chunk().copied().map_or(0, u64::from_le_bytes);
        magic == MAGIC || magic.swap_bytes() == MAGIC
    }))
}

/// A sector that a PC may boot from: an MBR partition table if its four entries can be one.
fn boot_sector<S: Source>(source: &mut S) -> Result<Option<&'static str>, S::Error> {
    const ENTRIES: usize = 446;
    let Some(sector) = take::<512, S>(source, 0)? else {
        return Ok(None);
    };
    if sector[510..] != [0x55, 0xAA] {
        return Ok(None);
    }
    let (entries, _) = sector[ENTRIES..510].as_chunks::<16>();
    let can_be = entries.iter().all(|entry| matches!(entry[0], 0 | 0x80));
    let any = entries
        .iter()
        .any(|entry| entry[4] != 0 && u32_at(entry, 12) != 0);
    Ok(Some(if can_be && any {
        "MBR partition table"
    } else {
        "boot sector"
    }))
}

/// The four magics of minix's superblock, with what else must hold in it.
fn minix<S: Source>(source: &mut S) -> Result<bool, S::Error> {
    let Some(block) = take::<32, S>(source, 1024)? else {
        return Ok(false);
    };
    let old = matches!(u16_at(&block, 16), 0x137F | 0x138F | 0x2468 | 0x2478)
        && u16_at(&block, 0) != 0
        && u16_at(&block, 4) != 0;
    let version3 = u16_at(&block, 24) == 0x4D5A && u32_at(&block, 0) != 0;
    Ok(old || version3)
}

/// nilfs2: a short magic, and the revision and size that go with it.
fn nilfs<S: Source>(source: &mut S, offset: u64) -> Result<bool, S::Error> {
    let Some(block) = take::<24, S>(source, offset)? else {
        return Ok(false);
    };
    Ok(u16_at(&block, 6) == 0x3434 && u32_at(&block, 0) == 2 && u16_at(&block, 8) != 0)
}
