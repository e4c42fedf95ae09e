//! The managed policies that AWS itself offers, as far as they are known for certain, so that what names them by ARN works.
//!
//! <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use jiff::Timestamp;
use policy::{Policy, PolicyKind};

use crate::{
    managed::{ManagedPolicy, Version},
    names::{self, AWS},
    tags::Tags,
};

/// What AWS says of one of its policies.
struct Known {
    name: &'static str,
    id: &'static str,
    description: &'static str,
    /// When the version in force was made.
    updated: &'static str,
    version: u32,
    document: &'static str,
}

/// When AWS began to offer these.
const OFFERED: &str = "2015-02-06T18:39:46Z";

const KNOWN: [Known; 2] = [
    Known {
        name: "AdministratorAccess",
        id: "ANPAIWMBCKSKIEE64ZLYK",
        description: "Provides full access to AWS services and resources.",
        updated: OFFERED,
        version: 1,
        document: r#"{
    "Version" : "2012-10-17",
    "Statement" : [
        {
            "Effect" : "Allow",
            "Action" : "*",
            "Resource" : "*"
        }
    ]
}"#,
    },
    Known {
        name: "AWSKeyManagementServicePowerUser",
        id: "ANPAJNPP7PPPPMJRV2SA4",
        description: "Provides access to AWS Key Management Service (KMS).",
        updated: "2017-03-07T00:55:11Z",
        version: 2,
        document: r#"{
    "Version" : "2012-10-17",
    "Statement" : [
        {
            "Effect" : "Allow",
            "Action" : [
                "kms:CreateAlias",
                "kms:CreateKey",
                "kms:DeleteAlias",
                "kms:Describe*",
                "kms:GenerateRandom",
                "kms:Get*",
                "kms:List*",
                "kms:TagResource",
                "kms:UntagResource",
                "iam:ListGroups",
                "iam:ListRoles",
                "iam:ListUsers"
            ],
            "Resource" : "*"
        }
    ]
}"#,
    },
];

static ALL: LazyLock<BTreeMap<String, ManagedPolicy>> =
    LazyLock::new(|| KNOWN.iter().filter_map(made).collect());

/// All of them, by ARN.
pub(crate) fn all() -> &'static BTreeMap<String, ManagedPolicy> {
    &ALL
}

/// A test holds that none is left out.
fn made(known: &Known) -> Option<(String, ManagedPolicy)> {
    let instant = |text: &str| text.parse::<Timestamp>().ok();
    let version = Version {
        created: instant(known.updated)?,
        policy: Arc::new(Policy::compile(known.document, PolicyKind::Identity).ok()?),
    };
    let policy = ManagedPolicy {
        name: known.name.to_owned(),
        path: "/".to_owned(),
        id: known.id.to_owned(),
        created: instant(OFFERED)?,
        updated: version.created,
        description: Some(known.description.to_owned()),
        tags: Tags::default(),
        default: known.version,
        latest: known.version,
        versions: BTreeMap::from([(known.version, version)]),
    };
    Some((names::policy_arn(AWS, "/", known.name), policy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_policy_is_offered() {
        assert_eq!(all().len(), KNOWN.len());
    }
}
