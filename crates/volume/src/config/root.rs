//! The table `[root]`: the volume that the root file system stands on.

use std::ops::Range;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::backing::{self, Backing};
use super::key::{self, KeySource};
use super::volume::RawDiscard;
use super::{ConfigError, EngineChoice, MountRoot, VolumeConfig, check_name};
use crate::host::{FileSystem, Purpose};

/// What the root's mapping is called, unless `name` says otherwise.
const NAME_DEFAULT: &str = "root";

/// The volume that the root file system stands on: a LUKS2 that an installer made. `kluis enroll-root` adds a keyslot and a
/// token to it, and the initramfs opens it with them (`kluis open-root`); it is never formatted, and the passphrase that it was
/// made with goes on opening it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoot {
    /// The device that holds it, by a name that survives reboots: its UUID's (`blkid`), or its disk's.
    #[schemars(with = "String", example = &"/dev/disk/by-uuid/7d0a9d3e-6bb4-4d5e-9b0a-3d9a8b7c6d5e")]
    device: Spanned<PathBuf>,
    /// The KMS key that wraps the machine's secret, as an ARN, an id, an alias or an alias's ARN.
    #[schemars(with = "String", example = &"alias/machines")]
    key: Spanned<String>,
    /// The name of its mapping, `/dev/mapper/NAME`, which is the one in `/etc/crypttab`. It is bound into the header: whoever
    /// changes it enrolls anew.
    #[schemars(with = "Option<String>", example = &"vda2_crypt", extend("default" = "root"))]
    name: Option<Spanned<String>>,
    /// `allow`: the disk is told which blocks are free (TRIM), as with `discard` in crypttab.
    #[schemars(with = "Option<RawDiscard>", example = &"allow", extend("default" = "never"))]
    discard: Option<RawDiscard>,
}

impl RawRoot {
    pub(super) fn check(self, span: &Range<usize>) -> Result<VolumeConfig, ConfigError> {
        let name = match self.name {
            Some(name) => {
                check_name(name.get_ref()).map_err(|message| ConfigError::at(&name, message))?;
                name.into_inner()
            }
            None => NAME_DEFAULT.to_owned(),
        };
        let place = self.device.clone();
        let backing = backing::check(
            None,
            Some(self.device),
            None,
            Purpose::Files(FileSystem::Ext4),
            span,
        )?;
        if backing == Backing::InstanceStore {
            return Err(ConfigError::at(
                &place,
                "an instance store is blank after every stop; the root lies on a disk that stays, named as /dev/disk/by-uuid/…",
            ));
        }
        let key_place = self.key.clone();
        let key = key::check(self.key, None)?;
        if key == KeySource::Ephemeral {
            return Err(ConfigError::at(
                &key_place,
                "a root whose key is never stored would be gone at the next boot; name a KMS key",
            ));
        }
        Ok(VolumeConfig {
            name,
            backing,
            disks: None,
            mount: Some(PathBuf::from("/")),
            required: true,
            root: MountRoot::default(),
            // Never made: whatever is in it is mounted by the initramfs.
            purpose: Purpose::Files(FileSystem::Ext4),
            key,
            engine: EngineChoice::DmCrypt,
            discard: self.discard == Some(RawDiscard::Allow),
        })
    }
}
