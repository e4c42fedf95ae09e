//! The root key, sealed in a file that its owner alone may read, and the keys that are derived from it.
//!
//! Whoever has this file and the store has every key: keep it, and its backups, apart from the store's.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use crypto::{Ed25519Key, Secret, WrappingKey};

/// What the file begins with: its kind and version.
const MAGIC: &[u8; 16] = b"kluis root key 1";
/// Bytes of the check value, so that a damaged file is told from a foreign one.
const CHECK_LEN: usize = 8;

/// The keys that hang from the root key, each for one purpose.
pub(crate) struct Roots {
    /// Wraps the key service's backing keys.
    pub(crate) keys: Arc<WrappingKey>,
    /// Wraps the secrets of access keys, and seals sessions.
    pub(crate) sealing: Arc<WrappingKey>,
    /// Signs the trail's checkpoints.
    pub(crate) checkpoints: Ed25519Key,
}

impl Roots {
    /// Opens the root key at `path`, or makes one where there is none and `may_make` says so.
    ///
    /// # Errors
    /// The file is missing where it must not be, unreadable, readable by others, or damaged.
    pub(crate) fn open(path: &Path, may_make: bool) -> Result<Self> {
        let root = match File::open(path) {
            Ok(file) => {
                read(file).with_context(|| format!("cannot use the root key {}", path.display()))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                ensure!(
                    may_make,
                    "the root key {} is gone, and nothing in this folder can be read without it; restore it from its backup",
                    path.display()
                );
                make(path)
                    .with_context(|| format!("cannot make the root key {}", path.display()))?
            }
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot read the root key {}", path.display()));
            }
        };
        Ok(Self {
            keys: Arc::new(WrappingKey::new(derive(&root, b"kluis/root/keys/v1")?)),
            sealing: Arc::new(WrappingKey::new(derive(&root, b"kluis/root/identity/v1")?)),
            checkpoints: Ed25519Key::from_seed(&derive(&root, b"kluis/root/checkpoints/v1")?)
                .context("the checkpoint key")?,
        })
    }
}

fn derive(root: &Secret<32>, label: &[u8]) -> Result<Secret<32>> {
    crypto::kbkdf_hmac_sha256(root, label, &[]).context("cannot derive a key from the root key")
}

fn read(mut file: File) -> Result<Secret<32>> {
    let mode = file.metadata()?.mode() & 0o777;
    ensure!(
        mode & !0o700 == 0,
        "others may read it (mode {mode:03o}); run chmod 600 on it, and think about who may have"
    );
    let mut magic = [0; MAGIC.len()];
    file.read_exact(&mut magic).context("it is cut short")?;
    ensure!(magic == *MAGIC, "it is not a root key of this version");
    // Straight into locked memory: no copy is left behind in a buffer.
    let root = Secret::build(|bytes| file.read_exact(bytes).map_err(anyhow::Error::from))
        .context("it is cut short")?;
    let mut stored = [0; CHECK_LEN];
    file.read_exact(&mut stored).context("it is cut short")?;
    if stored != check(&root)? {
        bail!("it is damaged (its check value does not fit); restore it from its backup");
    }
    Ok(root)
}

fn make(path: &Path) -> Result<Secret<32>> {
    let root = Secret::random()?;
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(MAGIC)?;
    file.write_all(root.danger_expose())?;
    file.write_all(&check(&root)?)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(root)
}

/// A check value says nothing about the key: it is a hash of a key derived for this alone.
fn check(root: &Secret<32>) -> Result<[u8; CHECK_LEN]> {
    let derived = derive(root, b"kluis/root/check/v1")?;
    let digest = crypto::sha256(&[derived.danger_expose()]);
    let mut check = [0; CHECK_LEN];
    check.copy_from_slice(&digest[..CHECK_LEN]);
    Ok(check)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn refusal(result: Result<Roots>) -> String {
        format!("{:#}", result.err().expect("it must be refused"))
    }

    #[test]
    fn a_root_key_is_made_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.key");
        let first = Roots::open(&path, true).unwrap();
        let again = Roots::open(&path, false).unwrap();
        let wrapped = first.keys.wrap(b"label", b"", b"", b"text").unwrap();
        assert_eq!(
            again
                .keys
                .unwrap(b"label", b"", b"", &wrapped)
                .unwrap()
                .danger_expose(),
            b"text"
        );
        assert!(
            again.sealing.unwrap(b"label", b"", b"", &wrapped).is_err(),
            "each purpose has its own key"
        );
    }

    #[test]
    fn a_missing_root_key_is_not_replaced_where_there_is_data() {
        let dir = tempfile::tempdir().unwrap();
        assert!(
            refusal(Roots::open(&dir.path().join("root.key"), false))
                .contains("restore it from its backup")
        );
    }

    #[test]
    fn a_root_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.key");
        Roots::open(&path, true).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(refusal(Roots::open(&path, true)).contains("chmod 600"));
    }

    #[test]
    fn every_damaged_byte_and_every_cut_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.key");
        Roots::open(&path, true).unwrap();
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            assert!(Roots::open(&path, true).is_err(), "byte {at} flipped");
            std::fs::write(&path, &good[..at]).unwrap();
            assert!(Roots::open(&path, true).is_err(), "cut to {at} bytes");
        }
    }
}
