//! The volumes of a configuration that cannot be read.
//!
//! A mistake in it must not look as if there were no volumes: a service with `RequiresMountsFor=` would start, and write onto the
//! root disk. So names and mount points are taken from wherever they stand; the service of each then starts, fails, and says where
//! the mistake is, and whoever needs its mount does not start.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::boot_volume::{BootVolume, Disks, Stage};

/// What looks like a volume with a mount point: as TOML reads what it can of the text, and where that lost the way, line by line.
pub(super) fn volumes(text: &str) -> Vec<BootVolume> {
    let mut tables = of_document(DeTable::parse_recoverable(text).0.get_ref());
    for (name, seen) in of_lines(text) {
        let table: &mut Table = tables.entry(name).or_default();
        table.mount = table.mount.take().or(seen.mount);
        table.disks = table.disks.max(seen.disks);
    }
    tables.into_iter().flat_map(volumes_of).collect()
}

/// What could be read of a table.
#[derive(Default)]
struct Table {
    mount: Option<String>,
    disks: usize,
}

/// The volumes that a table stands for.
fn volumes_of((name, table): (String, Table)) -> Vec<BootVolume> {
    let Some(mount) = table.mount else {
        return Vec::new();
    };
    if mount.contains("{n}") {
        let each = |disk: usize| {
            let mount = mount.replace("{n}", &disk.to_string());
            volume(format!("{name}-{disk}"), &mount)
        };
        (0..table.disks).map(each).collect()
    } else {
        vec![volume(name, &mount)]
    }
}

/// The volumes of what is TOML, however it is written: tables, dotted keys, inline tables.
fn of_document(document: &DeTable<'_>) -> BTreeMap<String, Table> {
    let mut tables = BTreeMap::new();
    let Some(DeValue::Table(volumes)) = document.get("volume").map(toml::Spanned::get_ref) else {
        return tables;
    };
    for (name, settings) in volumes {
        let name: &str = name.get_ref();
        let DeValue::Table(settings) = settings.get_ref() else {
            continue;
        };
        if !is_name(name) {
            continue;
        }
        let setting = |key: &str| settings.get(key).map(toml::Spanned::get_ref);
        let mount = match setting("mount") {
            Some(DeValue::String(mount)) if is_mount_of_any(mount) => Some(mount.to_string()),
            _ => None,
        };
        let disks = match setting("disks") {
            Some(DeValue::Integer(disks)) => disks_in(disks.as_str()).unwrap_or_default(),
            _ => 0,
        };
        tables.insert(name.to_owned(), Table { mount, disks });
    }
    tables
}

/// The same line by line, of what is no TOML.
fn of_lines(text: &str) -> BTreeMap<String, Table> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    let mut name = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            name = volume_of(line).filter(|name| !tables.contains_key(*name));
        } else if let Some(name) = name {
            let table = tables.entry(name.to_owned()).or_default();
            if table.mount.is_none() {
                table.mount = mount_of(line).map(str::to_owned);
            }
            table.disks = table.disks.max(disks_of(line).unwrap_or_default());
        }
    }
    tables
}

/// A volume of which nothing else is known. Its service fails, and says where the mistake is.
pub(super) fn volume(name: String, mount: &str) -> BootVolume {
    BootVolume {
        name,
        mount: Some(mount.into()),
        has_mount_unit: true,
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
    is_mount_of_any(mount).then_some(mount)
}

/// Whether a volume, or one of several disks, may be mounted there.
fn is_mount_of_any(mount: &str) -> bool {
    is_mount(&mount.replace("{n}", "0"))
}

/// `disks = 4`.
fn disks_of(line: &str) -> Option<usize> {
    let value = line.strip_prefix("disks")?.trim_start().strip_prefix('=')?;
    disks_in(value.split('#').next()?.trim())
}

fn disks_in(text: &str) -> Option<usize> {
    text.parse()
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
    fn every_way_of_writing_a_volume_is_understood() {
        for text in [
            "volume.a.mount = \"/data/a\"\nvolume.a.kye = \"x\"\n",
            "volume.a = { mount = \"/data/a\", kye = \"x\" }\n",
            "[volume]\na = { kye = \"x\", mount = '/data/a' }\n",
            "[volume]\na.mount = \"/data/a\"\na.kye = 1\n",
            "[volume.\"a\"]\n\"mount\" = \"/data/a\"\n",
            "[ volume . 'a' ]\nmount = \"\"\"/data/a\"\"\"\n",
            "volume.'a'.mount = \"\\u002fdata/a\"\nbroken = = 1\n",
            "broken =\nvolume.a.mount = \"/data/a\"\n[volume.b\n",
        ] {
            let found = volumes(text);
            let seen: Vec<_> = found.iter().map(BootVolume::name_and_place).collect();
            assert_eq!(seen, [("a", Some(Path::new("/data/a")))], "{text}");
        }
        let several = volumes("volume.s = { mount = \"/d/{n}\", disks = 2, x = y }\n");
        let seen: Vec<_> = several.iter().map(BootVolume::name_and_place).collect();
        assert_eq!(
            seen,
            [
                ("s-0", Some(Path::new("/d/0"))),
                ("s-1", Some(Path::new("/d/1")))
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
