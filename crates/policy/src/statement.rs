//! One statement: what it says of whom, and whether it applies to a request.

use std::collections::BTreeMap;

use crate::{
    Ask, PolicyError, PolicyKind,
    action::Actions,
    condition::Condition,
    context::Facts,
    json::Json,
    principals::{Match, Principals},
    resource::Resources,
    template::Variables,
};

/// What a statement does when it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// One compiled statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) effect: Effect,
    principals: Principals,
    actions: Actions,
    /// None in a trust policy, which speaks of the role it hangs on.
    resources: Option<Resources>,
    conditions: Vec<Condition>,
}

/// An ask in the form that statements match against.
pub(crate) struct Request<'a> {
    action: String,
    resource: &'a str,
    pub(crate) facts: Facts<'a>,
}

impl<'a> Request<'a> {
    pub(crate) fn new(ask: &'a Ask, facts: Facts<'a>) -> Self {
        Self {
            action: ask.action.to_ascii_lowercase(),
            resource: &ask.resource,
            facts,
        }
    }
}

impl Statement {
    /// Whether the statement applies, and how closely it names the caller.
    pub(crate) fn applies(&self, request: &Request<'_>) -> Match {
        let facts = &request.facts;
        let speaks = self.actions.include(&request.action)
            && self
                .resources
                .as_ref()
                .is_none_or(|own| own.include(request.resource, self.effect, facts));
        if !speaks {
            return Match::None;
        }
        match self.principals.name(facts.principal) {
            Match::None => Match::None,
            named
                if self
                    .conditions
                    .iter()
                    .all(|condition| condition.holds(self.effect, facts)) =>
            {
                named
            }
            _ => Match::None,
        }
    }

    /// The ARNs of the users, roles and sessions in `Principal` or `NotPrincipal`.
    pub(crate) fn named_principals(&self) -> impl Iterator<Item = &str> {
        self.principals.arns()
    }

    /// Binds those of these to their unique ids.
    pub(crate) fn bind(&mut self, ids: &BTreeMap<String, String>) {
        self.principals.bind(ids);
    }

    pub(crate) fn compile(
        value: &Json,
        kind: PolicyKind,
        variables: Variables,
        place: &str,
    ) -> Result<Self, PolicyError> {
        let elements = Elements::read(value, place)?;
        let effect = elements.effect(place)?;
        let principals = elements.principals(kind, effect, place)?;
        let actions = elements.actions(place)?;
        if kind == PolicyKind::Trust && !actions.all_of("sts") {
            return Err(PolicyError::new(
                "AssumeRole policy may only specify STS AssumeRole actions.",
                place,
            ));
        }
        let resources = elements.resources(kind, variables, place)?;
        let conditions = match elements.condition {
            Some(value) => Condition::compile_all(value, variables, &format!("{place}.Condition"))?,
            None => Vec::new(),
        };
        Ok(Self {
            effect,
            principals,
            actions,
            resources,
            conditions,
        })
    }
}

/// The elements of a statement before they are compiled.
#[derive(Default)]
struct Elements<'a> {
    sid: Option<&'a Json>,
    effect: Option<&'a Json>,
    principal: Option<&'a Json>,
    not_principal: Option<&'a Json>,
    action: Option<&'a Json>,
    not_action: Option<&'a Json>,
    resource: Option<&'a Json>,
    not_resource: Option<&'a Json>,
    condition: Option<&'a Json>,
}

impl<'a> Elements<'a> {
    fn read(value: &'a Json, place: &str) -> Result<Self, PolicyError> {
        let Json::Object(members) = value else {
            return Err(PolicyError::syntax("a statement is an object", place));
        };
        let mut elements = Self::default();
        for (name, value) in members {
            let slot = match name.as_str() {
                "Sid" => &mut elements.sid,
                "Effect" => &mut elements.effect,
                "Principal" => &mut elements.principal,
                "NotPrincipal" => &mut elements.not_principal,
                "Action" => &mut elements.action,
                "NotAction" => &mut elements.not_action,
                "Resource" => &mut elements.resource,
                "NotResource" => &mut elements.not_resource,
                "Condition" => &mut elements.condition,
                other => {
                    return Err(PolicyError::syntax(
                        &format!("{other} is no element of a statement"),
                        place,
                    ));
                }
            };
            *slot = Some(value);
        }
        match elements.sid.map(Json::as_str) {
            Some(None) => Err(PolicyError::syntax("a Sid is a string", place)),
            _ => Ok(elements),
        }
    }

    fn effect(&self, place: &str) -> Result<Effect, PolicyError> {
        match self.effect.map(Json::as_str) {
            Some(Some("Allow")) => Ok(Effect::Allow),
            Some(Some("Deny")) => Ok(Effect::Deny),
            Some(_) => Err(PolicyError::syntax(
                "an Effect is \"Allow\" or \"Deny\"",
                format!("{place}.Effect"),
            )),
            None => Err(PolicyError::new("Missing required field Effect", place)),
        }
    }

    fn principals(
        &self,
        kind: PolicyKind,
        effect: Effect,
        place: &str,
    ) -> Result<Principals, PolicyError> {
        let named = self.principal.is_some() || self.not_principal.is_some();
        if matches!(kind, PolicyKind::Identity | PolicyKind::Session) {
            return if named {
                Err(PolicyError::new(
                    "Policy document should not specify a principal.",
                    place,
                ))
            } else {
                Ok(Principals::Understood)
            };
        }
        match (self.principal, self.not_principal) {
            (Some(value), None) => Principals::compile_only(value, &format!("{place}.Principal")),
            (None, Some(_)) if effect == Effect::Allow => Err(PolicyError::new(
                "Allow with NotPrincipal is not allowed.",
                place,
            )),
            (None, Some(value)) => {
                Principals::compile_all_but(value, &format!("{place}.NotPrincipal"))
            }
            (None, None) => Err(PolicyError::new("Missing required field Principal", place)),
            (Some(_), Some(_)) => Err(both("Principal", place)),
        }
    }

    fn actions(&self, place: &str) -> Result<Actions, PolicyError> {
        match (self.action, self.not_action) {
            (Some(value), None) => Actions::compile(value, false, &format!("{place}.Action")),
            (None, Some(value)) => Actions::compile(value, true, &format!("{place}.NotAction")),
            (None, None) => Err(PolicyError::new(
                "Policy statement must contain actions.",
                place,
            )),
            (Some(_), Some(_)) => Err(both("Action", place)),
        }
    }

    fn resources(
        &self,
        kind: PolicyKind,
        variables: Variables,
        place: &str,
    ) -> Result<Option<Resources>, PolicyError> {
        match (self.resource, self.not_resource) {
            (None, None) if kind == PolicyKind::Trust => Ok(None),
            (Some(_), _) | (_, Some(_)) if kind == PolicyKind::Trust => {
                Err(PolicyError::new("Has prohibited field Resource", place))
            }
            (Some(value), None) => {
                Resources::compile(value, false, variables, &format!("{place}.Resource")).map(Some)
            }
            (None, Some(value)) => {
                Resources::compile(value, true, variables, &format!("{place}.NotResource"))
                    .map(Some)
            }
            (None, None) => Err(PolicyError::new(
                "Policy statement must contain resources.",
                place,
            )),
            (Some(_), Some(_)) => Err(both("Resource", place)),
        }
    }
}

fn both(name: &str, place: &str) -> PolicyError {
    PolicyError::syntax(&format!("{name} and Not{name} exclude each other"), place)
}
