//! The lines of `/etc/fstab`: systemd makes a mount unit of each, and it goes before ours.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::boot_volume::{BootVolume, Stage};

/// The table, unless systemd's own variable names another.
const FSTAB: &str = "/etc/fstab";
/// By which systemd is told of another.
const FSTAB_VARIABLE: &str = "SYSTEMD_FSTAB";
/// The type of a mount that is Kluis's own, by `mount.kluis`.
const TYPE: &str = "kluis";
/// What says that a mount needs the network.
const NETWORK: &str = "_netdev";

/// A line with a mount point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its number, from 1.
    pub(super) number: usize,
    /// What is mounted.
    pub(super) source: PathBuf,
    /// Where.
    pub(super) at: PathBuf,
    kind: String,
    options: String,
}

impl Line {
    /// Whether it mounts something of its own where the volume is mounted. One of Kluis's type that names the volume is the administrator's
    /// word for the same mount; without `_netdev` it would have to come before the network that it needs.
    pub(super) fn contradicts(&self, volume: &BootVolume) -> bool {
        let is_there = volume.mount.as_deref() == Some(self.at.as_path());
        let is_the_volume = self.kind == TYPE && self.source == Path::new(&volume.name);
        let is_in_time =
            volume.stage == Stage::Local || self.options.split(',').any(|option| option == NETWORK);
        is_there && !(is_the_volume && is_in_time)
    }
}

/// The machine's own lines; none where there is no table.
pub(super) fn read() -> Vec<Line> {
    let path = std::env::var_os(FSTAB_VARIABLE).unwrap_or_else(|| FSTAB.into());
    // A pipe would keep the boot waiting.
    let is_file = std::fs::metadata(&path).is_ok_and(|found| found.is_file());
    let text = is_file.then(|| std::fs::read(&path).ok()).flatten();
    lines(&text.unwrap_or_default())
}

fn lines(text: &[u8]) -> Vec<Line> {
    text.split(|&byte| byte == b'\n')
        .zip(1..)
        .filter_map(|(line, number)| {
            let mut words = line
                .split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty());
            let source = words.next().filter(|word| !word.starts_with(b"#"))?;
            let at = path(words.next()?);
            let mut text =
                || String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
            at.is_absolute().then(|| Line {
                number,
                source: path(source),
                // Without doubled and last slashes.
                at: at.components().collect(),
                kind: text(),
                options: text(),
            })
        })
        .collect()
}

/// A field; `\040` is a blank.
fn path(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        let escaped = tail.first_chunk::<3>().filter(|_| *first == b'\\');
        let value = escaped
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(value.unwrap_or(*first));
        rest = if value.is_some() { &tail[3..] } else { tail };
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::super::salvage;
    use super::*;

    const TABLE: &[u8] =
        b"# /dev/x /data ext4\nUUID=a / ext4 defaults 0 1\n\n/dev/b\t/data/  xfs noauto 0 2\n\
        none none swap sw 0 0\n/dev/c /my\\040data ext4\n/dev/d\n";

    #[test]
    fn the_lines_are_those_with_a_mount_point_each_with_its_number() {
        let found = lines(TABLE);
        let seen: Vec<_> = found
            .iter()
            .map(|line| {
                (
                    line.number,
                    line.source.to_str().unwrap(),
                    line.at.to_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (2, "UUID=a", "/"),
                (4, "/dev/b", "/data"),
                (6, "/dev/c", "/my data"),
            ]
        );
    }

    #[test]
    fn a_line_contradicts_a_volume_unless_it_means_the_volume() {
        let remote = salvage::volume("a".to_owned(), "/data");
        let local = BootVolume {
            stage: Stage::Local,
            ..remote.clone()
        };
        for (line, with_remote, with_local) in [
            ("/dev/b /data xfs defaults", true, true),
            ("/dev/b /data xfs noauto,_netdev", true, true),
            ("/dev/mapper/a /data ext4 _netdev", true, true),
            ("/dev/b /data/below xfs defaults", false, false),
            ("a /data kluis _netdev,nofail", false, false),
            ("a /data kluis nofail", true, false),
            ("b /data kluis _netdev", true, true),
        ] {
            let line = &lines(line.as_bytes())[0];
            assert_eq!(line.contradicts(&remote), with_remote, "{line:?}");
            assert_eq!(line.contradicts(&local), with_local, "{line:?}");
        }
    }
}
