//! The `Action` and `NotAction` elements.

use crate::{PolicyError, glob::Glob, json::Json};

/// Which actions a statement speaks of. Actions compare without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actions {
    patterns: Vec<Glob>,
    inverted: bool,
}

impl Actions {
    /// Compiles the value of `Action`, or of `NotAction` when `inverted`.
    pub(crate) fn compile(value: &Json, inverted: bool, place: &str) -> Result<Self, PolicyError> {
        let texts = texts(value, place)?;
        if texts.is_empty() {
            return Err(PolicyError::new(
                "Policy statement must contain actions.",
                place,
            ));
        }
        let patterns = texts
            .into_iter()
            .map(|text| pattern(text, place))
            .collect::<Result<_, _>>()?;
        Ok(Self { patterns, inverted })
    }

    /// Whether the action, in lower case, is one of these.
    pub(crate) fn include(&self, action: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(action)) != self.inverted
    }

    /// Whether every pattern is of the service `vendor`.
    pub(crate) fn all_of(&self, vendor: &str) -> bool {
        let prefix = format!("{vendor}:");
        !self.inverted
            && self
                .patterns
                .iter()
                .all(|pattern| pattern.to_string().starts_with(&prefix))
    }
}

/// One string, or a list of strings.
pub(crate) fn texts<'a>(value: &'a Json, place: &str) -> Result<Vec<&'a str>, PolicyError> {
    let texts: Option<Vec<_>> = value.one_or_many().iter().map(Json::as_str).collect();
    texts.ok_or_else(|| PolicyError::syntax("a string or a list of strings is wanted", place))
}

fn pattern(text: &str, place: &str) -> Result<Glob, PolicyError> {
    if text != "*" {
        let (vendor, name) = text.split_once(':').unwrap_or_default();
        if vendor.is_empty() || name.is_empty() {
            let words =
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
            return Err(PolicyError::new(words, place));
        }
        if !vendor
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            return Err(PolicyError::new(
                format!("Vendor {vendor} is not valid"),
                place,
            ));
        }
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"*?-_".contains(&byte))
        {
            return Err(PolicyError::syntax(
                "an action's name is letters, digits, * and ?",
                place,
            ));
        }
    }
    Ok(Glob::parse(&text.to_ascii_lowercase()))
}
