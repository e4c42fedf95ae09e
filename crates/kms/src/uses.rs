//! When each key was last used: kept in memory at every use, and written down behind it, so that no use waits for the
//! store. What a sudden end loses of it is in the trail, which remains the authority.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wire::kms::KeyLastUsageTrackingOperation;

use crate::names::KeyArn;

/// A use of a key in cryptography, which succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LastUse {
    /// In which operation.
    pub(crate) operation: KeyLastUsageTrackingOperation,
    /// When.
    pub(crate) at: Timestamp,
    /// The id of its record in the trail.
    pub(crate) event_id: Box<str>,
    /// The id that its answer carried.
    pub(crate) request_id: Box<str>,
}

/// The last use of every key that was ever used, by the key's ARN.
#[derive(Debug, Default)]
pub(crate) struct LastUses(RwLock<HashMap<Box<str>, Mutex<Kept>>>);

#[derive(Debug)]
struct Kept {
    last: LastUse,
    written: bool,
}

impl LastUses {
    /// Keeps a use of the key `arn`.
    pub(crate) fn note(&self, arn: &str, last: LastUse) {
        let kept = Kept {
            last,
            written: false,
        };
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = known.get(arn) {
            // Whoever holds it keeps a use of this same instant.
            if let Ok(mut slot) = slot.try_lock() {
                *slot = kept;
            }
            return;
        }
        drop(known);
        self.keep(arn, kept);
    }

    /// Takes over what an earlier run wrote down.
    pub(crate) fn restore(&self, arn: &KeyArn, last: LastUse) {
        let written = true;
        self.keep(&arn.to_string(), Kept { last, written });
    }

    fn keep(&self, arn: &str, kept: Kept) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(arn.into(), Mutex::new(kept));
    }

    /// The last use of a key.
    pub(crate) fn of(&self, arn: &KeyArn) -> Option<LastUse> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let kept = all.get(arn.to_string().as_str())?;
        Some(locked(kept).last.clone())
    }

    /// Forgets a key that is no more.
    pub(crate) fn forget(&self, arn: &KeyArn) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.remove(arn.to_string().as_str());
    }

    /// Up to `most` uses that are not written down, which from here on count as written.
    pub(crate) fn take_unwritten(&self, most: usize) -> Vec<(Box<str>, LastUse)> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .filter_map(|(arn, kept)| {
                let mut kept = locked(kept);
                let unwritten = !std::mem::replace(&mut kept.written, true);
                unwritten.then(|| (arn.clone(), kept.last.clone()))
            })
            .take(most)
            .collect()
    }

    /// Takes back that these were written down.
    pub(crate) fn not_written(&self, uses: &[(Box<str>, LastUse)]) {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for kept in uses.iter().filter_map(|(arn, _)| all.get(arn)) {
            locked(kept).written = false;
        }
    }
}

fn locked(kept: &Mutex<Kept>) -> std::sync::MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
