//! qemu as the judge of LUKS1 and of the data itself; luks-core as a second reader of LUKS2.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::Cursor;
use std::path::Path;

use luks::luks2::FormatOptions;
use luks::{Error, VolumeKey};
use support::*;

const LEN: u64 = 4 * MIB;

fn create(path: &Path, options: &str) {
    let secret = format!("secret,id=s,data={}", String::from_utf8_lossy(PASSPHRASE));
    let options = format!("key-secret=s,iter-time=10,{options}");
    let path = path.to_str().unwrap();
    must(
        "qemu-img",
        &[
            "create", "-f", "luks", "--object", &secret, "-o", &options, path, "4M",
        ],
        &[],
    );
}

fn qemu_io(path: &Path, command: &str) {
    let secret = format!("secret,id=s,data={}", String::from_utf8_lossy(PASSPHRASE));
    let image = format!(
        "driver=luks,key-secret=s,file.filename={}",
        path.to_str().unwrap()
    );
    let output = must(
        "qemu-io",
        &["--object", &secret, "--image-opts", &image, "-c", command],
        &[],
    );
    let output = String::from_utf8_lossy(&output);
    assert!(!output.contains("failed"), "{output}");
}

/// The data at `offset` of the payload, decrypted with this room's key and sectors.
fn plaintext(device: &Device, key: &VolumeKey, offset: u64, len: u64) -> Vec<u8> {
    let payload = device.header().payload(device.len).unwrap();
    let start = payload.bytes.start + offset;
    let mut data = device.at(start..start + len);
    let key = key.xts().unwrap();
    key.decryptor()
        .unwrap()
        .sectors(
            &mut data,
            payload.sector_size as usize,
            payload.iv_start + offset / 512,
        )
        .unwrap();
    data
}

/// qemu measures for three seconds what a passphrase may cost, so each image serves for both directions.
fn both_ways(options: &str) {
    let folder = Folder::new();
    let path = folder.path("qemu.img");
    create(&path, options);

    qemu_io(&path, "write -P 0xab 64k 128k");
    let mut device = Device::of_file(&path);
    let key = device.unlock(PASSPHRASE).unwrap();
    assert_eq!(
        plaintext(&device, &key, 64 << 10, 128 << 10),
        vec![0xab; 128 << 10],
        "{options}"
    );
    let payload = device.header().payload(device.len).unwrap().bytes;
    assert_eq!(payload.end, device.len);
    assert!(matches!(
        device.unlock(b"wrong"),
        Err(Error::WrongPassphrase { .. })
    ));

    let mut data = vec![0xcd; 64 << 10];
    key.xts()
        .unwrap()
        .encryptor()
        .unwrap()
        .sectors(&mut data, 512, (LEN / 2) / 512)
        .unwrap();
    device.write(payload.start + LEN / 2, &data);
    device.save(&path);
    // qemu-io compares what it reads with the pattern, and says so when it differs.
    qemu_io(&path, "read -P 0xcd 2M 64k");
}

#[test]
fn qemu_and_this_room_read_each_others_data_under_aes_256() {
    both_ways("cipher-alg=aes-256,hash-alg=sha512");
}

#[test]
fn qemu_and_this_room_read_each_others_data_under_aes_128() {
    both_ways("cipher-alg=aes-128,hash-alg=sha1");
}

#[test]
fn a_second_reader_finds_the_same_key_and_the_same_data() {
    for sector_size in [512, 4096] {
        for kdf in [FAST, FAST_ARGON2] {
            let options = FormatOptions {
                sector_size,
                ..FormatOptions::new(17 * MIB).unwrap()
            };
            let mut device = formatted_with(&options, &volume_key(64), kdf);
            let mut data: Vec<u8> = (0..65_536_u32).map(|index| (index % 251) as u8).collect();
            let plain = data.clone();
            let key = volume_key(64).xts().unwrap();
            key.encryptor()
                .unwrap()
                .sectors(&mut data, sector_size as usize, 128)
                .unwrap();
            device.write(16 * MIB + 128 * 512, &data);

            let image = Cursor::new(device.at(0..device.len));
            let mut reader =
                luks_core::LuksVolume::unlock_with_passphrase(image, PASSPHRASE).unwrap();

            assert_eq!(reader.master_key(), volume_key(64).danger_expose());
            let mut read = vec![0; data.len()];
            reader.read_at(128 * 512, &mut read).unwrap();
            assert_eq!(read, plain);
            assert_eq!(
                plaintext(&device, &volume_key(64), 128 * 512, 65_536),
                plain
            );
        }
    }
}
