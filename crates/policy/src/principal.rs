//! Who asks: an authenticated caller as policies see it.

use std::collections::BTreeMap;

use crate::Context;

/// What kind of caller a [`Principal`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    /// The account's root user: identity policies do not bind it, resource policies do.
    Root,
    /// An IAM user.
    User,
    /// A session of an IAM role.
    AssumedRole,
    /// A service acting for itself, such as `ec2.amazonaws.com`.
    Service,
    /// Nobody in particular: an unsigned request.
    Anonymous,
}

/// An authenticated caller. Plain facts, filled in by whoever authenticated the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// What kind of caller this is.
    pub kind: PrincipalKind,
    /// The ARN that messages and the audit trail show: of the user, of the role session
    /// (`arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`), or of the account's root.
    pub arn: String,
    /// The twelve digits of the caller's account; empty for a service or an anonymous caller.
    pub account: String,
    /// `aws:userid`: `AIDA…` of a user, `AROA…:SESSION` of a role session, the account's digits for the root user.
    pub user_id: String,
    /// The user's name, the session's name or the service's DNS name; empty for root and anonymous callers.
    pub name: String,
    /// The role's own ARN, with its path (`arn:aws:iam::ACCOUNT:role/PATH/ROLE`), when this is a role session.
    pub role_arn: Option<String>,
    /// `aws:PrincipalTag/…`: the user's tags, or the role's with those of the session laid over them.
    pub tags: BTreeMap<String, String>,
    /// Further condition keys that the credential itself carries, such as `aws:TokenIssueTime`.
    pub context: Context,
}

impl Principal {
    /// The root user of `account`.
    pub fn root(account: &str) -> Self {
        Self::bare(
            PrincipalKind::Root,
            format!("arn:aws:iam::{account}:root"),
            account,
            account,
        )
    }

    /// A caller who showed no credential.
    pub fn anonymous() -> Self {
        Self::bare(
            PrincipalKind::Anonymous,
            "anonymous".to_owned(),
            "",
            "anonymous",
        )
    }

    /// A service acting for itself; `name` is its DNS name (`ec2.amazonaws.com`).
    pub fn service(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::bare(PrincipalKind::Service, name.to_owned(), "", name)
        }
    }

    fn bare(kind: PrincipalKind, arn: String, account: &str, user_id: &str) -> Self {
        Self {
            kind,
            arn,
            account: account.to_owned(),
            user_id: user_id.to_owned(),
            name: String::new(),
            role_arn: None,
            tags: BTreeMap::new(),
            context: Context::new(),
        }
    }

    /// `aws:PrincipalArn`: the role behind a session, else the caller itself.
    pub fn policy_arn(&self) -> &str {
        self.role_arn.as_deref().unwrap_or(&self.arn)
    }

    /// What policies are bound to: the user's unique id, or that of the role behind a session.
    pub(crate) fn unique_id(&self) -> &str {
        self.user_id.split(':').next().unwrap_or_default()
    }

    /// The value of a condition key (lower case) that follows from who the caller is, which no request can change.
    pub(crate) fn fact(&self, key: &str) -> Option<&str> {
        let known = !matches!(self.kind, PrincipalKind::Anonymous);
        match key {
            "aws:principalarn" if known => Some(self.policy_arn()),
            "aws:principalaccount" if !self.account.is_empty() => Some(&self.account),
            "aws:principaltype" => Some(self.kind.as_aws_type()),
            "aws:userid" => Some(&self.user_id),
            "aws:username" if self.kind == PrincipalKind::User => Some(&self.name),
            "aws:principalisawsservice" => Some(if self.kind == PrincipalKind::Service {
                "true"
            } else {
                "false"
            }),
            "aws:principalservicename" if self.kind == PrincipalKind::Service => Some(&self.name),
            _ => self.tag_fact(key),
        }
    }

    fn tag_fact(&self, key: &str) -> Option<&str> {
        let wanted = key.strip_prefix("aws:principaltag/")?;
        self.tags
            .iter()
            .find(|(name, _)| name.to_lowercase() == wanted)
            .map(|(_, value)| value.as_str())
    }
}

/// Whether a condition key (lower case) is one that only the caller's identity may answer, so that neither the
/// request nor the gate can stand in for an absent one.
pub(crate) fn is_identity_key(key: &str) -> bool {
    key.starts_with("aws:principal") || matches!(key, "aws:userid" | "aws:username")
}

impl PrincipalKind {
    /// `aws:PrincipalType` as AWS spells it.
    fn as_aws_type(self) -> &'static str {
        match self {
            Self::Root => "Account",
            Self::User => "User",
            Self::AssumedRole => "AssumedRole",
            Self::Service => "Service",
            Self::Anonymous => "Anonymous",
        }
    }
}
