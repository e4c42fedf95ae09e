//! Finding the grant of a key that fits a request, without looking at those that cannot.

use std::collections::{BTreeMap, BTreeSet};

use policy::Context;
use wire::kms::GrantOperation;

use super::constraints::{ContextConstraint, takes_context};
use super::grant::{Grant, GrantId};
use super::operations::Operations;

/// The grants of one key, by grantee, by the pair of the encryption context that they hang on, by what they permit.
/// A key may have thousands of grants, one for each disk that somebody attached, and all to the same grantee.
#[derive(Debug, Default)]
pub(crate) struct Finder(BTreeMap<Box<str>, BTreeMap<Anchor, BTreeMap<Operations, Ids>>>);

type Ids = BTreeSet<GrantId>;

/// What a request must have for a grant to be worth a look.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Anchor {
    /// Nothing.
    Nothing,
    /// A pair in its encryption context; the name is in lower case.
    Pair(String, Box<str>),
    /// No encryption context at all: the operation has none, and no constraint on one binds it.
    ContextFree,
}

impl Finder {
    /// Takes a grant in.
    pub(crate) fn insert(&mut self, grant: &Grant) {
        let grantee = grant.terms.grantee.who().handle().into();
        let of_grantee = self.0.entry(grantee).or_default();
        for anchor in anchors_of(grant) {
            let by_operations = of_grantee.entry(anchor).or_default();
            let ids = by_operations.entry(grant.terms.operations).or_default();
            ids.insert(grant.id);
        }
    }

    /// Forgets a grant.
    pub(crate) fn remove(&mut self, grant: &Grant) {
        let grantee = grant.terms.grantee.who().handle();
        let Some(of_grantee) = self.0.get_mut(grantee.as_str()) else {
            return;
        };
        for anchor in anchors_of(grant) {
            let Some(by_operations) = of_grantee.get_mut(&anchor) else {
                continue;
            };
            if let Some(ids) = by_operations.get_mut(&grant.terms.operations) {
                ids.remove(&grant.id);
            }
            by_operations.retain(|_, ids| !ids.is_empty());
            if by_operations.is_empty() {
                of_grantee.remove(&anchor);
            }
        }
        if of_grantee.is_empty() {
            self.0.remove(grantee.as_str());
        }
    }

    /// The grants to one of `handles`, those first that come first there, that permit the operation and may fit.
    pub(crate) fn candidates(
        &self,
        handles: &[String],
        operation: GrantOperation,
        request: &Context,
    ) -> impl Iterator<Item = GrantId> {
        let of_callers = handles
            .iter()
            .filter_map(|handle| self.0.get(handle.as_str()));
        of_callers
            .flat_map(move |of_grantee| {
                let anchors = anchors_in(operation, request).into_iter();
                anchors.filter_map(|anchor| of_grantee.get(&anchor))
            })
            .flat_map(BTreeMap::iter)
            .filter(move |(operations, _)| operations.contains(operation))
            .flat_map(|(_, ids)| ids.iter().copied())
    }
}

/// Where a grant is found. Of several pairs it hangs on the one with the longest value: ids tell more than words.
fn anchors_of(grant: &Grant) -> impl Iterator<Item = Anchor> {
    let pairs = grant.terms.constraints.context.as_ref();
    let pairs = pairs.into_iter().flat_map(ContextConstraint::pairs);
    let anchor = pairs
        .max_by_key(|(_, value)| value.len())
        .map_or(Anchor::Nothing, |(name, value)| pair(name, value));
    let describes = grant.terms.operations.contains(GrantOperation::DescribeKey);
    std::iter::once(anchor).chain(describes.then_some(Anchor::ContextFree))
}

/// Where the grants are found that may fit a request.
fn anchors_in(operation: GrantOperation, request: &Context) -> Vec<Anchor> {
    if !takes_context(operation) {
        return vec![Anchor::ContextFree];
    }
    let names = request.get("kms:EncryptionContextKeys").iter();
    let pairs = names.flat_map(|name| {
        let values = request.get(&format!("kms:EncryptionContext:{name}")).iter();
        values.map(move |value| pair(name, value))
    });
    std::iter::once(Anchor::Nothing).chain(pairs).collect()
}

fn pair(name: &str, value: &str) -> Anchor {
    Anchor::Pair(name.to_lowercase(), value.into())
}
