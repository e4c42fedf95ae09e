//! Every key and alias of the service, in memory: what requests are answered from. It follows the store and never leads it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Weak};

use jiff::Timestamp;
use policy::{Policy, PolicyError, PolicyKind};
use store::Revision;
use trail::Record;

use crate::grants::{Grant, GrantId, Grants};
use crate::key::{Alias, Key};
use crate::names::{AccountId, AliasName, Home, KeyArn, KeyId, Region};
use crate::uses::LastUses;

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
    PutAlias(Home, Alias),
    /// An alias was removed.
    DeleteAlias(Home, AliasName),
    /// A grant was made.
    PutGrant(Arc<Grant>),
    /// A grant was ended.
    DeleteGrant(KeyArn, GrantId),
    /// The trail is to be told something beside the request's own record.
    Event(Record),
}

/// The keys and aliases of all accounts and regions.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    shelves: HashMap<Home, Shelf>,
    policies: HashMap<[u8; 32], Weak<Policy>>,
    /// When each key was last used.
    pub(crate) uses: LastUses,
}

/// Those of one account in one region.
#[derive(Debug, Default)]
struct Shelf {
    keys: BTreeMap<KeyId, (Slot, Revision)>,
    aliases: BTreeMap<AliasName, (Alias, Revision)>,
    /// The aliases of each key that has any: the reverse of `aliases`.
    names: BTreeMap<KeyId, BTreeSet<AliasName>>,
    /// Alias records that cannot be read. To callers they do not exist; making the alias again mends them.
    damaged: BTreeMap<AliasName, Revision>,
    /// Keys to which something is to be done when its time comes, soonest first.
    alarms: BTreeSet<(Timestamp, KeyId)>,
    grants: Grants,
}

impl Keyring {
    /// Whether anything was ever kept for an account in a region.
    pub(crate) fn holds(&self, home: &Home) -> bool {
        self.shelves.contains_key(home)
    }

    /// A key, whatever its state, with the revision of its record.
    pub(crate) fn key(&self, home: &Home, id: KeyId) -> Option<&(Slot, Revision)> {
        self.shelves.get(home)?.keys.get(&id)
    }

    /// Whether there is a key of that name, readable or not, due for its deletion or not.
    pub(crate) fn has(&self, arn: &KeyArn) -> bool {
        self.key(&arn.home(), arn.id).is_some()
    }

    /// The key of that name, if its record can be read.
    pub(crate) fn known(&self, arn: &KeyArn) -> Option<&Arc<Key>> {
        match self.key(&arn.home(), arn.id)? {
            (Slot::Known(key), _) => Some(key),
            (Slot::Unreadable, _) => None,
        }
    }

    /// A key, then those of the same multi-Region key in other regions.
    pub(crate) fn family(&self, key: &Arc<Key>) -> Vec<Arc<Key>> {
        let mut family = vec![Arc::clone(key)];
        if key.arn.id.is_multi_region() {
            let homes = self.shelves.keys();
            let kin = homes
                .filter(|home| **home != key.arn.home())
                .filter_map(|home| self.known(&home.key(key.arn.id)));
            family.extend(kin.cloned());
            if let Some((_, kin)) = family.split_first_mut() {
                kin.sort_by(|a, b| a.arn.region.cmp(&b.arn.region));
            }
        }
        family
    }

    /// An alias, with the revision of its record.
    pub(crate) fn alias(&self, home: &Home, name: &AliasName) -> Option<&(Alias, Revision)> {
        self.shelves.get(home)?.aliases.get(name)
    }

    /// The revision of an alias's record, readable or not.
    pub(crate) fn alias_revision(&self, home: &Home, name: &AliasName) -> Option<Revision> {
        let shelf = self.shelves.get(home)?;
        let readable = shelf.aliases.get(name).map(|(_, revision)| revision);
        readable.or_else(|| shelf.damaged.get(name)).copied()
    }

    /// The aliases of a key, in order.
    pub(crate) fn aliases_of(&self, home: &Home, id: KeyId) -> impl Iterator<Item = &AliasName> {
        self.shelves
            .get(home)
            .and_then(|shelf| shelf.names.get(&id))
            .into_iter()
            .flatten()
    }

    /// The grants of where a key lives.
    pub(crate) fn grants(&self, key: &KeyArn) -> Option<&Grants> {
        self.shelves.get(&key.home()).map(|shelf| &shelf.grants)
    }

    /// A grant that can be read.
    pub(crate) fn grant(&self, key: &KeyArn, id: GrantId) -> Option<&Arc<Grant>> {
        self.grants(key)?.get(key.id, id)
    }

    /// The revision of a grant's record, readable or not.
    pub(crate) fn grant_revision(&self, key: &KeyArn, id: GrantId) -> Option<Revision> {
        self.grants(key)?.revision(key.id, id)
    }

    /// The grants of a region, on keys of all accounts, that name `who` to retire them: those after `after`, by
    /// account, key and id.
    pub(crate) fn retirable_after(
        &self,
        region: &Region,
        who: &str,
        after: Option<(AccountId, KeyId, GrantId)>,
    ) -> impl Iterator<Item = &Arc<Grant>> {
        let of_region = self.shelves.iter();
        let mut shelves: Vec<_> = of_region
            .filter(|(home, _)| home.region == *region)
            .filter(|(home, _)| after.is_none_or(|(account, ..)| home.account >= account))
            .collect();
        shelves.sort_unstable_by_key(|(home, _)| home.account);
        shelves.into_iter().flat_map(move |(home, shelf)| {
            let after = after.filter(|(account, ..)| *account == home.account);
            let after = after.map(|(_, key, id)| (key, id));
            shelf.grants.retirable_after(who, after)
        })
    }

    /// Whether a key's waiting period is over.
    pub(crate) fn is_due(&self, key: &KeyArn, now: Timestamp) -> bool {
        self.key(&key.home(), key.id)
            .is_some_and(|(slot, _)| slot.is_due(now))
    }

    /// The number of keys that an account has in a region.
    pub(crate) fn count(&self, home: &Home) -> usize {
        self.shelves.get(home).map_or(0, |shelf| shelf.keys.len())
    }

    /// The keys of an account in a region after `after`, in the order of their ids.
    pub(crate) fn keys_after(
        &self,
        home: &Home,
        after: Option<KeyId>,
    ) -> impl Iterator<Item = (KeyId, &Slot)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let keys = self
            .shelves
            .get(home)
            .map(|shelf| shelf.keys.range((from, Bound::Unbounded)));
        keys.into_iter()
            .flatten()
            .map(|(id, (slot, _))| (*id, slot))
    }

    /// The aliases of an account in a region after `after`, in the order of their names.
    pub(crate) fn aliases_after(
        &self,
        home: &Home,
        after: Option<&AliasName>,
    ) -> impl Iterator<Item = &Alias> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let aliases = self.shelves.get(home).map(|shelf| {
            shelf
                .aliases
                .range::<AliasName, _>((from, Bound::Unbounded))
        });
        aliases.into_iter().flatten().map(|(_, (alias, _))| alias)
    }

    /// The keys of every account and region that can be read.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Arc<Key>> {
        let slots = self.shelves.values().flat_map(|shelf| shelf.keys.values());
        slots.filter_map(|(slot, _)| match slot {
            Slot::Known(key) => Some(key),
            Slot::Unreadable => None,
        })
    }

    /// The keys of every account and region to which something is to be done by now.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<Arc<Key>> {
        let known = |shelf: &Shelf, id: &KeyId| match shelf.keys.get(id) {
            Some((Slot::Known(key), _)) => Some(Arc::clone(key)),
            _ => None,
        };
        let shelves = self.shelves.values();
        shelves
            .flat_map(|shelf| {
                shelf
                    .alarms
                    .iter()
                    .take_while(|(at, _)| *at <= now)
                    .filter_map(|(_, id)| known(shelf, id))
            })
            .collect()
    }

    /// A compiled key policy, bound to `ids`. Keys with the same text and ids share one, since most keys have the default.
    ///
    /// # Errors
    /// Those of [`Policy::compile`].
    pub(crate) fn policy(
        &mut self,
        text: &str,
        ids: BTreeMap<String, String>,
    ) -> Result<Arc<Policy>, PolicyError> {
        match self.shared(&digest(text, &ids)) {
            Some(shared) => Ok(shared),
            None => Policy::compile(text, PolicyKind::Resource)
                .map(|policy| self.share(policy.bound_to(ids))),
        }
    }

    fn shared(&self, digest: &[u8; 32]) -> Option<Arc<Policy>> {
        self.policies.get(digest).and_then(Weak::upgrade)
    }

    /// The one policy that all keys share that have such a one.
    pub(crate) fn share(&mut self, policy: Policy) -> Arc<Policy> {
        let digest = digest(policy.document(), policy.ids());
        if let Some(shared) = self.shared(&digest) {
            return shared;
        }
        let compiled = Arc::new(policy);
        // Once in a while, forget those that no key has any more, so that rewriting policies does not fill the memory.
        if self.policies.len().is_power_of_two() {
            self.policies.retain(|_, policy| policy.strong_count() > 0);
        }
        self.policies.insert(digest, Arc::downgrade(&compiled));
        compiled
    }

    /// Takes over a change that the store has made durable as `revision`.
    pub(crate) fn apply(&mut self, change: Change, revision: Revision) {
        match change {
            Change::PutKey(key) => {
                let (home, id) = (key.arn.home(), key.arn.id);
                self.put_slot(home, id, Slot::Known(key), revision);
            }
            Change::DeleteKey(arn) => {
                self.remove_key(&arn.home(), arn.id);
                self.uses.forget(&arn);
            }
            Change::PutAlias(home, alias) => self.shelf(home).put_alias(alias, revision),
            Change::DeleteAlias(home, name) => self.shelf(home).remove_alias(&name),
            Change::PutGrant(grant) => {
                let shelf = self.shelf(grant.key.home());
                shelf.grants.put(grant, revision);
            }
            Change::DeleteGrant(key, id) => {
                self.shelf(key.home()).grants.remove(key.id, id);
            }
            // Its place is the trail.
            Change::Event(_) => (),
        }
    }

    /// Takes note of a grant's record that cannot be read.
    pub(crate) fn put_damaged_grant(&mut self, key: &KeyArn, id: GrantId, revision: Revision) {
        let shelf = self.shelf(key.home());
        shelf.grants.put_damaged(key.id, id, revision);
    }

    /// Takes over what the store holds for a key, readable or not.
    pub(crate) fn put_slot(&mut self, home: Home, id: KeyId, slot: Slot, revision: Revision) {
        let shelf = self.shelf(home);
        shelf.unschedule(id);
        if let Slot::Known(key) = &slot
            && let Some(at) = key.alarm()
        {
            shelf.alarms.insert((at, id));
        }
        shelf.keys.insert(id, (slot, revision));
    }

    /// Takes note of an alias's record that cannot be read.
    pub(crate) fn put_damaged_alias(&mut self, home: Home, name: AliasName, revision: Revision) {
        let shelf = self.shelf(home);
        shelf.remove_alias(&name);
        shelf.damaged.insert(name, revision);
    }

    /// Forgets a key.
    pub(crate) fn remove_key(&mut self, home: &Home, id: KeyId) {
        if let Some(shelf) = self.shelves.get_mut(home) {
            shelf.unschedule(id);
            shelf.keys.remove(&id);
        }
    }

    fn shelf(&mut self, home: Home) -> &mut Shelf {
        self.shelves.entry(home).or_default()
    }
}

/// What two policies have in common that are the same. No ARN and no id has a zero byte.
fn digest(text: &str, ids: &BTreeMap<String, String>) -> [u8; 32] {
    let bound: Vec<u8> = ids
        .iter()
        .flat_map(|(arn, id)| [arn.as_bytes(), &[0], id.as_bytes(), &[0]].concat())
        .collect();
    crypto::sha256(&[&(bound.len() as u64).to_be_bytes(), &bound, text.as_bytes()])
}

impl Shelf {
    fn unschedule(&mut self, id: KeyId) {
        if let Some((Slot::Known(key), _)) = self.keys.get(&id)
            && let Some(at) = key.alarm()
        {
            self.alarms.remove(&(at, id));
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
