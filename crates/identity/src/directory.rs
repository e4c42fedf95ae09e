//! Every user, role, access key and managed policy of one account, in memory: what requests are answered from. It follows the store and never leads it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use policy::Policy;
use store::{Key, Revision, StoreError, Transaction};
use wire::ApiError;

use crate::{
    attachments::Attached,
    aws_managed, faults,
    managed::ManagedPolicy,
    names,
    records::{AccessKey, Account, Policies, Role, Stored, User},
};

/// A thing, and the commit that wrote it.
#[derive(Debug, Clone)]
struct At<T> {
    value: Arc<T>,
    revision: Revision,
}

impl<T> At<T> {
    fn new(value: T, revision: Revision) -> Self {
        Self {
            value: Arc::new(value),
            revision,
        }
    }
}

/// All that the room knows of an account.
#[derive(Debug)]
pub(crate) struct Directory {
    id: String,
    /// Absent only until the account's own record is read.
    account: Option<At<Account>>,
    /// By folded name.
    users: BTreeMap<String, At<User>>,
    /// By folded name.
    roles: BTreeMap<String, At<Role>>,
    /// By id.
    access_keys: BTreeMap<String, At<AccessKey>>,
    /// Folded role names by role id.
    role_ids: HashMap<String, String>,
    /// By folded name.
    policies: BTreeMap<String, At<ManagedPolicy>>,
}

/// One thing that is to change, in store and memory alike.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    PutAccount(Account),
    PutUser(User),
    DeleteUser(String),
    PutRole(Role),
    DeleteRole(String),
    PutAccessKey(AccessKey),
    DeleteAccessKey(String),
    PutPolicy(ManagedPolicy),
    DeletePolicy(String),
}

impl Directory {
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            account: None,
            users: BTreeMap::new(),
            roles: BTreeMap::new(),
            access_keys: BTreeMap::new(),
            role_ids: HashMap::new(),
            policies: BTreeMap::new(),
        }
    }

    /// The account itself.
    pub(crate) fn account(&self) -> Option<&Account> {
        self.account.as_ref().map(|at| at.value.as_ref())
    }

    /// The user of exactly that name.
    pub(crate) fn user(&self, name: &str) -> Result<&Arc<User>, ApiError> {
        let found = self.users.get(&names::fold(name)).map(|at| &at.value);
        found
            .filter(|user| user.name == name)
            .ok_or_else(|| faults::no_such_user(name))
    }

    /// The role of exactly that name.
    pub(crate) fn role(&self, name: &str) -> Result<&Arc<Role>, ApiError> {
        let found = self.roles.get(&names::fold(name)).map(|at| &at.value);
        found
            .filter(|role| role.name == name)
            .ok_or_else(|| faults::no_such_role(name))
    }

    /// The role with that unique id.
    pub(crate) fn role_by_id(&self, id: &str) -> Option<&Arc<Role>> {
        self.roles.get(self.role_ids.get(id)?).map(|at| &at.value)
    }

    /// The unique id of the user or role of that ARN; of the role, for the ARN of a role's session.
    pub(crate) fn id_of(&self, arn: &str) -> Option<&str> {
        let segments: Vec<&str> = arn.splitn(6, ':').collect();
        let &[_, _, service, _, _, resource] = segments.as_slice() else {
            return None;
        };
        let names: Vec<&str> = resource.split('/').collect();
        match (service, names.as_slice()) {
            ("iam", ["user", .., name]) => {
                let user = self.user(name).ok()?;
                (user.arn(&self.id) == arn).then_some(&user.id)
            }
            ("iam", ["role", .., name]) => {
                let role = self.role(name).ok()?;
                (role.arn(&self.id) == arn).then_some(&role.id)
            }
            ("sts", ["assumed-role", name, _]) => Some(&self.role(name).ok()?.id),
            _ => None,
        }
    }

    pub(crate) fn access_key(&self, id: &str) -> Option<&Arc<AccessKey>> {
        self.access_keys.get(id).map(|at| &at.value)
    }

    /// Whether a user's name is taken, in any case.
    pub(crate) fn has_user_like(&self, name: &str) -> bool {
        self.users.contains_key(&names::fold(name))
    }

    /// Whether a role's name is taken, in any case.
    pub(crate) fn has_role_like(&self, name: &str) -> bool {
        self.roles.contains_key(&names::fold(name))
    }

    /// All users, by folded name.
    pub(crate) fn users(&self) -> impl ExactSizeIterator<Item = (&String, &Arc<User>)> {
        self.users.iter().map(|(name, at)| (name, &at.value))
    }

    /// All roles, by folded name.
    pub(crate) fn roles(&self) -> impl ExactSizeIterator<Item = (&String, &Arc<Role>)> {
        self.roles.iter().map(|(name, at)| (name, &at.value))
    }

    /// The access keys of the user, or the account, with that unique id.
    pub(crate) fn access_keys_of(&self, owner_id: &str) -> impl Iterator<Item = &Arc<AccessKey>> {
        self.access_keys
            .values()
            .map(|at| &at.value)
            .filter(move |key| key.owner_id == owner_id)
    }

    /// All managed policies of the account.
    pub(crate) fn policies(&self) -> impl ExactSizeIterator<Item = &ManagedPolicy> {
        self.policies.values().map(|at| at.value.as_ref())
    }

    /// Whether a managed policy's name is taken, in any case.
    pub(crate) fn has_policy_like(&self, name: &str) -> bool {
        self.policies.contains_key(&names::fold(name))
    }

    /// The account's own managed policy of that ARN.
    pub(crate) fn own_policy(&self, arn: &str) -> Option<&ManagedPolicy> {
        let name = arn.rsplit('/').next()?;
        let policy = &self.policies.get(&names::fold(name))?.value;
        (policy.arn(&self.id) == arn).then_some(policy)
    }

    /// The managed policy of that ARN that those of this account may have: its own, or AWS's.
    pub(crate) fn policy(&self, arn: &str) -> Option<&ManagedPolicy> {
        self.own_policy(arn).or_else(|| aws_managed::all().get(arn))
    }

    /// How many users and roles have a managed policy.
    pub(crate) fn attachments(&self, arn: &str) -> usize {
        let users = self.users().filter(|(_, user)| user.attached.contains(arn));
        let roles = self.roles().filter(|(_, role)| role.attached.contains(arn));
        users.count() + roles.count()
    }

    /// All policies in force of who has these of their own and those by ARN.
    pub(crate) fn in_force(&self, own: &Policies, attached: &Attached) -> Vec<Arc<Policy>> {
        let managed = attached
            .iter()
            .filter_map(|arn| self.policy(arn)?.in_force());
        own.values().chain(managed).cloned().collect()
    }

    /// A managed policy that somebody has and that is not there: a store that holds such a thing is damaged.
    pub(crate) fn dangling(&self) -> Option<&str> {
        let users = self.users().flat_map(|(_, user)| &user.attached);
        let roles = self.roles().flat_map(|(_, role)| &role.attached);
        users
            .chain(roles)
            .map(String::as_str)
            .find(|arn| self.policy(arn).is_none())
    }

    /// Adds to `transaction` what makes `change` durable, if the store is as this directory believes.
    pub(crate) fn stage(
        &self,
        change: &Change,
        transaction: Transaction,
    ) -> Result<Transaction, StoreError> {
        let (key, revision) = self.locate(change)?;
        let checked = match revision {
            Some(revision) => transaction.expect(key.clone(), revision),
            None => transaction.expect_absent(key.clone()),
        };
        let bytes = match change {
            Change::PutAccount(account) => Some(account.encode()),
            Change::PutUser(user) => Some(user.encode()),
            Change::PutRole(role) => Some(role.encode()),
            Change::PutAccessKey(access_key) => Some(access_key.encode()),
            Change::PutPolicy(policy) => Some(policy.encode()),
            Change::DeleteUser(_)
            | Change::DeleteRole(_)
            | Change::DeleteAccessKey(_)
            | Change::DeletePolicy(_) => None,
        };
        match bytes {
            None => Ok(checked.delete(key)),
            Some(Ok(bytes)) => Ok(checked.put(key, bytes)),
            Some(Err(error)) => Err(StoreError::Unavailable {
                reason: error.to_string(),
            }),
        }
    }

    fn locate(&self, change: &Change) -> Result<(Key, Option<Revision>), StoreError> {
        let user = |name: &str| self.users.get(&names::fold(name)).map(|at| at.revision);
        let role = |name: &str| self.roles.get(&names::fold(name)).map(|at| at.revision);
        let policy = |name: &str| self.policies.get(&names::fold(name)).map(|at| at.revision);
        let access_key = |key: &str| self.access_keys.get(key).map(|at| at.revision);
        let id = &self.id;
        Ok(match change {
            Change::PutAccount(_) => (
                names::account_key(id)?,
                self.account.as_ref().map(|at| at.revision),
            ),
            Change::PutUser(User { name, .. }) | Change::DeleteUser(name) => {
                (names::user_key(id, name)?, user(name))
            }
            Change::PutRole(Role { name, .. }) | Change::DeleteRole(name) => {
                (names::role_key(id, name)?, role(name))
            }
            Change::PutAccessKey(AccessKey { id: key, .. }) | Change::DeleteAccessKey(key) => {
                (names::access_key_key(id, key)?, access_key(key))
            }
            Change::PutPolicy(ManagedPolicy { name, .. }) | Change::DeletePolicy(name) => {
                (names::policy_key(id, name)?, policy(name))
            }
        })
    }

    /// Takes over a change that the store has made durable as `revision`.
    pub(crate) fn apply(&mut self, change: Change, revision: Revision) {
        match change {
            Change::PutAccount(account) => self.account = Some(At::new(account, revision)),
            Change::PutUser(user) => {
                self.users
                    .insert(names::fold(&user.name), At::new(user, revision));
            }
            Change::DeleteUser(name) => {
                self.users.remove(&names::fold(&name));
            }
            Change::PutRole(role) => {
                let name = names::fold(&role.name);
                self.role_ids.insert(role.id.clone(), name.clone());
                self.roles.insert(name, At::new(role, revision));
            }
            Change::DeleteRole(name) => {
                if let Some(gone) = self.roles.remove(&names::fold(&name)) {
                    self.role_ids.remove(&gone.value.id);
                }
            }
            Change::PutAccessKey(key) => {
                self.access_keys
                    .insert(key.id.clone(), At::new(key, revision));
            }
            Change::DeleteAccessKey(id) => {
                self.access_keys.remove(&id);
            }
            Change::PutPolicy(policy) => {
                self.policies
                    .insert(names::fold(&policy.name), At::new(policy, revision));
            }
            Change::DeletePolicy(name) => {
                self.policies.remove(&names::fold(&name));
            }
        }
    }
}
