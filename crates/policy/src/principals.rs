//! The `Principal` and `NotPrincipal` elements.

/// How closely a statement names the caller, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Match {
    /// Not at all: the statement does not apply.
    None,
    /// By the account, which delegates to the account's identity policies; or in an identity policy, whose caller
    /// is understood.
    Account,
    /// As the user, the role or everyone.
    Caller,
    /// As this very role session.
    Session,
}

use std::collections::BTreeMap;

use crate::{PolicyError, Principal, PrincipalKind, action::texts, json::Json};

/// Whom a statement speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Principals {
    /// An identity or session policy: of whoever it hangs on.
    Understood,
    /// `Principal`.
    Only(Vec<PrincipalPattern>),
    /// `NotPrincipal`, which only a `Deny` may have.
    AllBut(Vec<PrincipalPattern>),
}

/// One principal as a policy names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PrincipalPattern {
    /// `*`
    Everyone,
    /// `111122223333` or `arn:aws:iam::111122223333:root`: the account and all in it.
    Account(String),
    /// `arn:aws:iam::…:user/…` or `arn:aws:iam::…:role/…`
    Identity(Named),
    /// `arn:aws:sts::…:assumed-role/ROLE/SESSION`
    Session(Named),
    /// `{"Service": "ec2.amazonaws.com"}`
    Service(String),
}

/// Somebody who is named by ARN, and whom exactly that means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) arn: String,
    /// The unique id of the user or role, in a policy or grant that is bound; without it the ARN decides.
    pub(crate) id: Option<String>,
}

impl Named {
    fn new(arn: &str) -> Self {
        Self {
            arn: arn.to_owned(),
            id: None,
        }
    }

    /// Whether it is the user or role of this ARN and id.
    fn is(&self, arn: &str, id: &str) -> bool {
        match &self.id {
            Some(own) => own == id,
            None => self.arn == arn,
        }
    }

    /// Whether it is the role session of this ARN, of the role of this id.
    fn is_session(&self, arn: &str, id: &str) -> bool {
        self.arn == arn && self.id.as_ref().is_none_or(|own| own == id)
    }
}

impl Principals {
    /// Compiles the value of `Principal`.
    pub(crate) fn compile_only(value: &Json, place: &str) -> Result<Self, PolicyError> {
        patterns(value, place).map(Self::Only)
    }

    /// Compiles the value of `NotPrincipal`.
    pub(crate) fn compile_all_but(value: &Json, place: &str) -> Result<Self, PolicyError> {
        patterns(value, place).map(Self::AllBut)
    }

    /// The ARNs of the users, roles and sessions among these.
    pub(crate) fn arns(&self) -> impl Iterator<Item = &str> {
        let patterns = match self {
            Self::Understood => &[],
            Self::Only(patterns) | Self::AllBut(patterns) => patterns.as_slice(),
        };
        patterns.iter().filter_map(|pattern| match pattern {
            PrincipalPattern::Identity(named) | PrincipalPattern::Session(named) => {
                Some(named.arn.as_str())
            }
            PrincipalPattern::Everyone
            | PrincipalPattern::Account(_)
            | PrincipalPattern::Service(_) => None,
        })
    }

    /// Binds those of these to their unique ids.
    pub(crate) fn bind(&mut self, ids: &BTreeMap<String, String>) {
        let (Self::Only(patterns) | Self::AllBut(patterns)) = self else {
            return;
        };
        for pattern in patterns {
            if let PrincipalPattern::Identity(named) | PrincipalPattern::Session(named) = pattern {
                named.id = ids.get(&named.arn).cloned();
            }
        }
    }

    /// How closely these name the caller.
    pub(crate) fn name(&self, caller: &Principal) -> Match {
        match self {
            Self::Understood => Match::Account,
            Self::Only(patterns) => patterns
                .iter()
                .map(|pattern| pattern.names(caller))
                .max()
                .unwrap_or(Match::None),
            Self::AllBut(patterns) if is_spared(patterns, caller) => Match::None,
            Self::AllBut(_) => Match::Caller,
        }
    }
}

/// `NotPrincipal` spares a caller only when everything that the caller is stands in the list: the account and the
/// user, or the account, the role and the session.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>
fn is_spared(patterns: &[PrincipalPattern], caller: &Principal) -> bool {
    let lists = |wanted: &PrincipalPattern| patterns.contains(wanted);
    let account = || lists(&PrincipalPattern::Account(caller.account.clone()));
    let is_named = |how: Match| {
        let names = |pattern: &PrincipalPattern| pattern.names(caller) == how;
        patterns.iter().any(names)
    };
    if lists(&PrincipalPattern::Everyone) {
        return true;
    }
    match caller.kind {
        PrincipalKind::Root => account(),
        PrincipalKind::User => account() && is_named(Match::Caller),
        PrincipalKind::AssumedRole => {
            account() && is_named(Match::Caller) && is_named(Match::Session)
        }
        PrincipalKind::Service => lists(&PrincipalPattern::Service(caller.name.clone())),
        PrincipalKind::Anonymous => false,
    }
}

impl PrincipalPattern {
    pub(crate) fn names(&self, caller: &Principal) -> Match {
        let when = |hit: bool, how: Match| if hit { how } else { Match::None };
        match self {
            Self::Everyone => Match::Caller,
            Self::Account(account) => when(*account == caller.account, Match::Account),
            Self::Identity(named) => match caller.kind {
                PrincipalKind::User | PrincipalKind::AssumedRole => when(
                    named.is(caller.policy_arn(), caller.unique_id()),
                    Match::Caller,
                ),
                PrincipalKind::Root | PrincipalKind::Service | PrincipalKind::Anonymous => {
                    Match::None
                }
            },
            Self::Session(named) => when(
                caller.kind == PrincipalKind::AssumedRole
                    && named.is_session(&caller.arn, caller.unique_id()),
                Match::Session,
            ),
            Self::Service(name) => when(
                caller.kind == PrincipalKind::Service && *name == caller.name,
                Match::Caller,
            ),
        }
    }

    /// A value under `"AWS"`.
    pub(crate) fn parse_aws(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Everyone);
        }
        if is_account(text) {
            return Some(Self::Account(text.to_owned()));
        }
        let segments: Vec<&str> = text.splitn(6, ':').collect();
        let &["arn", partition, service, "", account, resource] = segments.as_slice() else {
            return None;
        };
        let names = resource.split('/').skip(1);
        let named = resource.contains('/') && names.clone().all(|name| !name.is_empty());
        let plain = !partition.is_empty() && is_account(account) && !text.contains(['*', '?', '$']);
        let kind = resource.split('/').next().unwrap_or_default();
        match (service, kind) {
            _ if !plain => None,
            ("iam", "root") if resource == "root" => Some(Self::Account(account.to_owned())),
            ("iam", "user" | "role") if named => Some(Self::Identity(Named::new(text))),
            ("sts", "assumed-role") if named && names.count() == 2 => {
                Some(Self::Session(Named::new(text)))
            }
            _ => None,
        }
    }

    /// A value under `"Service"`.
    pub(crate) fn parse_service(text: &str) -> Option<Self> {
        let label = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let dns = text.contains('.') && text.split('.').all(label);
        dns.then(|| Self::Service(text.to_owned()))
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn patterns(value: &Json, place: &str) -> Result<Vec<PrincipalPattern>, PolicyError> {
    let members = match value {
        Json::String(text) if text == "*" => return Ok(vec![PrincipalPattern::Everyone]),
        Json::Object(members) if !members.is_empty() => members,
        _ => {
            return Err(PolicyError::syntax(
                "\"*\" or an object of principals is wanted",
                place,
            ));
        }
    };
    let mut patterns = Vec::new();
    for (kind, names) in members {
        let place = format!("{place}.{kind}");
        let parse = match kind.as_str() {
            "AWS" => PrincipalPattern::parse_aws,
            "Service" => PrincipalPattern::parse_service,
            // Nobody here has a canonical id, and no identity provider is known.
            "CanonicalUser" | "Federated" => |_: &str| None,
            other => {
                return Err(PolicyError::syntax(
                    &format!("{other} is no kind of principal"),
                    place,
                ));
            }
        };
        for text in texts(names, &place)? {
            let words = || {
                format!(
                    "Invalid principal in policy: \"{}\":\"{text}\"",
                    kind.to_uppercase()
                )
            };
            patterns.push(parse(text).ok_or_else(|| PolicyError::new(words(), place.as_str()))?);
        }
    }
    Ok(patterns)
}
