//! The volumes of a configuration that cannot be read.
//!
//! A mistake in it must not look as if there were no volumes: a service with `RequiresMountsFor=` would start, and write onto the
//! root disk. So names and mount points are taken from wherever they stand; the service of each then starts, fails, and says where
//! the mistake is, and whoever needs its mount does not start.

use std::path::Path;

use super::boot_volume::{BootVolume, Disks, Stage};

/// What looks like a volume with a mount point, line by line.
pub(super) fn volumes(text: &str) -> Vec<BootVolume> {
    let mut tables: Vec<Table<'_>> = Vec::new();
    let mut is_volume = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            let name =
                volume_of(line).filter(|name| tables.iter().all(|table| table.name != *name));
            is_volume = name.is_some();
            tables.extend(name.map(|name| Table {
                name,
                mount: None,
                disks: 0,
            }));
        } else if let Some(table) = tables.last_mut().filter(|_| is_volume) {
            table.mount = table.mount.or_else(|| mount_of(line));
            table.disks = table.disks.max(disks_of(line).unwrap_or_default());
        }
    }
    tables.into_iter().flat_map(Table::volumes).collect()
}

/// What could be read of a table.
struct Table<'a> {
    name: &'a str,
    mount: Option<&'a str>,
    disks: usize,
}

impl Table<'_> {
    /// The volumes that it stands for.
    fn volumes(self) -> Vec<BootVolume> {
        let Some(mount) = self.mount else {
            return Vec::new();
        };
        if mount.contains("{n}") {
            let each = |disk: usize| {
                let mount = mount.replace("{n}", &disk.to_string());
                volume(format!("{}-{disk}", self.name), &mount)
            };
            (0..self.disks).map(each).collect()
        } else {
            vec![volume(self.name.to_owned(), mount)]
        }
    }
}

/// A volume of which nothing else is known. Its service fails, and says where the mistake is.
pub(super) fn volume(name: String, mount: &str) -> BootVolume {
    BootVolume {
        name,
        mount: Some(mount.into()),
        options: Vec::new(),
        stage: Stage::Remote,
        required: false,
        folders: Vec::new(),
        disks: Disks::Named(Vec::new()),
    }
}

/// `[volume.NAME]`, with a name that can stand in the name of a unit.
fn volume_of(line: &str) -> Option<&str> {
    let name = line.strip_prefix("[volume.")?.split(']').next()?;
    let name = name.trim().trim_matches(['"', '\'']);
    is_name(name).then_some(name)
}

/// Whether a volume may be called so, as far as units are concerned.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !name.is_empty() && name.len() <= volume::config::NAME_MAX && name.bytes().all(plain)
}

/// Whether a volume may be mounted there.
pub(super) fn is_mount(mount: &str) -> bool {
    Path::new(mount).is_absolute() && mount != "/" && !mount.contains(['{', '\\'])
}

/// `mount = "/path"`.
fn mount_of(line: &str) -> Option<&str> {
    let value = line.strip_prefix("mount")?.trim_start().strip_prefix('=')?;
    let value = value.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mount = value.get(1..)?.split(quote).next()?;
    is_mount(&mount.replace("{n}", "0")).then_some(mount)
}

/// `disks = 4`.
fn disks_of(line: &str) -> Option<usize> {
    let value = line.strip_prefix("disks")?.trim_start().strip_prefix('=')?;
    let value = value.split('#').next()?.trim();
    value
        .parse()
        .ok()
        .filter(|disks| *disks <= volume::config::DISKS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_found_in_what_is_no_toml() {
        let text = "[agent]\nmount = \"/no\"\n[volume.a-1]\nmuont = 3 = 4\nmount = \"/data/a\" # here\n\
                    [volume.\"b\"]\n  mount='/data/b'\n[volume.c\nmount = /data/c\n[other]\nmount = \"/d\"\n";
        let found = volumes(text);
        let seen: Vec<_> = found.iter().map(BootVolume::name_and_place).collect();
        assert_eq!(
            seen,
            [
                ("a-1", Some(Path::new("/data/a"))),
                ("b", Some(Path::new("/data/b")))
            ]
        );
    }

    #[test]
    fn several_disks_are_each_found() {
        let text = "[volume.s]\nmount = \"/d/{n}\"\nmistake\ndisks = 2 # of them\n";
        let found = volumes(text);
        let seen: Vec<_> = found.iter().map(BootVolume::name_and_place).collect();
        assert_eq!(
            seen,
            [
                ("s-0", Some(Path::new("/d/0"))),
                ("s-1", Some(Path::new("/d/1")))
            ]
        );
    }

    #[test]
    fn what_cannot_be_a_units_name_or_place_is_left() {
        for text in [
            "[volume.a b]\nmount = \"/a\"",
            "[volume.../x]\nmount = \"/a\"",
            "[volume.a]\nmount = \"a\"",
            "[volume.a]\nmount = \"/\"",
            "[volume.a]\nmount = \"/d/{n}\"",
            "[volume.a]\nmount = \"/d/{n}\"\ndisks = 1000",
            "[volume.a]\nmount = \"/d/{m}\"",
            "[volume.a]\nmount",
            "[volume.a]\nmount = \"",
        ] {
            assert_eq!(volumes(text), [], "{text}");
        }
    }
}
