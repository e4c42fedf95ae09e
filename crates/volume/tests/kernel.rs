//! The dm-crypt engine in a real kernel. Build machines seldom have device-mapper, so this binary runs itself inside
//! the guest that `tests/kernel/run` boots: `the_guest` starts it, and the tests marked as ignored are what it runs
//! there. cryptsetup and dmsetup are the oracles.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that cannot go on fails the test"
)]

mod guest;

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crypto::SecretBytes;
use guest::{run, run_with};
use luks::VolumeKey;
use uuid::Uuid;
use volume::engine::{Changed, Cipher, Engine, EngineError, Health, LuksKind, Mapping};
use volume::host::{Access, FileSystem, Host, MountOptions, RootWanted, Unmount, Use};
use volume::linux::{DmCrypt, LinuxHost};

/// The UUID of the file systems that are made here.
const FS: uuid::Uuid = uuid::uuid!("6d0c8f2e-54a1-4b7e-9a55-0a4b1d6f7c11");

const PASSPHRASE: &str = "correct horse";
const MIB: u64 = 1 << 20;

#[test]
fn the_guest() {
    guest::passes(10, &[]);
}

/// What cryptsetup formats, made once for each kind: starting a program takes a tenth of a second in the guest.
struct Header {
    bytes: Vec<u8>,
    uuid: Uuid,
}

impl Header {
    fn of(luks: LuksKind, sector_size: u32) -> &'static Self {
        static MADE: [OnceLock<Header>; 3] = [const { OnceLock::new() }; 3];
        let index = match (luks, sector_size) {
            (LuksKind::V1, 512) => 0,
            (LuksKind::V2, 512) => 1,
            (LuksKind::V2, 4096) => 2,
            other => panic!("no test needs {other:?}"),
        };
        MADE[index].get_or_init(|| Self::format(luks, sector_size))
    }

    fn format(luks: LuksKind, sector_size: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (key_file, image) = (folder.path().join("key"), folder.path().join("image"));
        fs::write(&key_file, key()).unwrap();
        File::create(&image).unwrap().set_len(20 * MIB).unwrap();
        let uuid = Uuid::new_v4();
        let (uuid_text, sectors) = (uuid.to_string(), sector_size.to_string());
        let mut arguments = vec![
            "luksFormat",
            "--batch-mode",
            "--key-size",
            "512",
            "--uuid",
            &uuid_text,
        ];
        arguments.extend(["--volume-key-file", key_file.to_str().unwrap()]);
        arguments.extend([
            "--pbkdf",
            "pbkdf2",
            "--pbkdf-force-iterations",
            "1000",
            "--key-file",
            "-",
        ]);
        match luks {
            LuksKind::V1 => arguments.extend(["--type", "luks1"]),
            LuksKind::V2 => arguments.extend(["--type", "luks2", "--sector-size", &sectors]),
        }
        arguments.push(image.to_str().unwrap());
        run_with("cryptsetup", &arguments, PASSPHRASE);
        let dump = run("cryptsetup", &["luksDump", image.to_str().unwrap()]);
        let number = |label: &str| {
            let word = |line: &str| {
                line.trim()
                    .strip_prefix(label)?
                    .split_whitespace()
                    .next()?
                    .parse::<u64>()
                    .ok()
            };
            dump.lines().find_map(word).unwrap()
        };
        let payload_start = match luks {
            LuksKind::V1 => number("Payload offset:") * 512,
            LuksKind::V2 => number("offset:"),
        };
        let mut bytes = fs::read(&image).unwrap();
        bytes.truncate(usize::try_from(payload_start).unwrap());
        Self { bytes, uuid }
    }
}

/// The volume key of every volume here.
fn key() -> Vec<u8> {
    (0..64).map(|index| 7 + 3 * index).collect()
}

/// A LUKS volume in a file, formatted by cryptsetup under a volume key that the test knows.
struct Volume {
    folder: tempfile::TempDir,
    uuid: Uuid,
    luks: LuksKind,
    sector_size: u32,
    payload_start: u64,
    key: VolumeKey,
    host: LinuxHost,
}

impl Volume {
    fn luks2(sector_size: u32) -> Self {
        Self::new(LuksKind::V2, sector_size, 48 * MIB)
    }

    fn luks1() -> Self {
        Self::new(LuksKind::V1, 512, 48 * MIB)
    }

    fn new(luks: LuksKind, sector_size: u32, size: u64) -> Self {
        let header = Header::of(luks, sector_size);
        let folder = tempfile::tempdir().unwrap();
        let image = File::create(folder.path().join("image")).unwrap();
        image.set_len(size).unwrap();
        image.write_all_at(&header.bytes, 0).unwrap();
        Self {
            uuid: header.uuid,
            luks,
            sector_size,
            payload_start: header.bytes.len() as u64,
            key: VolumeKey::new(SecretBytes::copy_of(&key()).unwrap()).unwrap(),
            host: LinuxHost::new(
                folder.path().join("state"),
                folder.path().join("run"),
                Vec::new(),
            ),
            folder,
        }
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn opened_by_cryptsetup(&self, name: &str) {
        run_with(
            "cryptsetup",
            &[
                "open",
                "--key-file",
                "-",
                self.image().to_str().unwrap(),
                name,
            ],
            PASSPHRASE,
        );
    }

    /// The mapping that Kluis asks for, over a loop device.
    fn with_mapping<T>(&self, name: &str, act: impl FnOnce(Mapping<'_>) -> T) -> T {
        let backing = self
            .host
            .attach_loop(&self.image(), self.sector_size, false)
            .unwrap();
        let size = fs::metadata(self.image()).unwrap().len();
        act(Mapping {
            name,
            uuid: self.uuid,
            luks: self.luks,
            backing: &backing,
            read_only: false,
            discards: false,
            payload: self.payload_start..size,
            sector_size: self.sector_size,
            iv_start: 0,
            cipher: Cipher::AesXtsPlain64,
            key: &self.key,
        })
    }

    fn opened_by_kluis(&self, name: &str) -> PathBuf {
        self.with_mapping(name, |mapping| DmCrypt::new().open(&mapping))
            .unwrap()
    }
}

/// `cryptsetup status` without what differs between two runs: the loop device's number.
fn status(name: &str) -> Vec<String> {
    run("cryptsetup", &["status", name])
        .lines()
        .filter(|line| !line.contains("device:"))
        .map(str::to_owned)
        .collect()
}

/// The mapping's table, without the number of its device.
fn table(name: &str) -> String {
    run("dmsetup", &["table", "--showkeys", name])
        .replace("7:1 ", "7:0 ")
        .replace("7:2 ", "7:0 ")
}

fn dm_uuid(name: &str) -> String {
    run(
        "dmsetup",
        &["info", "-c", "--noheadings", "-o", "uuid", name],
    )
    .trim()
    .to_owned()
}

fn write_through(device: &Path, offset: u64, bytes: &[u8]) {
    let file = File::options().write(true).open(device).unwrap();
    file.write_all_at(bytes, offset).unwrap();
    file.sync_all().unwrap();
}

fn read_through(device: &Path, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    File::open(device)
        .unwrap()
        .read_exact_at(&mut bytes, offset)
        .unwrap();
    bytes
}

/// Bytes that no sector shares with another.
fn pattern(seed: u8, len: usize) -> Vec<u8> {
    (0..len)
        .map(|index| ((index as u64).wrapping_mul(2_654_435_761) >> 7).to_le_bytes()[0] ^ seed)
        .collect()
}

fn close(name: &str) {
    assert_eq!(DmCrypt::new().close(name).unwrap(), Changed::Yes);
}

#[test]
#[ignore = "runs inside the guest"]
fn the_engine_is_available_where_the_kernel_has_the_target() {
    run("true", &[]);
    DmCrypt::new().available().unwrap();
}

#[test]
#[ignore = "runs inside the guest"]
fn a_luks2_mapping_is_the_one_that_cryptsetup_makes() {
    for sector_size in [512, 4096] {
        let volume = Volume::luks2(sector_size);
        volume.opened_by_cryptsetup("same");
        let expected = (status("same"), table("same"), dm_uuid("same"));
        run("cryptsetup", &["close", "same"]);
        assert_eq!(
            volume.opened_by_kluis("same"),
            Path::new("/dev/mapper/same")
        );
        assert_eq!((status("same"), table("same"), dm_uuid("same")), expected);
        assert!(
            expected.1.contains(":64:logon:cryptsetup:"),
            "{}",
            expected.1
        );
        close("same");
    }
}

#[test]
#[ignore = "runs inside the guest"]
fn a_luks1_mapping_differs_from_cryptsetups_in_where_the_key_is_and_in_nothing_else() {
    let volume = Volume::luks1();
    let without_key = |table: &str| {
        table
            .split(' ')
            .enumerate()
            .filter(|(index, _)| *index != 4)
            .map(|(_, word)| word.to_owned())
            .collect::<Vec<_>>()
    };
    let but_location = |status: Vec<String>| {
        status
            .into_iter()
            .filter(|line| !line.contains("key location"))
            .collect::<Vec<_>>()
    };
    volume.opened_by_cryptsetup("old");
    let expected = (
        but_location(status("old")),
        without_key(&table("old")),
        dm_uuid("old"),
    );
    run("cryptsetup", &["close", "old"]);
    volume.opened_by_kluis("old");
    assert_eq!(
        (
            but_location(status("old")),
            without_key(&table("old")),
            dm_uuid("old")
        ),
        expected
    );
    assert!(
        table("old").contains(":64:logon:"),
        "the key itself is not in the table"
    );
    close("old");
}

#[test]
#[ignore = "runs inside the guest"]
fn what_is_written_through_one_mapping_is_read_through_the_other() {
    for volume in [Volume::luks2(512), Volume::luks2(4096), Volume::luks1()] {
        let (one, other) = (pattern(1, 1 << 20), pattern(2, 64 << 10));
        volume.opened_by_cryptsetup("data");
        write_through(Path::new("/dev/mapper/data"), 0, &one);
        run("cryptsetup", &["close", "data"]);

        let device = volume.opened_by_kluis("data");
        assert!(
            read_through(&device, 0, one.len()) == one,
            "{:?} {}",
            volume.luks,
            volume.sector_size
        );
        write_through(&device, 8 * MIB, &other);
        close("data");

        volume.opened_by_cryptsetup("data");
        assert!(
            read_through(Path::new("/dev/mapper/data"), 8 * MIB, other.len()) == other,
            "{:?} {}",
            volume.luks,
            volume.sector_size
        );
        run("cryptsetup", &["close", "data"]);
    }
}

#[test]
#[ignore = "runs inside the guest"]
fn cryptsetup_closes_our_mapping_and_its_loop_device_goes_with_it() {
    let volume = Volume::luks2(4096);
    volume.opened_by_kluis("theirs");
    let Volume { folder, host, .. } = volume;
    drop(host);
    let image = folder.path().join("image");
    assert!(
        run("losetup", &["-j", image.to_str().unwrap()]).contains("/dev/loop"),
        "the mapping keeps it"
    );
    run("cryptsetup", &["close", "theirs"]);
    assert_eq!(run("losetup", &["-j", image.to_str().unwrap()]), "");
    assert!(!Path::new("/dev/mapper/theirs").exists());
}

#[test]
#[ignore = "runs inside the guest"]
fn we_find_and_close_a_mapping_of_cryptsetups() {
    for volume in [Volume::luks2(4096), Volume::luks1()] {
        volume.opened_by_cryptsetup("found");
        let active = DmCrypt::new().find("found").unwrap().unwrap();
        assert_eq!(
            (active.uuid, active.luks, active.health),
            (Some(volume.uuid), Some(volume.luks), Health::Serving)
        );
        assert_eq!(
            (active.cipher.as_str(), active.key_bits, active.sector_size),
            ("aes-xts-plain64", 512, volume.sector_size)
        );
        assert_eq!(active.payload, volume.payload_start..48 * MIB);
        assert_eq!(
            Some(active.backing),
            volume.host.find_loop(&volume.image()).unwrap()
        );
        assert_eq!(active.device, Path::new("/dev/mapper/found"));
        close("found");
        assert_eq!(DmCrypt::new().find("found").unwrap(), None);
        assert_eq!(DmCrypt::new().close("found").unwrap(), Changed::No);
    }
}

#[test]
#[ignore = "runs inside the guest"]
fn the_key_is_in_the_kernel_and_nowhere_that_a_program_can_read() {
    let volume = Volume::luks2(4096);
    volume.opened_by_kluis("hidden");
    let hex = hex::encode(volume.key.danger_expose());
    assert!(!run("dmsetup", &["table", "--showkeys"]).contains(&hex[..32]));
    let of_volume = volume.uuid.to_string();
    for key in fs::read_to_string("/proc/keys")
        .unwrap()
        .lines()
        .filter(|line| line.contains(&of_volume))
    {
        // A revoked key waits for the collector: its second column has an R, and its payload is gone.
        let flags = key.split_whitespace().nth(1).unwrap();
        assert!(flags.contains('R') || flags.contains('i'), "{key}");
    }
    close("hidden");
}

#[test]
#[ignore = "runs inside the guest"]
fn a_mounted_mapping_is_busy_and_says_where() {
    let volume = Volume::luks2(4096);
    let device = volume.opened_by_kluis("mounted");
    let target = volume.folder.path().join("mount point");
    volume
        .host
        .make_file_system(&device, FileSystem::Ext4, "mounted", FS)
        .unwrap();
    volume
        .host
        .mount(
            &device,
            &target,
            "ext4",
            &MountOptions::default(),
            RootWanted::default(),
        )
        .unwrap();
    let error = DmCrypt::new().close("mounted").unwrap_err();
    let EngineError::Busy { by, .. } = &error else {
        panic!("{error}")
    };
    assert!(
        by.contains(&format!("the mount at {}", target.display())),
        "{by}"
    );

    let held = File::create(target.join("file")).unwrap();
    let error = volume.host.unmount(&target, Unmount::IfIdle).unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&format!("({})", std::process::id())),
        "{error}"
    );
    drop(held);
    assert_eq!(
        volume.host.unmount(&target, Unmount::IfIdle).unwrap(),
        Changed::Yes
    );
    close("mounted");
}

#[test]
#[ignore = "runs inside the guest"]
fn a_mapping_that_a_program_has_open_is_busy_and_names_it() {
    let volume = Volume::luks2(4096);
    let device = volume.opened_by_kluis("held");
    let held = File::open(&device).unwrap();
    let error = DmCrypt::new().close("held").unwrap_err();
    assert!(
        matches!(error, EngineError::Busy { .. })
            && error
                .to_string()
                .contains(&format!("({})", std::process::id())),
        "{error}"
    );
    drop(held);
    close("held");
}

#[test]
#[ignore = "runs inside the guest"]
fn a_second_mapping_of_a_name_or_over_a_claimed_backing_is_refused() {
    let volume = Volume::luks2(4096);
    volume.opened_by_kluis("first");
    let again = volume
        .with_mapping("first", |mapping| DmCrypt::new().open(&mapping))
        .unwrap_err();
    assert!(matches!(again, EngineError::Busy { .. }), "{again}");
    close("first");

    let claimed = volume.with_mapping("second", |mapping| {
        let _claim = File::options()
            .read(true)
            .custom_flags(libc::O_EXCL)
            .open(mapping.backing)
            .unwrap();
        DmCrypt::new().open(&mapping).unwrap_err()
    });
    assert!(matches!(claimed, EngineError::Busy { .. }), "{claimed}");
    assert_eq!(
        DmCrypt::new().find("second").unwrap(),
        None,
        "nothing half-made stays"
    );
    assert!(!run("dmsetup", &["ls"]).contains("second"));
}

#[test]
#[ignore = "runs inside the guest"]
fn the_wrong_device_is_refused_before_anything_is_made() {
    let volume = Volume::luks2(4096);
    let small = volume.folder.path().join("small");
    File::create(&small).unwrap().set_len(20 * MIB).unwrap();
    let small = volume.host.attach_loop(&small, 512, false).unwrap();
    let try_over = |backing: &Path| {
        volume
            .with_mapping("wrong", |mapping| {
                DmCrypt::new().open(&Mapping { backing, ..mapping })
            })
            .unwrap_err()
    };
    let too_small = try_over(&small);
    assert!(
        matches!(too_small, EngineError::Unsupported { .. })
            && too_small.to_string().contains("wrong device"),
        "{too_small}"
    );
    for backing in [
        volume.image(),
        volume.folder.path().to_owned(),
        PathBuf::from("/dev/none"),
    ] {
        let error = try_over(&backing);
        assert!(matches!(error, EngineError::Unsupported { .. }), "{error}");
    }
    let odd = volume.with_mapping("wrong", |mapping| {
        let payload = mapping.payload.start..mapping.payload.end - 512;
        DmCrypt::new()
            .open(&Mapping { payload, ..mapping })
            .unwrap_err()
    });
    assert!(matches!(odd, EngineError::Unsupported { .. }), "{odd}");
    assert!(!run("dmsetup", &["ls"]).contains("wrong"));
}

#[test]
#[ignore = "runs inside the guest"]
fn a_wrong_key_maps_but_shows_nothing_of_the_data() {
    let volume = Volume::luks2(4096);
    volume.opened_by_cryptsetup("plain");
    write_through(Path::new("/dev/mapper/plain"), 0, &pattern(5, 4096));
    run("cryptsetup", &["close", "plain"]);
    let key = VolumeKey::random(64).unwrap();
    let device = volume
        .with_mapping("plain", |mapping| {
            DmCrypt::new().open(&Mapping {
                key: &key,
                ..mapping
            })
        })
        .unwrap();
    assert_ne!(read_through(&device, 0, 4096), pattern(5, 4096));
    close("plain");
}

#[test]
#[ignore = "runs inside the guest"]
fn what_a_kill_leaves_half_made_is_found_dead_and_removed() {
    let volume = Volume::luks2(4096);
    let uuid = format!("CRYPT-LUKS2-{}-half", volume.uuid.simple());
    run("dmsetup", &["create", "half", "--notable", "--uuid", &uuid]);
    let active = DmCrypt::new().find("half").unwrap().unwrap();
    assert!(matches!(active.health, Health::Dead(_)));
    assert_eq!(active.uuid, Some(volume.uuid));
    close("half");
    volume.opened_by_kluis("half");
    close("half");
}

#[test]
#[ignore = "runs inside the guest"]
fn a_mapping_of_another_kind_is_not_ours_to_find_or_close() {
    let volume = Volume::luks2(4096);
    run(
        "dmsetup",
        &[
            "create", "lvm-like", "--uuid", "LVM-abc", "--table", "0 8 zero",
        ],
    );
    assert_eq!(DmCrypt::new().find("lvm-like").unwrap(), None);
    assert_eq!(DmCrypt::new().close("lvm-like").unwrap(), Changed::No);
    let error = volume
        .with_mapping("lvm-like", |mapping| DmCrypt::new().open(&mapping))
        .unwrap_err();
    assert!(matches!(error, EngineError::Busy { .. }), "{error}");
    assert!(run("dmsetup", &["ls"]).contains("lvm-like"));
    run("dmsetup", &["remove", "lvm-like"]);
}

#[test]
#[ignore = "runs inside the guest"]
fn a_read_only_mapping_refuses_writes() {
    let volume = Volume::luks2(4096);
    let device = volume
        .with_mapping("sealed", |mapping| {
            DmCrypt::new().open(&Mapping {
                read_only: true,
                ..mapping
            })
        })
        .unwrap();
    assert!(DmCrypt::new().find("sealed").unwrap().unwrap().read_only);
    assert!(
        status("sealed")
            .iter()
            .any(|line| line.contains("mode:") && line.contains("readonly"))
    );
    assert_eq!(
        run("blockdev", &["--getro", device.to_str().unwrap()]).trim(),
        "1"
    );
    close("sealed");
}

#[test]
#[ignore = "runs inside the guest"]
fn discards_reach_the_disk_only_where_they_are_allowed() {
    let volume = Volume::luks2(4096);
    let held = || fs::metadata(volume.image()).unwrap().blocks() * 512;
    for allowed in [false, true] {
        let device = volume
            .with_mapping("free", |mapping| {
                DmCrypt::new().open(&Mapping {
                    discards: allowed,
                    ..mapping
                })
            })
            .unwrap();
        let found = DmCrypt::new().find("free").unwrap().unwrap();
        assert_eq!(found.discards, allowed);
        let said = run("cryptsetup", &["status", "free"]);
        assert_eq!(said.contains("discards"), allowed, "{said}");
        write_through(&device, 0, &pattern(7, 4 << 20));
        let before = held();
        let discarded = Command::new("blkdiscard").arg(&device).output().unwrap();
        assert_eq!(discarded.status.success(), allowed, "{discarded:?}");
        assert_eq!(held() + (4 << 20) <= before, allowed);
        close("free");
    }
}

#[test]
#[ignore = "runs inside the guest"]
fn the_kernel_swaps_to_a_mapping_and_takes_it_back() {
    let volume = Volume::luks2(4096);
    let device = volume.opened_by_kluis("swapped");
    volume.host.make_swap(&device, "swapped").unwrap();
    assert_eq!(volume.host.swap_on(&device).unwrap(), Changed::Yes);
    assert_eq!(volume.host.swap_on(&device).unwrap(), Changed::No);
    assert!(volume.host.is_swap(&device).unwrap());
    let said = run("swapon", &["--show=NAME", "--noheadings"]);
    assert_eq!(said.lines().count(), 1, "{said}");
    let busy = DmCrypt::new().close("swapped").unwrap_err();
    assert!(busy.to_string().contains("swap"), "{busy}");
    assert_eq!(volume.host.swap_off(&device).unwrap(), Changed::Yes);
    assert_eq!(volume.host.swap_off(&device).unwrap(), Changed::No);
    close("swapped");
}

#[test]
#[ignore = "runs inside the guest"]
fn a_bare_mount_point_is_immutable_in_memory_too() {
    let volume = Volume::luks2(4096);
    let at = volume.folder.path().join("mnt");
    volume.host.make_mount_point(&at).unwrap();
    volume.host.set_immutable(&at, true).unwrap();
    assert!(fs::write(at.join("log"), "clear").is_err());
    rustix::mount::mount(
        "none",
        &at,
        "tmpfs",
        rustix::mount::MountFlags::empty(),
        None,
    )
    .unwrap();
    assert_eq!(volume.host.set_immutable(&at, false).unwrap(), Changed::Yes);
    assert_eq!(
        volume.host.unmount(&at, Unmount::IfIdle).unwrap(),
        Changed::Yes
    );
    fs::write(at.join("log"), "clear").unwrap();
}

#[test]
#[ignore = "runs inside the guest"]
fn both_file_systems_are_made_mounted_and_read_back_on_a_mapping() {
    for (kind, size) in [(FileSystem::Ext4, 48 * MIB), (FileSystem::Xfs, 400 * MIB)] {
        let volume = Volume::new(LuksKind::V2, 4096, size);
        let device = volume.opened_by_kluis("files");
        let target = volume.folder.path().join("mnt");
        assert_eq!(volume.host.file_system_on(&device).unwrap(), None);
        volume
            .host
            .make_file_system(&device, kind, "files", FS)
            .unwrap();
        assert_eq!(
            volume
                .host
                .file_system_on(&device)
                .unwrap()
                .map(|found| found.kind)
                .as_deref(),
            Some(kind.name())
        );
        volume
            .host
            .mount(
                &device,
                &target,
                kind.name(),
                &MountOptions::default(),
                RootWanted::default(),
            )
            .unwrap();
        volume
            .host
            .mount(
                &device,
                &target,
                kind.name(),
                &MountOptions::default(),
                RootWanted::default(),
            )
            .unwrap();
        let mounted = volume
            .host
            .mounts()
            .unwrap()
            .into_iter()
            .filter(|mount| mount.target == target)
            .collect::<Vec<_>>();
        assert_eq!(mounted.len(), 1, "mounting twice is mounting once");
        assert_eq!(
            (mounted[0].source.as_path(), mounted[0].file_system.as_str()),
            (device.as_path(), kind.name())
        );
        fs::write(target.join("hello"), "world").unwrap();
        assert_eq!(
            volume.host.unmount(&target, Unmount::IfIdle).unwrap(),
            Changed::Yes
        );
        assert_eq!(
            volume.host.unmount(&target, Unmount::IfIdle).unwrap(),
            Changed::No
        );
        close("files");

        volume.opened_by_cryptsetup("files");
        volume
            .host
            .mount(
                &device,
                &target,
                kind.name(),
                &MountOptions::read_only(),
                RootWanted::default(),
            )
            .unwrap();
        assert_eq!(fs::read_to_string(target.join("hello")).unwrap(), "world");
        assert!(fs::write(target.join("hello"), "x").is_err(), "read-only");
        assert_eq!(
            volume.host.unmount(&target, Unmount::IfIdle).unwrap(),
            Changed::Yes
        );
        run("cryptsetup", &["close", "files"]);
    }
}

#[test]
#[ignore = "runs inside the guest"]
fn the_users_of_a_backing_are_seen_and_keep_it_from_being_taken() {
    let volume = Volume::luks2(4096);
    volume.opened_by_kluis("inner");
    let file = volume.host.identify(&volume.image()).unwrap().unwrap();
    let device = volume.host.find_loop(&volume.image()).unwrap().unwrap();
    let uses = volume.host.uses(&file).unwrap();
    assert!(
        matches!(&uses[..], [Use::Holder(_), Use::Loop(over)] if *over == device),
        "{uses:?}"
    );
    assert!(volume.host.open(&file, Access::Exclusive).is_err());
    let backing = volume.host.identify(&device).unwrap().unwrap();
    let uses = volume.host.uses(&backing).unwrap();
    assert!(
        matches!(&uses[..], [Use::Holder(name)] if name.starts_with("dm-")),
        "{uses:?}"
    );
    assert!(volume.host.open(&backing, Access::Exclusive).is_err());
    assert!(volume.host.open(&backing, Access::Shared).is_ok());
    let error = volume.host.detach_loop(&volume.image()).unwrap_err();
    assert!(error.to_string().contains("the mapping inner"), "{error}");
    close("inner");
    assert_eq!(
        volume.host.detach_loop(&volume.image()).unwrap(),
        Changed::Yes
    );
    assert_eq!(
        volume.host.detach_loop(&volume.image()).unwrap(),
        Changed::No
    );
    assert_eq!(volume.host.uses(&file).unwrap(), []);
    volume.host.open(&file, Access::Exclusive).unwrap();
}

#[test]
#[ignore = "runs inside the guest"]
fn udev_is_waited_for_where_it_runs() {
    // Stands in for udev, whose last rule runs `dmsetup udevcomplete` on each event's cookie.
    fn complete_next_cookie() {
        loop {
            let cookies = run("dmsetup", &["udevcookies"]);
            if let Some(cookie) = cookies.lines().find_map(|line| {
                line.split_whitespace()
                    .next()
                    .filter(|word| word.starts_with("0x"))
            }) {
                std::thread::sleep(Duration::from_millis(50));
                run("dmsetup", &["udevcomplete", cookie]);
                return;
            }
        }
    }
    let volume = Volume::luks2(4096);
    fs::create_dir_all("/run/udev").unwrap();
    fs::write("/run/udev/control", "").unwrap();
    for act in [
        (|volume: &Volume| drop(volume.opened_by_kluis("linked"))) as fn(&Volume),
        |_| close("linked"),
    ] {
        let udev = std::thread::spawn(complete_next_cookie);
        act(&volume);
        udev.join().unwrap();
        assert!(
            !run("dmsetup", &["udevcookies"]).contains("0x"),
            "a semaphore stayed"
        );
    }
    fs::remove_file("/run/udev/control").unwrap();
}

/// Where the victim of the test below finds its volume: "IMAGE UUID PAYLOAD-START".
const VICTIM: &str = "KLUIS_KERNEL_TEST_VICTIM";

#[test]
#[ignore = "runs inside the guest"]
fn killed_at_any_instant_the_next_run_completes() {
    let volume = Volume::luks2(4096);
    let errand = format!(
        "{} {} {}",
        volume.image().display(),
        volume.uuid,
        volume.payload_start
    );
    for round in 0..12_u64 {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "a_victim_opens_and_closes_until_it_is_killed",
            ])
            .env(VICTIM, &errand)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(150 + 13 * round));
        victim.kill().unwrap();
        victim.wait().unwrap();

        let engine = DmCrypt::new();
        if let Some(left) = engine.find("victim").unwrap() {
            assert_eq!(left.uuid, Some(volume.uuid));
            assert_eq!(engine.close("victim").unwrap(), Changed::Yes);
        }
        let device = volume.opened_by_kluis("victim");
        assert_eq!(
            engine.find("victim").unwrap().unwrap().health,
            Health::Serving
        );
        assert_eq!(read_through(&device, 0, 4096).len(), 4096);
        close("victim");
        assert_eq!(
            volume.host.detach_loop(&volume.image()).unwrap(),
            Changed::Yes
        );
    }
}

#[test]
#[ignore = "runs inside the guest"]
fn a_victim_opens_and_closes_until_it_is_killed() {
    let Ok(errand) = std::env::var(VICTIM) else {
        return;
    };
    let mut words = errand.split(' ');
    let image = PathBuf::from(words.next().unwrap());
    let uuid = words.next().unwrap().parse().unwrap();
    let start: u64 = words.next().unwrap().parse().unwrap();
    let key = VolumeKey::new(SecretBytes::copy_of(&key()).unwrap()).unwrap();
    loop {
        let host = LinuxHost::new("/tmp/victim-state", "/tmp/victim-run", Vec::new());
        let backing = host.attach_loop(&image, 4096, false).unwrap();
        let mapping = Mapping {
            name: "victim",
            uuid,
            luks: LuksKind::V2,
            backing: &backing,
            read_only: false,
            discards: false,
            payload: start..48 * MIB,
            sector_size: 4096,
            iv_start: 0,
            cipher: Cipher::AesXtsPlain64,
            key: &key,
        };
        DmCrypt::new().open(&mapping).unwrap();
        close("victim");
    }
}
