//! The rotation itself: a key and its kin get new current material, and keep all that they had.

use std::sync::Arc;

use crypto::{SecretBytes, WrappingKey};
use jiff::Timestamp;
use trail::Record;
use wire::kms::{OriginType, RotationType};

use crate::backing::{BackingKey, Material};
use crate::events;
use crate::key::Key;
use crate::keyring::Change;

/// The length of the material of the keys that rotate: they are symmetric encryption keys, all of one kind.
const MATERIAL_BYTES: usize = 32;

/// What a rotation comes to.
pub(crate) struct Rotated {
    /// The keys as they are after it.
    pub(crate) changes: Vec<Change>,
    /// What the trail is told, for each key.
    pub(crate) records: Vec<Record>,
}

/// Rotates `family`: a key, then its replicas, if it has any.
///
/// # Errors
/// Those of `crypto`; [`crypto::Error::Length`] when a key has had as many versions as there can be.
pub(crate) fn rotate(
    root: &WrappingKey,
    family: &[Arc<Key>],
    how: RotationType,
    now: Timestamp,
) -> Result<Rotated, crypto::Error> {
    let fresh = SecretBytes::random(MATERIAL_BYTES)?;
    let mut rotated = Rotated {
        changes: Vec::new(),
        records: Vec::new(),
    };
    for key in family {
        let key = rotated_key(root, key, &fresh, how, now)?;
        rotated.records.push(if key.is_replica() {
            events::synchronization(&key, now)
        } else {
            events::rotation(&key, how, now)
        });
        rotated.changes.push(Change::PutKey(Arc::new(key)));
    }
    Ok(rotated)
}

fn rotated_key(
    root: &WrappingKey,
    key: &Key,
    fresh: &SecretBytes,
    how: RotationType,
    now: Timestamp,
) -> Result<Key, crypto::Error> {
    let mut rotated = key.clone();
    let next = match rotated.pending.take() {
        Some(imported) => imported,
        None => made_here(root, key, fresh, now)?,
    };
    rotated.backing.push(BackingKey {
        created: now,
        rotation: Some(how),
        ..next
    });
    if how == RotationType::Automatic {
        rotated.rotation = key.rotation.and_then(|schedule| schedule.after(now));
    }
    Ok(rotated)
}

fn made_here(
    root: &WrappingKey,
    key: &Key,
    fresh: &SecretBytes,
    now: Timestamp,
) -> Result<BackingKey, crypto::Error> {
    // Imported material never comes from here: a caller that has none to rotate to must not get some.
    if key.purpose.origin != OriginType::AwsKms {
        return Err(crypto::Error::NotAuthentic);
    }
    let version = key.next_version().ok_or(crypto::Error::Length {
        what: "a key's number of versions",
        expected: "less than 2³²",
        actual: key.backing.len(),
    })?;
    let fresh = Material::of_bytes(fresh);
    BackingKey::wrap(root, &key.arn, key.purpose, version, fresh, now)
}
