//! The decrypted view against a plain model: whatever is written at whatever offsets, the backing holds what encrypting the whole
//! plaintext at once would have made.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::sync::Mutex;

use crypto::XtsKey;
use proptest::prelude::*;
use volume::fuse::sectors::{Backing, Ciphers, Geometry, View};

/// A backing in memory that can be told to fail.
struct Memory {
    bytes: Mutex<Vec<u8>>,
    fails_at: Option<u64>,
}

impl Memory {
    fn holding(bytes: Vec<u8>) -> Self {
        Memory {
            bytes: Mutex::new(bytes),
            fails_at: None,
        }
    }

    fn check(&self, offset: u64, len: usize) -> io::Result<std::ops::Range<usize>> {
        let start = usize::try_from(offset).unwrap();
        match self.fails_at {
            Some(bad) if (offset..offset + len as u64).contains(&bad) => {
                Err(io::Error::from_raw_os_error(libc::EIO))
            }
            _ => Ok(start..start + len),
        }
    }
}

impl Backing for &Memory {
    fn read_exact_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        let range = self.check(offset, out.len())?;
        out.copy_from_slice(
            self.bytes
                .lock()
                .unwrap()
                .get(range)
                .ok_or(io::ErrorKind::UnexpectedEof)?,
        );
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let range = self.check(offset, bytes.len())?;
        self.bytes.lock().unwrap()[range].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn requests_at_a_time(&self) -> usize {
        1
    }
}

const SECTORS: usize = 5;
const PAYLOAD_START: usize = 8192;
const IV_START: u64 = 7;

fn key() -> XtsKey {
    XtsKey::new(&(0..64).collect::<Vec<u8>>()).unwrap()
}

fn geometry(sector_size: usize) -> Geometry {
    let end = PAYLOAD_START + SECTORS * sector_size;
    Geometry::new(
        PAYLOAD_START as u64..end as u64,
        u32::try_from(sector_size).unwrap(),
        IV_START,
    )
    .unwrap()
}

/// Bytes before, within and after the payload, none of them zero.
fn image(sector_size: usize) -> Vec<u8> {
    (0..PAYLOAD_START + SECTORS * sector_size + 4096)
        .map(|at| u8::try_from(at % 251).unwrap() + 1)
        .collect()
}

fn decrypted(image: &[u8], sector_size: usize) -> Vec<u8> {
    let mut payload = image[PAYLOAD_START..PAYLOAD_START + SECTORS * sector_size].to_vec();
    key()
        .decryptor()
        .unwrap()
        .sectors(&mut payload, sector_size, IV_START)
        .unwrap();
    payload
}

#[derive(Debug, Clone)]
enum Step {
    Read { offset: usize, len: usize },
    Write { offset: usize, data: Vec<u8> },
}

fn steps(sector_size: usize) -> impl Strategy<Value = Vec<Step>> {
    let len = SECTORS * sector_size;
    // Past the end too; and often on a sector's edge, where the two ways to write meet.
    let offset = prop_oneof![
        0..len + 700,
        (0..=SECTORS).prop_map(move |sector| sector * sector_size)
    ];
    let size = prop_oneof![
        0..2 * sector_size + 3,
        (0..3_usize).prop_map(move |sectors| sectors * sector_size)
    ];
    let step = (offset, size, any::<Option<u8>>()).prop_map(|(offset, len, byte)| match byte {
        None => Step::Read { offset, len },
        Some(byte) => Step::Write {
            offset,
            data: (0..len)
                .map(|at| byte.wrapping_add(at.to_le_bytes()[0]))
                .collect(),
        },
    });
    prop::collection::vec(step, 1..24)
}

fn agrees_with_the_model(sector_size: usize, steps: Vec<Step>) {
    let before = image(sector_size);
    let mut model = decrypted(&before, sector_size);
    let memory = Memory::holding(before.clone());
    let view = View::new(&memory, geometry(sector_size));
    let key = key();
    let mut ciphers = Ciphers::new(&key).unwrap();
    let mut buffer = vec![0; view.read_buffer_len(4 * 4096)];
    for step in steps {
        match step {
            Step::Read { offset, len } => {
                let end = (offset + len).min(model.len());
                let expected = &model[offset.min(end)..end];
                assert_eq!(
                    view.read(&mut ciphers, &mut buffer, offset as u64, len)
                        .unwrap(),
                    expected
                );
            }
            Step::Write { offset, mut data } => {
                let end = (offset + data.len()).min(model.len());
                let start = offset.min(end);
                model[start..end].copy_from_slice(&data[..end - start]);
                assert_eq!(
                    view.write(&mut ciphers, &mut data, offset as u64).unwrap(),
                    end - start
                );
            }
        }
    }
    let after = memory.bytes.lock().unwrap();
    let payload = PAYLOAD_START..PAYLOAD_START + model.len();
    assert_eq!(decrypted(&after, sector_size), model);
    assert_eq!(
        after[..payload.start],
        before[..payload.start],
        "before the payload"
    );
    assert_eq!(
        after[payload.end..],
        before[payload.end..],
        "after the payload"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_reads_and_writes_of_512_byte_sectors_agree_with_the_model(steps in steps(512)) {
        agrees_with_the_model(512, steps);
    }

    #[test]
    fn any_reads_and_writes_of_4096_byte_sectors_agree_with_the_model(steps in steps(4096)) {
        agrees_with_the_model(4096, steps);
    }
}

#[test]
fn writers_of_different_parts_of_one_sector_do_not_undo_each_other() {
    const WRITERS: usize = 8;
    const ROUNDS: u8 = 200;
    let memory = Memory::holding(image(4096));
    let view = View::new(&memory, geometry(4096));
    let key = key();
    let part = 4096 / WRITERS;
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (view, key) = (&view, &key);
            scope.spawn(move || {
                let mut ciphers = Ciphers::new(key).unwrap();
                for round in 0..ROUNDS {
                    view.write(
                        &mut ciphers,
                        &mut vec![round; part],
                        (4096 + writer * part) as u64,
                    )
                    .unwrap();
                }
            });
        }
    });
    assert_eq!(
        decrypted(&memory.bytes.lock().unwrap(), 4096)[4096..8192],
        vec![ROUNDS - 1; 4096]
    );
}

#[test]
fn a_bad_place_of_the_backing_fails_what_touches_it_and_nothing_else() {
    let bad = (PAYLOAD_START + 2 * 512 + 5) as u64;
    let memory = Memory {
        bytes: Mutex::new(image(512)),
        fails_at: Some(bad),
    };
    let view = View::new(&memory, geometry(512));
    let key = key();
    let mut ciphers = Ciphers::new(&key).unwrap();
    let mut buffer = vec![0; view.read_buffer_len(4096)];
    assert!(view.read(&mut ciphers, &mut buffer, 0, 1024).is_ok());
    assert!(view.read(&mut ciphers, &mut buffer, 1024, 1).is_err());
    assert!(view.write(&mut ciphers, &mut [1; 512], 1024).is_err());
    assert!(view.write(&mut ciphers, &mut [1; 3], 1536).is_ok());
}

#[test]
fn geometries_that_cannot_be_are_refused() {
    for (payload, sector_size, iv_start, why) in [
        (0..4096, 513, 0, "an odd sector size"),
        (0..4096, 0, 0, "no sector size"),
        (0..8192, 8192, 0, "a sector larger than a page"),
        (0..511, 512, 0, "less than a sector"),
        (4096..4096, 512, 0, "an empty payload"),
        (
            0..4096,
            512,
            u64::MAX - 3,
            "an overflowing initialisation vector",
        ),
    ] {
        assert!(
            Geometry::new(payload, sector_size, iv_start).is_err(),
            "{why}"
        );
    }
    let (end, start) = (1024, 2048);
    assert!(
        Geometry::new(start..end, 512, 0).is_err(),
        "a payload that ends before it begins"
    );
}

#[test]
fn a_tail_that_is_no_whole_sector_is_left_out() {
    assert_eq!(
        Geometry::new(512..512 + 4096 + 4095, 4096, 0)
            .unwrap()
            .len(),
        4096
    );
}
