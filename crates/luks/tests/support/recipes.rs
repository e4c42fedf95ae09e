//! What the vectors are made of: a few headers that cryptsetup and qemu wrote, kept as they are since their salts are random, and everything
//! that is made of those by a change, the same each time.

use std::path::Path;

use serde_json::json;

use super::evil::{self, COPY, copy_of, seal, with_copies, with_json};
use super::evil_luks1;
use super::squeeze::squeeze;
use super::vectors::{self, Class, Vector};
use super::{Device, Folder, MIB, PASSPHRASE, must, volume_key};
use luks::{Header, Profile};

/// The header that the LUKS2 ones are made of.
const BASE: &str = "luks2/opens-two-keyslots-and-a-token";
const BASE_LUKS1: &str = "luks1/opens-sha256-aes-256";

/// A vector, and the device that it stands for.
pub struct Made {
    pub row: Vector,
    pub device: Device,
}

/// A header that a tool wrote.
struct Source {
    name: &'static str,
    class: Class,
    field: Option<&'static str>,
    wrong: &'static str,
    len: u64,
    key_len: u8,
    /// What is run, each with the image's path at its end.
    commands: Vec<Vec<String>>,
}

const PBKDF2: &str = "--pbkdf pbkdf2 --pbkdf-force-iterations 1000";
const ARGON2: &str = "--pbkdf-force-iterations 4 --pbkdf-memory 32 --pbkdf-parallel 1";
const ONE: &str = "--type luks1 --pbkdf-force-iterations 1000";

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn format(arguments: &str) -> Vec<String> {
    words(&format!(
        "cryptsetup -q luksFormat --key-file - --volume-key-file KEY {arguments}"
    ))
}

fn opens(name: &'static str, arguments: &str) -> Source {
    Source {
        name,
        class: Class::Opens,
        field: None,
        wrong: "nothing",
        len: if name.starts_with("luks1/") { 4 } else { 24 } * MIB,
        key_len: 64,
        commands: vec![format(arguments)],
    }
}

fn refused(
    name: &'static str,
    class: Class,
    field: &'static str,
    wrong: &'static str,
    arguments: &str,
) -> Source {
    Source {
        class,
        field: Some(field),
        wrong,
        ..opens(name, arguments)
    }
}

fn with_key_len(key_len: u8, source: Source) -> Source {
    Source { key_len, ..source }
}

fn and_then(mut source: Source, command: &str) -> Source {
    source.commands.push(words(command));
    source
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn sources() -> Vec<Source> {
    use Class::{Evil, NotOpenedHere, ReEncrypting};
    let pbkdf2 = |rest: &str| format!("{PBKDF2} {rest}");
    let data_cipher = |cipher: &str, bits: u32| {
        pbkdf2(&format!(
            "--cipher {cipher} --key-size {bits} --keyslot-cipher aes-xts-plain64 --keyslot-key-size 512"
        ))
    };
    let mut all = vec![
        opens("luks2/opens-pbkdf2-sha256", &pbkdf2("")),
        opens("luks2/opens-pbkdf2-sha512", &pbkdf2("--hash sha512")),
        opens(
            "luks2/opens-argon2id",
            &format!("--pbkdf argon2id {ARGON2}"),
        ),
        opens("luks2/opens-argon2i", &format!("--pbkdf argon2i {ARGON2}")),
        with_key_len(
            32,
            opens(
                "luks2/opens-aes-128-sha384",
                &pbkdf2("--hash sha384 --key-size 256"),
            ),
        ),
        opens("luks2/opens-sectors-of-512", &pbkdf2("--sector-size 512")),
        opens("luks2/opens-sectors-of-4096", &pbkdf2("--sector-size 4096")),
        opens(
            "luks2/opens-header-of-64-kib",
            &pbkdf2("--luks2-metadata-size 64k --luks2-keyslots-size 1m"),
        ),
        opens(
            "luks2/opens-header-of-4-mib",
            &pbkdf2("--luks2-metadata-size 4m"),
        ),
        opens("luks2/opens-data-at-18-mib", &pbkdf2("--offset 36864")),
        opens(
            "luks2/opens-label-and-subsystem",
            &pbkdf2("--label scratch --subsystem of-others"),
        ),
        and_then(
            and_then(
                opens(BASE, &pbkdf2("--sector-size 4096")),
                &format!(
                    "cryptsetup -q luksAddKey --key-file PASS --pbkdf argon2id {ARGON2} IMAGE SECOND"
                ),
            ),
            "cryptsetup -q token import --json-file TOKEN",
        ),
        refused(
            "luks2/cryptsetup-aes-cbc",
            NotOpenedHere,
            "segments.0.encryption",
            "the data is under CBC",
            &data_cipher("aes-cbc-essiv:sha256", 256),
        ),
        refused(
            "luks2/cryptsetup-xts-plain",
            NotOpenedHere,
            "segments.0.encryption",
            "the data's tweak has 32 bits",
            &data_cipher("aes-xts-plain", 512),
        ),
        refused(
            "luks2/cryptsetup-sectors-of-1024",
            NotOpenedHere,
            "segments.0.sector_size",
            "sectors of 1024 bytes",
            &pbkdf2("--sector-size 1024"),
        ),
        refused(
            "luks2/cryptsetup-whirlpool",
            NotOpenedHere,
            "keyslots.0.af.hash",
            "a digest that is not known here",
            &pbkdf2("--hash whirlpool"),
        ),
        and_then(
            refused(
                "luks2/cryptsetup-re-encryption-begun",
                ReEncrypting,
                "config.requirements",
                "a re-encryption has not ended",
                &pbkdf2(""),
            ),
            &format!("cryptsetup -q reencrypt --init-only --key-file - {PBKDF2}"),
        ),
        and_then(
            refused(
                "luks2/cryptsetup-converted-from-luks1",
                Evil,
                "digests.0.digest",
                "a digest cut to 20 bytes, as LUKS1 had it",
                ONE,
            ),
            "cryptsetup -q convert --type luks2",
        ),
        with_key_len(
            32,
            opens(
                "luks1/opens-sha1-aes-128",
                &format!("{ONE} --hash sha1 --key-size 256"),
            ),
        ),
        opens(BASE_LUKS1, &format!("{ONE} --hash sha256 --key-size 512")),
        opens(
            "luks1/opens-sha512-aes-256",
            &format!("{ONE} --hash sha512 --key-size 512"),
        ),
        refused(
            "luks1/cryptsetup-whirlpool",
            NotOpenedHere,
            "hashSpec",
            "a digest that is not known here",
            &format!("{ONE} --hash whirlpool --key-size 512"),
        ),
        Source {
            commands: vec![words(
                "qemu-img create -q -f luks --object secret,id=s,data=PASSPHRASE -o key-secret=s,iter-time=10,cipher-alg=aes-256,hash-alg=sha256 IMAGE 4M",
            )],
            ..opens("luks1/opens-qemu-aes-256", "")
        },
    ];
    for source in &mut all {
        if source.name.contains("re-encryption") || source.name.contains("converted") {
            source.len = 24 * MIB;
        }
        if source.name.ends_with("aes-cbc") {
            source.key_len = 32;
        }
    }
    all
}

impl Source {
    fn file(&self) -> String {
        format!("{}.img.gz", self.name)
    }

    /// What `source` says in the manifest.
    fn told(&self) -> String {
        let commands: Vec<String> = self.commands.iter().map(|words| words.join(" ")).collect();
        commands.join("; ")
    }

    /// Runs its commands.
    fn make(&self) {
        let folder = Folder::new();
        let image = folder.sparse("image", self.len);
        let put = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path(name), bytes).unwrap();
        };
        let key = volume_key(self.key_len);
        put("KEY", key.danger_expose());
        put("PASS", PASSPHRASE);
        put("SECOND", b"second");
        put(
            "TOKEN",
            br#"{"type":"of-another","keyslots":["0"],"note":"kept as it is"}"#,
        );
        for command in &self.commands {
            run_in(&folder, &image, command);
        }
        let mut device = Device::of_file(&image);
        let read = device.read(Profile::Permissive).unwrap();
        let key = match super::unlock_any(&read.header, &device, PASSPHRASE) {
            Ok(found) => found.danger_expose().to_vec(),
            Err(_) => key.danger_expose().to_vec(),
        };
        // A second keyslot elsewhere is one of a re-encryption, for another key.
        let keyslots: [(u32, &[u8]); 2] = [(0, PASSPHRASE), (1, b"second")];
        let count = if self.name == BASE { 2 } else { 1 };
        squeeze(&read.header, &mut device, &key, &keyslots[..count]);
        vectors::write(&self.file(), &device.bytes);
    }

    fn made(self) -> Made {
        let device = Device {
            bytes: vectors::content(&self.file()),
            len: match self.name {
                // qemu gives the data 4 MiB, and lays its header before it.
                "luks1/opens-qemu-aes-256" => 4 * MIB + 4040 * 512,
                _ => self.len,
            },
        };
        let row = Vector {
            file: self.file(),
            class: self.class,
            field: self.field.map(str::to_owned),
            wrong: self.wrong.to_owned(),
            source: self.told(),
            ..row_of(&device)
        };
        Made { row, device }
    }
}

fn run_in(folder: &Folder, image: &Path, command: &[String]) {
    let image = image.to_str().unwrap();
    let mut arguments: Vec<String> = command
        .iter()
        .map(|word| match word.as_str() {
            "KEY" | "PASS" | "SECOND" | "TOKEN" => folder.path(word).to_str().unwrap().to_owned(),
            "IMAGE" => image.to_owned(),
            other => other.replace("PASSPHRASE", std::str::from_utf8(PASSPHRASE).unwrap()),
        })
        .collect();
    if !command.iter().any(|word| word == "IMAGE") {
        arguments.push(image.to_owned());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    must(arguments[0], &arguments[1..], PASSPHRASE);
}

/// What a row says of any device; the rest is for the caller to say.
fn row_of(device: &Device) -> Vector {
    Vector {
        file: String::new(),
        class: Class::Opens,
        field: None,
        wrong: String::new(),
        source: String::new(),
        bytes: device.len,
        passphrase: Some(String::from_utf8(PASSPHRASE.to_vec()).unwrap()),
        volume_key: super::key_in_hex(device),
        shown: device.read(Profile::Permissive).is_ok(),
        cryptsetup: None,
    }
}

/// The headers that the tools wrote; those that are not there are made now.
fn originals(make_missing: bool) -> Vec<Made> {
    let sources = sources().into_iter();
    sources
        .map(|source| {
            if make_missing && !vectors::folder().join(source.file()).exists() {
                source.make();
            }
            source.made()
        })
        .collect()
}

/// All of them, in the manifest's order. What is made of others is made anew.
pub fn all(make_missing: bool) -> Vec<Made> {
    let mut all = originals(make_missing);
    let device = |name: &str| {
        let file = format!("{name}.img.gz");
        let found = all.iter().find(|made| made.row.file == file);
        found.unwrap().device.clone()
    };
    let (good, luks1) = (device(BASE), device(BASE_LUKS1));
    let mut derived = changed(BASE, evil::luks2(&good));
    derived.extend(changed(BASE_LUKS1, evil_luks1::luks1(&luks1)));
    derived.extend(copies(&good));
    derived.extend(others(&good));
    all.extend(derived);
    all
}

/// The evil ones.
fn changed(base: &str, refusals: Vec<evil::Refusal>) -> Vec<Made> {
    use luks::Fault;
    let folder = base.split('/').next().unwrap();
    let made = refusals.into_iter().map(|refusal| {
        let class = match refusal.fault {
            Fault::Weak => Class::Evil,
            Fault::Unsupported if refusal.field == "config.requirements" => Class::ReEncrypting,
            Fault::Unsupported => Class::NotOpenedHere,
            _ => Class::Damaged,
        };
        let row = Vector {
            file: format!("{folder}/{}.img.gz", refusal.name),
            class,
            wrong: refusal.name.replace('-', " "),
            field: Some(refusal.field),
            source: format!("{base} with {}", refusal.change),
            shown: !refusal.always,
            ..row_of(&refusal.device)
        };
        Made {
            row,
            device: refusal.device,
        }
    });
    made.collect()
}

fn derive(device: Device, name: &str, class: Class, wrong: &str, change: &str) -> Made {
    let row = Vector {
        file: format!("luks2/{name}.img.gz"),
        class,
        wrong: wrong.to_owned(),
        source: format!("{BASE} with {change}"),
        ..row_of(&device)
    };
    Made { row, device }
}

/// The next header: a flag more, and a sequence id.
fn next(good: &Device) -> Device {
    let changed = with_json(good, &|json| {
        *evil::at(json, "config.flags") = json!(["allow-discards"]);
    });
    let Header::V2(header) = good.read(Profile::Strict).unwrap().header else {
        panic!("LUKS1");
    };
    let sequence_id = header.sequence_id() + 1;
    with_copies(changed, &move |copy| {
        copy[16..24].copy_from_slice(&sequence_id.to_be_bytes());
    })
}

/// One copy of a pair that is not as the other: what a write leaves that is cut off, and what it does not.
fn copies(good: &Device) -> Vec<Made> {
    use Class::{Opens, Repaired};
    let next = next(good);
    let mut all = Vec::new();
    for (which, at) in [("primary", 0), ("secondary", COPY)] {
        let with = |bytes: &[u8]| {
            let mut device = good.clone();
            device.write(at, bytes);
            device
        };
        let newer = copy_of(&next, at > 0);
        let mut bare = newer.clone();
        bare[448..512].fill(0);
        let mut uuid = copy_of(good, at > 0);
        uuid[168] ^= 1;
        seal(&mut uuid);
        let noise: Vec<u8> = (0..0x4000_u32)
            .map(|at| u8::try_from(at * 7 % 251).unwrap() | 1)
            .collect();
        let cases: [(&str, Class, &str, Vec<u8>); 6] = [
            ("zeroed", Repaired, "is zeros", vec![0; 0x4000]),
            (
                "torn-after-a-sector",
                Repaired,
                "is the next one's first sector before the rest of this one's",
                newer[..512].to_vec(),
            ),
            (
                "without-its-checksum",
                Repaired,
                "is the next one, its checksum not yet written",
                bare,
            ),
            ("newer", Repaired, "is the next one, and whole", newer),
            (
                "of-noise",
                Opens,
                "is noise, which no interrupted write leaves: it stays as it is until somebody says otherwise",
                noise,
            ),
            (
                "of-another-uuid",
                Opens,
                "is whole, and another volume's by its UUID: it stays as it is until somebody says otherwise",
                uuid,
            ),
        ];
        for (name, class, wrong, bytes) in cases {
            all.push(derive(
                with(&bytes),
                &format!("{which}-{name}"),
                class,
                &format!("the {which} copy {wrong}"),
                &format!("{} bytes at {at}", bytes.len()),
            ));
        }
    }
    all
}

/// A device that holds somebody else's besides, or nothing of LUKS, or another volume's key material.
#[allow(clippy::too_many_lines, reason = "a table")]
fn others(good: &Device) -> Vec<Made> {
    use Class::{Ambiguous, NoHeader, WrongPassphrase};
    let mut partitions = vec![0; 512];
    partitions[446..462].copy_from_slice(&[
        0, 0x20, 0x21, 0, 0x83, 0xAA, 0x28, 2, 0, 8, 0, 0, 0, 0x90, 0, 0,
    ]);
    partitions[510..].copy_from_slice(&[0x55, 0xAA]);
    let mut lvm = vec![0; 1024];
    lvm[512..520].copy_from_slice(b"LABELONE");
    lvm[536..544].copy_from_slice(b"LVM2 001");
    let mut xfs = vec![0; 512];
    xfs[..4].copy_from_slice(b"XFSB");
    let mut ext4 = vec![0; 2048];
    // 24576 blocks of 1 KiB, the magic, revision 1, a journal and extents.
    for (at, value) in [(4, 24576_u32), (56, 0xEF53), (76, 1), (92, 4), (96, 0x40)] {
        ext4[1024 + at..1024 + at + 4].copy_from_slice(&value.to_le_bytes());
    }
    let mut gpt = vec![0; 1024];
    gpt[512..524].copy_from_slice(b"EFI PART\0\0\x01\0");
    let foreign = [
        ("lvm2", "LVM's label", lvm),
        ("dos", "a partition table", partitions),
        ("gpt", "a GUID partition table", gpt),
        ("xfs", "an XFS superblock", xfs),
        ("ext4", "an ext4 superblock", ext4),
    ];
    let mut all = Vec::new();
    for (name, what, bytes) in foreign {
        let mut over = good.clone();
        over.write(0, &vec![0; 0x4000]);
        over.write(0, &bytes);
        all.push(derive(
            over,
            &format!("{name}-over-the-primary"),
            Ambiguous,
            &format!("{what} lies where the primary copy was, and the secondary is whole"),
            &format!("zeros over the primary copy, and {what} in them"),
        ));
        let alone = Device {
            bytes,
            len: good.len,
        };
        let mut made = derive(
            alone,
            &format!("{name}-alone"),
            NoHeader,
            &format!("{what}, and no LUKS"),
            "",
        );
        made.row.source = format!("{what}, and zeros");
        made.row.passphrase = None;
        all.push(made);
    }
    let mut material = good.clone();
    let Header::V2(header) = good.read(Profile::Strict).unwrap().header else {
        panic!("LUKS1");
    };
    for id in [0, 1] {
        let end = header.keyslot_area(id).unwrap().start + 256_000;
        material.write(end - 64, &[0xA5; 64]);
    }
    all.push(derive(
        material,
        "key-material-overwritten",
        WrongPassphrase,
        "both keyslots' key material ends in other bytes: no passphrase opens it any more",
        "64 bytes at the end of each keyslot's stripes",
    ));
    all
}
