//! What must hold of any table that the kernel, or what stands in for it, hands out: for tests and the fuzzer alike.

use crate::linux::crypt_target::CryptTarget;
use crate::linux::{dm, mounts};

/// Any bytes as a mount table, as a list of swap, as device-mapper's answer and as a crypt target's line: nothing
/// panics, and a line that is understood is written as it was read.
///
/// # Panics
/// When that does not hold.
pub fn tables(data: &[u8]) {
    let _ = mounts::parse(data);
    let _ = mounts::parse_swaps(data);
    let _ = dm::parse_targets(data, u32::from(data.first().copied().unwrap_or_default()));
    let text = String::from_utf8_lossy(data);
    if let Some(target) = CryptTarget::parse(&text)
        && target.key.is_in_keyring()
    {
        assert_eq!(CryptTarget::parse(&target.to_string()), Some(target));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(data in proptest::collection::vec(any::<u8>(), 0..400)) {
            super::tables(&data);
        }

        #[test]
        fn what_looks_like_a_table_makes_no_reader_panic(
            mount in r"[0-9]{1,3} [0-9]{1,3} (254:0|7:x) / /mnt[\\][0-9]{1,3}x rw( shared:1)? - ext4 /dev/x( rw)?",
            crypt in r"[a-z-]{1,8} (:64:logon:[a-z:]{1,9}|-) [0-9]{1,3} 7:0 [0-9]{1,3}( 1 sector_size:4096)?",
        ) {
            super::tables(mount.as_bytes());
            super::tables(crypt.as_bytes());
        }
    }
}
