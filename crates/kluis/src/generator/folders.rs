//! The folders that systemd passes to a generator.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::units::{Content, Entry, Folder, PACKAGED};

/// Two of the three: Kluis has nothing that comes before the administrator's own units.
pub(super) struct Folders<'a> {
    /// The first.
    pub(super) normal: &'a Path,
    /// The third.
    pub(super) late: &'a Path,
}

impl Folders<'_> {
    /// Writes all entries, the rest of them also when one cannot be written.
    ///
    /// # Errors
    /// The first failure, with its path.
    pub(super) fn write(&self, entries: &[Entry]) -> io::Result<()> {
        let mut first = Ok(());
        for entry in entries {
            let path = self.path(entry);
            if let Err(error) = self.write_one(&path, &entry.content) {
                let error = io::Error::new(
                    error.kind(),
                    format!("cannot write {}: {error}", path.display()),
                );
                first = first.and(Err(error));
            }
        }
        first
    }

    fn path(&self, entry: &Entry) -> PathBuf {
        match entry.folder {
            Folder::Normal => self.normal.join(&entry.path),
            Folder::Late => self.late.join(&entry.path),
        }
    }

    fn write_one(&self, path: &Path, content: &Content) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let target = match content {
            Content::Text(text) => return std::fs::write(path, text),
            Content::LinkToPackaged(unit) => Path::new(PACKAGED).join(unit),
            Content::LinkToLate(unit) => self.late.join(unit),
        };
        match symlink(target, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_keeps_nothing_else_from_it() {
        let dir = tempfile::tempdir().unwrap();
        let folders = Folders {
            normal: &dir.path().join("normal"),
            late: &dir.path().join("late"),
        };
        let entry = |path: &str, folder, content| Entry {
            folder,
            path: path.into(),
            content,
        };
        let text = || Content::Text("x\n".to_owned());
        let entries = [
            entry("a.mount", Folder::Late, text()),
            entry("a.mount/below-a-file", Folder::Late, text()),
            entry(
                "t.wants/k@a.service",
                Folder::Normal,
                Content::LinkToPackaged("k@.service"),
            ),
            entry(
                "t.requires/a.mount",
                Folder::Normal,
                Content::LinkToLate("a.mount".to_owned()),
            ),
        ];

        let error = folders.write(&entries).unwrap_err();

        assert!(
            error.to_string().contains("late/a.mount/below-a-file"),
            "{error}"
        );
        let read = |path: &str| std::fs::read_link(folders.normal.join(path)).unwrap();
        assert_eq!(
            read("t.wants/k@a.service"),
            Path::new(PACKAGED).join("k@.service")
        );
        assert_eq!(read("t.requires/a.mount"), folders.late.join("a.mount"));
        assert!(
            folders.write(&entries[2..]).is_ok(),
            "a second run finds it done"
        );
    }
}
