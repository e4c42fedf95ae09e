//! Headers as somebody with the disk can make them.
#![allow(dead_code, reason = "each test program uses its part")]

use volume::sim::Disk;

/// Replaces text in both copies' JSON and makes their checksums right again, as somebody with the disk can.
pub(crate) fn replace(disk: &Disk, from: &str, to: &str) -> Option<Disk> {
    let mut disk = disk.clone();
    for copy in [0, 0x4000_u64] {
        let mut bytes = vec![0; 0x4000];
        disk.read(copy, &mut bytes);
        let end = 4096 + bytes[4096..].iter().position(|&byte| byte == 0)?;
        let json = std::str::from_utf8(&bytes[4096..end]).ok()?;
        assert!(json.contains(from), "{from} is not in {json}");
        let mut json = json.replace(from, to).into_bytes();
        json.resize(0x4000 - 4096, 0);
        bytes[4096..].copy_from_slice(&json);
        bytes[448..512].fill(0);
        let checksum = crypto::sha256(&[&bytes]);
        bytes[448..480].copy_from_slice(&checksum);
        disk.write(copy, &bytes);
    }
    disk.flush();
    Some(disk)
}
