//! The whole life on this very machine: files, loop devices, the fuse engine, mkfs and mount are real; the services are
//! simulated. Needs root, `/dev/fuse` and a loop driver, and says so where it has not.
//!
//! Without libtest's main, since the engine's daemon is this very program.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use volume::config::Config;
use volume::engine::Changed;
use volume::fuse::Fuse;
use volume::linux::LinuxHost;
use volume::sim::{Fault, Keys, Objects};
use volume::verbs::{Kluis, Mode, Outcome, Proof, Stage, UpOptions};
use volume::{Error, Silent};

const TEXT: &str = "a sentence that must not be found in the backing file";

const OWNED: &str = "options = [\"noatime\", \"compress=zstd\"]\nowner = \"4711\"\ngroup = \"4712\"\nmode = \"0750\"\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, name] = &arguments[..]
        && first == volume::fuse::DAEMON_ARGUMENT
    {
        return volume::fuse::daemon_main(name);
    }
    let tests: [(&str, fn()); 5] = [
        ("a_life_in_token_mode_on_ext4", || {
            life("ext4", "128MiB", "");
        }),
        ("a_life_in_seed_mode_on_xfs", || {
            life("xfs", "320MiB", "secret = \"s3://bucket/secret\"\n");
        }),
        ("a_life_on_btrfs_with_a_root_of_its_own", || {
            life("btrfs", "160MiB", OWNED);
        }),
        ("a_raw_device_has_a_name_that_stays", raw),
        ("a_foreign_file_system_is_left_alone", foreign),
    ];
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in &tests {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    if let Some(missing) = missing() {
        println!("real_machine needs a machine that can do this: {missing}");
        return ExitCode::FAILURE;
    }
    let filters: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let mut failed = 0;
    for (name, test) in tests.iter().filter(|(name, _)| {
        filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
    }) {
        let before = Instant::now();
        let outcome = catch_unwind(test);
        println!(
            "test {name} ... {} ({:?})",
            if outcome.is_ok() { "ok" } else { "FAILED" },
            before.elapsed()
        );
        failed += u8::from(outcome.is_err());
    }
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn missing() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("not root");
    }
    [
        "/dev/fuse",
        "/dev/loop-control",
        "/sbin/mkfs.ext4",
        "/sbin/mkfs.xfs",
    ]
    .into_iter()
    .find(|path| !Path::new(path).exists())
}

struct Real {
    folder: tempfile::TempDir,
    host: LinuxHost,
    keys: Keys,
    objects: Objects,
    config: Config,
}

impl Real {
    fn new(file_system: &str, size: &str, more: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("volume-real-")
            .tempdir()
            .unwrap();
        let at = folder.path().display();
        let mount = if file_system == "none" {
            String::new()
        } else {
            format!("mount = \"{at}/mnt\"\n")
        };
        let config = format!(
            "[agent]\nmachine = \"a-machine\"\nstate = \"{at}/state\"\n[volume.kluis-real]\nfile = \"{at}/image\"\nsize = \"{size}\"\n{mount}filesystem = \"{file_system}\"\nkey = \"alias/k\"\nengine = \"fuse\"\n{more}"
        );
        let run = folder.path().join("run");
        let engine = Fuse::new(std::env::current_exe().unwrap(), &run);
        let host = LinuxHost::new(folder.path().join("state"), &run, vec![Box::new(engine)]);
        let keys = Keys::new();
        keys.set_alias("alias/k", 1);
        Self {
            host,
            keys,
            objects: Objects::new(),
            config: Config::parse(&config).unwrap(),
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn kluis(&self) -> Kluis<'_> {
        Kluis {
            host: &self.host,
            keys: &self.keys,
            objects: &self.objects,
            config: &self.config,
            occasion: volume::Occasion::ByHand,
            waiting: &Silent,
        }
    }

    fn up(&self) -> Result<Changed, Error> {
        one(self.kluis().up(&[], &UpOptions::default(), &mut Silent))
    }

    fn down(&self) -> Result<Changed, Error> {
        one(self.kluis().down(&[], Mode::Apply, &mut Silent))
    }

    fn stage(&self) -> Stage {
        self.kluis().status(&[]).unwrap().remove(0).stage
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path("mnt/file")).unwrap()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        // Whatever happened, nothing stays mounted.
        let closed = catch_unwind(AssertUnwindSafe(|| self.down()));
        if !matches!(closed, Ok(Ok(_))) {
            println!("not closed: {closed:?}");
        }
        // An immutable folder would outlive the test.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            self.kluis().release(None, Mode::Apply).unwrap()
        }));
    }
}

fn one(outcomes: Result<Vec<Outcome>, Error>) -> Result<Changed, Error> {
    outcomes?.remove(0).result
}

fn holds(file: &Path, text: &str) -> bool {
    std::process::Command::new("grep")
        .args(["-q", "-a", "-F", text])
        .arg(file)
        .status()
        .unwrap()
        .success()
}

fn life(file_system: &str, size: &str, more: &str) {
    let real = Real::new(file_system, size, more);
    if more.contains("secret") {
        real.kluis().seal("kluis-real").unwrap();
    }
    assert_eq!(real.up().unwrap(), Changed::Yes);
    let status = real.kluis().status(&[]).unwrap().remove(0);
    assert_eq!(status.stage, Stage::Mounted);
    assert_eq!(status.file_system.as_deref(), Some(file_system));
    assert_eq!(
        (status.engine.as_deref(), status.keysize),
        (Some("fuse"), Some(512))
    );
    assert_eq!(real.up().unwrap(), Changed::No);
    if more == OWNED {
        let root = fs::metadata(real.path("mnt")).unwrap();
        assert_eq!(
            (root.uid(), root.gid(), root.mode() & 0o7777),
            (4711, 4712, 0o750)
        );
        let options = status.mount_options.unwrap();
        assert!(
            options.contains("noatime") && options.contains("compress=zstd"),
            "{options}"
        );
    }
    fs::write(real.path("mnt/file"), TEXT).unwrap();

    // The key service is not asked for a volume that is up, nor for one that closes.
    real.keys.set_fault(Fault::Denied);
    assert_eq!(real.up().unwrap(), Changed::No);
    assert_eq!(real.down().unwrap(), Changed::Yes);
    assert_eq!(real.stage(), Stage::Closed);
    assert!(!real.path("mnt/file").exists());
    assert!(
        fs::write(real.path("mnt/file"), TEXT).is_err(),
        "in clear, where the volume would be"
    );
    assert!(
        !holds(&real.path("image"), TEXT),
        "the text is in the backing file"
    );
    assert!(real.up().unwrap_err().to_string().contains("key policy"));
    real.keys.set_fault(Fault::None);

    assert_eq!(real.up().unwrap(), Changed::Yes);
    assert_eq!(real.text(), TEXT);
    if !more.contains("secret") {
        assert_eq!(
            one(real.kluis().rekey(&[], None, Mode::Apply, &mut Silent)).unwrap(),
            Changed::Yes,
            "in use"
        );
    }
    real.down().unwrap();
    let backup = real.path("backup");
    real.kluis().header_backup("kluis-real", &backup).unwrap();
    damage(&real.path("image"));
    assert!(
        real.up()
            .unwrap_err()
            .to_string()
            .contains("kluis header restore")
    );
    real.kluis()
        .header_restore("kluis-real", &backup, Proof::Needed)
        .unwrap();
    real.up().unwrap();
    assert_eq!(real.text(), TEXT);
    real.down().unwrap();

    let erased = real
        .kluis()
        .erase("kluis-real", Mode::Apply, &mut Silent)
        .unwrap();
    assert_eq!(erased.result.unwrap(), Changed::Yes);
    assert!(!backup.exists());
    assert_eq!(real.stage(), Stage::Erased);
    assert!(real.up().unwrap_err().to_string().contains("--wipe"));
}

/// It is opened and nothing is made in it; the loop device's number may change, the link's name does not.
fn raw() {
    use std::os::unix::fs::FileExt;
    let real = Real::new("none", "64MiB", "");
    let link = real.path("run/kluis-real/device");
    let mut text = vec![0; 4096];
    text[..TEXT.len()].copy_from_slice(TEXT.as_bytes());
    for time in 0..2 {
        assert_eq!(real.up().unwrap(), Changed::Yes);
        assert_eq!(real.up().unwrap(), Changed::No);
        let status = real.kluis().status(&[]).unwrap().remove(0);
        assert_eq!((status.stage, status.mount), (Stage::Open, None));
        assert_eq!(fs::read_link(&link).ok(), status.mapping);
        let device = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&link)
            .unwrap();
        let mut found = vec![0; 4096];
        device.read_exact_at(&mut found, 0).unwrap();
        assert_eq!(found == text, time == 1, "kept as it was left");
        device.write_all_at(&text, 0).unwrap();
        device.sync_all().unwrap();
        drop(device);
        assert_eq!(real.down().unwrap(), Changed::Yes);
        assert!(!link.exists());
    }
    assert!(!holds(&real.path("image"), TEXT));
}

/// Both copies of the header.
fn damage(image: &Path) {
    use std::os::unix::fs::FileExt;
    let file = fs::OpenOptions::new().write(true).open(image).unwrap();
    for copy in [0, 0x4000] {
        file.write_all_at(&[0xAA; 100], copy + 5000).unwrap();
    }
}

fn foreign() {
    let real = Real::new("ext4", "64MiB", "");
    let image = real.path("image");
    fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
    let made = std::process::Command::new("/sbin/mkfs.ext4")
        .arg("-q")
        .arg(&image)
        .status()
        .unwrap();
    assert!(made.success());
    let before = fs::read(&image).unwrap();
    let error = real.up().unwrap_err().to_string();
    assert!(
        error.contains("not blank") && error.contains("ext4") && error.contains("--wipe"),
        "{error}"
    );
    assert_eq!(fs::read(&image).unwrap(), before);
}
