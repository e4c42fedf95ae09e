//! Checksums against the published check values: those of `123456789` in the CRC catalogue, and FIPS 180's of `abc`.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use wire::checksum::{Checksum, ChecksumAlgorithm};

fn of(algorithm: ChecksumAlgorithm, pieces: &[&[u8]]) -> String {
    let mut checksum = Checksum::new(algorithm);
    for piece in pieces {
        checksum.update(piece);
    }
    hex::encode(checksum.finish())
}

#[test]
fn each_algorithm_has_its_check_value() {
    let digits: &[&[u8]] = &[b"1234", b"", b"56789"];
    assert_eq!(of(ChecksumAlgorithm::Crc32, digits), "cbf43926");
    assert_eq!(of(ChecksumAlgorithm::Crc32c, digits), "e3069283");
    assert_eq!(of(ChecksumAlgorithm::Crc64Nvme, digits), "ae8b14860a799888");
    let abc: &[&[u8]] = &[b"a", b"bc"];
    assert_eq!(
        of(ChecksumAlgorithm::Sha1, abc),
        "a9993e364706816aba3e25717850c26c9cd0d89d"
    );
    assert_eq!(
        of(ChecksumAlgorithm::Sha256, abc),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn each_algorithm_is_found_by_its_header() {
    for algorithm in ChecksumAlgorithm::ALL {
        let found = ChecksumAlgorithm::of_header(algorithm.header_name());
        assert_eq!(found, Some(algorithm));
    }
    assert_eq!(ChecksumAlgorithm::of_header("x-amz-checksum-type"), None);
}

#[test]
fn a_value_must_have_the_length_of_its_algorithm() {
    assert_eq!(ChecksumAlgorithm::Crc32.parse("AAAAAA=="), Some(vec![0; 4]));
    assert_eq!(ChecksumAlgorithm::Crc32.parse("AAAA"), None);
    assert_eq!(ChecksumAlgorithm::Crc64Nvme.parse("AAAAAA=="), None);
    assert_eq!(ChecksumAlgorithm::Crc32.parse("not base64"), None);
}
