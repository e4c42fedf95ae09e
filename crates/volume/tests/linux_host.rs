//! The machine for real: loop devices, files, file systems and mounts of this very system. Needs root, as Kluis does.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails the test"
)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use volume::engine::Changed;
use volume::host::{
    Access, BackingKind, FileSystem, Host, HostError, MountFlag, MountOptions, RootWanted, Unmount,
    Use,
};
use volume::linux::LinuxHost;
use volume::linux::loopdev::{LoopDevice, LoopOptions};

const MIB: u64 = 1 << 20;
const OPTIONS: LoopOptions = LoopOptions {
    block_size: 4096,
    read_only: false,
    autoclear: true,
    direct_io: true,
};

/// The UUID of the file systems that are made here.
const FS: uuid::Uuid = uuid::uuid!("6d0c8f2e-54a1-4b7e-9a55-0a4b1d6f7c11");

struct Machine {
    folder: tempfile::TempDir,
    host: LinuxHost,
}

impl Machine {
    fn new() -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "these tests attach loop devices and mount: run them as root"
        );
        let folder = tempfile::tempdir().unwrap();
        let host = LinuxHost::new(
            folder.path().join("state"),
            folder.path().join("run"),
            Vec::new(),
        );
        Self { folder, host }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn image(&self, size: u64) -> PathBuf {
        let path = self.path("image");
        assert_eq!(self.host.create_file(&path, size).unwrap(), Changed::Yes);
        path
    }
}

/// A mount that goes with the test, whatever becomes of it.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH);
    }
}

fn logical_block_size(device: &Path) -> u64 {
    let name = device.file_name().unwrap().to_str().unwrap();
    let path = format!("/sys/block/{name}/queue/logical_block_size");
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

#[test]
fn a_loop_device_shows_a_file_with_the_block_size_asked_for() {
    let machine = Machine::new();
    let image = machine.image(8 * MIB);
    for block_size in [512, 4096] {
        let device = LoopDevice::attach(
            &image,
            LoopOptions {
                block_size,
                ..OPTIONS
            },
        )
        .unwrap();
        assert_eq!(logical_block_size(device.path()), u64::from(block_size));
        let identity = machine.host.identify(device.path()).unwrap().unwrap();
        assert_eq!(
            (
                identity.kind,
                identity.size,
                identity.logical_block_size,
                identity.read_only
            ),
            (BackingKind::Device, 8 * MIB, block_size, false)
        );
        device.detach().unwrap();
    }
}

#[test]
fn a_loop_device_is_found_by_its_file_and_clears_itself() {
    let machine = Machine::new();
    let image = machine.image(8 * MIB);
    let other_name = machine.path("other name");
    fs::hard_link(&image, &other_name).unwrap();
    let device = LoopDevice::attach(&image, OPTIONS).unwrap();
    let path = device.path().to_owned();
    let found = LoopDevice::find(&other_name).unwrap().unwrap();
    assert_eq!(found.path(), path, "told by the inode, not by the name");
    drop((device, found));
    // The kernel takes a moment to clear it.
    let gone = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        LoopDevice::find(&image).unwrap().is_none()
    });
    assert!(gone, "{} stayed", path.display());
}

#[test]
fn a_loop_device_over_a_part_of_a_file_is_not_taken_for_the_whole() {
    let machine = Machine::new();
    let image = machine.image(8 * MIB);
    let output = Command::new("/usr/sbin/losetup")
        .args(["--find", "--show", "--offset", "4096"])
        .arg(&image)
        .output()
        .unwrap();
    assert!(output.status.success());
    let part = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    let found = machine.host.find_loop(&image).unwrap();
    let backing = machine.host.identify(&image).unwrap().unwrap();
    let uses = machine.host.uses(&backing).unwrap();
    let detached = machine.host.detach_loop(&image).unwrap();
    assert!(
        Command::new("/usr/sbin/losetup")
            .arg("-d")
            .arg(&part)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(found, None);
    assert_eq!(uses, [Use::Loop(part)], "but it is a use of the file");
    assert_eq!(detached, Changed::No);
}

#[test]
fn a_read_only_loop_device_refuses_writes() {
    let machine = Machine::new();
    let image = machine.image(8 * MIB);
    let device = machine.host.attach_loop(&image, 4096, true).unwrap();
    let identity = machine.host.identify(&device).unwrap().unwrap();
    assert!(identity.read_only);
    let error = machine.host.open(&identity, Access::Shared).err();
    let refused = match error {
        None => machine
            .host
            .open(&identity, Access::Shared)
            .unwrap()
            .write_at(0, &[1; 4096])
            .and_then(|()| {
                machine
                    .host
                    .open(&identity, Access::Shared)
                    .unwrap()
                    .flush()
            })
            .unwrap_err(),
        Some(error) => error,
    };
    assert!(
        matches!(
            refused,
            HostError::Denied { .. } | HostError::ReadOnly { .. }
        ),
        "{refused}"
    );
    assert_eq!(machine.host.detach_loop(&image).unwrap(), Changed::Yes);
}

#[test]
fn attaching_twice_is_attaching_once_and_detaching_twice_too() {
    let machine = Machine::new();
    let image = machine.image(8 * MIB);
    let first = machine.host.attach_loop(&image, 4096, false).unwrap();
    assert_eq!(
        machine.host.attach_loop(&image, 4096, false).unwrap(),
        first
    );
    assert_eq!(machine.host.detach_loop(&image).unwrap(), Changed::Yes);
    assert_eq!(machine.host.detach_loop(&image).unwrap(), Changed::No);
    assert_eq!(machine.host.find_loop(&image).unwrap(), None);
}

#[test]
fn many_at_once_each_get_a_device_of_their_own() {
    let machine = Machine::new();
    let images: Vec<PathBuf> = (0..12_u8)
        .map(|index| {
            let path = machine.path(&format!("image{index}"));
            fs::write(&path, [index; 8192]).unwrap();
            path
        })
        .collect();
    let devices: Vec<LoopDevice> = std::thread::scope(|scope| {
        let running: Vec<_> = images
            .iter()
            .map(|image| scope.spawn(|| LoopDevice::attach(image, OPTIONS).unwrap()))
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let paths: BTreeSet<&Path> = devices.iter().map(LoopDevice::path).collect();
    assert_eq!(paths.len(), images.len());
    for (index, device) in devices.iter().enumerate() {
        let mut bytes = [0; 16];
        File::open(device.path())
            .unwrap()
            .read_exact_at(&mut bytes, 0)
            .unwrap();
        assert_eq!(bytes, [u8::try_from(index).unwrap(); 16]);
    }
    for device in devices {
        device.detach().unwrap();
    }
}

#[test]
fn a_block_size_that_no_loop_device_has_is_refused() {
    let machine = Machine::new();
    let image = machine.image(8 * MIB);
    for block_size in [0x300, 100] {
        let error = LoopDevice::attach(
            &image,
            LoopOptions {
                block_size,
                ..OPTIONS
            },
        )
        .unwrap_err();
        assert!(matches!(error, HostError::Unsupported { .. }), "{error}");
    }
    assert!(matches!(
        LoopDevice::attach(&machine.path("none"), OPTIONS),
        Err(HostError::NotFound { .. })
    ));
}

#[test]
fn a_file_is_claimed_by_one_at_a_time() {
    let machine = Machine::new();
    let image = machine.host.identify(&machine.image(MIB)).unwrap().unwrap();
    let claim = machine.host.open(&image, Access::Exclusive).unwrap();
    assert!(matches!(
        machine.host.open(&image, Access::Exclusive),
        Err(HostError::Busy { .. })
    ));
    machine.host.open(&image, Access::Read).unwrap();
    machine.host.open(&image, Access::Shared).unwrap();
    drop(claim);
    machine.host.open(&image, Access::Exclusive).unwrap();
}

#[test]
fn a_file_that_took_another_ones_path_is_not_opened() {
    let machine = Machine::new();
    let path = machine.image(MIB);
    let identity = machine.host.identify(&path).unwrap().unwrap();
    fs::rename(&path, machine.path("moved")).unwrap();
    assert_eq!(machine.host.create_file(&path, MIB).unwrap(), Changed::Yes);
    assert!(matches!(
        machine.host.open(&identity, Access::Exclusive),
        Err(HostError::Replaced { .. })
    ));
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(machine.path("moved"), &path).unwrap();
    assert!(
        machine.host.open(&identity, Access::Read).is_err(),
        "a link is not followed"
    );
}

#[test]
fn a_device_that_is_claimed_or_mounted_is_in_use() {
    let machine = Machine::new();
    let image = machine.image(32 * MIB);
    let device = machine.host.attach_loop(&image, 4096, false).unwrap();
    let identity = machine.host.identify(&device).unwrap().unwrap();
    assert_eq!(machine.host.uses(&identity).unwrap(), []);
    let claim = machine.host.open(&identity, Access::Exclusive).unwrap();
    assert_eq!(machine.host.uses(&identity).unwrap(), [Use::Claimed]);
    assert!(matches!(
        machine.host.open(&identity, Access::Exclusive),
        Err(HostError::Busy { .. })
    ));
    drop(claim);

    machine
        .host
        .make_file_system(&device, FileSystem::Ext4, "test", FS)
        .unwrap();
    let target = machine.path("mnt");
    machine
        .host
        .mount(
            &device,
            &target,
            "ext4",
            &MountOptions::default(),
            RootWanted::default(),
        )
        .unwrap();
    let _mounted = Mounted(target.clone());
    assert_eq!(
        machine.host.uses(&identity).unwrap(),
        [Use::Mount(target.clone())]
    );
    let file = machine.host.identify(&image).unwrap().unwrap();
    assert_eq!(
        machine.host.uses(&file).unwrap(),
        [Use::Mount(target.clone()), Use::Loop(device.clone())],
        "what sits on the loop device sits on its file"
    );
    let error = machine.host.detach_loop(&image).unwrap_err();
    assert!(
        error.to_string().contains(target.to_str().unwrap()),
        "{error}"
    );
    assert_eq!(
        machine.host.unmount(&target, Unmount::IfIdle).unwrap(),
        Changed::Yes
    );
    assert_eq!(machine.host.detach_loop(&image).unwrap(), Changed::Yes);
}

#[test]
fn a_device_reads_what_was_written_and_zeros_after_a_discard() {
    let machine = Machine::new();
    let path = machine.image(8 * MIB);
    let loop_device = machine.host.attach_loop(&path, 4096, false).unwrap();
    for backing in [&path, &loop_device] {
        let identity = machine.host.identify(backing).unwrap().unwrap();
        let device = machine.host.open(&identity, Access::Shared).unwrap();
        assert_eq!(device.size(), 8 * MIB);
        device.write_at(MIB, &[7; 8192]).unwrap();
        device.flush().unwrap();
        let mut bytes = [0; 8192];
        device.read_at(MIB, &mut bytes).unwrap();
        assert_eq!(bytes, [7; 8192]);
        assert_eq!(device.discard(MIB, 8192).unwrap(), Changed::Yes);
        device.drop_caches().unwrap();
        device.read_at(MIB, &mut bytes).unwrap();
        assert_eq!(bytes, [0; 8192], "{}", backing.display());
        assert!(device.read_at(8 * MIB - 1, &mut bytes).is_err());
        assert_eq!(device.discard(8 * MIB, 8192).unwrap(), Changed::No);
    }
    assert_eq!(machine.host.detach_loop(&path).unwrap(), Changed::Yes);
}

#[test]
fn a_discard_leaves_what_is_beside_it() {
    let machine = Machine::new();
    let path = machine.image(8 * MIB);
    fs::write(&path, vec![9; 8 << 20]).unwrap();
    let device = machine.host.attach_loop(&path, 4096, false).unwrap();
    let identity = machine.host.identify(&device).unwrap().unwrap();
    let opened = machine.host.open(&identity, Access::Shared).unwrap();
    assert_eq!(opened.discard(MIB + 100, 12 << 10).unwrap(), Changed::Yes);
    opened.drop_caches().unwrap();
    let mut bytes = vec![0; 20 << 10];
    opened.read_at(MIB, &mut bytes).unwrap();
    assert!(bytes[..4096].iter().all(|&byte| byte == 9));
    assert!(bytes[4096..12288].iter().all(|&byte| byte == 0));
    assert!(bytes[12288..].iter().all(|&byte| byte == 9));
    drop(opened);
    assert_eq!(machine.host.detach_loop(&path).unwrap(), Changed::Yes);
}

#[test]
fn a_full_file_system_is_told_from_other_failures() {
    let machine = Machine::new();
    let small = machine.path("small");
    fs::create_dir(&small).unwrap();
    rustix::mount::mount(
        "tmpfs",
        &small,
        "tmpfs",
        rustix::mount::MountFlags::empty(),
        Some(c"size=1m"),
    )
    .unwrap();
    let _mounted = Mounted(small.clone());
    let path = small.join("image");
    assert_eq!(
        machine.host.create_file(&path, 8 * MIB).unwrap(),
        Changed::Yes
    );
    let identity = machine.host.identify(&path).unwrap().unwrap();
    let device = machine.host.open(&identity, Access::Exclusive).unwrap();
    let error = device.write_at(0, &vec![1; 4 << 20]).unwrap_err();
    assert!(matches!(error, HostError::Full { .. }), "{error}");
    let error = machine
        .host
        .write_new_file(&small.join("backup"), &[1; 4096])
        .unwrap_err();
    assert!(matches!(error, HostError::Full { .. }), "{error}");
    assert!(!small.join("backup").exists(), "half a backup is none");
}

#[test]
fn ext4_is_made_mounted_with_nothing_dangerous_and_busy_while_used() {
    let machine = Machine::new();
    let image = machine.image(64 * MIB);
    let device = machine.host.attach_loop(&image, 4096, false).unwrap();
    machine
        .host
        .make_file_system(&device, FileSystem::Ext4, "a-label-that-is-too-long", FS)
        .unwrap();
    assert_eq!(
        machine
            .host
            .file_system_on(&device)
            .unwrap()
            .map(|found| found.kind)
            .as_deref(),
        Some("ext4")
    );
    let target = machine.path("deep/mount point");
    machine
        .host
        .mount(
            &device,
            &target,
            "ext4",
            &MountOptions::default(),
            RootWanted::default(),
        )
        .unwrap();
    let _mounted = Mounted(target.clone());
    let mount = machine
        .host
        .mounts()
        .unwrap()
        .into_iter()
        .find(|mount| mount.target == target)
        .unwrap();
    assert_eq!(
        (mount.source.as_path(), mount.read_only),
        (device.as_path(), false)
    );
    let flags = rustix::fs::statvfs(&target).unwrap().f_flag;
    assert!(
        flags
            .contains(rustix::fs::StatVfsMountFlags::NODEV | rustix::fs::StatVfsMountFlags::NOSUID)
    );

    let other = machine.path("other");
    assert_eq!(machine.host.create_file(&other, MIB).unwrap(), Changed::Yes);
    let other = machine.host.attach_loop(&other, 4096, false).unwrap();
    let taken = machine
        .host
        .mount(
            &other,
            &target,
            "ext4",
            &MountOptions::default(),
            RootWanted::default(),
        )
        .unwrap_err();
    assert!(matches!(taken, HostError::Busy { .. }), "{taken}");
    let file = File::create(target.join("open")).unwrap();
    let error = machine.host.unmount(&target, Unmount::IfIdle).unwrap_err();
    assert!(
        matches!(&error, HostError::Busy { .. })
            && error.to_string().contains(&std::process::id().to_string()),
        "{error}"
    );
    assert_eq!(
        machine.host.unmount(&target, Unmount::Detach).unwrap(),
        Changed::Yes
    );
    drop(file);
    assert_eq!(
        machine.host.unmount(&target, Unmount::IfIdle).unwrap(),
        Changed::No
    );
}

#[test]
fn xfs_is_made_in_blocks_of_4096() {
    let machine = Machine::new();
    let image = machine.image(400 * MIB);
    let device = machine.host.attach_loop(&image, 4096, false).unwrap();
    machine
        .host
        .make_file_system(&device, FileSystem::Xfs, "xfs", FS)
        .unwrap();
    assert_eq!(
        machine
            .host
            .file_system_on(&device)
            .unwrap()
            .map(|found| found.kind)
            .as_deref(),
        Some("xfs")
    );
    let mut superblock = [0; 8];
    File::open(&image)
        .unwrap()
        .read_exact_at(&mut superblock, 0)
        .unwrap();
    assert_eq!(&superblock, b"XFSB\x00\x00\x10\x00");
    let too_small = machine.path("small");
    assert_eq!(
        machine.host.create_file(&too_small, MIB).unwrap(),
        Changed::Yes
    );
    let error = machine
        .host
        .make_file_system(&too_small, FileSystem::Xfs, "x", FS)
        .unwrap_err();
    assert!(
        matches!(
            error,
            HostError::Program {
                program: "mkfs.xfs",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn two_xfs_of_one_uuid_are_told_as_that_and_mounted_when_asked() {
    let machine = Machine::new();
    let image = machine.image(400 * MIB);
    let device = machine.host.attach_loop(&image, 4096, false).unwrap();
    let held = machine
        .host
        .make_file_system(&device, FileSystem::Xfs, "xfs", FS)
        .unwrap();
    drop(held);
    let copy = machine.path("copy");
    let copied = Command::new("cp")
        .arg("--sparse=always")
        .args([&image, &copy])
        .status();
    assert!(copied.unwrap().success());
    let other = machine.host.attach_loop(&copy, 4096, false).unwrap();
    let mount = |device: &Path, at: &Path, options: &MountOptions| {
        machine
            .host
            .mount(device, at, "xfs", options, RootWanted::default())
    };
    let (first, second) = (machine.path("first"), machine.path("second"));
    mount(&device, &first, &MountOptions::default()).unwrap();
    let _first = Mounted(first.clone());

    let error = mount(&other, &second, &MountOptions::default()).unwrap_err();

    assert!(matches!(error, HostError::SameUuid { .. }), "{error}");
    let said = error.to_string();
    for words in [
        other.to_str(),
        device.to_str(),
        first.to_str(),
        Some("nouuid"),
    ] {
        assert!(said.contains(words.unwrap()), "{words:?} is not in: {said}");
    }
    assert!(
        !said.contains("wipe") && !said.contains("damaged"),
        "{said}"
    );
    let beside = MountOptions {
        data: vec!["nouuid".to_owned()],
        ..MountOptions::default()
    };
    mount(&other, &second, &beside).unwrap();
    let _second = Mounted(second);
}

#[test]
fn the_room_that_a_file_may_still_take_is_told() {
    let machine = Machine::new();
    let image = machine.image(8 * MIB);
    let sparse = machine.host.room(&image, 8 * MIB).unwrap();
    assert_eq!(sparse.untaken, 8 * MIB);
    assert!(sparse.free > 0 && !sparse.is_short(), "{sparse:?}");
    let file = File::options().write(true).open(&image).unwrap();
    file.write_all_at(&vec![1; usize::try_from(8 * MIB).unwrap()], 0)
        .unwrap();
    file.sync_all().unwrap();
    assert_eq!(machine.host.room(&image, 8 * MIB).unwrap().untaken, 0);
    // One that is not there yet would lie on what holds the nearest folder there is.
    let later = machine
        .host
        .room(&machine.path("no/such/file"), u64::MAX)
        .unwrap();
    assert!(later.is_short() && later.untaken == u64::MAX, "{later:?}");
}

#[test]
fn making_a_file_system_writes_little_however_large_the_disk() {
    let machine = Machine::new();
    for (kind, most) in [
        (FileSystem::Ext4, 8 * MIB),
        (FileSystem::Xfs, 80 * MIB),
        (FileSystem::Btrfs, 8 * MIB),
    ] {
        let image = machine.path(kind.name());
        assert_eq!(
            machine.host.create_file(&image, 2 << 40).unwrap(),
            Changed::Yes
        );
        let device = machine.host.attach_loop(&image, 4096, false).unwrap();
        machine
            .host
            .make_file_system(&device, kind, "big", FS)
            .unwrap();
        let written = fs::metadata(&image).unwrap().blocks() * 512;
        assert!(written < most, "{kind}: {} MiB for 2 TiB", written / MIB);
        assert_eq!(machine.host.detach_loop(&image).unwrap(), Changed::Yes);
    }
}

fn e2fsck(image: &Path, words: &[&str]) -> Option<i32> {
    let mut check = Command::new("e2fsck");
    check.args(words).arg(image);
    check.output().unwrap().status.code()
}

#[test]
fn a_large_ext4_is_sound_and_is_mended_from_either_backup() {
    const SIZE: u64 = 256 << 30;
    const GROUP: u64 = 32768;
    let machine = Machine::new();
    let image = machine.image(SIZE);
    let device = machine.host.attach_loop(&image, 4096, false).unwrap();
    let held = machine
        .host
        .make_file_system(&device, FileSystem::Ext4, "big", FS)
        .unwrap();
    drop(held);
    assert_eq!(machine.host.detach_loop(&image).unwrap(), Changed::Yes);
    assert_eq!(e2fsck(&image, &["-f", "-n"]), Some(0));
    for backup in [GROUP, SIZE / 4096 - GROUP] {
        let front = vec![0; 64 * 4096];
        let file = File::options().write(true).open(&image).unwrap();
        file.write_all_at(&front, 0).unwrap();
        let backup = backup.to_string();
        let mended = e2fsck(&image, &["-f", "-y", "-B", "4096", "-b", &backup]);
        assert_eq!(mended, Some(1), "from block {backup}");
        assert_eq!(
            e2fsck(&image, &["-f", "-n"]),
            Some(0),
            "from block {backup}"
        );
    }
}

#[test]
fn a_small_ext4_can_grow_while_it_is_mounted() {
    let machine = Machine::new();
    let image = machine.image(8 << 30);
    let device = machine.host.attach_loop(&image, 4096, false).unwrap();
    let held = machine
        .host
        .make_file_system(&device, FileSystem::Ext4, "small", FS)
        .unwrap();
    let said = Command::new("dumpe2fs")
        .arg("-h")
        .arg(&device)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains(" resize_inode ") && !said.contains("sparse_super2"));
    drop(held);
    assert_eq!(machine.host.detach_loop(&image).unwrap(), Changed::Yes);
}

#[test]
fn a_sparse_image_of_two_tebibytes_is_looked_through_at_once() {
    let machine = Machine::new();
    let image = machine.image(2 << 40);
    let identity = machine.host.identify(&image).unwrap().unwrap();
    let device = machine.host.open(&identity, Access::Read).unwrap();
    assert!(machine.host.signatures(&*device).unwrap().is_blank());
    File::options()
        .write(true)
        .open(&image)
        .unwrap()
        .write_all_at(b"x", (2 << 40) - 1)
        .unwrap();
    let report = machine.host.signatures(&*device).unwrap();
    assert_eq!(report.first_nonzero, Some((2 << 40) - 1));
}

#[test]
fn the_machine_has_a_name_a_clock_and_an_engine() {
    let machine = Machine::new();
    let id = machine.host.machine_id().unwrap();
    assert_eq!(id.len(), 32);
    let raw = fs::read_to_string("/etc/machine-id").unwrap();
    assert_ne!(id, raw.trim());
    let before = machine.host.monotonic();
    let wait = machine.host.jitter(Duration::from_millis(5));
    assert!(wait <= Duration::from_millis(5));
    machine.host.sleep(wait);
    assert!(machine.host.monotonic() >= before + wait);
    let kinds: Vec<_> = machine
        .host
        .engines()
        .iter()
        .map(|engine| engine.kind())
        .collect();
    assert_eq!(kinds, [volume::engine::EngineKind::DmCrypt]);
}

#[test]
fn a_lock_and_its_folder_are_private() {
    let machine = Machine::new();
    let _lock = machine.host.lock("data", Duration::ZERO).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&machine.path("run")), 0o700);
    assert_eq!(mode(&machine.path("run/data.lock")), 0o600);
}

#[test]
fn asking_for_a_mapping_where_there_is_no_device_mapper_is_no_failure() {
    let machine = Machine::new();
    let engine = machine.host.engines()[0];
    if fs::metadata("/dev/mapper/control").is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        assert!(
            engine
                .available()
                .unwrap_err()
                .to_string()
                .contains("device-mapper")
        );
    }
    assert_eq!(engine.find("kluis-test-no-such-mapping").unwrap(), None);
    assert_eq!(
        engine.close("kluis-test-no-such-mapping").unwrap(),
        Changed::No
    );
}

/// A file system on a loop device of this test.
fn made(machine: &Machine, kind: FileSystem) -> PathBuf {
    let image = machine.image(kind.least());
    let device = machine.host.attach_loop(&image, 4096, false).unwrap();
    machine
        .host
        .make_file_system(&device, kind, "v", FS)
        .unwrap();
    device
}

fn options(flags: &[MountFlag], data: &[&str]) -> MountOptions {
    MountOptions {
        flags: flags.iter().copied().collect(),
        data: data.iter().map(|word| (*word).to_owned()).collect(),
    }
}

#[test]
fn btrfs_is_made_mounted_twice_as_once_and_unmounted() {
    let machine = Machine::new();
    let device = made(&machine, FileSystem::Btrfs);
    let found = machine.host.file_system_on(&device).unwrap();
    assert_eq!(found.unwrap().kind, "btrfs");
    let target = machine.path("mnt");
    for _ in 0..2 {
        let plain = MountOptions::default();
        machine
            .host
            .mount(&device, &target, "btrfs", &plain, RootWanted::default())
            .unwrap();
    }
    let _mounted = Mounted(target.clone());
    let mounts = machine.host.mounts().unwrap();
    let here: Vec<_> = mounts
        .iter()
        .filter(|mount| mount.target == target)
        .collect();
    assert_eq!(here.len(), 1);
    assert_eq!(
        here[0].source, device,
        "by the device, though btrfs has a number of its own"
    );
    fs::write(target.join("file"), "text").unwrap();
    assert_eq!(
        machine.host.unmount(&target, Unmount::IfIdle).unwrap(),
        Changed::Yes
    );
}

#[test]
fn mount_options_are_what_the_mount_table_then_has() {
    let machine = Machine::new();
    let device = made(&machine, FileSystem::Ext4);
    let target = machine.path("mnt");
    let flags = [
        MountFlag::NoAtime,
        MountFlag::NoExec,
        MountFlag::Suid,
        MountFlag::LazyTime,
    ];
    let told = options(&flags, &["data=journal", "commit=7"]);
    machine
        .host
        .mount(&device, &target, "ext4", &told, RootWanted::default())
        .unwrap();
    let _mounted = Mounted(target.clone());
    let table = machine.host.mounts().unwrap();
    let mount = table.iter().find(|mount| mount.target == target).unwrap();
    let has = |word: &str| mount.options.split(',').any(|option| option == word);
    for word in [
        "noatime",
        "noexec",
        "nodev",
        "lazytime",
        "data=journal",
        "commit=7",
    ] {
        assert!(has(word), "{word}: {}", mount.options);
    }
    assert!(!has("nosuid"), "{}", mount.options);
}

#[test]
fn an_option_that_the_file_system_does_not_know_is_named_in_its_words() {
    let machine = Machine::new();
    let device = made(&machine, FileSystem::Ext4);
    let target = machine.path("mnt");
    for (data, words) in [
        (["commit=5", "no-such-option"], "no-such-option"),
        (["commit=5", "data=sideways"], "data=sideways"),
    ] {
        let told = options(&[], &data);
        let error = machine
            .host
            .mount(&device, &target, "ext4", &told, RootWanted::default())
            .unwrap_err();
        assert!(
            matches!(&error, HostError::Unsupported { .. }) && error.to_string().contains(words),
            "{error}"
        );
    }
}

#[test]
fn the_root_is_made_whose_it_should_be_once() {
    use volume::host::{RootFolder, RootWanted};
    let machine = Machine::new();
    let device = made(&machine, FileSystem::Ext4);
    let target = machine.path("mnt");
    machine
        .host
        .mount(
            &device,
            &target,
            "ext4",
            &MountOptions::default(),
            RootWanted::default(),
        )
        .unwrap();
    let _mounted = Mounted(target.clone());
    let wanted = RootWanted {
        uid: Some(4711),
        gid: Some(4712),
        mode: Some(0o2750),
    };
    assert_eq!(
        machine.host.set_root(&target, wanted).unwrap(),
        Changed::Yes
    );
    assert_eq!(machine.host.set_root(&target, wanted).unwrap(), Changed::No);
    let is = RootFolder {
        uid: 4711,
        gid: 4712,
        mode: 0o2750,
    };
    assert_eq!(machine.host.root(&target).unwrap(), is);
    let there = fs::metadata(&target).unwrap();
    assert_eq!(
        (there.uid(), there.gid(), there.mode() & 0o7777),
        (4711, 4712, 0o2750)
    );
}
