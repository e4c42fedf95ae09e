//! Imported material as a key has it: whether all of it is there, when it expires, and what is left when it has.

use std::sync::Arc;

use jiff::Timestamp;
use wire::kms::{ExpirationModelType, OriginType};

use crate::backing::BackingKey;
use crate::key::Key;
use crate::keyring::Change;

impl BackingKey {
    /// When its secret is to be destroyed, if it is there and ever is.
    pub(crate) fn expires(&self) -> Option<Timestamp> {
        self.wrapped.as_ref()?;
        self.imported.as_ref()?.expires
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        self.expires().is_some_and(|at| at <= now)
    }

    /// Whether it expires; nothing of material that is not there.
    pub(crate) fn expiration_model(&self) -> Option<ExpirationModelType> {
        self.wrapped.as_ref()?;
        let imported = self.imported.as_ref()?;
        Some(match imported.expires {
            Some(_) => ExpirationModelType::KeyMaterialExpires,
            None => ExpirationModelType::KeyMaterialDoesNotExpire,
        })
    }
}

impl Key {
    /// Whether material is to be imported before it can be used: all that was ever its own.
    pub(crate) fn awaits_material(&self) -> bool {
        let missing = |backing: &BackingKey| backing.wrapped.is_none();
        self.purpose.origin == OriginType::External
            && (self.backing.is_empty() || self.backing.iter().any(missing))
    }

    /// When the first of its material expires.
    pub(crate) fn material_expires(&self) -> Option<Timestamp> {
        let all = self.backing.iter().chain(&self.pending);
        all.filter_map(BackingKey::expires).min()
    }

    /// Whether its material expires, if any was imported and is there.
    pub(crate) fn expiration_model(&self) -> Option<ExpirationModelType> {
        let mut models = self.backing.iter().filter_map(BackingKey::expiration_model);
        match self.material_expires() {
            Some(_) => Some(ExpirationModelType::KeyMaterialExpires),
            None => models.next(),
        }
    }

    /// The names of the material that has expired and is still there.
    pub(crate) fn expired(&self, now: Timestamp) -> Vec<&str> {
        let all = self.backing.iter().chain(&self.pending);
        all.filter(|backing| backing.has_expired(now))
            .map(|backing| &*backing.material_id)
            .collect()
    }

    /// This key without the material of one name; material that was yet to become its own is forgotten altogether.
    /// A replica's still waits for its import, since its primary key has it.
    pub(crate) fn without_material(&self, material_id: &str) -> Self {
        let mut left = self.clone();
        for backing in &mut left.backing {
            if *backing.material_id == *material_id {
                *backing = backing.emptied();
            }
        }
        if left.pending_is(material_id) {
            left.pending = left
                .pending
                .filter(|_| self.is_replica())
                .map(|pending| pending.emptied());
        }
        left
    }

    /// Whether it has a material of that name, be it there or not.
    pub(crate) fn has_material(&self, material_id: &str) -> bool {
        let mut all = self.backing.iter().chain(&self.pending);
        all.any(|backing| *backing.material_id == *material_id)
    }

    /// Whether the material of that name is there to be lost: material that a primary key has yet to rotate to always is.
    pub(crate) fn holds_material(&self, material_id: &str) -> bool {
        let mut all = self.backing.iter().chain(&self.pending);
        all.any(|backing| *backing.material_id == *material_id && backing.wrapped.is_some())
    }

    /// Whether the material that waits for its rotation has this name.
    pub(crate) fn pending_is(&self, material_id: &str) -> bool {
        self.pending
            .as_ref()
            .is_some_and(|pending| *pending.material_id == *material_id)
    }

    /// The key as it is to be seen `now`: what has expired is gone, whether or not the sweep has come by.
    pub(crate) fn as_of(key: &Arc<Self>, now: Timestamp) -> Arc<Self> {
        if key.material_expires().is_none_or(|at| at > now) {
            return Arc::clone(key);
        }
        let expired = key.expired(now);
        let left = expired.iter().fold((**key).clone(), |left, material_id| {
            left.without_material(material_id)
        });
        Arc::new(left)
    }
}

/// The loss of one material by a key: `family` is the key, then its kin. Material that a primary key had yet to rotate to
/// goes from its replicas as well.
pub(crate) fn without_material(family: &[Arc<Key>], material_id: &str) -> Vec<Change> {
    let Some((key, kin)) = family.split_first() else {
        return Vec::new();
    };
    let forgotten = !key.is_replica() && key.pending_is(material_id);
    let bare = |kin: &Arc<Key>| Key {
        pending: None,
        ..(**kin).clone()
    };
    let kin = kin.iter().filter(|_| forgotten).map(bare);
    std::iter::once(key.without_material(material_id))
        .chain(kin)
        .map(|key| Change::PutKey(Arc::new(key)))
        .collect()
}
