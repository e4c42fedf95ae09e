//! The grant that fits is found wherever looking at all of them would find one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use policy::PrincipalKind;
use proptest::prelude::*;

use super::super::constraints::{Constraints, ContextConstraint};
use super::super::grant::{Party, Terms};
use super::super::operations::Operations;
use super::*;
use crate::cipher;
use crate::names::KeyArn;

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const GRANTEES: [&str; 3] = [
    "arn:aws:sts::111122223333:assumed-role/r/s",
    "arn:aws:iam::111122223333:role/r",
    "arn:aws:iam::111122223333:root",
];
const OPERATIONS: [GrantOperation; 4] = [
    GrantOperation::Decrypt,
    GrantOperation::Encrypt,
    GrantOperation::DescribeKey,
    GrantOperation::RetireGrant,
];

/// Few names and values, so that requests and constraints meet often; names that differ in case alone are among them.
fn pairs() -> impl Strategy<Value = BTreeMap<String, String>> {
    let name = prop::sample::select(vec!["a", "A", "b"]);
    let value = prop::sample::select(vec!["1", "22", ""]);
    prop::collection::btree_map(
        name.prop_map(String::from),
        value.prop_map(String::from),
        0..3,
    )
}

fn constraints() -> impl Strategy<Value = Constraints> {
    prop_oneof![
        Just(None),
        pairs().prop_map(|pairs| Some(ContextConstraint::Subset(pairs))),
        pairs().prop_map(|pairs| Some(ContextConstraint::Equals(pairs))),
    ]
    .prop_map(|context| Constraints {
        context,
        source_arn: None,
    })
}

fn terms() -> impl Strategy<Value = Terms> {
    let operations = prop::sample::subsequence(OPERATIONS.to_vec(), 1..=3);
    let who = prop::sample::select(GRANTEES.to_vec());
    (who, operations, constraints()).prop_map(|(who, operations, constraints)| {
        let who = Grantee::parse(who).unwrap();
        Terms {
            name: Some("name".into()),
            grantee: Party::Principal(who.clone()),
            retiring: Some(Party::Principal(who)),
            operations: operations.into_iter().collect::<Operations>(),
            constraints,
        }
    })
}

/// A session of the role.
fn session(name: &str) -> Principal {
    Principal {
        kind: PrincipalKind::AssumedRole,
        arn: format!("arn:aws:sts::111122223333:assumed-role/r/{name}"),
        role_arn: Some("arn:aws:iam::111122223333:role/r".to_owned()),
        ..Principal::root("111122223333")
    }
}

fn grant(terms: Terms) -> Arc<Grant> {
    let key: KeyArn = KEY.parse().unwrap();
    Arc::new(Grant {
        issuer: key.account,
        key,
        id: GrantId::random().unwrap(),
        created: jiff::Timestamp::UNIX_EPOCH,
        terms,
    })
}

proptest! {
    #[test]
    fn whatever_fits_is_found_and_nothing_else(
        all in prop::collection::vec(terms(), 0..12),
        ended in prop::collection::vec(any::<bool>(), 12),
        request in pairs(),
        operation in prop::sample::select(OPERATIONS[..3].to_vec()),
        caller in prop::sample::select(vec![session("s"), session("t"), Principal::root("111122223333")]),
    ) {
        let all: Vec<_> = all.into_iter().map(grant).collect();
        let mut grants = Grants::default();
        for grant in &all {
            grants.put(Arc::clone(grant), Revision::ZERO);
        }
        let mut left = Vec::new();
        for (grant, ended) in all.into_iter().zip(ended) {
            if ended {
                grants.remove(grant.key.id, grant.id);
            } else {
                left.push(grant);
            }
        }
        let mut conditions = Context::new();
        cipher::describe(&request, &mut conditions);
        let fits = |grant: &Arc<Grant>| {
            grant.terms.grantee.who().includes(&caller) && grant.fits(operation, &conditions)
        };
        let key = KEY.parse::<KeyArn>().unwrap().id;
        let found = grants.fitting(key, &caller, operation, &conditions);
        prop_assert!(found.is_none_or(fits));
        // The closest name comes first.
        let rank = |grant: &Arc<Grant>| {
            GRANTEES.iter().position(|name| *name == grant.terms.grantee.who().to_string())
        };
        prop_assert_eq!(
            found.map(rank),
            left.iter().filter(|grant| fits(grant)).map(rank).min()
        );

        for grant in &left {
            grants.remove(key, grant.id);
        }
        prop_assert!(grants.of_keys.is_empty() && grants.retirable.is_empty());
    }

    #[test]
    fn a_grant_comes_back_from_its_record_as_it_was(terms in terms()) {
        let grant = grant(terms);
        let bytes = super::super::record::encode(&grant).unwrap();
        let mut back = super::super::record::decode(&grant.key, grant.id, &bytes).unwrap();
        // An empty subset demands nothing, and is none.
        let nothing = Some(ContextConstraint::Subset(BTreeMap::new()));
        if grant.terms.constraints.context == nothing {
            back.terms.constraints.context = nothing;
        }
        prop_assert_eq!(&back.terms, &grant.terms);
    }
}
