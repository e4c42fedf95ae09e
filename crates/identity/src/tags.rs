//! Tags of users, roles and sessions.

use std::collections::BTreeMap;

use policy::Context;
use serde::{Deserialize, Serialize};
use wire::ApiError;

use crate::{faults, limits};

/// Tags, in the order in which they were first set. Keys keep their case and compare without it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Tags(Vec<(String, String)>);

impl Tags {
    /// The tags of one request.
    ///
    /// # Errors
    /// `InvalidInput` for a key that is there twice or is AWS's own.
    pub(crate) fn from_request<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ApiError> {
        let mut tags = Self::default();
        for (key, value) in pairs {
            if key.to_lowercase().starts_with("aws:") {
                return Err(faults::invalid_input(
                    "aws: prefixed tag key names are not allowed for external use.",
                ));
            }
            if tags.get(key).is_some() {
                let words =
                    "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
                return Err(faults::invalid_input(words));
            }
            tags.0.push((key.to_owned(), value.to_owned()));
        }
        Ok(tags)
    }

    /// These with `others` laid over them.
    pub(crate) fn overlaid(&self, others: &Self) -> Self {
        let mut merged = self.clone();
        for (key, value) in &others.0 {
            match merged.0.iter_mut().find(|(own, _)| same(own, key)) {
                Some(slot) => *slot = (key.clone(), value.clone()),
                None => merged.0.push((key.clone(), value.clone())),
            }
        }
        merged
    }

    /// These without `keys`.
    pub(crate) fn without(&self, keys: &[String]) -> Self {
        let kept = |(own, _): &&(String, String)| !keys.iter().any(|key| same(own, key));
        Self(self.0.iter().filter(kept).cloned().collect())
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(own, _)| same(own, key))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// # Errors
    /// `LimitExceeded` when there are more than an entity may have.
    pub(crate) fn checked_for(self, what: &str) -> Result<Self, ApiError> {
        if self.0.len() > limits::TAGS {
            return Err(faults::quota(&format!("TagsPer{what}"), limits::TAGS));
        }
        Ok(self)
    }

    pub(crate) fn to_map(&self) -> BTreeMap<String, String> {
        self.0.iter().cloned().collect()
    }

    /// What conditions may look at when a request brings these.
    pub(crate) fn describe_request(&self, context: &mut Context) {
        for (key, value) in &self.0 {
            context.add(&format!("aws:RequestTag/{key}"), value);
        }
        if !self.is_empty() {
            context.set_all("aws:TagKeys", self.0.iter().map(|(key, _)| key));
        }
    }

    /// What conditions may look at on a resource that has these.
    pub(crate) fn describe_resource(&self, context: &mut Context) {
        for (key, value) in &self.0 {
            context.add(&format!("aws:ResourceTag/{key}"), value);
            context.add(&format!("iam:ResourceTag/{key}"), value);
        }
    }
}

pub(crate) fn same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}
