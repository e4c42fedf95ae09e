//! Bare mount points of this very system, on each file system that has the immutable flag and one that has not; chattr and lsattr
//! tell what is so. Needs root and loop devices.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails the test"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::mount::{MountFlags, UnmountFlags};
use volume::engine::Changed;
use volume::host::{Beneath, Host, HostError};
use volume::linux::LinuxHost;

/// A file system for one test, on a loop device or in memory.
struct Ground {
    at: PathBuf,
    host: LinuxHost,
    _folder: tempfile::TempDir,
}

impl Ground {
    fn new(kind: &str) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "these tests mount and set flags: run them as root"
        );
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("ground");
        fs::create_dir(&at).unwrap();
        let host = LinuxHost::new(folder.path().join("s"), folder.path().join("r"), Vec::new());
        if matches!(kind, "tmpfs" | "ramfs") {
            rustix::mount::mount("none", &at, kind, MountFlags::empty(), None).unwrap();
        } else {
            let image = folder.path().join("image");
            fs::File::create(&image)
                .unwrap()
                .set_len(400 << 20)
                .unwrap();
            run(&format!("mkfs.{kind}"), &["-q", image.to_str().unwrap()]);
            run(
                "mount",
                &["-o", "loop", image.to_str().unwrap(), at.to_str().unwrap()],
            );
        }
        Self {
            at,
            host,
            _folder: folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.at.join(name)
    }

    /// The lines of the mount table that are this test's.
    fn mounts(&self) -> Vec<String> {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let here = self.at.to_str().unwrap();
        let lines = table.lines().filter(|line| line.contains(here));
        lines.map(str::to_owned).collect()
    }

    fn folder(&self, at: &Path) -> volume::host::Folder {
        let found = self.host.mount_point(at).unwrap().beneath;
        found.folder().unwrap().clone()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // Whatever is mounted within goes with it.
        let _ = Command::new("umount")
            .args(["-R", "-l"])
            .arg(&self.at)
            .status();
        let _ = rustix::mount::unmount(&self.at, UnmountFlags::DETACH);
    }
}

fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program)
        .args(words)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap();
    assert!(output.status.success(), "{program} {words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn lsattr(at: &Path) -> String {
    let said = run("lsattr", &["-d", at.to_str().unwrap()]);
    said.split(' ').next().unwrap().to_owned()
}

fn cover(at: &Path) {
    rustix::mount::mount("none", at, "tmpfs", MountFlags::empty(), None).unwrap();
}

#[test]
fn an_immutable_mount_point_lets_nobody_write_and_a_volume_be_mounted() {
    for kind in ["ext4", "xfs", "btrfs", "tmpfs"] {
        let ground = Ground::new(kind);
        let at = ground.path("deep/v");
        assert_eq!(ground.host.make_mount_point(&at).unwrap(), Changed::Yes);
        assert_eq!(ground.host.make_mount_point(&at).unwrap(), Changed::No);
        assert_eq!(ground.host.set_immutable(&at, true).unwrap(), Changed::Yes);
        assert_eq!(ground.host.set_immutable(&at, true).unwrap(), Changed::No);
        assert!(lsattr(&at).contains('i'), "{kind}");
        assert!(fs::write(at.join("log"), "clear").is_err(), "{kind}");
        assert!(fs::remove_dir(&at).is_err(), "{kind}");

        cover(&at);
        fs::write(at.join("log"), "on the volume").unwrap();
        let folder = ground.folder(&at);
        assert_eq!(
            (folder.immutable, folder.entries),
            (Some(true), 0),
            "{kind}: beneath"
        );
        assert!(
            !lsattr(&at).contains('i'),
            "{kind}: the volume's own root is not"
        );
        rustix::mount::unmount(&at, UnmountFlags::empty()).unwrap();

        run("chattr", &["-i", at.to_str().unwrap()]);
        assert_eq!(ground.folder(&at).immutable, Some(false), "{kind}");
        run("chattr", &["+i", at.to_str().unwrap()]);
        assert_eq!(ground.host.set_immutable(&at, false).unwrap(), Changed::Yes);
        assert!(!lsattr(&at).contains('i'), "{kind}");
        assert_eq!(ground.host.remove_mount_point(&at).unwrap(), Changed::Yes);
        assert_eq!(ground.host.remove_mount_point(&at).unwrap(), Changed::No);
        assert_eq!(
            ground.host.mount_point(&at).unwrap().beneath,
            Beneath::Missing
        );
    }
}

#[test]
fn the_bare_folder_is_guarded_and_given_back_beneath_what_is_mounted() {
    for kind in ["ext4", "xfs", "btrfs", "tmpfs"] {
        let ground = Ground::new(kind);
        let at = ground.path("v");
        fs::create_dir(&at).unwrap();
        fs::write(at.join("b.log"), "clear").unwrap();
        fs::write(at.join("a.log"), "clear").unwrap();
        cover(&at);
        let before = ground.mounts();
        let found = ground.folder(&at);
        assert_eq!(
            found.contents().as_deref(),
            Some("a.log and 1 more"),
            "{kind}"
        );
        assert_eq!(ground.host.set_immutable(&at, true).unwrap(), Changed::Yes);
        assert_eq!(
            ground.mounts(),
            before,
            "{kind}: nothing is mounted that systemd would see"
        );
        rustix::mount::unmount(&at, UnmountFlags::empty()).unwrap();
        assert!(lsattr(&at).contains('i'), "{kind}");
        cover(&at);
        assert_eq!(ground.host.set_immutable(&at, false).unwrap(), Changed::Yes);
        assert_eq!(
            ground.host.remove_mount_point(&at).unwrap(),
            Changed::No,
            "in use"
        );
        rustix::mount::unmount(&at, UnmountFlags::empty()).unwrap();
        assert!(!lsattr(&at).contains('i'), "{kind}");
        assert_eq!(
            ground.host.remove_mount_point(&at).unwrap(),
            Changed::No,
            "not empty"
        );
    }
}

#[test]
fn a_file_system_without_flags_says_so_and_has_modes() {
    let ground = Ground::new("ramfs");
    let at = ground.path("v");
    ground.host.make_mount_point(&at).unwrap();
    let error = ground.host.set_immutable(&at, true).unwrap_err();
    assert!(matches!(error, HostError::Unsupported { .. }), "{error}");
    assert_eq!(ground.folder(&at).immutable, None);
    cover(&at);
    assert_eq!(ground.host.set_mode(&at, 0).unwrap(), Changed::Yes);
    assert_eq!(ground.host.set_mode(&at, 0).unwrap(), Changed::No);
    rustix::mount::unmount(&at, UnmountFlags::empty()).unwrap();
    assert_eq!(fs::metadata(&at).unwrap().permissions().mode() & 0o7777, 0);
    assert!(ground.folder(&at).is_protected());
}

#[test]
fn a_link_is_followed_once_and_a_file_is_no_mount_point() {
    let ground = Ground::new("tmpfs");
    let (real, link, file) = (
        ground.path("real"),
        ground.path("link"),
        ground.path("file"),
    );
    fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    fs::write(&file, "x").unwrap();
    assert_eq!(ground.host.mount_point(&link).unwrap().path, real);
    ground.host.set_immutable(&link, true).unwrap();
    assert!(lsattr(&real).contains('i'));
    ground.host.set_immutable(&real, false).unwrap();
    assert!(matches!(
        ground.host.mount_point(&file),
        Err(HostError::WrongKind { .. })
    ));
}

#[test]
fn a_mount_point_within_a_guarded_one_says_which_volume_is_wanted_first() {
    let ground = Ground::new("tmpfs");
    let outer = ground.path("outer");
    ground.host.make_mount_point(&outer).unwrap();
    ground.host.set_immutable(&outer, true).unwrap();
    let error = ground
        .host
        .make_mount_point(&outer.join("inner"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("bring that one up first"), "{error}");
    ground.host.set_immutable(&outer, false).unwrap();
}

#[test]
fn a_link_that_a_user_could_have_put_there_is_not_followed() {
    let ground = Ground::new("tmpfs");
    let (home, victim) = (ground.path("home"), ground.path("victim"));
    fs::create_dir(&home).unwrap();
    fs::create_dir_all(victim.join("data")).unwrap();
    let user = Some(1000);
    std::os::unix::fs::chown(&home, user, user).unwrap();
    std::os::unix::fs::symlink(&victim, home.join("sub")).unwrap();
    std::os::unix::fs::lchown(home.join("sub"), user, user).unwrap();
    let at = home.join("sub/data");

    for error in [
        ground.host.mount_point(&at).err(),
        ground.host.make_mount_point(&at).err(),
        ground.host.set_immutable(&at, true).err(),
        ground.host.set_mode(&at, 0).err(),
        ground.host.remove_mount_point(&at).err(),
    ] {
        let error = error.unwrap().to_string();
        assert!(error.contains("others than root may write"), "{error}");
    }
    assert!(!lsattr(&victim.join("data")).contains('i'));

    // A folder of the user's own is taken as it is, without links.
    fs::create_dir(home.join("data")).unwrap();
    let plain = home.join("data");
    ground.host.set_immutable(&plain, true).unwrap();
    assert!(lsattr(&plain).contains('i'));
    ground.host.set_immutable(&plain, false).unwrap();
}

#[test]
fn a_link_in_a_sticky_folder_is_followed_if_it_is_roots() {
    let ground = Ground::new("tmpfs");
    let (real, link) = (ground.path("real"), ground.path("link"));
    fs::create_dir(&real).unwrap();
    fs::set_permissions(&ground.at, fs::Permissions::from_mode(0o1777)).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    assert_eq!(ground.host.mount_point(&link).unwrap().path, real);

    std::os::unix::fs::lchown(&link, Some(1000), None).unwrap();

    assert!(ground.host.mount_point(&link).is_err());
}
