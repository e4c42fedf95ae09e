//! `kluis root-config`: the files of an initramfs, for the hooks of initramfs-tools and dracut.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use volume::{Error, Kluis};

use crate::environment;
use crate::out::say;

/// Where the initramfs has its configuration, whatever `--config` named here.
const CONFIG: &str = "/etc/kluis/volumes.toml";

/// Writes them below `dir`, readable by root alone.
///
/// # Errors
/// [`Error::NoRoot`], and [`Error::Misuse`] for what cannot be read or written, or would mean something else in the initramfs.
pub(crate) fn write(kluis: &Kluis<'_>, dir: &Path) -> Result<u8, Error> {
    environment::check().map_err(|mistake| Error::Misuse(mistake.to_string()))?;
    let made = kluis.root_config()?;
    put(dir, Path::new(CONFIG), made.text.as_bytes())?;
    for file in &made.files {
        let bytes = fs::read(file).map_err(|error| fault(file, &error))?;
        put(dir, file, &bytes)?;
    }
    if let Some(program) = &made.program {
        say!("{}", program.display());
    }
    Ok(0)
}

/// Writes a file of the initramfs.
fn put(dir: &Path, file: &Path, bytes: &[u8]) -> Result<(), Error> {
    let to: PathBuf = dir.join(file.strip_prefix("/").unwrap_or(file));
    let written = || {
        if let Some(folder) = to.parent() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(folder)?;
        }
        fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&to)?
            .write_all(bytes)
    };
    written().map_err(|error| fault(&to, &error))
}

fn fault(file: &Path, error: &std::io::Error) -> Error {
    Error::Misuse(format!("{}: {error}", file.display()))
}
