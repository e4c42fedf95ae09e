use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Source, file_system, inspect};
use crate::host::SCAN_LEN;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// A device of any length that holds a few bytes here and there. Counts what is read of it.
#[derive(Default)]
struct Sparse {
    len: u64,
    bytes: BTreeMap<u64, u8>,
    tells_holes: bool,
    read: u64,
    fails_at: Option<u64>,
}

impl Sparse {
    fn new(len: u64) -> Self {
        Self {
            len,
            ..Self::default()
        }
    }

    fn with(mut self, offset: u64, bytes: &[u8]) -> Self {
        for (index, &byte) in bytes.iter().enumerate() {
            assert!(offset + (index as u64) < self.len);
            self.bytes.insert(offset + index as u64, byte);
        }
        self
    }

    fn names(&mut self) -> Vec<(String, u64)> {
        let report = inspect(self).unwrap();
        report
            .found
            .into_iter()
            .map(|signature| (signature.name, signature.offset))
            .collect()
    }
}

impl Source for Sparse {
    type Error = u64;

    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), u64> {
        let end = offset + buf.len() as u64;
        assert!(end <= self.len, "read beyond the end");
        if let Some(bad) = self.fails_at.filter(|bad| (offset..end).contains(bad)) {
            return Err(bad);
        }
        self.read += buf.len() as u64;
        buf.fill(0);
        for (&at, &byte) in self.bytes.range(offset..end) {
            buf[usize::try_from(at - offset).unwrap()] = byte;
        }
        Ok(())
    }

    fn next_data(&mut self, from: u64) -> Option<u64> {
        if !self.tells_holes {
            return Some(from);
        }
        // Holes come in pages.
        self.bytes
            .range(from / 4096 * 4096..)
            .next()
            .map(|(&at, _)| (at / 4096 * 4096).max(from))
    }
}

#[test]
fn a_device_of_zeros_is_blank_at_any_length() {
    for len in [
        0,
        1,
        511,
        512,
        4096,
        MIB,
        SCAN_LEN,
        SCAN_LEN + 1,
        2 * SCAN_LEN - 1,
        3 * SCAN_LEN,
        2 * TIB + 12345,
    ] {
        assert!(
            inspect(&mut Sparse::new(len)).unwrap().is_blank(),
            "{len} bytes"
        );
    }
}

#[test]
fn one_byte_anywhere_in_either_end_is_found() {
    let len = GIB + 4097;
    for offset in [
        0,
        1,
        SCAN_LEN - 1,
        len - SCAN_LEN,
        len - SCAN_LEN + 1,
        len - 4097,
        len - 1,
    ] {
        let report = inspect(&mut Sparse::new(len).with(offset, &[1])).unwrap();
        assert_eq!(report.first_nonzero, Some(offset));
    }
    let report = inspect(&mut Sparse::new(len).with(SCAN_LEN, &[1])).unwrap();
    assert_eq!(
        (report.first_nonzero, report.between),
        (None, Some(SCAN_LEN))
    );
}

#[test]
fn the_first_byte_is_reported_where_the_ends_overlap() {
    let len = SCAN_LEN + 10;
    let mut device = Sparse::new(len).with(len - 1, &[9]).with(77, &[1]);
    assert_eq!(inspect(&mut device).unwrap().first_nonzero, Some(77));
    let mut device = Sparse::new(len).with(len - 1, &[9]);
    assert_eq!(inspect(&mut device).unwrap().first_nonzero, Some(len - 1));
}

#[test]
fn holes_are_not_read() {
    let mut device = Sparse {
        tells_holes: true,
        ..Sparse::new(2 * TIB)
    };
    assert!(inspect(&mut device).unwrap().is_blank());
    assert!(
        device.read < 2 * MIB,
        "{} bytes of a hole were read",
        device.read
    );
    let mut device = Sparse {
        tells_holes: true,
        ..Sparse::new(2 * TIB)
    }
    .with(2 * TIB - 3, &[1]);
    assert_eq!(
        inspect(&mut device).unwrap().first_nonzero,
        Some(2 * TIB - 3)
    );
}

#[test]
fn a_device_that_cannot_be_read_is_not_blank() {
    for bad in [0, 1080, 5 * MIB, GIB - 1] {
        let mut device = Sparse {
            fails_at: Some(bad),
            ..Sparse::new(GIB)
        };
        assert_eq!(inspect(&mut device), Err(bad));
    }
}

/// For each signature: the length of the device, where its bytes are, and the name and offset to be reported.
#[expect(clippy::too_many_lines, reason = "a table of one line each")]
#[test]
fn each_signature_is_found_where_its_format_puts_it() {
    let ext = |group: u16, log_block_size: u8| {
        let mut block = vec![0; 256];
        block[4] = 1;
        block[24] = log_block_size;
        block[56..58].copy_from_slice(&[0x53, 0xEF]);
        block[90..92].copy_from_slice(&group.to_le_bytes());
        block
    };
    let primary = ext(0, 2);
    let mbr = {
        let mut sector = vec![0; 512];
        sector[446] = 0x80;
        sector[450] = 0x83;
        sector[458] = 1;
        sector[510..].copy_from_slice(&[0x55, 0xAA]);
        sector
    };
    let boot = [0x55, 0xAA];
    let md = [0xFC, 0x4E, 0x2B, 0xA9, 1, 0, 0, 0];
    let md_old_big_endian = [0xA9, 0x2B, 0x4E, 0xFC, 0, 0, 0, 0];
    let uberblock = 0x00BA_B10C_u64.to_le_bytes();
    let skul = b"SKUL\xba\xbe";
    let odd = GIB + 3 * 512;
    let cases: Vec<(u64, u64, &[u8], &str, u64)> = vec![
        (GIB, 0, b"LUKS\xba\xbe\x00\x01", "LUKS1", 0),
        (GIB, 0, b"LUKS\xba\xbe\x00\x02", "LUKS2", 0),
        (GIB, 0x4000, skul, "LUKS2 secondary header", 0x4000),
        (GIB, 0x8000, skul, "LUKS2 secondary header", 0x8000),
        (GIB, 0x1_0000, skul, "LUKS2 secondary header", 0x1_0000),
        (GIB, 0x2_0000, skul, "LUKS2 secondary header", 0x2_0000),
        (GIB, 0x4_0000, skul, "LUKS2 secondary header", 0x4_0000),
        (GIB, 0x8_0000, skul, "LUKS2 secondary header", 0x8_0000),
        (GIB, 0x10_0000, skul, "LUKS2 secondary header", 0x10_0000),
        (GIB, 0x20_0000, skul, "LUKS2 secondary header", 0x20_0000),
        (GIB, 0x40_0000, skul, "LUKS2 secondary header", 0x40_0000),
        (GIB, 3, b"-FVE-FS-", "BitLocker", 0),
        (GIB, 512, b"EFI PART", "GPT partition table", 512),
        (GIB, 4096, b"EFI PART", "GPT partition table", 4096),
        (
            odd,
            odd - 512,
            b"EFI PART",
            "GPT partition table, backup",
            odd - 512,
        ),
        (
            GIB,
            GIB - 4096,
            b"EFI PART",
            "GPT partition table, backup",
            GIB - 4096,
        ),
        (GIB, 0, &mbr, "MBR partition table", 0),
        (GIB, 510, &boot, "boot sector", 0),
        (GIB, 512, b"LABELONE", "LVM2 physical volume", 512),
        (GIB, 1536, b"LABELONE", "LVM2 physical volume", 1536),
        (GIB, 0, &md, "Linux RAID 1.1", 0),
        (GIB, 4096, &md, "Linux RAID 1.2", 4096),
        (GIB, GIB - 8192, &md, "Linux RAID 1.0", GIB - 8192),
        (odd, GIB - 8192, &md, "Linux RAID 1.0", GIB - 8192),
        (
            odd,
            GIB - 64 * KIB,
            &md_old_big_endian,
            "Linux RAID 0.90",
            GIB - 64 * KIB,
        ),
        (GIB, 128 * KIB, &uberblock, "ZFS label", 0),
        (GIB, 384 * KIB + 5 * KIB, &uberblock, "ZFS label", 256 * KIB),
        (
            odd,
            GIB - 384 * KIB,
            &uberblock,
            "ZFS label",
            GIB - 512 * KIB,
        ),
        (
            odd,
            GIB - 128 * KIB,
            &uberblock,
            "ZFS label",
            GIB - 256 * KIB,
        ),
        (
            GIB,
            4120,
            b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81",
            "bcache",
            4096,
        ),
        (GIB, 0, b"bluestore block device", "Ceph BlueStore", 0),
        (
            GIB,
            GIB - 4096 + 60,
            b"\x83\x74\x02\x6b",
            "DRBD",
            GIB - 4096,
        ),
        (
            GIB,
            GIB - 1024,
            b"Intel Raid ISM Cfg Sig. ",
            "Intel RAID",
            GIB - 1024,
        ),
        (GIB, 4086, b"SWAPSPACE2", "swap", 0),
        (GIB, 65526, b"SWAPSPACE2", "swap", 0),
        (GIB, 4086, b"LINHIB0001", "swap with a hibernated system", 0),
        (GIB, 0, b"XFSB", "xfs", 0),
        (GIB, 65600, b"_BHRfS_M", "btrfs", 65536),
        (
            GIB,
            64 * MIB + 64,
            b"_BHRfS_M",
            "btrfs, second superblock",
            64 * MIB,
        ),
        (
            TIB,
            256 * GIB + 64,
            b"_BHRfS_M",
            "btrfs, third superblock",
            256 * GIB,
        ),
        (GIB, 1024, b"\x10\x20\xf5\xf2", "f2fs", 1024),
        (GIB, 65588, b"ReIsEr2Fs", "reiserfs", 65536),
        (GIB, 0, b"hsqs", "squashfs", 0),
        (GIB, 3, b"NTFS    ", "ntfs", 0),
        (GIB, 82, b"FAT32   ", "vfat", 0),
        (GIB, 32769, b"CD001", "iso9660", 32768),
        (GIB, 1024, &primary, "ext2", 1024),
    ];
    for (len, at, bytes, name, offset) in &cases {
        let found = Sparse::new(*len).with(*at, bytes).names();
        assert_eq!(found, [((*name).to_owned(), *offset)]);
    }
    for (group, log_block_size, offset) in [
        (1, 2, 32768 * 4096),
        (3, 2, 98304 * 4096),
        (1, 0, 8193 * 1024),
        (1, 1, 16384 * 2048),
    ] {
        let found = Sparse::new(GIB)
            .with(offset, &ext(group, log_block_size))
            .names();
        assert_eq!(found, [("ext, superblock copy".to_owned(), offset)]);
    }
}

#[test]
fn a_short_magic_alone_is_no_structure() {
    // ext's two bytes with a block size that cannot be, md's magic of a version that is none, half a swap signature.
    let mut device = Sparse::new(GIB)
        .with(1024 + 4, &[1])
        .with(1024 + 24, &[9])
        .with(1024 + 56, &[0x53, 0xEF]);
    assert_eq!(device.names(), []);
    let mut device = Sparse::new(GIB).with(4096, &[0xFC, 0x4E, 0x2B, 0xA9, 7]);
    assert_eq!(device.names(), []);
    let mut device = Sparse::new(GIB).with(4086, b"SWAPS");
    assert_eq!(device.names(), []);
    assert!(!inspect(&mut device).unwrap().is_blank());
}

#[test]
fn the_ext_family_is_told_apart_by_features() {
    let block = |compatible: u8, incompatible: u8, read_only: u8| {
        Sparse::new(MIB)
            .with(1024 + 4, &[1])
            .with(1024 + 56, &[0x53, 0xEF])
            .with(1024 + 92, &[compatible])
            .with(1024 + 96, &[incompatible])
            .with(1024 + 100, &[read_only])
    };
    let kind = |mut device: Sparse| {
        let found = file_system(&mut device).unwrap();
        found.map(|found| found.kind)
    };
    assert_eq!(kind(block(0, 2, 1)).as_deref(), Some("ext2"));
    assert_eq!(kind(block(4, 2 | 4, 3)).as_deref(), Some("ext3"));
    assert_eq!(kind(block(4, 2 | 0x40, 3)).as_deref(), Some("ext4"));
    assert_eq!(kind(block(4, 2, 3 | 8)).as_deref(), Some("ext4"));
    assert_eq!(kind(block(0, 8, 0)), None, "an external journal");
    assert_eq!(kind(Sparse::new(MIB)), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(data in proptest::collection::vec(any::<u8>(), 0..9000), zeros: bool) {
        super::property::device(&if zeros { vec![0; data.len()] } else { data });
    }

    #[test]
    fn nothing_that_is_there_makes_the_reader_panic_or_read_outside(
        len in 0_u64..2 * MIB,
        bytes in proptest::collection::vec((any::<u64>(), any::<u8>()), 0..64),
        tells_holes: bool,
    ) {
        let mut device = Sparse { tells_holes, ..Sparse::new(len) };
        for (at, byte) in bytes {
            if len > 0 {
                device.bytes.insert(at % len, byte);
            }
        }
        let report = inspect(&mut device).unwrap();
        let first = device.bytes.iter().find(|(_, byte)| **byte != 0).map(|(&at, _)| at);
        prop_assert_eq!(report.first_nonzero, first);
        prop_assert!(report.found.is_empty() || first.is_some());
        file_system(&mut device).unwrap();
    }
}

#[test]
fn what_lies_in_the_middle_is_not_blank() {
    let mut device = Sparse {
        tells_holes: true,
        ..Sparse::new(64 * GIB).with(32 * GIB + 5, &[1])
    };
    assert_eq!(inspect(&mut device).unwrap().between, Some(32 * GIB + 5));

    for at in [20 * MIB, 100 * MIB, 500 * MIB, 900 * MIB] {
        let used = at..at + 40 * MIB;
        let mut device = Sparse::new(GIB);
        device
            .bytes
            .extend(used.clone().step_by(4096).map(|page| (page, 0xa5)));
        let report = inspect(&mut device).unwrap();
        assert!(used.contains(&report.between.unwrap()), "{at}: {report:?}");
        assert_eq!(inspect(&mut device).unwrap(), report, "the same each time");
    }
    let mut device = Sparse::new(TIB);
    assert!(inspect(&mut device).unwrap().is_blank());
    assert!(device.read < 64 * MIB, "{}", device.read);
}
