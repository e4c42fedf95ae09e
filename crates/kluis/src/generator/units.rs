//! One volume as units. Nothing here touches a disk.
//!
//! `kluis@NAME.service` is a template of the package, so that a volume which leaves the configuration is still closed at
//! shutdown; here it gets a drop-in of its own with what comes before it. Its mount unit is the handle that others order
//! themselves by (docs/decisions/0100): a fragment where a line of fstab or a unit of the administrator takes precedence, and a
//! drop-in that ties whichever it is to the service.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use volume::unit_name::{self, UnitError};

use super::boot_volume::{BootVolume, Disks, Stage};

/// Where the package's units are.
pub(super) const PACKAGED: &str = "/usr/lib/systemd/system";
/// The umbrella over all volumes.
const TARGET: &str = "kluis.target";
/// The file name of every drop-in.
const DROP_IN: &str = "50-kluis.conf";
/// How every file begins.
const HEAD: &str = "# Made by kluis-generator from the configuration of Kluis, anew at each boot and daemon-reload.\n";

/// Which of systemd's folders something goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Folder {
    /// Above the package's units, below the administrator's.
    Normal,
    /// Below all others: whoever has a unit of that name has the better one.
    Late,
}

/// What is to be in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A file with this text.
    Text(String),
    /// A link to a unit of the package.
    LinkToPackaged(&'static str),
    /// A link to a unit in [`Folder::Late`].
    LinkToLate(String),
}

/// One file or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its folder.
    pub(super) folder: Folder,
    /// Its path in there.
    pub(super) path: PathBuf,
    /// What it is.
    pub(super) content: Content,
}

/// The units of all volumes.
#[derive(Debug, Default)]
pub(super) struct Units {
    entries: Vec<Entry>,
    services: Vec<String>,
}

/// The targets of a stage: what comes before its mounts, and what waits for the required ones.
struct Targets {
    pre: &'static str,
    reached: &'static str,
}

impl Stage {
    fn targets(self) -> Targets {
        match self {
            Self::Local => Targets {
                pre: "local-fs-pre.target",
                reached: "local-fs.target",
            },
            Self::Remote => Targets {
                pre: "remote-fs-pre.target",
                reached: "remote-fs.target",
            },
        }
    }

    /// What a service of the stage comes after. A volume without a call comes up with the machine's own file systems, which
    /// is before `sysinit.target`: it needs a root that is writable, and the kernel's modules and device nodes.
    fn before_service(self) -> &'static str {
        match self {
            Self::Local => {
                "After=local-fs-pre.target systemd-remount-fs.service systemd-modules-load.service systemd-tmpfiles-setup-dev.service systemd-udevd.service\n"
            }
            Self::Remote => {
                "Wants=network-online.target\n\
                 After=sysinit.target basic.target network.target network-online.target nss-lookup.target remote-fs-pre.target\n"
            }
        }
    }
}

impl Units {
    /// Adds the units of a volume.
    ///
    /// # Errors
    /// [`UnitError`] when one of its paths cannot be told to systemd; nothing is added then.
    pub(super) fn add(&mut self, volume: &BootVolume) -> Result<(), UnitError> {
        let service = format!("kluis@{}.service", volume.name);
        let mut entries = vec![
            drop_in(&service, &service_text(volume)?),
            Entry {
                folder: Folder::Normal,
                path: format!("{TARGET}.wants/{service}").into(),
                content: Content::LinkToPackaged("kluis@.service"),
            },
        ];
        let reached = volume.stage.targets().reached;
        if let Some(mount) = volume.mount.as_ref().filter(|_| volume.has_mount_unit) {
            let unit = unit_name::of_path(mount, "mount")?;
            entries.push(Entry {
                folder: Folder::Late,
                path: unit.clone().into(),
                content: Content::Text(mount_text(volume, mount)?),
            });
            entries.push(drop_in(&unit, &mount_relations(volume, &service)));
            if volume.required {
                entries.push(Entry {
                    folder: Folder::Normal,
                    path: format!("{reached}.requires/{unit}").into(),
                    content: Content::LinkToLate(unit),
                });
            }
        } else if volume.required {
            entries.push(Entry {
                folder: Folder::Normal,
                path: format!("{reached}.requires/{service}").into(),
                content: Content::LinkToPackaged("kluis@.service"),
            });
        }
        self.entries.extend(entries);
        self.services.push(service);
        Ok(())
    }

    /// All of them, and the umbrella that is reached once each has been tried.
    pub(super) fn finish(mut self) -> Vec<Entry> {
        if self.services.is_empty() {
            return self.entries;
        }
        // A target is not ordered after what it wants when it has no default dependencies, and this one has none: the boot
        // would wait for it.
        let services = self.services.join(" ");
        self.entries
            .push(drop_in(TARGET, &format!("[Unit]\nAfter={services}\n")));
        self.entries
    }
}

fn drop_in(unit: &str, text: &str) -> Entry {
    Entry {
        folder: Folder::Normal,
        path: format!("{unit}.d/{DROP_IN}").into(),
        content: Content::Text(format!("{HEAD}{text}")),
    }
}

/// What comes before the service of a volume, and what comes after it.
fn service_text(volume: &BootVolume) -> Result<String, UnitError> {
    let mut text = String::from("[Unit]\n");
    text.push_str(volume.stage.before_service());
    if volume.required {
        let _ = writeln!(text, "Before={}", volume.stage.targets().reached);
    }
    // It is the service that mounts, so it is the service that needs the mount above. Not the place itself: its mount unit
    // waits for this service.
    let above = volume.mount.as_deref().and_then(Path::parent);
    for folder in volume.folders.iter().map(PathBuf::as_path).chain(above) {
        if folder != Path::new("/") {
            let _ = writeln!(text, "RequiresMountsFor={}", unit_name::as_word(folder)?);
        }
    }
    let settle = "Wants=systemd-udev-settle.service\nAfter=systemd-udev-settle.service\n";
    match &volume.disks {
        Disks::Discovered => text.push_str(settle),
        // Wanted and not required: a disk that does not come is waited for as long as systemd waits for a disk, and then it is
        // `kluis up` that says which one is missing.
        Disks::Named(disks) => {
            for disk in disks {
                match unit_name::of_path(disk, "device") {
                    Ok(device) => {
                        let _ = writeln!(text, "Wants={device}\nAfter={device}");
                    }
                    // A disk with too long a name for a unit has none to wait for.
                    Err(_) => text.push_str(settle),
                }
            }
        }
    }
    Ok(text)
}

/// The mount itself. `What` is no path, so that systemd expects no disk to appear: it would give up after 90 seconds while a
/// key service is still waited for.
fn mount_text(volume: &BootVolume, mount: &Path) -> Result<String, UnitError> {
    let mut options: Vec<String> = Vec::new();
    if volume.stage == Stage::Remote {
        options.push("_netdev".to_owned());
    }
    if !volume.required {
        options.push("nofail".to_owned());
    }
    options.extend(
        volume
            .options
            .iter()
            .map(|option| option.replace('%', "%%")),
    );
    let options = if options.is_empty() {
        String::new()
    } else {
        format!("Options={}\n", options.join(","))
    };
    let name = &volume.name;
    let place = unit_name::as_value(mount)?;
    Ok(format!(
        "{HEAD}[Unit]\n\
         Description=Kluis volume {name}\n\
         Documentation=man:kluis(1)\n\
         \n\
         [Mount]\n\
         What={name}\n\
         Where={place}\n\
         Type=kluis\n\
         {options}"
    ))
}

/// What a mount has to do with the rest. The default dependencies are written out: systemd derives its own from the mount table
/// once the volume is mounted, which knows nothing of a network, and that makes a cycle over `local-fs.target`.
fn mount_relations(volume: &BootVolume, service: &str) -> String {
    let Targets { pre, reached } = volume.stage.targets();
    let before = if volume.required {
        format!("umount.target {reached}")
    } else {
        "umount.target".to_owned()
    };
    format!(
        "[Unit]\n\
         DefaultDependencies=no\n\
         Requires={service}\n\
         After={service} {pre}\n\
         Before={before}\n\
         Conflicts=umount.target\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(name: &str, mount: &str) -> BootVolume {
        BootVolume {
            name: name.to_owned(),
            mount: Some(mount.into()),
            has_mount_unit: true,
            options: Vec::new(),
            stage: Stage::Remote,
            required: false,
            folders: vec!["/var/lib/kluis".into()],
            disks: Disks::Named(Vec::new()),
        }
    }

    fn made(volumes: &[BootVolume]) -> Vec<Entry> {
        let mut units = Units::default();
        for volume in volumes {
            units.add(volume).unwrap();
        }
        units.finish()
    }

    fn text<'a>(entries: &'a [Entry], path: &str) -> &'a str {
        let found = entries.iter().find(|entry| entry.path == Path::new(path));
        match &found
            .unwrap_or_else(|| panic!("no {path} in {entries:#?}"))
            .content
        {
            Content::Text(text) => text.strip_prefix(HEAD).unwrap(),
            other => panic!("{path} is {other:?}"),
        }
    }

    fn paths(entries: &[Entry]) -> Vec<&str> {
        entries
            .iter()
            .map(|entry| entry.path.to_str().unwrap())
            .collect()
    }

    #[test]
    fn a_volume_is_a_service_and_a_mount_that_needs_it() {
        let entries = made(&[volume("a-b", "/data/my-disk")]);
        assert_eq!(
            paths(&entries),
            [
                "kluis@a-b.service.d/50-kluis.conf",
                "kluis.target.wants/kluis@a-b.service",
                "data-my\\x2ddisk.mount",
                "data-my\\x2ddisk.mount.d/50-kluis.conf",
                "kluis.target.d/50-kluis.conf",
            ]
        );
        assert_eq!(
            text(&entries, "kluis@a-b.service.d/50-kluis.conf"),
            "[Unit]\n\
             Wants=network-online.target\n\
             After=sysinit.target basic.target network.target network-online.target nss-lookup.target remote-fs-pre.target\n\
             RequiresMountsFor=\"/var/lib/kluis\"\n\
             RequiresMountsFor=\"/data\"\n"
        );
        assert_eq!(
            text(&entries, "data-my\\x2ddisk.mount"),
            "[Unit]\n\
             Description=Kluis volume a-b\n\
             Documentation=man:kluis(1)\n\
             \n\
             [Mount]\n\
             What=a-b\n\
             Where=/data/my-disk\n\
             Type=kluis\n\
             Options=_netdev,nofail\n"
        );
        assert_eq!(
            text(&entries, "data-my\\x2ddisk.mount.d/50-kluis.conf"),
            "[Unit]\n\
             DefaultDependencies=no\n\
             Requires=kluis@a-b.service\n\
             After=kluis@a-b.service remote-fs-pre.target\n\
             Before=umount.target\n\
             Conflicts=umount.target\n"
        );
    }

    #[test]
    fn only_the_fragment_of_a_mount_gives_way_to_others() {
        for entry in made(&[volume("a", "/a")]) {
            let late = entry.path == Path::new("a.mount");
            assert_eq!(entry.folder == Folder::Late, late, "{entry:?}");
        }
    }

    #[test]
    fn what_the_boot_needs_is_required_by_the_file_systems_target_and_ordered_before_it() {
        for (stage, target) in [
            (Stage::Remote, "remote-fs.target"),
            (Stage::Local, "local-fs.target"),
        ] {
            let required = BootVolume {
                required: true,
                stage,
                ..volume("a", "/a")
            };
            let entries = made(std::slice::from_ref(&required));
            let link = format!("{target}.requires/a.mount");
            let found = entries.iter().find(|entry| entry.path == Path::new(&link));
            assert_eq!(
                found.unwrap().content,
                Content::LinkToLate("a.mount".to_owned())
            );
            let before = format!("\nBefore={target}\n");
            assert!(text(&entries, "kluis@a.service.d/50-kluis.conf").contains(&before));
            let before = format!("\nBefore=umount.target {target}\n");
            assert!(text(&entries, "a.mount.d/50-kluis.conf").contains(&before));
            assert!(!text(&entries, "a.mount").contains("nofail"));

            let unmounted = BootVolume {
                mount: None,
                ..required
            };
            let link = format!("{target}.requires/kluis@a.service");
            assert!(paths(&made(&[unmounted])).contains(&link.as_str()));
        }
    }

    #[test]
    fn what_the_boot_does_not_need_is_ordered_before_no_target_of_the_boot() {
        for stage in [Stage::Remote, Stage::Local] {
            let entries = made(&[BootVolume {
                stage,
                ..volume("a", "/a")
            }]);
            for entry in &entries {
                if let Content::Text(text) = &entry.content {
                    let before: Vec<_> = text
                        .lines()
                        .filter_map(|line| line.strip_prefix("Before="))
                        .collect();
                    assert!(
                        before.is_empty() || before == ["umount.target"],
                        "{entry:?}"
                    );
                }
                assert!(!entry.path.to_str().unwrap().contains(".requires/"));
            }
        }
    }

    #[test]
    fn a_volume_without_a_call_waits_for_no_network() {
        let entries = made(&[BootVolume {
            stage: Stage::Local,
            ..volume("a", "/a")
        }]);
        for entry in &entries {
            if let Content::Text(text) = &entry.content {
                for word in ["network", "remote", "_netdev", "sysinit", "basic.target"] {
                    assert!(!text.contains(word), "{word} in {entry:?}");
                }
            }
        }
        assert!(
            text(&entries, "a.mount.d/50-kluis.conf")
                .contains("After=kluis@a.service local-fs-pre.target\n")
        );
    }

    #[test]
    fn a_volume_below_another_comes_after_its_mount_and_never_after_its_own() {
        let entries = made(&[volume("outer", "/data"), volume("inner", "/data/x/y")]);
        let inner = text(&entries, "kluis@inner.service.d/50-kluis.conf");
        assert!(inner.contains("RequiresMountsFor=\"/data/x\"\n"), "{inner}");
        assert!(!inner.contains("/data/x/y"), "{inner}");
        let outer = text(&entries, "kluis@outer.service.d/50-kluis.conf");
        assert!(
            !outer.contains("\"/\"") && !outer.contains("/data"),
            "{outer}"
        );
    }

    #[test]
    fn disks_are_waited_for_by_name_and_others_until_udev_has_seen_all() {
        let disk = BootVolume {
            disks: Disks::Named(vec![
                "/dev/disk/by-id/nvme-a_b".into(),
                "/dev/disk/by-path/x".into(),
            ]),
            ..volume("d", "/d")
        };
        let store = BootVolume {
            disks: Disks::Discovered,
            ..volume("s", "/s")
        };
        let entries = made(&[disk, store]);
        let disk = text(&entries, "kluis@d.service.d/50-kluis.conf");
        for device in [
            "dev-disk-by\\x2did-nvme\\x2da_b.device",
            "dev-disk-by\\x2dpath-x.device",
        ] {
            assert!(
                disk.contains(&format!("Wants={device}\nAfter={device}\n")),
                "{disk}"
            );
        }
        let store = text(&entries, "kluis@s.service.d/50-kluis.conf");
        assert!(
            store.contains("After=systemd-udev-settle.service\n"),
            "{store}"
        );
        assert!(!disk.contains("udev-settle"));
    }

    #[test]
    fn a_disk_whose_name_is_too_long_for_a_unit_is_waited_for_with_the_others() {
        let long = format!("/dev/disk/by-id/{}", "a-".repeat(60));
        let entries = made(&[BootVolume {
            disks: Disks::Named(vec![long.into()]),
            ..volume("d", "/d")
        }]);
        let text = text(&entries, "kluis@d.service.d/50-kluis.conf");
        assert!(
            text.contains("After=systemd-udev-settle.service\n"),
            "{text}"
        );
    }

    #[test]
    fn a_volume_whose_place_is_fstabs_is_a_service_and_no_mount() {
        let entries = made(&[BootVolume {
            has_mount_unit: false,
            required: true,
            ..volume("a", "/a")
        }]);
        assert!(paths(&entries).iter().all(|path| !path.contains(".mount")));
        assert!(paths(&entries).contains(&"remote-fs.target.requires/kluis@a.service"));
    }

    #[test]
    fn options_reach_the_mount_unit_as_they_are_written() {
        let entries = made(&[BootVolume {
            options: vec!["noatime".to_owned(), "x=50%".to_owned()],
            ..volume("a", "/a")
        }]);
        assert!(text(&entries, "a.mount").contains("Options=_netdev,nofail,noatime,x=50%%\n"));
    }

    #[test]
    fn one_volumes_path_that_no_unit_can_hold_keeps_no_other() {
        let mut units = Units::default();
        units.add(&volume("bad", "/a\\")).unwrap_err();
        units.add(&volume("good", "/b")).unwrap();
        let entries = units.finish();
        assert!(paths(&entries).contains(&"b.mount"));
        assert!(paths(&entries).iter().all(|path| !path.contains("bad")));
    }

    #[test]
    fn without_volumes_there_is_nothing() {
        assert_eq!(made(&[]), []);
    }
}
