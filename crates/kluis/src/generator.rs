//! The systemd generator: `volumes.toml` in, units out, before anything else of a boot runs (systemd.generator(7)).
//!
//! | file | noun |
//! |---|---|
//! | `boot_volume` | what a boot has to know of one volume |
//! | `salvage` | the same of a configuration that cannot be read, so that what needs its volumes does not start without them |
//! | `on_record` | the same from the agent's records of what it protects |
//! | `fstab` | the lines of `/etc/fstab` |
//! | `trouble` | what keeps a volume's units from being what they should: said at boot, and by `kluis check` |
//! | `units` | one volume as files and links: pure, and tested on its text |
//! | `folders` | the folders that systemd passes: the only lines that write |
//!
//! It asks nobody, reads the configuration (and where that has a mistake, what is on record), and never fails a boot: what is wrong is said in the kernel's log, and by
//! `kluis up` when the service of the volume starts.

mod boot_volume;
mod folders;
mod fstab;
mod on_record;
mod salvage;
mod trouble;
mod units;

use std::ffi::OsString;
use std::fmt;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use volume::config::{Config, STATE_DEFAULT};

use crate::out::tell;
use crate::settings::{self, SettingsError};
use boot_volume::BootVolume;
use folders::Folders;
use trouble::Trouble;

pub(crate) use trouble::findings;

/// The name that this program is called by as a generator.
pub(crate) const PROGRAM: &str = "kluis-generator";
/// What systemd sets in an initramfs, where the root file system's configuration is not.
const IN_INITRD: &str = "SYSTEMD_IN_INITRD";

/// Generates the units of `config` into the three folders that systemd passes: normal, early, late. Whoever wants to see what it
/// makes may pass other folders, and a configuration as a fourth argument.
pub(crate) fn main(config: &Path, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    let (normal, late, config) = match &arguments[..] {
        [normal, _early, late] => (normal, late, config),
        [normal, _early, late, config] => (normal, late, Path::new(config)),
        _ => {
            say(format_args!(
                "systemd calls this with three folders (systemd.generator(7)); to see what it makes: {PROGRAM} /tmp/units /tmp/units /tmp/units"
            ));
            return ExitCode::FAILURE;
        }
    };
    if std::env::var_os(IN_INITRD).is_some_and(|value| value == "1") {
        return ExitCode::SUCCESS;
    }
    let folders = Folders {
        normal: Path::new(normal),
        late: Path::new(late),
    };
    match generate(config, &folders) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}

fn generate(config: &Path, folders: &Folders<'_>) -> std::io::Result<()> {
    let mut units = units::Units::default();
    let table = fstab::read();
    for mut volume in volumes(config) {
        for trouble in trouble::of(&volume, &table) {
            say(format_args!("volume {}: {trouble}", volume.name));
            volume.has_mount_unit &= !matches!(trouble, Trouble::Fstab { .. });
        }
        if let Err(error) = units.add(&volume) {
            say(format_args!("volume {}: {error}", volume.name));
        }
    }
    folders.write(&units.finish())
}

/// The volumes of the configuration, read, or made out of what can be read and what is on record.
fn volumes(config: &Path) -> Vec<BootVolume> {
    let error = match read(config) {
        Ok(config) => return boot_volume::all(&config),
        Err(error) => error,
    };
    let mut found = match &error {
        SettingsError::Unreadable { error, .. } if error.kind() == ErrorKind::NotFound => {
            return Vec::new();
        }
        SettingsError::Unreadable { .. } => Vec::new(),
        SettingsError::Wrong { text, .. } => salvage::volumes(text),
    };
    say(format_args!("{error}"));
    for known in on_record::volumes(Path::new(STATE_DEFAULT)) {
        let is_new = |volume: &BootVolume| volume.mount != known.mount && volume.name != known.name;
        if found.iter().all(is_new) {
            found.push(known);
        }
    }
    found
}

/// Reads the configuration, if it is a file: a pipe would keep the boot waiting.
fn read(path: &Path) -> Result<Config, SettingsError> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(SettingsError::Unreadable {
            path: path.to_owned(),
            error: std::io::Error::other("it is not a regular file"),
        }),
        _ => settings::read(path),
    }
}

/// Says what is wrong where it is found after a boot: in the kernel's log, which the journal keeps.
fn say(message: fmt::Arguments<'_>) {
    // One record a line; a record's first line carries its level (3 is an error).
    let text = format!("<3>{PROGRAM}: {message}\n").replace("\n ", " ");
    let logged = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/kmsg")
        .and_then(|mut log| log.write_all(text.as_bytes()));
    if logged.is_err() {
        tell!("{PROGRAM}: {message}");
    }
}
