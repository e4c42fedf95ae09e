//! Condition keys and their values: what a policy's `Condition` block looks at.

use std::collections::BTreeMap;

use crate::{Principal, principal::is_identity_key};

/// Condition keys to values. Keys compare without case, as AWS has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    values: BTreeMap<String, Vec<String>>,
}

impl Context {
    /// A context that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// This context with `key` set to the one value `value`.
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.set(key, value);
        self
    }

    /// Sets `key` to one value, whatever it was before.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.values.insert(key.to_lowercase(), vec![value.into()]);
    }

    /// Sets a multivalued key, such as `aws:TagKeys`. No values is the same to a policy as no key.
    pub fn set_all<V: Into<String>>(&mut self, key: &str, values: impl IntoIterator<Item = V>) {
        self.values.insert(
            key.to_lowercase(),
            values.into_iter().map(Into::into).collect(),
        );
    }

    /// Adds a value beside those that `key` has. Use it where two names that differ only in case may meet
    /// (`kms:EncryptionContext:…`): a policy then sees both values and neither can hide the other.
    pub fn add(&mut self, key: &str, value: impl Into<String>) {
        self.values
            .entry(key.to_lowercase())
            .or_default()
            .push(value.into());
    }

    /// The values of `key`; empty when it has none.
    pub fn get(&self, key: &str) -> &[String] {
        self.lower(&key.to_lowercase())
    }

    fn lower(&self, key: &str) -> &[String] {
        self.values.get(key).map_or(&[], Vec::as_slice)
    }
}

impl<K: AsRef<str>, V: Into<String>> FromIterator<(K, V)> for Context {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut context = Self::new();
        for (key, value) in pairs {
            context.add(key.as_ref(), value);
        }
        context
    }
}

/// Where a condition key is looked up, first answer wins: who the caller is, what the credential carries, what the
/// ask says, what the gate says. A request can never answer for the caller.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) ask: &'a Context,
    pub(crate) ambient: &'a Context,
}

impl<'a> Facts<'a> {
    /// The values of `key`, which is in lower case.
    pub(crate) fn values(&self, key: &str) -> Vec<&'a str> {
        if let Some(fact) = self.principal.fact(key) {
            return vec![fact];
        }
        let carried = self.principal.context.lower(key);
        let found = if !carried.is_empty() || is_identity_key(key) {
            carried
        } else {
            let asked = self.ask.lower(key);
            if asked.is_empty() {
                self.ambient.lower(key)
            } else {
                asked
            }
        };
        found.iter().map(String::as_str).collect()
    }
}
