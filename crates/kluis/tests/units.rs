//! The units of a boot, as systemd reads them: the generator's and the package's, all of them on this machine's systemd.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// How exposed a service may be, in tenths of systemd's points: it mounts for the whole machine, so nothing hides that from it.
const EXPOSURE_MAX: &str = "--threshold=52";

/// One volume of every kind.
const CONFIG: &str = r#"
[volume.plain]
file = "/srv/plain.img"
size = "64MiB"
mount = "/srv/pl ain/x%y"
key = "alias/k"
options = ["noatime", "nodev"]

[volume.below-it]
device = "/dev/disk/by-id/nvme-A_b-1"
mount = "/srv/pl ain/x%y/be-low"
key = "alias/k"
secret = "s3://bucket/secret"
required = true

[volume.scratch]
device = "instance-store"
mount = "/scratch/{n}"
disks = 2
key = "ephemeral"
required = true
"#;

/// The folders that systemd would look into, in one place.
struct Units {
    dir: TempDir,
}

impl Units {
    /// What the generator makes of a configuration, beside the package's units.
    fn of(config: &str) -> Self {
        Self::beside(config, "").0
    }

    /// The same beside lines of fstab; and what the generator says.
    fn beside(config: &str, fstab: &str) -> (Self, String) {
        let dir = tempfile::tempdir().unwrap();
        let units = Self { dir };
        fs::write(units.path("volumes.toml"), config).unwrap();
        for folder in ["normal", "early", "late", "package"] {
            fs::create_dir(units.path(folder)).unwrap();
        }
        let program = env!("CARGO_BIN_EXE_kluis");
        symlink(program, units.path("kluis-generator")).unwrap();
        let arguments = ["normal", "early", "late", "volumes.toml"].map(|name| units.path(name));
        fs::write(units.path("fstab"), fstab).unwrap();
        let generated = Command::new(units.path("kluis-generator"))
            .args(arguments)
            .env("SYSTEMD_FSTAB", units.path("fstab"))
            .output()
            .unwrap();
        assert!(generated.status.success(), "{generated:?}");
        let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
        for name in ["kluis@.service", "kluis.target"] {
            let text = fs::read_to_string(packaging.join(name)).unwrap();
            let text = text.replace("/usr/bin/kluis", program);
            fs::write(units.path("package").join(name), text).unwrap();
        }
        let said = String::from_utf8_lossy(&generated.stderr).into_owned();
        (units, said)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn systemd_analyze(&self, arguments: &[&str]) -> Output {
        let folders =
            ["normal", "package", "late"].map(|name| self.path(name).display().to_string());
        Command::new("systemd-analyze")
            .args(arguments)
            // The colon at the end: and where systemd looks anyway.
            .env("SYSTEMD_UNIT_PATH", format!("{}:", folders.join(":")))
            .output()
            .unwrap()
    }
}

#[test]
fn the_units_of_every_kind_of_volume_verify() {
    let units = Units::of(CONFIG);
    let output = units.systemd_analyze(&[
        "verify",
        "--man=no",
        "kluis.target",
        "kluis@plain.service",
        "kluis@below-it.service",
        "kluis@scratch-0.service",
        "kluis@scratch-1.service",
        "srv-pl\\x20ain-x\\x25y.mount",
        "srv-pl\\x20ain-x\\x25y-be\\x2dlow.mount",
        "scratch-0.mount",
        "scratch-1.mount",
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    // Other units of this machine may have mistakes of their own.
    let ours: Vec<_> = said
        .lines()
        .filter(|line| {
            ["kluis", "mount", "cycle"]
                .iter()
                .any(|word| line.contains(word))
        })
        .collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
}

#[test]
fn verify_would_find_a_mistake() {
    let units = Units::of(CONFIG);
    let drop_in = units.path("normal/kluis@plain.service.d/50-kluis.conf");
    fs::write(
        &drop_in,
        "[Unit]\nBefore=sysinit.target\nAfter=basic.target\n[Service]\nType=oneshoot\n",
    )
    .unwrap();
    let output = units.systemd_analyze(&["verify", "--man=no", "kluis@plain.service"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("oneshoot"), "{said}");
}

#[test]
fn the_service_is_exposed_no_more_than_it_has_to_be() {
    let units = Units::of(CONFIG);
    let unit = units.path("package/kluis@.service");
    fs::copy(&unit, units.path("package/kluis@plain.service")).unwrap();
    let unit = units.path("package/kluis@plain.service");
    let output = units.systemd_analyze(&[
        "security",
        "--offline=yes",
        EXPOSURE_MAX,
        unit.to_str().unwrap(),
    ]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn a_configuration_with_a_mistake_still_keeps_services_from_the_bare_mount_point() {
    let units = Units::of(&CONFIG.replace("noatime", "no\"atime"));
    let mount = fs::read_to_string(units.path("late/srv-pl\\x20ain-x\\x25y.mount")).unwrap();
    assert!(mount.contains("What=plain\n"), "{mount}");
    let drop_in = units.path("normal/srv-pl\\x20ain-x\\x25y.mount.d/50-kluis.conf");
    let drop_in = fs::read_to_string(drop_in).unwrap();
    assert!(
        drop_in.contains("Requires=kluis@plain.service\n"),
        "{drop_in}"
    );
}

/// What the kernel's log would have is on standard error where nobody may write to that.
#[test]
fn a_line_of_fstab_for_the_same_place_leaves_no_cycle_and_no_mount_unit_of_ours() {
    let fstab = "# the machine's own\n/dev/vdb /srv/plain xfs defaults 0 2\n";
    let config = CONFIG.replace("/srv/pl ain/x%y\"", "/srv/plain\"");
    let (units, said) = Units::beside(&config, fstab);
    assert!(!units.path("late/srv-plain.mount").exists());
    assert!(!units.path("normal/srv-plain.mount.d").exists());
    let service = "normal/kluis@plain.service.d/50-kluis.conf";
    assert!(units.path(service).exists());
    // Whoever may write to the kernel's log says it there.
    if !said.is_empty() {
        assert!(said.contains("line 2 of /etc/fstab"), "{said}");
    }

    // As systemd's own generator makes it of the line.
    let mount =
        "[Unit]\nBefore=local-fs.target\n[Mount]\nWhat=/dev/vdb\nWhere=/srv/plain\nType=xfs\n";
    fs::write(units.path("normal/srv-plain.mount"), mount).unwrap();
    let wants = units.path("normal/local-fs.target.requires");
    fs::create_dir_all(&wants).unwrap();
    symlink("../srv-plain.mount", wants.join("srv-plain.mount")).unwrap();
    let output = units.systemd_analyze(&[
        "verify",
        "--man=no",
        "kluis@plain.service",
        "multi-user.target",
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("cycle"), "{said}");
}

#[test]
fn a_line_of_fstab_that_means_the_volume_is_tied_to_its_service() {
    let (units, said) = Units::beside(
        &CONFIG.replace("/srv/pl ain/x%y\"", "/srv/plain\""),
        "plain /srv/plain kluis _netdev,nofail 0 0\n",
    );
    assert!(
        units
            .path("normal/srv-plain.mount.d/50-kluis.conf")
            .exists()
    );
    assert!(!said.contains("fstab"), "{said}");
}
