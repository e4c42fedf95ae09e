//! The grants of one account and region, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use policy::{Context, Grantee, Principal};
use store::Revision;
use wire::kms::GrantOperation;

use super::finder::Finder;
use super::grant::{Grant, GrantId};
use crate::names::KeyId;

/// Grants by key and by who may retire them.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    of_keys: BTreeMap<KeyId, OfKey>,
    retirable: BTreeMap<Box<str>, BTreeSet<(KeyId, GrantId)>>,
}

/// Those of one key.
#[derive(Debug, Default)]
struct OfKey {
    /// None where the record cannot be read: such a grant gives nobody anything, and can be revoked.
    all: BTreeMap<GrantId, (Option<Arc<Grant>>, Revision)>,
    finder: Finder,
    names: BTreeMap<Box<str>, BTreeSet<GrantId>>,
}

impl Grants {
    /// A grant that can be read.
    pub(crate) fn get(&self, key: KeyId, id: GrantId) -> Option<&Arc<Grant>> {
        self.of_keys.get(&key)?.get(id)
    }

    /// The revision of a grant's record, readable or not.
    pub(crate) fn revision(&self, key: KeyId, id: GrantId) -> Option<Revision> {
        let (_, revision) = self.of_keys.get(&key)?.all.get(&id)?;
        Some(*revision)
    }

    /// How many grants a key has, readable or not.
    pub(crate) fn count(&self, key: KeyId) -> usize {
        self.of_keys.get(&key).map_or(0, |own| own.all.len())
    }

    /// The ids of a key's grants, readable or not.
    pub(crate) fn ids(&self, key: KeyId) -> impl Iterator<Item = GrantId> {
        let own = self.of_keys.get(&key);
        own.into_iter().flat_map(|own| own.all.keys().copied())
    }

    /// The grants of a key after `after`, in the order of their ids.
    pub(crate) fn after(
        &self,
        key: KeyId,
        after: Option<GrantId>,
    ) -> impl Iterator<Item = &Arc<Grant>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let own = self.of_keys.get(&key);
        own.into_iter()
            .flat_map(move |own| own.all.range((from, Bound::Unbounded)))
            .filter_map(|(_, (grant, _))| grant.as_ref())
    }

    /// The grants that name whoever has this handle to retire them, after `after`, in the order of their keys' ids and their own.
    pub(crate) fn retirable_after(
        &self,
        who: &str,
        after: Option<(KeyId, GrantId)>,
    ) -> impl Iterator<Item = &Arc<Grant>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let own = self.retirable.get(who);
        own.into_iter()
            .flat_map(move |own| own.range((from, Bound::Unbounded)))
            .filter_map(|(key, id)| self.get(*key, *id))
    }

    /// The grants of a key under a name.
    pub(crate) fn named(&self, key: KeyId, name: &str) -> impl Iterator<Item = &Arc<Grant>> {
        let own = self.of_keys.get(&key);
        own.into_iter().flat_map(move |own| {
            let ids = own.names.get(name).into_iter().flatten();
            ids.filter_map(|id| own.get(*id))
        })
    }

    /// The grant of a key that names the caller and fits the request, if there is one: of several, one that names the
    /// caller most closely.
    pub(crate) fn fitting(
        &self,
        key: KeyId,
        caller: &Principal,
        operation: GrantOperation,
        request: &Context,
    ) -> Option<&Arc<Grant>> {
        let own = self.of_keys.get(&key)?;
        own.finder
            .candidates(&Grantee::handles_of(caller), operation, request)
            .filter_map(|id| own.get(id))
            .find(|grant| {
                grant.fits(operation, request) && grant.terms.grantee.who().includes(caller)
            })
    }

    /// Takes a grant over.
    pub(crate) fn put(&mut self, grant: Arc<Grant>, revision: Revision) {
        let (key, id) = (grant.key.id, grant.id);
        self.remove(key, id);
        if let Some(retiring) = &grant.terms.retiring {
            let who = retiring.who().handle().into();
            self.retirable.entry(who).or_default().insert((key, id));
        }
        let own = self.of_keys.entry(key).or_default();
        own.finder.insert(&grant);
        if let Some(name) = &grant.terms.name {
            own.names.entry(name.clone()).or_default().insert(id);
        }
        own.all.insert(id, (Some(grant), revision));
    }

    /// Takes note of a grant's record that cannot be read.
    pub(crate) fn put_damaged(&mut self, key: KeyId, id: GrantId, revision: Revision) {
        self.remove(key, id);
        let own = self.of_keys.entry(key).or_default();
        own.all.insert(id, (None, revision));
    }

    /// Forgets a grant.
    pub(crate) fn remove(&mut self, key: KeyId, id: GrantId) {
        let Some(own) = self.of_keys.get_mut(&key) else {
            return;
        };
        if let Some((Some(grant), _)) = own.all.remove(&id) {
            own.finder.remove(&grant);
            if let Some(name) = &grant.terms.name {
                remove_from(&mut own.names, name, &id);
            }
            if let Some(retiring) = &grant.terms.retiring {
                let who = retiring.who().handle();
                remove_from(&mut self.retirable, &who, &(key, id));
            }
        }
        if own.all.is_empty() {
            self.of_keys.remove(&key);
        }
    }
}

impl OfKey {
    fn get(&self, id: GrantId) -> Option<&Arc<Grant>> {
        self.all.get(&id)?.0.as_ref()
    }
}

fn remove_from<T: Ord>(sets: &mut BTreeMap<Box<str>, BTreeSet<T>>, name: &str, item: &T) {
    if let Some(set) = sets.get_mut(name) {
        set.remove(item);
        if set.is_empty() {
            sets.remove(name);
        }
    }
}

#[cfg(test)]
#[path = "shelf/tests.rs"]
mod tests;
