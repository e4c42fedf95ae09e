//! A grant, as the service holds it in memory.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use policy::{Context, GrantLayer, Grantee, Principal};
use wire::kms::GrantOperation;

use super::constraints::Constraints;
use super::operations::Operations;
use crate::names::{AccountId, BadName, KeyArn};

const ID_LEN: usize = 32;

/// A grant's id: 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GrantId([u8; ID_LEN]);

impl GrantId {
    /// A fresh one.
    ///
    /// # Errors
    /// Those of `crypto`: no randomness.
    pub(crate) fn random() -> Result<Self, crypto::Error> {
        crypto::random::bytes().map(Self)
    }
}

impl FromStr for GrantId {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let mut id = [0; ID_LEN];
        hex::decode_to_slice(text, &mut id).map_err(|_| BadName)?;
        let id = Self(id);
        // One spelling: two texts must not be ways to one grant.
        (id.to_string() == text).then_some(id).ok_or(BadName)
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whom a grant names, and under which of the API's two members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Party {
    /// `GranteePrincipal`, `RetiringPrincipal`.
    Principal(Grantee),
    /// `GranteeServicePrincipal`, `RetiringServicePrincipal`.
    Service(Grantee),
}

impl Party {
    /// Who it is.
    pub(crate) const fn who(&self) -> &Grantee {
        let (Self::Principal(who) | Self::Service(who)) = self;
        who
    }
}

/// What a grant says, which is all that makes it the same as another of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The owner's name for it, by which retried requests are recognised.
    pub(crate) name: Option<Box<str>>,
    /// Who may use the key.
    pub(crate) grantee: Party,
    /// Who may end the grant.
    pub(crate) retiring: Option<Party>,
    /// What for.
    pub(crate) operations: Operations,
    /// On which conditions.
    pub(crate) constraints: Constraints,
}

/// A grant.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    /// The key that it is for.
    pub(crate) key: KeyArn,
    /// Which of the key's grants.
    pub(crate) id: GrantId,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// The account of whoever made it.
    pub(crate) issuer: AccountId,
    /// What it says.
    pub(crate) terms: Terms,
}

impl Grant {
    /// Whether it permits an operation to its grantee, in a request that conditions see thus.
    pub(crate) fn fits(&self, operation: GrantOperation, request: &Context) -> bool {
        self.terms.operations.contains(operation)
            && self.terms.constraints.fits(operation, request)
            && (operation != GrantOperation::CreateGrant || self.covers(request))
    }

    /// Whether a new grant that conditions see thus would permit nothing that this one does not.
    fn covers(&self, request: &Context) -> bool {
        let own = |name: &String| {
            let mut operations = self.terms.operations.iter();
            operations.any(|operation| operation.as_str() == name)
        };
        let source = self.terms.constraints.source_arn.as_deref();
        let sources = request.get("kms:GrantConstraintSourceArn");
        request.get("kms:GrantOperations").iter().all(own)
            && source.is_none_or(|source| sources.iter().any(|child| child == source))
    }

    /// The leave that it gives its grantee.
    pub(crate) fn layer(&self) -> GrantLayer {
        self.layer_for(self.terms.grantee.who().clone())
    }

    /// The leave to retire it that it gives `caller`: as the one that it names for that, as the grantee whom it lets,
    /// or as one of the account that made it, where that account's identity policies say so.
    pub(crate) fn retirement(&self, caller: &Principal) -> Option<GrantLayer> {
        let Terms {
            grantee,
            retiring,
            operations,
            ..
        } = &self.terms;
        let own = operations.contains(GrantOperation::RetireGrant);
        let named = retiring.iter().chain(own.then_some(grantee));
        let issuer = Grantee::parse(&self.issuer.to_string());
        named
            .map(Party::who)
            .find(|who| who.includes(caller))
            .cloned()
            .or(issuer)
            .map(|who| self.layer_for(who))
    }

    fn layer_for(&self, grantee: Grantee) -> GrantLayer {
        GrantLayer {
            id: self.id.to_string(),
            grantee,
        }
    }
}
