//! Signing keys: derived from a secret for one day, region and service, and kept for a while.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use crypto::{Secret, hmac_sha256, hmac_sha256_verify, sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{Presented, SigError, TERMINATOR};

/// How many keys one generation of a [`KeyCache`] holds; it keeps two.
pub(super) const GENERATION_MAX: usize = 512;

/// The key that signs a caller's requests to one service in one region on one day.
pub struct SigningKey(Secret<32>);

impl SigningKey {
    /// Derives the key for the scope that a request presents.
    ///
    /// # Errors
    ///
    /// [`SigError::Memory`] when there is no locked memory for it.
    pub fn derive(secret: &[u8], presented: &Presented) -> Result<Self, SigError> {
        Self::of_scope(
            secret,
            presented.date(),
            presented.region(),
            presented.service(),
        )
    }

    pub(super) fn of_scope(
        secret: &[u8],
        date: &str,
        region: &str,
        service: &str,
    ) -> Result<Self, SigError> {
        let mut first = Zeroizing::new(Vec::with_capacity(secret.len() + 4));
        first.extend_from_slice(b"AWS4");
        first.extend_from_slice(secret);
        let mut key = hmac_sha256(&first, &[date.as_bytes()]);
        for part in [region, service, TERMINATOR] {
            let mut next = hmac_sha256(&key, &[part.as_bytes()]);
            key.zeroize();
            key = next;
            next.zeroize();
        }
        let secret = Secret::from_slice_wiping(&mut key).map_err(|_| SigError::Memory);
        key.zeroize();
        secret.map(Self)
    }

    /// Whether `signature` is that of `text`, in constant time.
    pub(super) fn verify(&self, text: &[u8], signature: &[u8; 32]) -> bool {
        hmac_sha256_verify(self.0.danger_expose(), &[text], signature)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SigningKey(…)")
    }
}

/// A bounded number of derived keys, the least lately used of which are forgotten.
///
/// It holds two generations: a key that is used moves to the young one; when that is full, it becomes the old one and the old one is
/// dropped. Keys are found by their scope and by the secret itself (its hash), so a secret that was replaced finds nothing of its past.
#[derive(Debug, Default)]
pub struct KeyCache {
    generations: Mutex<Generations>,
}

type Name = [u8; 32];

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Name, Arc<SigningKey>>,
    old: HashMap<Name, Arc<SigningKey>>,
}

impl KeyCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// The key for what a request presents, derived when it is not here.
    ///
    /// # Errors
    ///
    /// [`SigError::Memory`] when there is no locked memory for it.
    pub fn signing_key(
        &self,
        secret: &[u8],
        presented: &Presented,
    ) -> Result<Arc<SigningKey>, SigError> {
        let name = name(secret, presented);
        if let Some(key) = self.lock().find(&name) {
            return Ok(key);
        }
        let key = Arc::new(SigningKey::derive(secret, presented)?);
        self.lock().keep(name, &key);
        Ok(key)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Generations> {
        // What is in it is whole at any instant: a panic elsewhere does not spoil it.
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let generations = self.lock();
        generations.young.len() + generations.old.len()
    }
}

impl Generations {
    fn find(&mut self, name: &Name) -> Option<Arc<SigningKey>> {
        if let Some(key) = self.young.get(name) {
            return Some(Arc::clone(key));
        }
        let key = self.old.remove(name)?;
        self.keep(*name, &key);
        Some(key)
    }

    fn keep(&mut self, name: Name, key: &Arc<SigningKey>) {
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name, Arc::clone(key));
    }
}

/// Everything that the key is derived from, and whose it is; lengths first, so that no two lists of parts are one.
fn name(secret: &[u8], presented: &Presented) -> Name {
    let parts: [&[u8]; 5] = [
        secret,
        presented.access_key_id().as_bytes(),
        presented.date().as_bytes(),
        presented.region().as_bytes(),
        presented.service().as_bytes(),
    ];
    let lengths = parts.map(|part| (part.len() as u64).to_be_bytes());
    let mut all: Vec<&[u8]> = Vec::with_capacity(2 * parts.len());
    for (length, part) in lengths.iter().zip(parts) {
        all.extend([length.as_slice(), part]);
    }
    sha256(&all)
}
