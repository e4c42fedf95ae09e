//! A key and an alias, as the service holds them in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use crypto::{SecretBytes, WrappingKey};
use jiff::Timestamp;
use policy::{Context, Policy};
use wire::kms::OriginType;

use crate::backing::{BackingKey, Purpose};
use crate::ciphertext::BackingVersion;
use crate::names::{AliasName, KeyArn, KeyId, Region};
use crate::schedule::Schedule;
use crate::specs::{self, Algorithms};
use crate::states::KeyState;

/// Where a key stands in its life, as it was decided and recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    /// In use.
    Enabled,
    /// Kept, not to be used.
    Disabled,
    /// To be destroyed at the given instant.
    PendingDeletion(Timestamp),
    /// A primary key that is to be destroyed when its replicas are: its waiting period, of so many days, begins then.
    PendingReplicaDeletion(u8),
}

/// A key.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// Its full name.
    pub(crate) arn: KeyArn,
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// Where it stands in its life.
    pub(crate) lifecycle: Lifecycle,
    /// Whether its backing keys unwrap under this service's root key.
    pub(crate) available: bool,
    /// The owner's own words.
    pub(crate) description: Box<str>,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// Its key policy; keys with the same text share one.
    pub(crate) policy: Arc<Policy>,
    /// The owner's tags.
    pub(crate) tags: BTreeMap<String, String>,
    /// Its backing keys, oldest first; empty only until material is first imported.
    pub(crate) backing: Vec<BackingKey>,
    /// Imported material that waits for the rotation that makes it the current one.
    pub(crate) pending: Option<BackingKey>,
    /// Its automatic rotation, where that is on. Keys of one multi-Region key have the same.
    pub(crate) rotation: Option<Schedule>,
    /// The region of the primary key, of a multi-Region key.
    pub(crate) primary: Option<Region>,
}

impl Key {
    /// Its state as the API shows it. A key that waits for its deletion does so whether its material unwraps or not.
    pub(crate) fn state(&self) -> KeyState {
        match self.lifecycle {
            Lifecycle::PendingDeletion(_) => KeyState::PendingDeletion,
            Lifecycle::PendingReplicaDeletion(_) => KeyState::PendingReplicaDeletion,
            _ if !self.available => KeyState::Unavailable,
            _ if self.awaits_material() => KeyState::PendingImport,
            Lifecycle::Enabled => KeyState::Enabled,
            Lifecycle::Disabled => KeyState::Disabled,
        }
    }

    /// Whether its waiting period is over: from then on it does not exist, whether or not the sweep has come by.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        matches!(self.lifecycle, Lifecycle::PendingDeletion(at) if at <= now)
    }

    /// Whether it is a replica of a primary key in another region.
    pub(crate) fn is_replica(&self) -> bool {
        self.primary
            .as_ref()
            .is_some_and(|region| *region != self.arn.region)
    }

    /// When something is next to be done to it that nobody will call for.
    pub(crate) fn alarm(&self) -> Option<Timestamp> {
        let deletion = match self.lifecycle {
            Lifecycle::PendingDeletion(at) => Some(at),
            _ => None,
        };
        let times = [deletion, self.material_expires(), self.rotates()];
        times.into_iter().flatten().min()
    }

    /// When it is next rotated: a key that is not enabled rotates when it is again, and a replica with its primary.
    pub(crate) fn rotates(&self) -> Option<Timestamp> {
        let rotates = self.state() == KeyState::Enabled && !self.is_replica();
        self.rotation
            .filter(|_| rotates)
            .map(|schedule| schedule.next)
    }

    /// The backing key that encrypts.
    pub(crate) fn current(&self) -> Option<&BackingKey> {
        self.backing.last()
    }

    /// The version that its next backing key will be.
    pub(crate) fn next_version(&self) -> Option<BackingVersion> {
        self.current()
            .map_or(Some(BackingVersion::FIRST), |current| {
                current.version.next()
            })
    }

    /// The backing key of one version.
    pub(crate) fn version(&self, version: BackingVersion) -> Option<&BackingKey> {
        self.backing
            .iter()
            .find(|backing| backing.version == version)
    }

    /// The secret of one backing key.
    ///
    /// # Errors
    /// [`crypto::Error::NotAuthentic`] when it does not unwrap.
    pub(crate) fn unwrap(
        &self,
        backing: &BackingKey,
        root: &WrappingKey,
    ) -> Result<SecretBytes, crypto::Error> {
        backing.unwrap(root, &self.arn, self.purpose)
    }

    /// What it can do. A spec and usage that do not go together, which no record that unwraps has, can do nothing.
    pub(crate) fn algorithms(&self) -> Algorithms {
        let Purpose { spec, usage, .. } = self.purpose;
        specs::algorithms(spec, usage).unwrap_or(Algorithms::NONE)
    }

    /// What conditions of policies may look at in what a key was made as.
    pub(crate) fn describe_made(&self, context: &mut Context) {
        context.set("kms:KeySpec", self.purpose.spec.as_str());
        context.set("kms:KeyUsage", self.purpose.usage.as_str());
        // Their old names, which policies may still have.
        context.set("kms:CustomerMasterKeySpec", self.purpose.spec.as_str());
        context.set("kms:CustomerMasterKeyUsage", self.purpose.usage.as_str());
        context.set("kms:KeyOrigin", self.purpose.origin.as_str());
        let multi_region = self.arn.id.is_multi_region();
        context.set("kms:MultiRegion", multi_region.to_string());
    }

    /// What conditions of policies may look at in the key itself.
    pub(crate) fn describe(&self, context: &mut Context) {
        self.describe_made(context);
        if self.primary.is_some() {
            context.set("kms:MultiRegionKeyType", self.kind().as_str());
        }
        context.set("aws:ResourceAccount", self.arn.account.to_string());
        for (name, value) in &self.tags {
            // `add`, because two names may differ in case alone and conditions do not see case.
            context.add(&format!("aws:ResourceTag/{name}"), value);
        }
    }

    /// This key with its availability found out: whether all of its material unwraps that should be there.
    pub(crate) fn probed(mut self, root: &WrappingKey) -> Self {
        let external = self.purpose.origin == OriginType::External;
        let sound = |backing: &BackingKey| {
            (external && backing.wrapped.is_none()) || self.unwrap(backing, root).is_ok()
        };
        self.available = (external || !self.backing.is_empty())
            && self.backing.iter().chain(&self.pending).all(sound);
        self
    }
}

/// An alias: a name that points at a key of its region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alias {
    /// Its name.
    pub(crate) name: AliasName,
    /// The key.
    pub(crate) target: KeyId,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// When it last came to point at a key.
    pub(crate) updated: Timestamp,
}
