//! The credentials that were found last: who signs many requests is looked up, and their secret unwrapped, once.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use crate::{authenticate::Credential, limits};

/// Credentials by the access key's id. They hold for as long as nothing of any account changes, and go when it does.
#[derive(Debug, Default)]
pub(crate) struct Known(RwLock<HashMap<String, Credential>>);

impl Known {
    /// The credential of an access key, if it is here.
    pub(crate) fn find(&self, access_key_id: &str) -> Option<Credential> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(access_key_id).cloned()
    }

    /// Keeps a credential. Where there are too many, the others go: they are found again.
    pub(crate) fn keep(&self, access_key_id: &str, credential: &Credential) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= limits::KNOWN_CREDENTIALS {
            known.clear();
        }
        known.insert(access_key_id.to_owned(), credential.clone());
    }

    /// Forgets all, and wipes their secrets once no request holds them.
    pub(crate) fn forget(&mut self) {
        let known = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        known.clear();
    }
}
