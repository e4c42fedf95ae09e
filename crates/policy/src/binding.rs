//! Policies bound to the users and roles that they name, by unique id: whoever is made later under the same name is
//! somebody else.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::{Policy, json::Json};

/// Who knows users and roles. A room that keeps policies asks through this which they mean.
pub trait PrincipalIds: Send + Sync {
    /// The unique id of the user or role of that ARN, if there is one; for the ARN of a role's session, the role's.
    fn id_of(&self, arn: &str) -> Option<String>;
}

/// A policy names somebody who is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {arn}")]
pub struct UnknownPrincipal {
    /// As the policy names them.
    pub arn: String,
}

impl Policy {
    /// This policy, bound to those whom it names as principals now.
    ///
    /// # Errors
    /// [`UnknownPrincipal`] for the first that is not there.
    pub fn bind(self, known: &dyn PrincipalIds) -> Result<Self, UnknownPrincipal> {
        let id = |arn: &str| match known.id_of(arn) {
            Some(id) => Ok((arn.to_owned(), id)),
            None => Err(UnknownPrincipal {
                arn: arn.to_owned(),
            }),
        };
        let ids = self
            .named_principals()
            .map(id)
            .collect::<Result<BTreeMap<_, _>, _>>()?;
        Ok(self.bound_to(ids))
    }

    /// This policy, bound as it was before: `ids` is what [`Self::ids`] said then.
    pub fn bound_to(mut self, ids: BTreeMap<String, String>) -> Self {
        for statement in &mut self.statements {
            statement.bind(&ids);
        }
        self.ids = ids;
        self
    }

    /// The unique ids that it is bound to, by ARN.
    pub fn ids(&self) -> &BTreeMap<String, String> {
        &self.ids
    }

    /// The document, as it was written while everyone whom it names is there. In the place of who is gone stands the
    /// unique id, as AWS shows it, also when somebody else has the name now.
    pub fn shown(&self, known: &dyn PrincipalIds) -> Cow<'_, str> {
        let is_gone = |(arn, id): &(&String, &String)| known.id_of(arn).as_ref() != Some(*id);
        let gone: BTreeMap<&str, String> = self
            .ids
            .iter()
            .filter(is_gone)
            .map(|(arn, id)| (arn.as_str(), stand_in(arn, id)))
            .collect();
        if gone.is_empty() {
            return Cow::Borrowed(self.document());
        }
        match Json::parse(self.document()) {
            Ok(mut document) => {
                replace(&mut document, &gone);
                Cow::Owned(document.to_string())
            }
            // It compiled, so it is JSON.
            Err(_) => Cow::Borrowed(self.document()),
        }
    }
}

/// `AIDA…` or `AROA…`, and of a role's session the session's name after it.
pub(crate) fn stand_in(arn: &str, id: &str) -> String {
    match arn.rsplit_once('/') {
        Some((role, session)) if role.contains(":assumed-role/") => format!("{id}:{session}"),
        _ => id.to_owned(),
    }
}

fn replace(document: &mut Json, gone: &BTreeMap<&str, String>) {
    let Some(statements) = document.member("Statement") else {
        return;
    };
    for statement in statements.each() {
        for element in ["Principal", "NotPrincipal"] {
            let names = statement
                .member(element)
                .and_then(|element| element.member("AWS"));
            for name in names.into_iter().flat_map(Json::each) {
                if let Json::String(text) = name
                    && let Some(id) = gone.get(text.as_str())
                {
                    text.clone_from(id);
                }
            }
        }
    }
}
