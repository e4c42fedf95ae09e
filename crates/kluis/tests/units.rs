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
        let dir = tempfile::tempdir().unwrap();
        let units = Self { dir };
        fs::write(units.path("volumes.toml"), config).unwrap();
        for folder in ["normal", "early", "late", "package"] {
            fs::create_dir(units.path(folder)).unwrap();
        }
        let program = env!("CARGO_BIN_EXE_kluis");
        symlink(program, units.path("kluis-generator")).unwrap();
        let arguments = ["normal", "early", "late", "volumes.toml"].map(|name| units.path(name));
        let generated = Command::new(units.path("kluis-generator"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(generated.status.success(), "{generated:?}");
        let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
        for name in ["kluis@.service", "kluis.target"] {
            let text = fs::read_to_string(packaging.join(name)).unwrap();
            let text = text.replace("/usr/bin/kluis", program);
            fs::write(units.path("package").join(name), text).unwrap();
        }
        units
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
