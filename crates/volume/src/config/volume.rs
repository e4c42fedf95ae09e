//! A table `[volume.NAME]`.

use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::backing::{self, Backing};
use super::key::{self, EPHEMERAL, KeySource};
use super::options;
use super::raid0;
use super::{ConfigError, DISKS_MAX, is_plain_absolute};
use crate::host::{FileSystem, MountOptions, Purpose};
use crate::unit_name::{self, UnitError};

/// Where the number of one of several disks stands in a mount point.
const NUMBER: &str = "{n}";

/// A table `[volume.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeConfig {
    /// The name: of the volume, of its mapping, and bound into its header.
    pub name: String,
    /// What holds the ciphertext.
    pub backing: Backing,
    /// How many instance-store disks a mount point with `{n}` stands for; none: as many as there are.
    pub disks: Option<usize>,
    /// Where it is mounted, if it holds files; has `{n}` in it if it may stand for several disks.
    pub mount: Option<PathBuf>,
    /// Whether the boot waits for it.
    pub required: bool,
    /// How it is mounted, and whose its root is.
    pub root: MountRoot,
    /// What it is for, and so what is made in a blank one.
    pub purpose: Purpose,
    /// Where its key comes from.
    pub key: KeySource,
    /// Which engine.
    pub engine: EngineChoice,
    /// Whether the disk below learns which blocks are free.
    pub discard: bool,
}

impl VolumeConfig {
    /// Whether it may stand for several disks.
    pub fn is_numbered(&self) -> bool {
        holds_number(self.mount.as_deref())
    }

    /// What one of several disks is called.
    pub fn name_of_disk(&self, disk: usize) -> String {
        format!("{}-{disk}", self.name)
    }

    /// Where one of several disks is mounted.
    pub fn mount_of_disk(&self, disk: usize) -> Option<PathBuf> {
        let mount = self.mount.as_ref()?.to_string_lossy();
        Some(mount.replace(NUMBER, &disk.to_string()).into())
    }

    /// Whether a path lies within it once it is mounted; of one that stands for several disks, within any of them.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        let Some(mount) = &self.mount else {
            return false;
        };
        let is_plain = |part: &Component<'_>| !part.as_os_str().to_string_lossy().contains(NUMBER);
        let plain: PathBuf = mount.components().take_while(is_plain).collect();
        path != mount && path.starts_with(plain)
    }

    /// Whether the volume, or one of those that it stands for, is mounted there.
    pub(crate) fn mounts_at(&self, at: &Path) -> bool {
        self.mount.as_deref() == Some(at) || self.numbered(DISKS_MAX).any(|(_, mount)| mount == at)
    }

    /// The names and mount points of the volumes that it stands for, or of one disk of them, as far as they are known without
    /// looking at disks.
    pub(crate) fn mounts(&self, disk: Option<usize>) -> Vec<(String, PathBuf)> {
        if let Some(disk) = disk {
            let mount = self.mount_of_disk(disk);
            mount
                .map(|at| (self.name_of_disk(disk), at))
                .into_iter()
                .collect()
        } else if self.is_numbered() {
            self.numbered(self.disks.unwrap_or_default()).collect()
        } else {
            let mount = self.mount.iter();
            mount.map(|at| (self.name.clone(), at.clone())).collect()
        }
    }

    fn numbered(&self, disks: usize) -> impl Iterator<Item = (String, PathBuf)> + '_ {
        let disks = if self.is_numbered() { disks } else { 0 };
        (0..disks).filter_map(|disk| Some((self.name_of_disk(disk), self.mount_of_disk(disk)?)))
    }
}

/// What a system needs of its own before a network is up, and so before a key can be fetched: systemd would find a cycle, and break
/// it by leaving something out.
const NEEDED_EARLY: [&str; 16] = [
    "/var",
    "/var/log",
    "/var/lib",
    "/var/tmp",
    "/tmp",
    "/usr",
    "/etc",
    "/bin",
    "/sbin",
    "/lib",
    "/run",
    "/dev",
    "/proc",
    "/sys",
    "/boot",
    "/var/lib/kluis",
];

/// Why a volume cannot be mounted there.
fn misplaced(mount: &Path, key: &KeySource) -> Option<String> {
    let is_needed = NEEDED_EARLY.iter().any(|early| mount == Path::new(early));
    (is_needed && *key != KeySource::Ephemeral).then(|| {
        format!(
            "the system needs {} before there is a network, and so before the key can be fetched; mount the volume below it, or at a place of its own such as /data",
            mount.display()
        )
    })
}

/// Whether systemd can be told of a mount there: it names the unit by the path.
fn check_unit(mount: &Path, disks: usize) -> Result<(), UnitError> {
    let last = disks.saturating_sub(1).to_string();
    let longest = PathBuf::from(mount.to_string_lossy().replace(NUMBER, &last));
    unit_name::of_path(&longest, "mount")?;
    unit_name::as_value(&longest).map(drop)
}

fn holds_number(mount: Option<&Path>) -> bool {
    mount.is_some_and(|mount| mount.to_string_lossy().contains(NUMBER))
}

/// How a volume is mounted, and whose the folder is that then stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountRoot {
    /// Mount options, as `mount -o` takes them.
    pub options: Vec<String>,
    /// What of them mounting takes.
    pub sorted: MountOptions,
    /// The user whom the root belongs to, by name or number.
    pub owner: Option<String>,
    /// The group, by name or number.
    pub group: Option<String>,
    /// The permission bits.
    pub mode: Option<u32>,
}

/// Which engine the operator wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EngineChoice {
    /// dm-crypt where the kernel has it, else fuse.
    #[default]
    Auto,
    /// dm-crypt or nothing.
    DmCrypt,
    /// fuse or nothing.
    Fuse,
}

/// An encrypted volume. `NAME` names its mapping (`/dev/mapper/NAME`), its units (`kluis@NAME.service`) and is bound into
/// its header: 1 to 40 of A-Z, a-z, 0-9, `.`, `_`, `-`, beginning with a letter or digit.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVolume {
    /// The file that holds the volume, made sparse where it is not there. Goes with `size`.
    #[schemars(with = "Option<String>", example = &"/var/lib/kluis/secretfs.img", extend("default" = "none: it lies on a device"))]
    pub(super) file: Option<Spanned<PathBuf>>,
    /// The disk that holds the volume, by a name that survives reboots (`ls -l /dev/disk/by-id`), or `instance-store`:
    /// the machine's instance-store disk, or with `{n}` in `mount` each of them.
    #[schemars(with = "Option<String>", example = &"/dev/disk/by-id/nvme-KLUIS_0001", extend("default" = "none: it lies in a file"))]
    pub(super) device: Option<Spanned<PathBuf>>,
    /// The disks that the volume is striped over before it is encrypted (RAID 0), in their order, 2 to 32: as `device`, the sum of their
    /// speed and of their size, each counted as the smallest is. There is no redundancy: with one disk lost, all is. For instance stores, or
    /// disks that others keep copies of. With dm-crypt alone, by device-mapper's own stripes (`/dev/mapper/NAME:raid0`): nothing but the volume
    /// is written on the disks, and which disk is which is kept in `[agent] state`.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["/dev/disk/by-id/nvme-KLUIS_0001", "/dev/disk/by-id/nvme-KLUIS_0002"]], "default" = "none: it lies on one device, or in a file"))]
    pub(super) raid0: Option<Spanned<Vec<Spanned<PathBuf>>>>,
    /// How many instance-store disks `{n}` stands for, 1 to 100. With it each disk has units of its own
    /// (`kluis@NAME-0.service`, …), and a service can wait for one of them.
    #[schemars(with = "Option<usize>", example = 4, extend("default" = "as many as there are, brought up by one unit"))]
    disks: Option<Spanned<usize>>,
    /// The size of `file` in bytes, a multiple of 4096, at least 32MiB (btrfs: 144MiB, XFS: 320MiB): a number with `KiB`, `MiB`, `GiB`,
    /// `TiB`, or `kB`, `MB`, `GB`, `TB`.
    #[schemars(with = "Option<String>", example = &"2GiB", extend("default" = "none: a device has its own"))]
    size: Option<Spanned<String>>,
    /// Where it is mounted. `{n}` stands for the number of one of several instance-store disks. While nothing is mounted there, nothing can
    /// be written there: see `kluis release` in kluis(1).
    #[schemars(with = "Option<String>", example = &"/mnt/secretfs", extend("default" = "none, with swap or filesystem = none; else it must be given"))]
    pub(super) mount: Option<Spanned<PathBuf>>,
    /// Whether the boot waits for it, as for a line of fstab without `nofail`: `remote-fs.target` then
    /// needs it, or of an ephemeral volume `local-fs.target`, whose failure ends a boot in emergency mode. A service that needs it says so itself (`RequiresMountsFor=`), whatever stands here.
    #[serde(default)]
    #[schemars(example = true)]
    required: bool,
    /// Mount options, as `mount -o` takes them; without any, `nodev`, `nosuid` and `relatime`. What is not every file system's is given to
    /// the file system, which refuses what it does not know. `_netdev` and `nofail` are the units' business. They count
    /// from the next mount on.
    #[serde(default)]
    #[schemars(with = "Vec<String>", extend("examples" = [["noatime", "nodev", "nosuid"]]))]
    options: Vec<Spanned<String>>,
    /// The user whom the mounted root belongs to, by name or number. Set whenever it is not so, also in a file system that another
    /// program made; what lies in it is left alone.
    #[schemars(with = "Option<String>", example = &"kafka", extend("default" = "whom it belongs to: root, in a new file system"))]
    owner: Option<Spanned<String>>,
    /// The group of the mounted root, by name or number.
    #[schemars(with = "Option<String>", example = &"kafka", extend("default" = "as it is"))]
    group: Option<Spanned<String>>,
    /// The permission bits of the mounted root, in octal.
    #[schemars(with = "Option<String>", example = &"0750", extend("default" = "as they are"))]
    mode: Option<Spanned<String>>,
    /// The file system that is made on a blank volume; one that is there is mounted. `none`: nothing is made and nothing is
    /// mounted, and the volume is a device for who wants one: `/dev/mapper/NAME`, or with the fuse engine `/run/kluis/NAME/device`.
    #[schemars(with = "Option<RawFileSystem>", example = &"xfs", extend("default" = "ext4"))]
    filesystem: Option<Spanned<RawFileSystem>>,
    /// Whether it is swap, made anew at each boot. Goes with a device, `key = "ephemeral"` and dm-crypt, and without `mount`.
    #[schemars(with = "Option<bool>", example = true, extend("default" = false))]
    swap: Option<Spanned<bool>>,
    /// The KMS key that unwraps the volume's secret, as an ARN, an id, an alias or an alias's ARN; or `ephemeral`: a random
    /// key that is never stored, and a volume that is made anew at each boot.
    #[schemars(with = "String", example = &"alias/EncFSForEC2InternalStorageKey")]
    key: Spanned<String>,
    /// A wrapped secret that several machines share, as an object; `kluis seal` makes it. Without it the machine's own secret
    /// lies wrapped in the volume's header.
    #[schemars(with = "Option<String>", example = &"s3://bucket/LuksInternalStorageKey", extend("default" = "none: a secret of this machine's own"))]
    secret: Option<Spanned<String>>,
    /// What shows the volume decrypted: `dm-crypt`, `fuse`, or `auto`: dm-crypt where the kernel has it.
    #[serde(default)]
    #[schemars(example = &"dm-crypt", extend("default" = "auto"))]
    engine: EngineChoice,
    /// `allow`: the disk is told which blocks are free (TRIM). It keeps an SSD fast, and shows whoever holds the disk how full
    /// the volume is and where. With dm-crypt alone.
    #[schemars(with = "Option<RawDiscard>", example = &"allow", extend("default" = "never"))]
    discard: Option<Spanned<RawDiscard>>,
}

/// Whether free blocks are told to the disk below.
#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawDiscard {
    Allow,
    Never,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum RawFileSystem {
    Ext4,
    Xfs,
    Btrfs,
    None,
}

impl RawVolume {
    pub(super) fn check(
        self,
        name: &str,
        span: &Range<usize>,
    ) -> Result<VolumeConfig, ConfigError> {
        let discard = self.allows_discards();
        let sorted = options::sort(&self.options)?;
        self.contradicts_options(&sorted)?;
        let purpose = self.purpose()?;
        self.check_mount(purpose, span)?;
        let backing = match self.raid0 {
            Some(members) => {
                let others = [
                    self.file.as_ref().map(Spanned::span),
                    self.device.as_ref().map(Spanned::span),
                    self.size.as_ref().map(Spanned::span),
                ];
                if let Some(span) = others.into_iter().flatten().next() {
                    return Err(ConfigError {
                        message: "a volume with raid0 lies on its disks alone, and is as large as they are; leave file, device and size out".to_owned(),
                        span: Some(span),
                    });
                }
                Backing::Raid0(raid0::check(members, self.engine)?)
            }
            None => backing::check(self.file, self.device, self.size, purpose, span)?,
        };
        let key = key::check(self.key, self.secret)?;
        if let Some(mount) = &self.mount
            && let Some(why) = misplaced(mount.get_ref(), &key)
        {
            return Err(ConfigError::at(mount, why));
        }
        if let Some(mount) = &self.mount {
            let disks = self
                .disks
                .as_ref()
                .map_or(DISKS_MAX, |disks| *disks.get_ref());
            check_unit(mount.get_ref(), disks)
                .map_err(|error| ConfigError::at(mount, error.to_string()))?;
        }
        let is_numbered = holds_number(self.mount.as_ref().map(|mount| mount.get_ref().as_path()));
        if let (Some(mount), true) = (
            &self.mount,
            is_numbered && backing != Backing::InstanceStore,
        ) {
            return Err(ConfigError::at(
                mount,
                "{n} stands for one of several disks; it goes with device = \"instance-store\"",
            ));
        }
        if let Some(disks) = &self.disks {
            if !is_numbered {
                return Err(ConfigError::at(
                    disks,
                    "disks is how many disks {n} in mount stands for; put {n} there, or leave disks out",
                ));
            }
            if !(1..=DISKS_MAX).contains(disks.get_ref()) {
                return Err(ConfigError::at(
                    disks,
                    format!("disks is a number of 1 to {DISKS_MAX}"),
                ));
            }
        }
        Ok(VolumeConfig {
            name: name.to_owned(),
            disks: self.disks.map(Spanned::into_inner),
            mount: self.mount.map(Spanned::into_inner),
            required: self.required,
            root: MountRoot {
                options: self
                    .options
                    .into_iter()
                    .map(option)
                    .collect::<Result<_, _>>()?,
                sorted,
                owner: self.owner.map(|owner| user("owner", owner)).transpose()?,
                group: self.group.map(|group| user("group", group)).transpose()?,
                mode: self.mode.map(|bits| mode(&bits)).transpose()?,
            },
            purpose,
            key,
            engine: match &backing {
                Backing::Raid0(_) => EngineChoice::DmCrypt,
                // The fuse engine's daemon would wait for itself.
                _ if purpose == Purpose::Swap => EngineChoice::DmCrypt,
                _ => self.engine,
            },
            backing,
            discard,
        })
    }
}

impl RawVolume {
    fn purpose(&self) -> Result<Purpose, ConfigError> {
        let Some(swap) = self.swap.as_ref().filter(|swap| *swap.get_ref()) else {
            return Ok(match self.filesystem.as_ref().map(Spanned::get_ref) {
                None | Some(RawFileSystem::Ext4) => Purpose::Files(FileSystem::Ext4),
                Some(RawFileSystem::Xfs) => Purpose::Files(FileSystem::Xfs),
                Some(RawFileSystem::Btrfs) => Purpose::Files(FileSystem::Btrfs),
                Some(RawFileSystem::None) => Purpose::Raw,
            });
        };
        if let Some(place) = &self.filesystem {
            return Err(ConfigError::at(
                place,
                "swap has no file system; leave filesystem out",
            ));
        }
        if self.key.get_ref() != EPHEMERAL {
            return Err(ConfigError::at(
                &self.key,
                "swap is made anew at each boot; use key = \"ephemeral\"",
            ));
        }
        if let Some(place) = &self.file {
            return Err(ConfigError::at(
                place,
                "swap lies on a device: a file below it would want memory in order to free memory; use device",
            ));
        }
        if self.engine == EngineChoice::Fuse {
            return Err(ConfigError::at(
                swap,
                "there is no swap with the fuse engine, whose daemon would wait for itself; use engine = \"dm-crypt\"",
            ));
        }
        Ok(Purpose::Swap)
    }

    /// Where there are files there is a mount point, and nothing about mounting where there are none.
    fn check_mount(&self, purpose: Purpose, span: &Range<usize>) -> Result<(), ConfigError> {
        let Purpose::Files(_) = purpose else {
            let settings = [&self.owner, &self.group, &self.mode];
            let of_root = settings.into_iter().find_map(Option::as_ref);
            let place = self.mount.as_ref().map(Spanned::span);
            let place = place.or_else(|| Some(self.options.first().or(of_root)?.span()));
            return place.map_or(Ok(()), |place| {
                Err(ConfigError {
                    message: "a volume that is swap, or has no file system, is not mounted; leave mount, options, owner, group and mode out"
                        .to_owned(),
                    span: Some(place),
                })
            });
        };
        let Some(mount) = &self.mount else {
            return Err(ConfigError {
                message: "a volume needs mount = \"/path\"; without a file system in it, filesystem = \"none\" or swap = true"
                    .to_owned(),
                span: Some(span.clone()),
            });
        };
        if !is_plain_absolute(mount.get_ref()) || mount.get_ref() == Path::new("/") {
            return Err(ConfigError::at(
                mount,
                "mount is an absolute path below / without \"..\"",
            ));
        }
        Ok(())
    }

    /// What is said of the volume elsewhere against one of its options.
    fn contradicts_options(&self, sorted: &MountOptions) -> Result<(), ConfigError> {
        let option = |name: &str| self.options.iter().find(|option| option.get_ref() == name);
        if let (Some(option), true) = (option("nofail"), self.required) {
            return Err(ConfigError::at(
                option,
                "nofail and required = true contradict each other; leave one out",
            ));
        }
        if let (Some(option), true) = (option("discard"), !self.allows_discards()) {
            return Err(ConfigError::at(
                option,
                "the option discard does nothing while the volume passes none on; add discard = \"allow\" to the volume (it shows the disk which blocks are free), or leave it out",
            ));
        }
        let of_root = self
            .owner
            .as_ref()
            .or(self.group.as_ref())
            .or(self.mode.as_ref());
        if let (Some(place), true) = (of_root, sorted.is_read_only()) {
            return Err(ConfigError::at(
                place,
                "the root of a volume that is mounted ro cannot be changed; leave owner, group and mode out, or ro",
            ));
        }
        if let (EngineChoice::Fuse, Some(place), true) =
            (self.engine, &self.discard, self.allows_discards())
        {
            return Err(ConfigError::at(
                place,
                "the fuse engine passes no discards on: a loop device asks for zeros by the same call, and a hole in ciphertext reads as noise; leave discard out, or use engine = \"dm-crypt\"",
            ));
        }
        Ok(())
    }

    fn allows_discards(&self) -> bool {
        let discard = self.discard.as_ref().map(Spanned::get_ref);
        discard == Some(&RawDiscard::Allow)
    }
}

/// One mount option: `noatime`, `data=ordered`. Commas would make two of it.
fn option(given: Spanned<String>) -> Result<String, ConfigError> {
    let plain = given.get_ref();
    if plain.is_empty()
        || plain.len() > 256
        || !plain.bytes().all(|b| b.is_ascii_graphic() && b != b',')
    {
        return Err(ConfigError::at(
            &given,
            "options is a list of mount options, each a text of its own: [\"noatime\", \"nodev\"]",
        ));
    }
    Ok(given.into_inner())
}

/// The name or number of a user or group, as `useradd` takes it.
fn user(key: &str, given: Spanned<String>) -> Result<String, ConfigError> {
    let plain = given.get_ref();
    let is_name = (1..=32).contains(&plain.len())
        && plain
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        && !plain.starts_with('-');
    if is_name {
        Ok(given.into_inner())
    } else {
        Err(ConfigError::at(
            &given,
            format!("{key} is a name or a number, such as \"kafka\" or \"1000\""),
        ))
    }
}

fn mode(given: &Spanned<String>) -> Result<u32, ConfigError> {
    let text = given.get_ref();
    let bits = u32::from_str_radix(text, 8)
        .ok()
        .filter(|bits| *bits <= 0o7777 && (3..=5).contains(&text.len()) && !text.starts_with('+'));
    bits.ok_or_else(|| ConfigError::at(given, "mode is permission bits in octal, such as \"0750\""))
}
