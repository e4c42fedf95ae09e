//! Signatures that are nothing but fixed bytes at a fixed place, long enough not to be there by chance. The places are
//! those of libblkid's probes and of the formats' own documents.

use super::source::Source;
use crate::host::Signature;

/// The longest magic.
const MAX: usize = 24;

/// Fixed bytes at a fixed place.
struct Magic {
    name: &'static str,
    /// Where the format's structure is, as it is reported.
    at: Place,
    /// Where the bytes are in it.
    inside: u64,
    bytes: &'static [u8],
    /// What `mount` calls it, if it is a file system that is mounted by this.
    mounts_as: Option<&'static str>,
}

/// A place on a device.
#[derive(Clone, Copy)]
enum Place {
    /// From the start.
    Front(u64),
    /// This far before the end, after the length was rounded down to a multiple of the second.
    Back(u64, u64),
}

impl Place {
    fn offset(self, len: u64) -> Option<u64> {
        match self {
            Self::Front(offset) => Some(offset),
            Self::Back(before, unit) => (len - len % unit).checked_sub(before),
        }
    }
}

const fn front(name: &'static str, at: u64, inside: u64, bytes: &'static [u8]) -> Magic {
    Magic {
        name,
        at: Place::Front(at),
        inside,
        bytes,
        mounts_as: None,
    }
}

const fn back(
    name: &'static str,
    before: u64,
    unit: u64,
    inside: u64,
    bytes: &'static [u8],
) -> Magic {
    Magic {
        name,
        at: Place::Back(before, unit),
        inside,
        bytes,
        mounts_as: None,
    }
}

const fn file_system_magic(
    name: &'static str,
    at: u64,
    inside: u64,
    bytes: &'static [u8],
) -> Magic {
    Magic {
        name,
        at: Place::Front(at),
        inside,
        bytes,
        mounts_as: Some(name),
    }
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const LUKS2_SECONDARY: &str = "LUKS2 secondary header";
const SKUL: &[u8] = b"SKUL\xba\xbe";
const BTRFS: &[u8] = b"_BHRfS_M";
const GPT: &[u8] = b"EFI PART";
const SWAP: &str = "swap";
const HIBERNATED: &str = "swap with a hibernated system";
const IMSM: &[u8] = b"Intel Raid ISM Cfg Sig. ";

#[rustfmt::skip]
const MAGICS: &[Magic] = &[
    // Encryption and integrity
    front("LUKS1", 0, 0, b"LUKS\xba\xbe\x00\x01"),
    front("LUKS2", 0, 0, b"LUKS\xba\xbe\x00\x02"),
    front(LUKS2_SECONDARY, 16 * KIB, 0, SKUL),
    front(LUKS2_SECONDARY, 32 * KIB, 0, SKUL),
    front(LUKS2_SECONDARY, 64 * KIB, 0, SKUL),
    front(LUKS2_SECONDARY, 128 * KIB, 0, SKUL),
    front(LUKS2_SECONDARY, 256 * KIB, 0, SKUL),
    front(LUKS2_SECONDARY, 512 * KIB, 0, SKUL),
    front(LUKS2_SECONDARY, MIB, 0, SKUL),
    front(LUKS2_SECONDARY, 2 * MIB, 0, SKUL),
    front(LUKS2_SECONDARY, 4 * MIB, 0, SKUL),
    front("BitLocker", 0, 3, b"-FVE-FS-"),
    front("BitLocker To Go", 0, 424, b"\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01"),
    front("dm-integrity", 0, 0, b"integrt\0"),
    front("dm-verity", 0, 0, b"verity\0\0"),

    // Partition tables
    front("GPT partition table", 512, 0, GPT),
    front("GPT partition table", 4096, 0, GPT),
    back("GPT partition table, backup", 512, 512, 0, GPT),
    back("GPT partition table, backup", 4096, 4096, 0, GPT),
    front("SGI partition table", 0, 0, b"\x0b\xe5\xa9\x41"),
    front("BSD partition table", 512, 0, b"\x57\x45\x56\x82"),
    front("Apple partition map", 512, 0, b"PM\0\0"),

    // Volume managers and RAID
    front("LVM2 physical volume", 0, 0, b"LABELONE"),
    front("LVM2 physical volume", 512, 0, b"LABELONE"),
    front("LVM2 physical volume", 1024, 0, b"LABELONE"),
    front("LVM2 physical volume", 1536, 0, b"LABELONE"),
    front("bcache", 4096, 24, b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"),
    front("bcachefs", 4096, 24, b"\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef"),
    front("Stratis", 512, 4, b"!Stra0tis\x86\xff\x02^\x41rh"),
    front("Stratis", 9 * 512, 4, b"!Stra0tis\x86\xff\x02^\x41rh"),
    front("VDO", 0, 0, b"dmvdo001"),
    front("device-mapper snapshot", 0, 0, b"SnAp\x01\0\0\0"),
    front("Ceph BlueStore", 0, 0, b"bluestore block device"),
    front("Oracle ASM", 0, 32, b"ORCLDISK"),
    front("VMFS volume", MIB, 0, b"\x0d\xd0\x01\xc0"),
    front("VMFS", 2 * MIB, 0, b"\x5e\xf1\xab\x2f"),
    back("Intel RAID", 1024, 512, 0, IMSM),
    back("Intel RAID", 8192, 4096, 0, IMSM),
    back("DDF RAID", 512, 512, 0, b"\xde\x11\xde\x11"),
    back("DDF RAID", 128 * KIB + 512, 512, 0, b"\xde\x11\xde\x11"),
    back("DRBD", 4096, 4096, 60, b"\x83\x74\x02\x6b"),
    back("DRBD", 4096, 4096, 60, b"\x83\x74\x02\x6c"),
    back("DRBD", 4096, 4096, 60, b"\x83\x74\x02\x6d"),

    // Swap, for each page size
    front(SWAP, 0, 4096 - 10, b"SWAPSPACE2"),
    front(SWAP, 0, 4096 - 10, b"SWAP-SPACE"),
    front(SWAP, 0, 8192 - 10, b"SWAPSPACE2"),
    front(SWAP, 0, 16384 - 10, b"SWAPSPACE2"),
    front(SWAP, 0, 32768 - 10, b"SWAPSPACE2"),
    front(SWAP, 0, 65536 - 10, b"SWAPSPACE2"),
    front(HIBERNATED, 0, 4096 - 10, b"S1SUSPEND"),
    front(HIBERNATED, 0, 4096 - 10, b"S2SUSPEND"),
    front(HIBERNATED, 0, 4096 - 10, b"ULSUSPEND"),
    front(HIBERNATED, 0, 4096 - 10, b"LINHIB0001"),
    front(HIBERNATED, 0, 65536 - 10, b"S1SUSPEND"),
    front(HIBERNATED, 0, 65536 - 10, b"LINHIB0001"),

    // File systems. ext is told by its structure
    file_system_magic("xfs", 0, 0, b"XFSB"),
    file_system_magic("btrfs", 64 * KIB, 64, BTRFS),
    front("btrfs, second superblock", 64 * MIB, 64, BTRFS),
    front("btrfs, third superblock", 256 * GIB, 64, BTRFS),
    file_system_magic("f2fs", 1024, 0, b"\x10\x20\xf5\xf2"),
    front("f2fs, second superblock", 5120, 0, b"\x10\x20\xf5\xf2"),
    file_system_magic("reiserfs", 64 * KIB, 52, b"ReIsErFs"),
    file_system_magic("reiserfs", 64 * KIB, 52, b"ReIsEr2Fs"),
    file_system_magic("reiserfs", 64 * KIB, 52, b"ReIsEr3Fs"),
    file_system_magic("reiserfs", 8 * KIB, 52, b"ReIsErFs"),
    file_system_magic("reiser4", 64 * KIB, 0, b"ReIsEr4"),
    file_system_magic("jfs", 32 * KIB, 0, b"JFS1"),
    file_system_magic("gfs2", 64 * KIB, 0, b"\x01\x16\x19\x70"),
    file_system_magic("ocfs2", 1024, 0, b"OCFSV2"),
    file_system_magic("ocfs2", 2048, 0, b"OCFSV2"),
    file_system_magic("ocfs2", 4096, 0, b"OCFSV2"),
    file_system_magic("ocfs2", 8192, 0, b"OCFSV2"),
    file_system_magic("squashfs", 0, 0, b"hsqs"),
    front("squashfs", 0, 0, b"sqsh"),
    file_system_magic("erofs", 1024, 0, b"\xe2\xe1\xf5\xe0"),
    file_system_magic("cramfs", 0, 0, b"\x45\x3d\xcd\x28"),
    file_system_magic("romfs", 0, 0, b"-rom1fs-"),
    file_system_magic("zonefs", 0, 0, b"SFOZ"),
    file_system_magic("bfs", 0, 0, b"\xce\xfa\xad\x1b"),
    file_system_magic("ufs", 8 * KIB, 1372, b"\x54\x19\x01\x00"),
    file_system_magic("ufs", 64 * KIB, 1372, b"\x19\x01\x54\x19"),
    file_system_magic("apfs", 0, 32, b"NXSB"),
    file_system_magic("ntfs", 0, 3, b"NTFS    "),
    file_system_magic("exfat", 0, 3, b"EXFAT   "),
    front("ReFS", 0, 3, b"ReFS\0\0\0\0"),
    file_system_magic("vfat", 0, 54, b"FAT12   "),
    file_system_magic("vfat", 0, 54, b"FAT16   "),
    file_system_magic("vfat", 0, 82, b"FAT32   "),
    file_system_magic("iso9660", 32 * KIB, 1, b"CD001"),
    file_system_magic("udf", 32 * KIB, 1, b"BEA01"),
    file_system_magic("udf", 34 * KIB, 1, b"NSR02"),
    file_system_magic("udf", 34 * KIB, 1, b"NSR03"),
    file_system_magic("hfsplus", 1024, 0, b"H+\x00\x04"),
    file_system_magic("hfsplus", 1024, 0, b"HX\x00\x05"),

    // Images of machines and archives, which a file named as a backing by mistake may be
    front("qcow2 image", 0, 0, b"QFI\xfb\0\0\0"),
    front("VMDK image", 0, 0, b"KDMV"),
    front("VHDX image", 0, 0, b"vhdxfile"),
    front("tar archive", 0, 257, b"ustar"),
];

/// Reports every magic that is there.
pub(super) fn find<S: Source>(source: &mut S, found: &mut Vec<Signature>) -> Result<(), S::Error> {
    for magic in MAGICS {
        if let Some(offset) = magic.found_at(source)? {
            found.push(Signature {
                name: magic.name.to_owned(),
                offset,
            });
        }
    }
    Ok(())
}

/// The first file system that is there.
pub(super) fn file_system<S: Source>(source: &mut S) -> Result<Option<String>, S::Error> {
    for magic in MAGICS {
        if let Some(name) = magic.mounts_as
            && magic.found_at(source)?.is_some()
        {
            return Ok(Some(name.to_owned()));
        }
    }
    Ok(None)
}

impl Magic {
    /// Where the structure is, if it is there.
    fn found_at<S: Source>(&self, source: &mut S) -> Result<Option<u64>, S::Error> {
        let len = source.len();
        let Some(offset) = self.at.offset(len) else {
            return Ok(None);
        };
        let Some(start) = offset.checked_add(self.inside) else {
            return Ok(None);
        };
        let mut bytes = [0; MAX];
        let bytes = &mut bytes[..self.bytes.len()];
        if start
            .checked_add(bytes.len() as u64)
            .is_none_or(|end| end > len)
        {
            return Ok(None);
        }
        source.read_at(start, bytes)?;
        Ok((bytes == self.bytes).then_some(offset))
    }
}

const _: () = {
    let mut index = 0;
    while index < MAGICS.len() {
        assert!(MAGICS[index].bytes.len() <= MAX && MAGICS[index].bytes.len() >= 4);
        index += 1;
    }
};
