//! Grants as evaluation sees them: leave that hangs on a resource beside its policy, for one principal.

use std::fmt;

use crate::{Principal, PrincipalKind, principals::Match, principals::PrincipalPattern};

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

    /// Every text under which a grant may name `caller`, the closest first: the session, its role, the account. They
    /// are the texts that [`fmt::Display`] writes, so that grants can be found by them.
    pub fn names_of(caller: &Principal) -> Vec<String> {
        let account = || format!("arn:aws:iam::{}:root", caller.account);
        match caller.kind {
            PrincipalKind::Root => vec![account()],
            PrincipalKind::User | PrincipalKind::AssumedRole => {
                let own = std::iter::once(caller.arn.clone());
                own.chain(caller.role_arn.clone())
                    .chain(std::iter::once(account()))
                    .collect()
            }
            PrincipalKind::Service => vec![caller.name.clone()],
            PrincipalKind::Anonymous => Vec::new(),
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
            PrincipalPattern::Identity(name)
            | PrincipalPattern::Session(name)
            | PrincipalPattern::Service(name) => f.write_str(name),
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
