//! Grants as evaluation sees them: leave that hangs on a resource beside its policy, for one principal.

use std::fmt;

use crate::{
    Principal, PrincipalIds, PrincipalKind, UnknownPrincipal,
    binding::stand_in,
    principals::{Match, Named, PrincipalPattern},
};

/// A principal that a grant names: an account, a user, a role, a role's session or a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grantee(PrincipalPattern);

impl Grantee {
    /// Reads a name: twelve digits or an ARN of an account's root, the ARN of a user, a role or a role's session, or
    /// the DNS name of a service. Nothing that stands for many, such as `*`, names a grantee.
    pub fn parse(text: &str) -> Option<Self> {
        PrincipalPattern::parse_aws(text)
            .or_else(|| PrincipalPattern::parse_service(text))
            .filter(|pattern| *pattern != PrincipalPattern::Everyone)
            .map(Self)
    }

    /// This grantee, bound to whom it names now: whoever is made later under the name is somebody else.
    ///
    /// # Errors
    /// [`UnknownPrincipal`] for a user or role that is not there.
    pub fn bind(self, known: &dyn PrincipalIds) -> Result<Self, UnknownPrincipal> {
        let Some(named) = self.named() else {
            return Ok(self);
        };
        let Some(id) = known.id_of(&named.arn) else {
            return Err(UnknownPrincipal {
                arn: named.arn.clone(),
            });
        };
        Ok(self.bound_to(Some(id)))
    }

    /// This grantee, bound as it was before: `id` is what [`Self::id`] said then.
    pub fn bound_to(mut self, id: Option<String>) -> Self {
        if let PrincipalPattern::Identity(named) | PrincipalPattern::Session(named) = &mut self.0 {
            named.id = id;
        }
        self
    }

    /// The unique id that it is bound to.
    pub fn id(&self) -> Option<&str> {
        self.named()?.id.as_deref()
    }

    /// The name as it was written while whom it means is there; then the unique id, as AWS shows it, also when somebody
    /// else has the name.
    pub fn shown(&self, known: &dyn PrincipalIds) -> String {
        match self.named() {
            Some(Named { arn, id: Some(id) }) if known.id_of(arn).as_ref() != Some(id) => {
                stand_in(arn, id)
            }
            _ => self.to_string(),
        }
    }

    /// What grants can be found by: the unique id that it is bound to, else the name.
    pub fn handle(&self) -> String {
        match self.named() {
            Some(Named { arn, id: Some(id) }) => stand_in(arn, id),
            _ => self.to_string(),
        }
    }

    /// Every handle by which a grant may mean `caller`, the closest first: the session, its role, the account.
    pub fn handles_of(caller: &Principal) -> Vec<String> {
        let account = || format!("arn:aws:iam::{}:root", caller.account);
        let own = [caller.user_id.clone(), caller.arn.clone()];
        match caller.kind {
            PrincipalKind::Root => vec![account()],
            PrincipalKind::User => own.into_iter().chain([account()]).collect(),
            PrincipalKind::AssumedRole => {
                let role = std::iter::once(caller.unique_id().to_owned());
                let role = role.chain(caller.role_arn.clone());
                own.into_iter().chain(role).chain([account()]).collect()
            }
            PrincipalKind::Service => vec![caller.name.clone()],
            PrincipalKind::Anonymous => Vec::new(),
        }
    }

    fn named(&self) -> Option<&Named> {
        match &self.0 {
            PrincipalPattern::Identity(named) | PrincipalPattern::Session(named) => Some(named),
            PrincipalPattern::Everyone
            | PrincipalPattern::Account(_)
            | PrincipalPattern::Service(_) => None,
        }
    }

    /// Whether `caller` is the one that is named, or belongs to the account that is.
    pub fn includes(&self, caller: &Principal) -> bool {
        self.names(caller) != Match::None
    }

    pub(crate) fn names(&self, caller: &Principal) -> Match {
        self.0.names(caller)
    }
}

/// The one text of the name, whichever it was read from.
impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            PrincipalPattern::Everyone => f.write_str("*"),
            PrincipalPattern::Account(account) => write!(f, "arn:aws:iam::{account}:root"),
            PrincipalPattern::Identity(named) | PrincipalPattern::Session(named) => {
                f.write_str(&named.arn)
            }
            PrincipalPattern::Service(name) => f.write_str(name),
        }
    }
}

/// A grant that fits an ask in all but who may use it. It can only allow, where no policy does.
///
/// Whether it fits (its operations, its constraints) is for the room that keeps it to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantLayer {
    /// Which grant.
    pub id: String,
    /// Whom it gives leave.
    pub grantee: Grantee,
}
