//! What a boot has to know of a volume: whom it waits for, and who waits for it.

use std::path::{Path, PathBuf};

use volume::config::{Backing, Config, KeySource, VolumeConfig};

/// One volume with units of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BootVolume {
    /// Its name: of the configuration, or `NAME-n` of one of several disks.
    pub(super) name: String,
    /// Where it is mounted; none for swap and a raw device, and where that has no one answer (`{n}` without `disks`).
    pub(super) mount: Option<PathBuf>,
    /// Whether it gets a mount unit: not where a line of fstab makes one that mounts something else.
    pub(super) has_mount_unit: bool,
    /// How it is mounted.
    pub(super) options: Vec<String>,
    /// When it can be brought up.
    pub(super) stage: Stage,
    /// Whether the boot needs it.
    pub(super) required: bool,
    /// Folders that lie on mounts which have to be there first.
    pub(super) folders: Vec<PathBuf>,
    /// Disks that have to be there first.
    pub(super) disks: Disks,
}

/// When in a boot a volume can be brought up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody is asked for its key: with the machine's own file systems.
    Local,
    /// A key is fetched: when the network is there, as a network file system.
    Remote,
}

/// The disks that a volume needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Disks {
    /// These, by their names in `/dev`; none for a volume in a file.
    Named(Vec<PathBuf>),
    /// Any: whichever udev has found when it is done.
    Discovered,
}

/// The volumes of a configuration.
pub(super) fn all(config: &Config) -> Vec<BootVolume> {
    config
        .volumes
        .values()
        .flat_map(|volume| of(volume, &config.agent.state))
        .collect()
}

fn of(volume: &VolumeConfig, state: &Path) -> Vec<BootVolume> {
    let mut folders = vec![state.to_owned()];
    let disks = match &volume.backing {
        Backing::File { path, .. } => {
            folders.extend(path.parent().map(Path::to_owned));
            Disks::Named(Vec::new())
        }
        Backing::Device(path) => Disks::Named(vec![path.clone()]),
        Backing::InstanceStore => Disks::Discovered,
        Backing::Raid0(members) => Disks::Named(members.clone()),
    };
    let one = |name: String, mount: Option<PathBuf>| BootVolume {
        name,
        mount,
        has_mount_unit: true,
        options: volume.root.options.clone(),
        stage: match &volume.key {
            KeySource::Ephemeral => Stage::Local,
            KeySource::Token { .. } | KeySource::Seed { .. } => Stage::Remote,
        },
        required: volume.required,
        folders: folders.clone(),
        disks: disks.clone(),
    };
    match volume.disks {
        _ if !volume.is_numbered() => vec![one(volume.name.clone(), volume.mount.clone())],
        None => vec![one(volume.name.clone(), None)],
        Some(count) => (0..count)
            .map(|disk| one(volume.name_of_disk(disk), volume.mount_of_disk(disk)))
            .collect(),
    }
}

#[cfg(test)]
impl BootVolume {
    /// What it is called and where it is mounted, to compare.
    pub(super) fn name_and_place(&self) -> (&str, Option<&Path>) {
        (&self.name, self.mount.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volumes(text: &str) -> Vec<BootVolume> {
        all(&Config::parse(text).unwrap())
    }

    #[test]
    fn a_volume_in_a_file_needs_the_mounts_of_its_folder_and_of_the_state() {
        let [volume] = &volumes(
            "[agent]\nstate = \"/srv/state\"\n[volume.a]\nfile = \"/data/a.img\"\nsize = \"64MiB\"\nmount = \"/a\"\nkey = \"alias/k\"",
        )[..] else {
            panic!("one volume")
        };
        assert_eq!(
            volume.folders,
            [PathBuf::from("/srv/state"), PathBuf::from("/data")]
        );
        assert_eq!(volume.disks, Disks::Named(Vec::new()));
        assert_eq!(volume.stage, Stage::Remote);
        assert!(!volume.required);
    }

    #[test]
    fn only_an_ephemeral_volume_is_brought_up_without_a_network() {
        let disk = "device = \"/dev/disk/by-id/x\"\nmount = \"/a\"\n";
        for (key, stage) in [
            ("key = \"ephemeral\"", Stage::Local),
            ("key = \"alias/k\"", Stage::Remote),
            (
                "key = \"alias/k\"\nsecret = \"s3://bucket/k\"",
                Stage::Remote,
            ),
        ] {
            let volumes = volumes(&format!("[volume.a]\n{disk}{key}"));
            assert_eq!(volumes[0].stage, stage, "{key}");
            assert_eq!(
                volumes[0].disks,
                Disks::Named(vec![PathBuf::from("/dev/disk/by-id/x")])
            );
        }
    }

    #[test]
    fn a_striped_volume_needs_each_of_its_disks() {
        let text = "[volume.a]\nraid0 = [\"/dev/disk/by-id/x\", \"/dev/disk/by-id/y\"]\nmount = \"/a\"\nkey = \"alias/k\"";
        let disks = ["/dev/disk/by-id/x", "/dev/disk/by-id/y"].map(PathBuf::from);
        assert_eq!(volumes(text)[0].disks, Disks::Named(disks.to_vec()));
    }

    #[test]
    fn swap_and_a_raw_device_are_brought_up_and_mounted_nowhere() {
        for kind in [
            "swap = true\nkey = \"ephemeral\"",
            "filesystem = \"none\"\nkey = \"alias/k\"",
        ] {
            let volumes = volumes(&format!(
                "[volume.a]\ndevice = \"/dev/disk/by-id/x\"\n{kind}"
            ));
            assert_eq!((volumes.len(), &volumes[0].mount), (1, &None), "{kind}");
        }
    }

    #[test]
    fn several_disks_have_units_of_their_own_where_it_is_said_how_many() {
        let text =
            "[volume.s]\ndevice = \"instance-store\"\nmount = \"/d/{n}/x\"\nkey = \"alias/k\"\n";
        let several = volumes(&format!("{text}disks = 3"));
        let seen: Vec<_> = several.iter().map(BootVolume::name_and_place).collect();
        assert_eq!(
            seen,
            [
                ("s-0", Some(Path::new("/d/0/x"))),
                ("s-1", Some(Path::new("/d/1/x"))),
                ("s-2", Some(Path::new("/d/2/x"))),
            ]
        );
        assert!(
            several
                .iter()
                .all(|volume| volume.disks == Disks::Discovered)
        );

        let any = volumes(text);
        assert_eq!((any.len(), any[0].name.as_str()), (1, "s"));
        assert_eq!(any[0].mount, None);
    }
}
