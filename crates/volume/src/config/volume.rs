//! A table `[volume.NAME]`.

use std::ops::Range;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::backing::{self, Backing};
use super::key::{self, KeySource};
use super::{ConfigError, DISKS_MAX, is_plain_absolute};
use crate::host::FileSystem;

/// A table `[volume.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeConfig {
    /// The name: of the volume, of its mapping, and bound into its header.
    pub name: String,
    /// What holds the ciphertext.
    pub backing: Backing,
    /// How many instance-store disks a mount point with `{n}` stands for; none: as many as there are.
    pub disks: Option<usize>,
    /// Where it is mounted; holds `{n}` if it may stand for several disks.
    pub mount: PathBuf,
    /// Whether the boot waits for it.
    pub required: bool,
    /// How it is mounted, and whose its root is.
    pub root: MountRoot,
    /// What is made on a blank volume.
    pub file_system: FileSystem,
    /// Where its key comes from.
    pub key: KeySource,
    /// Which engine.
    pub engine: EngineChoice,
    /// Whether the disk below learns which blocks are free.
    pub discard: bool,
}

/// How a volume is mounted, and whose the folder is that then stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountRoot {
    /// Mount options, as `mount -o` takes them.
    pub options: Vec<String>,
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
    /// How many instance-store disks `{n}` stands for, 1 to 100. With it each disk has units of its own
    /// (`kluis@NAME-0.service`, …), and a service can wait for one of them.
    #[schemars(with = "Option<usize>", example = 4, extend("default" = "as many as there are, brought up by one unit"))]
    disks: Option<Spanned<usize>>,
    /// The size of `file` in bytes, a multiple of 4096, at least 32MiB (XFS: 320MiB): a number with `KiB`, `MiB`, `GiB`,
    /// `TiB`, or `kB`, `MB`, `GB`, `TB`.
    #[schemars(with = "Option<String>", example = &"2GiB", extend("default" = "none: a device has its own"))]
    size: Option<Spanned<String>>,
    /// Where it is mounted. `{n}` stands for the number of one of several instance-store disks.
    #[schemars(with = "String", example = &"/mnt/secretfs")]
    pub(super) mount: Spanned<PathBuf>,
    /// Whether the boot waits for it, as for a line of fstab without `nofail` and with `_netdev`: `remote-fs.target` then
    /// needs it. A service that needs it says so itself (`RequiresMountsFor=`), whatever stands here.
    #[serde(default)]
    #[schemars(example = true)]
    required: bool,
    /// Mount options, as `mount -o` takes them.
    #[serde(default)]
    #[schemars(with = "Vec<String>", extend("examples" = [["noatime", "nodev", "nosuid"]]))]
    options: Vec<Spanned<String>>,
    /// The user whom the mounted root belongs to, by name or number.
    #[schemars(with = "Option<String>", example = &"kafka", extend("default" = "whom it belongs to: root, in a new file system"))]
    owner: Option<Spanned<String>>,
    /// The group of the mounted root, by name or number.
    #[schemars(with = "Option<String>", example = &"kafka", extend("default" = "as it is"))]
    group: Option<Spanned<String>>,
    /// The permission bits of the mounted root, in octal.
    #[schemars(with = "Option<String>", example = &"0750", extend("default" = "as they are"))]
    mode: Option<Spanned<String>>,
    /// The file system that is made on a blank volume; one that is there is mounted.
    #[serde(default = "ext4")]
    #[schemars(example = &"xfs", extend("default" = "ext4"))]
    filesystem: RawFileSystem,
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
    /// the volume is and where.
    #[schemars(with = "Option<RawDiscard>", example = &"allow", extend("default" = "never"))]
    discard: Option<RawDiscard>,
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
}

fn ext4() -> RawFileSystem {
    RawFileSystem::Ext4
}

impl RawVolume {
    pub(super) fn check(
        self,
        name: &str,
        span: &Range<usize>,
    ) -> Result<VolumeConfig, ConfigError> {
        let file_system = match self.filesystem {
            RawFileSystem::Ext4 => FileSystem::Ext4,
            RawFileSystem::Xfs => FileSystem::Xfs,
        };
        if !is_plain_absolute(self.mount.get_ref()) || self.mount.get_ref() == Path::new("/") {
            return Err(ConfigError::at(
                &self.mount,
                "mount is an absolute path below / without \"..\"",
            ));
        }
        let backing = backing::check(self.file, self.device, self.size, file_system, span)?;
        let key = key::check(self.key, self.secret)?;
        let is_numbered = self.mount.get_ref().to_string_lossy().contains("{n}");
        if is_numbered && backing != Backing::InstanceStore {
            return Err(ConfigError::at(
                &self.mount,
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
            backing,
            disks: self.disks.map(Spanned::into_inner),
            mount: self.mount.into_inner(),
            required: self.required,
            root: MountRoot {
                options: self
                    .options
                    .into_iter()
                    .map(option)
                    .collect::<Result<_, _>>()?,
                owner: self.owner.map(|owner| user("owner", owner)).transpose()?,
                group: self.group.map(|group| user("group", group)).transpose()?,
                mode: self.mode.map(|bits| mode(&bits)).transpose()?,
            },
            file_system,
            key,
            engine: self.engine,
            discard: self.discard == Some(RawDiscard::Allow),
        })
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
