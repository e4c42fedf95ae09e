//! Every key and alias of the service, in memory: what requests are answered from. It follows the store and never leads it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Weak};

use jiff::Timestamp;
use policy::{Policy, PolicyError, PolicyKind};
use store::Revision;

use crate::key::{Alias, Key, Lifecycle};
use crate::names::{AliasName, KeyArn, KeyId, Region};

/// What is known of a key.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    /// The key.
    Known(Arc<Key>),
    /// There is a record and it cannot be read. The key exists, and nothing can be done with it.
    Unreadable,
}

impl Slot {
    /// Whether the key's waiting period is over.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        matches!(self, Self::Known(key) if key.is_due(now))
    }
}

/// One thing that has changed, or is to change, in store and memory alike.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// A key was made or altered.
    PutKey(Arc<Key>),
    /// A key was destroyed.
    DeleteKey(KeyArn),
    /// An alias was made or moved.
    PutAlias(Region, Alias),
    /// An alias was removed.
    DeleteAlias(Region, AliasName),
}

/// The keys and aliases of all regions.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    regions: HashMap<Region, Shelf>,
    policies: HashMap<[u8; 32], Weak<Policy>>,
}

/// One region's.
#[derive(Debug, Default)]
struct Shelf {
    keys: BTreeMap<KeyId, (Slot, Revision)>,
    aliases: BTreeMap<AliasName, (Alias, Revision)>,
    /// The aliases of each key that has any: the reverse of `aliases`.
    names: BTreeMap<KeyId, BTreeSet<AliasName>>,
    /// Alias records that cannot be read. To callers they do not exist; making the alias again mends them.
    damaged: BTreeMap<AliasName, Revision>,
    /// Keys that wait for their deletion, soonest first.
    pending: BTreeSet<(Timestamp, KeyId)>,
}

impl Keyring {
    /// A key, whatever its state, with the revision of its record.
    pub(crate) fn key(&self, region: &Region, id: KeyId) -> Option<&(Slot, Revision)> {
        self.regions.get(region)?.keys.get(&id)
    }

    /// An alias, with the revision of its record.
    pub(crate) fn alias(&self, region: &Region, name: &AliasName) -> Option<&(Alias, Revision)> {
        self.regions.get(region)?.aliases.get(name)
    }

    /// The revision of an alias's record, readable or not.
    pub(crate) fn alias_revision(&self, region: &Region, name: &AliasName) -> Option<Revision> {
        let shelf = self.regions.get(region)?;
        let readable = shelf.aliases.get(name).map(|(_, revision)| revision);
        readable.or_else(|| shelf.damaged.get(name)).copied()
    }

    /// The aliases of a key, in order.
    pub(crate) fn aliases_of(
        &self,
        region: &Region,
        id: KeyId,
    ) -> impl Iterator<Item = &AliasName> {
        self.regions
            .get(region)
            .and_then(|shelf| shelf.names.get(&id))
            .into_iter()
            .flatten()
    }

    /// The number of keys in a region.
    pub(crate) fn count(&self, region: &Region) -> usize {
        self.regions.get(region).map_or(0, |shelf| shelf.keys.len())
    }

    /// The keys of a region after `after`, in the order of their ids.
    pub(crate) fn keys_after(
        &self,
        region: &Region,
        after: Option<KeyId>,
    ) -> impl Iterator<Item = (KeyId, &Slot)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let keys = self
            .regions
            .get(region)
            .map(|shelf| shelf.keys.range((from, Bound::Unbounded)));
        keys.into_iter()
            .flatten()
            .map(|(id, (slot, _))| (*id, slot))
    }

    /// The aliases of a region after `after`, in the order of their names.
    pub(crate) fn aliases_after(
        &self,
        region: &Region,
        after: Option<&AliasName>,
    ) -> impl Iterator<Item = &Alias> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let aliases = self.regions.get(region).map(|shelf| {
            shelf
                .aliases
                .range::<AliasName, _>((from, Bound::Unbounded))
        });
        aliases.into_iter().flatten().map(|(_, (alias, _))| alias)
    }

    /// The keys of every region whose waiting period is over.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<Arc<Key>> {
        let known = |shelf: &Shelf, id: &KeyId| match shelf.keys.get(id) {
            Some((Slot::Known(key), _)) => Some(Arc::clone(key)),
            _ => None,
        };
        let shelves = self.regions.values();
        shelves
            .flat_map(|shelf| {
                shelf
                    .pending
                    .iter()
                    .take_while(|(at, _)| *at <= now)
                    .filter_map(|(_, id)| known(shelf, id))
            })
            .collect()
    }

    /// A compiled key policy. Keys with the same text share one, since most keys have the default.
    ///
    /// # Errors
    /// Those of [`Policy::compile`].
    pub(crate) fn policy(&mut self, text: &str) -> Result<Arc<Policy>, PolicyError> {
        let digest = crypto::sha256(&[text.as_bytes()]);
        if let Some(shared) = self.policies.get(&digest).and_then(Weak::upgrade) {
            return Ok(shared);
        }
        let compiled = Arc::new(Policy::compile(text, PolicyKind::Resource)?);
        // Once in a while, forget those that no key has any more, so that rewriting policies does not fill the memory.
        if self.policies.len().is_power_of_two() {
            self.policies.retain(|_, policy| policy.strong_count() > 0);
        }
        self.policies.insert(digest, Arc::downgrade(&compiled));
        Ok(compiled)
    }

    /// Takes over a change that the store has made durable as `revision`.
    pub(crate) fn apply(&mut self, change: Change, revision: Revision) {
        match change {
            Change::PutKey(key) => {
                let (region, id) = (key.arn.region.clone(), key.arn.id);
                self.put_slot(region, id, Slot::Known(key), revision);
            }
            Change::DeleteKey(arn) => self.remove_key(&arn.region, arn.id),
            Change::PutAlias(region, alias) => self.shelf(region).put_alias(alias, revision),
            Change::DeleteAlias(region, name) => self.shelf(region).remove_alias(&name),
        }
    }

    /// Takes over what the store holds for a key, readable or not.
    pub(crate) fn put_slot(&mut self, region: Region, id: KeyId, slot: Slot, revision: Revision) {
        let shelf = self.shelf(region);
        shelf.unschedule(id);
        if let Slot::Known(key) = &slot
            && let Lifecycle::PendingDeletion(at) = key.lifecycle
        {
            shelf.pending.insert((at, id));
        }
        shelf.keys.insert(id, (slot, revision));
    }

    /// Takes note of an alias's record that cannot be read.
    pub(crate) fn put_damaged_alias(
        &mut self,
        region: Region,
        name: AliasName,
        revision: Revision,
    ) {
        let shelf = self.shelf(region);
        shelf.remove_alias(&name);
        shelf.damaged.insert(name, revision);
    }

    /// Forgets a key.
    pub(crate) fn remove_key(&mut self, region: &Region, id: KeyId) {
        if let Some(shelf) = self.regions.get_mut(region) {
            shelf.unschedule(id);
            shelf.keys.remove(&id);
        }
    }

    fn shelf(&mut self, region: Region) -> &mut Shelf {
        self.regions.entry(region).or_default()
    }
}

impl Shelf {
    fn unschedule(&mut self, id: KeyId) {
        if let Some((Slot::Known(key), _)) = self.keys.get(&id)
            && let Lifecycle::PendingDeletion(at) = key.lifecycle
        {
            self.pending.remove(&(at, id));
        }
    }

    fn put_alias(&mut self, alias: Alias, revision: Revision) {
        self.remove_alias(&alias.name);
        self.names
            .entry(alias.target)
            .or_default()
            .insert(alias.name.clone());
        self.aliases.insert(alias.name.clone(), (alias, revision));
    }

    fn remove_alias(&mut self, name: &AliasName) {
        self.damaged.remove(name);
        let Some((alias, _)) = self.aliases.remove(name) else {
            return;
        };
        if let Some(names) = self.names.get_mut(&alias.target) {
            names.remove(name);
            if names.is_empty() {
                self.names.remove(&alias.target);
            }
        }
    }
}
