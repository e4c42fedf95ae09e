//! Where imported material belongs in a key: it is its first, one that it had before, or its next.

use wire::ApiError;
use wire::kms::{ImportType, KeySpec};

use crate::backing::{BackingKey, Imported};
use crate::ciphertext::BackingVersion;
use crate::faults;
use crate::key::Key;

/// The place of one imported material.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The first that the key ever has: it is the current one.
    First,
    /// One that the key has had for good.
    Again(BackingVersion),
    /// One that waits for its rotation already.
    PendingAgain,
    /// A new one, to wait for its rotation.
    Pending,
}

impl Place {
    /// The place in `key` of the material of that name.
    ///
    /// # Errors
    /// `IncorrectKeyMaterialException` when it is not the material that is wanted: another than before, or not new;
    /// `KMSInvalidStateException` when another new one waits for its rotation; `UnsupportedOperationException` for new
    /// material of a replica, whose primary key is to have it first.
    pub(crate) fn of(
        key: &Key,
        material_id: &str,
        asked: Option<ImportType>,
    ) -> Result<Self, ApiError> {
        let new = match asked {
            Some(asked) => asked == ImportType::NewKeyMaterial,
            None => key.backing.is_empty() && !key.is_replica(),
        };
        match Self::known(key, material_id) {
            Some(place) if !new => Ok(place),
            None if new => Self::of_new(key),
            _ => Err(faults::incorrect_material()),
        }
    }

    fn known(key: &Key, material_id: &str) -> Option<Self> {
        let mut permanent = key.backing.iter();
        let known = permanent.find(|backing| *backing.material_id == *material_id);
        known
            .map(|backing| Self::Again(backing.version))
            .or_else(|| key.pending_is(material_id).then_some(Self::PendingAgain))
    }

    fn of_new(key: &Key) -> Result<Self, ApiError> {
        if key.is_replica() {
            return Err(faults::not_primary(&key.arn));
        }
        if key.backing.is_empty() {
            return Ok(Self::First);
        }
        if key.purpose.spec != KeySpec::SymmetricDefault {
            return Err(faults::incorrect_material());
        }
        if key.pending.is_some() {
            return Err(faults::material_is_pending(&key.arn));
        }
        Ok(Self::Pending)
    }

    /// The version that the material is or will be.
    pub(crate) fn version(self, key: &Key) -> Option<BackingVersion> {
        match self {
            Self::First => Some(BackingVersion::FIRST),
            Self::Again(version) => Some(version),
            Self::PendingAgain => key.pending.as_ref().map(|pending| pending.version),
            Self::Pending => key.next_version(),
        }
    }

    /// Puts the material there, with what is said of it.
    pub(crate) fn fill(self, key: &mut Key, sealed: BackingKey, said: Imported) {
        match self {
            Self::First => key.backing.push(BackingKey {
                imported: Some(said),
                ..sealed
            }),
            Self::Pending => {
                key.pending = Some(BackingKey {
                    imported: Some(said),
                    ..sealed
                });
            }
            Self::Again(version) => {
                let mut backing = key.backing.iter_mut();
                if let Some(backing) = backing.find(|backing| backing.version == version) {
                    refill(backing, sealed, said);
                }
            }
            Self::PendingAgain => {
                if let Some(pending) = &mut key.pending {
                    refill(pending, sealed, said);
                }
            }
        }
    }

    /// A replica once it knows of material that is new to its primary key, if this is: there it is yet to be imported.
    pub(crate) fn announced(self, primary: &Key, replica: &Key) -> Option<Key> {
        let mut told = replica.clone();
        match self {
            Self::First => told
                .backing
                .extend(primary.current().map(BackingKey::emptied)),
            Self::Pending => told.pending = primary.pending.as_ref().map(BackingKey::emptied),
            Self::Again(_) | Self::PendingAgain => return None,
        }
        Some(told)
    }
}

/// Material that is there again is what it was, but for its expiry and, where something is said, its description.
fn refill(backing: &mut BackingKey, sealed: BackingKey, said: Imported) {
    let before = backing.imported.take().unwrap_or_default();
    backing.wrapped = sealed.wrapped;
    backing.imported = Some(Imported {
        description: said.description.or(before.description),
        expires: said.expires,
    });
}
