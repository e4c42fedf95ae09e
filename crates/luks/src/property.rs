//! What holds for every header, as functions of bytes: run by property tests and by the fuzz targets alike. They panic
//! when something does not hold; nothing else in the crate calls them.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a property that does not hold ends the test"
)]

use crate::header::{Header, Profile, Which};
use crate::luks2::Binary;
use crate::{Error, Step};

/// Takes the bytes as a whole device: reading never panics, the strict profile accepts nothing that the permissive one
/// refuses, and a LUKS2 header that is written again reads as the same header.
///
/// # Panics
/// When one of these does not hold.
pub fn device(bytes: &[u8]) {
    let permissive = read(bytes, Profile::Permissive);
    let strict = read(bytes, Profile::Strict);
    match (permissive, strict) {
        (Err(_), Ok(_)) => panic!("the strict profile accepts what the specification refuses"),
        (Ok(header), _) => unlocks_or_says_why(&header, bytes),
        (Err(_), Err(_)) => {}
    }
    if let Ok(Header::V2(mut header)) = read(bytes, Profile::Permissive) {
        let Ok(steps) = header.commit() else { return };
        let mut device = bytes.to_vec();
        apply(&steps, &mut device);
        let Ok(Header::V2(again)) = read(&device, Profile::Permissive) else {
            panic!("a header that was read and written does not read again")
        };
        assert_eq!(again.json(), header.json(), "the JSON changed on its way");
        assert_eq!(again.sequence_id(), header.sequence_id());
        assert_eq!(again.uuid(), header.uuid());
    }
}

/// Takes the bytes as the text of a LUKS2 JSON area, with checksums that are right: so the parser and the validator are
/// reached.
///
/// # Panics
/// As [`device`].
pub fn luks2_json(text: &[u8]) {
    let binary = Binary {
        header_size: 0x4000,
        sequence_id: 1,
        label: String::new(),
        checksum: crypto::HashAlgorithm::Sha256,
        uuid: uuid::Uuid::nil(),
        subsystem: String::new(),
    };
    let mut area = text.to_vec();
    area.resize(0x3000, 0);
    let mut bytes = binary.encode(Which::Primary, &[0; 64], &area);
    bytes.extend(binary.encode(Which::Secondary, &[0; 64], &area));
    device(&bytes);
}

/// A header is unlocked with cheap keyslots only: the cost is the header's choice, and a fuzzer's time is not.
fn unlocks_or_says_why(header: &Header, bytes: &[u8]) {
    for id in header.keyslot_ids().into_iter().take(1) {
        let Ok(area) = header.keyslot_area(id) else {
            continue;
        };
        let is_cheap = match header {
            Header::V1(header) => header
                .keyslots()
                .iter()
                .all(|keyslot| keyslot.iterations <= 2000),
            Header::V2(_) => false,
        };
        let start = usize::try_from(area.start)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let end = usize::try_from(area.end)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        if is_cheap {
            let outcome = header.unlock(id, b"a passphrase", &bytes[start..end]);
            assert!(
                !matches!(outcome, Err(Error::NoKeyslot(_))),
                "an active keyslot is there"
            );
        }
    }
    let _ = (
        header.payload(bytes.len() as u64),
        header.volume_key_len(),
        header.cipher(),
        header.uuid(),
    );
}

fn read(bytes: &[u8], profile: Profile) -> Result<Header, Error> {
    let mut source = |offset: u64, len: usize| {
        let start = usize::try_from(offset).expect("asked within the device");
        Ok(bytes
            .get(start..start + len)
            .expect("asked within the device")
            .to_vec())
    };
    Header::read(&mut source, bytes.len() as u64, profile).map(|read| read.header)
}

/// Carries out every step on a device in memory, which grows as needed.
fn apply(steps: &[Step], device: &mut Vec<u8>) {
    for step in steps {
        if let Step::Write { offset, bytes } = step {
            let start = usize::try_from(*offset).expect("a header lies in the first 8 MiB");
            device.resize(device.len().max(start + bytes.len()), 0);
            device[start..start + bytes.len()].copy_from_slice(bytes);
        }
    }
}
