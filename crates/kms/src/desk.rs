//! What one request sees of the service: its region, its instant, and the keys that names in it stand for.

use std::cell::Cell;
use std::sync::{Arc, PoisonError, RwLock};

use crypto::{KeyPair, SecretBytes, WrappingKey};
use jiff::Timestamp;
use policy::{Ask, Context, Policy, PolicyKind, Principal, PrincipalIds, ResourcePolicy};
use wire::kms::KeyUsageType;
use wire::{ApiError, Scope};

use crate::backing::BackingKey;
use crate::key::{Alias, Key};
use crate::keyring::{Keyring, Slot};
use crate::names::{AliasArn, AliasName, Home, KeyArn, KeyId, KeyName, Region};
use crate::states::{Class, verdict};
use crate::{faults, grants};

/// How an operation lets its caller name a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accept {
    /// By id or key ARN; the caller's own alone.
    Key,
    /// By id or key ARN, of any account.
    AnyKey,
    /// By alias as well, of any account.
    KeyOrAlias,
}

/// A key that a request names.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) key: Arc<Key>,
    /// The alias that the request used, if it used one.
    pub(crate) alias: Option<AliasName>,
    /// All aliases of the key.
    pub(crate) aliases: Vec<AliasName>,
}

impl Target {
    /// The key's ARN as answers show it.
    pub(crate) fn arn(&self) -> String {
        self.key.arn.to_string()
    }

    /// Refuses what the key's state does not allow.
    pub(crate) fn permits(&self, class: Class) -> Result<(), ApiError> {
        faults::refuse(verdict(class, self.key.state()), &self.key.arn)
    }

    /// Refuses to do cryptography with a key whose state does not allow it, or that is for something else.
    pub(crate) fn serves(&self, usage: KeyUsageType, operation: &str) -> Result<(), ApiError> {
        self.permits(Class::Use)?;
        if self.key.purpose.usage == usage {
            Ok(())
        } else {
            Err(faults::wrong_usage(
                &self.key.arn,
                self.key.purpose.usage,
                operation,
            ))
        }
    }
}

/// What a well-formed name leads to.
#[derive(Debug, Clone)]
pub(crate) enum Located {
    /// A key.
    Here(Target),
    /// Nothing that can be worked with. Only who would have leave for `resource` is told why.
    Nowhere { resource: String, error: ApiError },
}

/// One request's view.
pub(crate) struct Desk<'a> {
    pub(crate) root: &'a WrappingKey,
    /// Where the caller's own keys live: the caller's account, and the request's region.
    pub(crate) home: Home,
    pub(crate) now: Timestamp,
    /// Who knows the users and roles that key policies name.
    pub(crate) principals: &'a dyn PrincipalIds,
    /// Who asks.
    pub(crate) caller: &'a Principal,
    ring: &'a RwLock<Keyring>,
    leave: Option<&'a [String]>,
    /// A key pair that was made ahead for this request.
    pair: Cell<Option<KeyPair>>,
}

impl<'a> Desk<'a> {
    /// The view of a request that is yet to be authorized, or (with `leave`, the resources that were weighed) has been.
    pub(crate) fn new(
        ring: &'a RwLock<Keyring>,
        root: &'a WrappingKey,
        principals: &'a dyn PrincipalIds,
        scope: &Scope,
        caller: &'a Principal,
        leave: Option<&'a [String]>,
    ) -> Result<Self, ApiError> {
        let region = scope
            .region
            .parse()
            .map_err(|_| faults::validation("The region is not well-formed."))?;
        let account = scope
            .account
            .parse()
            .map_err(|_| faults::internal("The caller's account is not twelve digits."))?;
        Ok(Self {
            root,
            home: Home { account, region },
            now: scope.now,
            caller,
            principals,
            ring,
            leave,
            pair: Cell::new(None),
        })
    }

    /// The same view with the key pair that the operation asked for (`Request::pair`).
    pub(crate) fn with_pair(self, pair: Option<KeyPair>) -> Self {
        self.pair.set(pair);
        self
    }

    /// The key pair that was made for this request, once.
    ///
    /// # Errors
    /// `KMSInternalException` when none was asked for.
    pub(crate) fn take_pair(&self) -> Result<KeyPair, ApiError> {
        self.pair
            .take()
            .ok_or_else(|| faults::internal("No key pair was made for the request. Try again."))
    }

    /// The secret of one of a key's backing keys.
    ///
    /// # Errors
    /// `KeyUnavailableException` when it does not unwrap.
    pub(crate) fn unwrap(&self, key: &Key, backing: &BackingKey) -> Result<SecretBytes, ApiError> {
        key.unwrap(backing, self.root).map_err(|error| match error {
            crypto::Error::NotAuthentic => faults::unavailable(&key.arn),
            other => faults::crypto(&other),
        })
    }

    /// The secret of a key's current backing key.
    ///
    /// # Errors
    /// `KeyUnavailableException` when there is none or it does not unwrap.
    pub(crate) fn secret(&self, key: &Key) -> Result<SecretBytes, ApiError> {
        let backing = key.current().ok_or_else(|| faults::unavailable(&key.arn))?;
        self.unwrap(key, backing)
    }

    /// Looks at the keyring. `look` must be short: it holds the lock.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Keyring) -> T) -> T {
        look(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Compiles a key policy and binds it to those whom it names, or finds the same one.
    ///
    /// # Errors
    /// `MalformedPolicyDocumentException` for what is no key policy, or names somebody who is not there.
    pub(crate) fn compile(&self, text: &str) -> Result<Arc<Policy>, ApiError> {
        let policy = Policy::compile(text, PolicyKind::Resource)
            .map_err(|error| faults::not_a_policy(&error))?
            .bind(self.principals)
            .map_err(|_| faults::invalid_principals())?;
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        Ok(ring.share(policy))
    }

    /// The ARN of a key of the caller's in this request's region.
    pub(crate) fn key_arn(&self, id: KeyId) -> KeyArn {
        self.home.key(id)
    }

    /// The ARN of an alias of the caller's in this request's region.
    pub(crate) fn alias_arn(&self, name: &AliasName) -> AliasArn {
        self.home.alias(name)
    }

    /// Finds what `text` names.
    ///
    /// # Errors
    /// `NotFoundException` for what is no name, or is one of another region, and `InvalidArnException` for an alias where
    /// the operation takes none: neither depends on which keys exist.
    pub(crate) fn locate(&self, text: &str, accept: Accept) -> Result<Located, ApiError> {
        let name: KeyName = text.parse().map_err(|_| faults::invalid_key_id(text))?;
        match name {
            KeyName::Id(id) => Ok(self.locate_key(&self.key_arn(id))),
            KeyName::Arn(arn) => {
                self.in_region(&arn.region)?;
                if accept == Accept::Key && arn.account != self.home.account {
                    return Ok(no_key(&arn));
                }
                Ok(self.locate_key(&arn))
            }
            KeyName::Alias(_) | KeyName::AliasArn(_) if accept != Accept::KeyOrAlias => {
                Err(faults::no_aliases())
            }
            KeyName::Alias(alias) => Ok(self.locate_alias(&self.alias_arn(&alias))),
            KeyName::AliasArn(arn) => self
                .in_region(&arn.region)
                .map(|()| self.locate_alias(&arn)),
        }
    }

    fn in_region(&self, region: &Region) -> Result<(), ApiError> {
        if *region == self.home.region {
            Ok(())
        } else {
            Err(faults::foreign_region(region.as_str()))
        }
    }

    /// Finds a key of any account by its ARN: what a ciphertext's header leads to.
    pub(crate) fn locate_key(&self, arn: &KeyArn) -> Located {
        let found = (arn.region == self.home.region)
            .then(|| self.look(|ring| self.target(ring, &arn.home(), arn.id, None)))
            .flatten();
        found.unwrap_or_else(|| no_key(arn))
    }

    fn locate_alias(&self, arn: &AliasArn) -> Located {
        let home = arn.home();
        let found = self.look(|ring| {
            let (alias, _) = ring.alias(&home, &arn.name)?;
            self.target(ring, &home, alias.target, Some(&arn.name))
        });
        found.unwrap_or_else(|| Located::Nowhere {
            resource: arn.to_string(),
            error: faults::no_such_alias(arn),
        })
    }

    fn target(
        &self,
        ring: &Keyring,
        home: &Home,
        id: KeyId,
        alias: Option<&AliasName>,
    ) -> Option<Located> {
        let (slot, _) = ring.key(home, id)?;
        match slot {
            _ if slot.is_due(self.now) => None,
            Slot::Known(key) => Some(Located::Here(Target {
                key: Key::as_of(key, self.now),
                alias: alias.cloned(),
                aliases: ring.aliases_of(home, id).cloned().collect(),
            })),
            Slot::Unreadable => {
                let arn = home.key(id);
                Some(Located::Nowhere {
                    resource: arn.to_string(),
                    error: faults::unreadable(&arn),
                })
            }
        }
    }

    /// An alias that exists: one whose key is past its waiting period does not.
    pub(crate) fn alias(&self, name: &AliasName) -> Option<Alias> {
        self.look(|ring| {
            let (alias, _) = ring.alias(&self.home, name)?;
            let due = ring
                .key(&self.home, alias.target)
                .is_some_and(|(slot, _)| slot.is_due(self.now));
            (!due).then(|| alias.clone())
        })
    }

    /// The key that `text` names, for an operation that has leave.
    ///
    /// # Errors
    /// `NotFoundException`; `KMSInternalException` when the name has come to mean another key since leave was given.
    pub(crate) fn find(&self, text: &str, accept: Accept) -> Result<Target, ApiError> {
        let located = self.locate(text, accept)?;
        self.granted(located)
    }

    /// The key that was located, for an operation that has leave for it.
    pub(crate) fn granted(&self, located: Located) -> Result<Target, ApiError> {
        let target = match located {
            Located::Here(target) => target,
            Located::Nowhere { error, .. } => return Err(error),
        };
        self.weighed(&target.arn())?;
        Ok(target)
    }

    /// Refuses a resource that leave was not given for.
    ///
    /// # Errors
    /// `KMSInternalException`: a name came to mean another resource between the asking and the doing.
    pub(crate) fn weighed(&self, resource: &str) -> Result<(), ApiError> {
        let weighed = self
            .leave
            .is_some_and(|leave| leave.iter().any(|allowed| allowed == resource));
        if weighed { Ok(()) } else { Err(moved()) }
    }

    /// An ask that has no key: on `*`, or on an alias.
    pub(crate) fn ask(&self, action: &str, resource: impl Into<String>) -> Ask {
        Ask::new(action, resource).with_context(self.context())
    }

    /// An ask on a key, under its policy and its grants, with everything that conditions may look at added to `context`.
    ///
    /// A name that leads nowhere is asked for too, under identity policies alone, so that who may not see a key does
    /// not learn whether it exists.
    pub(crate) fn key_ask(&self, action: &str, located: &Located, mut context: Context) -> Ask {
        context.set("kms:CallerAccount", self.home.account.to_string());
        match located {
            Located::Nowhere { resource, .. } => Ask::new(action, resource).with_context(context),
            Located::Here(target) => {
                describe(target, &mut context);
                let ask = Ask::new(action, target.arn())
                    .with_context(context)
                    .with_resource_policy(ResourcePolicy::Required(Arc::clone(&target.key.policy)));
                let grant = grants::layer(self, &target.key.arn, &ask);
                let ask = ask.with_grant(grant);
                match self.foreign_alias(target) {
                    Some(alias) => ask.shown_as(alias.to_string()),
                    None => ask,
                }
            }
        }
    }

    /// The one ask of an operation on a key that is named by id or key ARN, with nothing more to look at.
    ///
    /// # Errors
    /// Those of [`Self::locate`].
    pub(crate) fn ask_of_key(&self, action: &str, key_id: &str) -> Result<Vec<Ask>, ApiError> {
        let located = self.locate(key_id, Accept::Key)?;
        Ok(vec![self.key_ask(action, &located, self.context())])
    }

    /// The alias by which another account's key was named: a refusal says no more than that name, since whether there is
    /// such an alias, and of which key, is for those to know who have leave.
    fn foreign_alias(&self, target: &Target) -> Option<AliasArn> {
        let home = target.key.arn.home();
        let alias = target.alias.as_ref()?;
        (home.account != self.home.account).then(|| home.alias(alias))
    }

    /// What conditions may look at in every ask.
    pub(crate) fn context(&self) -> Context {
        Context::new().with("kms:CallerAccount", self.home.account.to_string())
    }
}

/// The key of that ARN is not one to work with: there is none, or it is another account's and the operation is for the
/// caller's own.
fn no_key(arn: &KeyArn) -> Located {
    Located::Nowhere {
        resource: arn.to_string(),
        error: faults::no_such_key(arn),
    }
}

/// What conditions may look at in a key, and in how it was named.
fn describe(target: &Target, context: &mut Context) {
    target.key.describe(context);
    context.set_all(
        "kms:ResourceAliases",
        target.aliases.iter().map(AliasName::as_str),
    );
    if let Some(alias) = &target.alias {
        context.set("kms:RequestAlias", alias.as_str());
    }
}

fn moved() -> ApiError {
    faults::internal(
        "The name came to stand for another key while the request was being answered. Try again.",
    )
}
