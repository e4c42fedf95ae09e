//! The `Condition` element: blocks of operators over condition keys, all of which must hold.
//!
//! Where AWS leaves a case open (a value that is not of the operator's type, a variable without a value, an operator
//! without `ForAllValues:` or `ForAnyValue:` over a key with several values) the answer is the one that grants less:
//! such a test never makes an `Allow` apply, and where it is negated it makes a `Deny` apply.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

mod date;
mod decimal;
mod network;
mod operator;
mod test;

use crate::{PolicyError, context::Facts, json::Json, statement::Effect, template::Variables};
use operator::{Operator, Set};
use test::{Answer, Test};

/// One operator over one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    key: String,
    set: Set,
    if_exists: bool,
    negated: bool,
    test: Test,
}

impl Condition {
    /// Compiles the value of `Condition`.
    pub(crate) fn compile_all(
        value: &Json,
        variables: Variables,
        place: &str,
    ) -> Result<Vec<Self>, PolicyError> {
        let mut conditions = Vec::new();
        for (name, block) in members(value, place)? {
            let place = format!("{place}.{name}");
            let operator = Operator::parse(name).ok_or_else(|| {
                PolicyError::new(format!("Invalid Condition type : {name}."), place.as_str())
            })?;
            for (key, operands) in members(block, &place)? {
                let place = format!("{place}.{key}");
                conditions.push(Self::compile(operator, key, operands, variables, &place)?);
            }
        }
        Ok(conditions)
    }

    fn compile(
        operator: Operator,
        key: &str,
        operands: &Json,
        variables: Variables,
        place: &str,
    ) -> Result<Self, PolicyError> {
        let key = key.to_lowercase();
        if !is_key(&key) {
            let words =
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
            return Err(PolicyError::new(words, place));
        }
        let texts: Option<Vec<String>> = operands.one_or_many().iter().map(scalar).collect();
        let texts = texts.ok_or_else(|| {
            PolicyError::syntax(
                "a condition's value is a string, a number, a boolean or a list of these",
                place,
            )
        })?;
        let test = Test::compile(operator.family, &texts, variables)
            .map_err(|d| PolicyError::syntax(&d, place))?;
        Ok(Self {
            key,
            set: operator.set,
            if_exists: operator.if_exists,
            negated: operator.negated,
            test,
        })
    }

    /// Whether the condition lets a statement of this effect apply.
    pub(crate) fn holds(&self, effect: Effect, facts: &Facts<'_>) -> bool {
        let values = facts.values(&self.key);
        if let Test::Null(wanted) = &self.test {
            return wanted.contains(&values.is_empty());
        }
        if values.is_empty() {
            return self.holds_without_values();
        }
        let mut satisfied = values
            .iter()
            .map(|value| self.satisfied_by(value, effect, facts));
        match (self.set, effect) {
            (Set::All, _) | (Set::Unsaid, Effect::Allow) => satisfied.all(|yes| yes),
            (Set::Any, _) | (Set::Unsaid, Effect::Deny) => satisfied.any(|yes| yes),
        }
    }

    fn holds_without_values(&self) -> bool {
        self.if_exists
            || match self.set {
                Set::All => true,
                Set::Any => false,
                Set::Unsaid => self.negated,
            }
    }

    fn satisfied_by(&self, value: &str, effect: Effect, facts: &Facts<'_>) -> bool {
        match self.test.ask(value, facts) {
            Answer::Yes => !self.negated,
            Answer::No => self.negated,
            Answer::Unknown => self.negated && effect == Effect::Deny,
        }
    }
}

/// Whether `text` has the form of a condition key: a service, a colon, a name.
pub(crate) fn is_key(text: &str) -> bool {
    text.split_once(':').is_some_and(|(vendor, name)| {
        !vendor.is_empty()
            && !name.is_empty()
            && vendor
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

fn members<'a>(value: &'a Json, place: &str) -> Result<&'a [(String, Json)], PolicyError> {
    match value {
        Json::Object(members) => Ok(members),
        _ => Err(PolicyError::syntax("an object is wanted", place)),
    }
}

fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) | Json::Number(text) => Some(text.clone()),
        Json::Bool(value) => Some(value.to_string()),
        Json::Null | Json::List(_) | Json::Object(_) => None,
    }
}
