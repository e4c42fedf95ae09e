//! Managed policies and their versions: made, shown, removed.

use serde_json::json;
use wire::{
    ApiError,
    iam::{self, PolicyScopeType, PolicyUsageType, Response},
};

use policy::{Policy, PolicyKind};

use crate::{
    aws_managed,
    desk::{Desk, Outcome, trail_time},
    directory::Change,
    faults,
    ids::IdKind,
    limits,
    managed::{ManagedPolicy, version_id, version_number},
    names::AWS,
    page::Page,
    policies::url_encoded,
    tags::Tags,
    users::{requested, shown_tags},
};

pub(crate) fn create(
    desk: &Desk<'_>,
    request: &iam::CreatePolicyRequest,
) -> Result<Outcome, ApiError> {
    if desk.directory.has_policy_like(&request.policy_name) {
        return Err(faults::policy_exists(&request.policy_name));
    }
    if desk.directory.policies().len() >= limits::MANAGED_POLICIES {
        return Err(faults::quota(
            "PoliciesPerAccount",
            limits::MANAGED_POLICIES,
        ));
    }
    let now = desk.now_in_seconds();
    let empty = ManagedPolicy {
        name: request.policy_name.clone(),
        path: request.path.clone().unwrap_or_else(|| "/".to_owned()),
        id: IdKind::ManagedPolicy.fresh().map_err(faults::from_crypto)?,
        created: now,
        updated: now,
        description: request.description.clone().filter(|text| !text.is_empty()),
        tags: requested(request.tags.as_deref())?.checked_for("Policy")?,
        default: 1,
        latest: 0,
        versions: std::collections::BTreeMap::new(),
    };
    let (policy, _) = empty.with_version(compiled(&request.policy_document)?, now);
    let elements = json!({"policy": {
        "policyName": policy.name,
        "policyId": policy.id,
        "arn": policy.arn(desk.account),
        "path": policy.path,
        "defaultVersionId": version_id(policy.default),
        "attachmentCount": 0,
        "permissionsBoundaryUsageCount": 0,
        "isAttachable": true,
        "createDate": trail_time(now),
        "updateDate": trail_time(now),
    }});
    let mut shown = shown(desk, desk.account, &policy);
    shown.tags = shown_unless_empty(&policy.tags);
    let response = iam::CreatePolicyResponse {
        policy: Some(shown),
    };
    Ok(
        Outcome::change(Response::CreatePolicy(response), Change::PutPolicy(policy))
            .with_elements(elements),
    )
}

pub(crate) fn get(desk: &Desk<'_>, request: &iam::GetPolicyRequest) -> Result<Outcome, ApiError> {
    let policy = found(desk, &request.policy_arn)?;
    let shown = iam::Policy {
        description: policy.description.clone(),
        tags: Some(shown_tags(&policy.tags)),
        ..shown(desk, owner_in(&request.policy_arn), policy)
    };
    Ok(Outcome::answer(Response::GetPolicy(
        iam::GetPolicyResponse {
            policy: Some(shown),
        },
    )))
}

pub(crate) fn list(
    desk: &Desk<'_>,
    request: &iam::ListPoliciesRequest,
) -> Result<Outcome, ApiError> {
    let scope = request.scope.unwrap_or(PolicyScopeType::All);
    let prefix = request.path_prefix.as_deref().unwrap_or("/");
    let own = desk
        .directory
        .policies()
        .filter(|_| scope != PolicyScopeType::Aws)
        .map(|policy| (desk.account, policy));
    let of_aws = aws_managed::all()
        .values()
        .filter(|_| scope != PolicyScopeType::Local)
        .map(|policy| (AWS, policy));
    let mut listed: Vec<_> = own
        .chain(of_aws)
        .filter(|(_, policy)| policy.path.starts_with(prefix))
        .map(|(owner, policy)| (policy.arn(owner), shown(desk, owner, policy)))
        .filter(|(_, shown)| {
            request.only_attached != Some(true) || shown.attachment_count > Some(0)
        })
        // No policy is a boundary here.
        .filter(|_| request.policy_usage_filter != Some(PolicyUsageType::PermissionsBoundary))
        .collect();
    listed.sort_by(|(one, _), (other, _)| one.cmp(other));
    let page = Page::new(request.marker.as_deref(), request.max_items)?.cut(listed.into_iter());
    Ok(Outcome::answer(Response::ListPolicies(
        iam::ListPoliciesResponse {
            is_truncated: Some(page.is_truncated()),
            marker: page.marker,
            policies: Some(page.items),
        },
    )))
}

pub(crate) fn delete(
    desk: &Desk<'_>,
    request: &iam::DeletePolicyRequest,
) -> Result<Outcome, ApiError> {
    let policy = own(desk, &request.policy_arn)?;
    if desk.directory.attachments(&request.policy_arn) > 0 {
        return Err(faults::policy_is_attached());
    }
    if policy.versions.len() > 1 {
        return Err(faults::policy_has_versions());
    }
    Ok(Outcome::change(
        Response::DeletePolicy,
        Change::DeletePolicy(policy.name.clone()),
    ))
}

pub(crate) fn create_version(
    desk: &Desk<'_>,
    request: &iam::CreatePolicyVersionRequest,
) -> Result<Outcome, ApiError> {
    let policy = own(desk, &request.policy_arn)?;
    if policy.versions.len() >= limits::POLICY_VERSIONS {
        return Err(faults::too_many_versions());
    }
    let compiled = compiled(&request.policy_document)?;
    let (mut altered, number) = policy.with_version(compiled, desk.now_in_seconds());
    if request.set_as_default == Some(true) {
        altered.default = number;
    }
    let version = iam::PolicyVersion {
        document: None,
        ..shown_version(&altered, number)
    };
    let elements = json!({"policyVersion": {
        "versionId": version.version_id,
        "isDefaultVersion": version.is_default_version,
        "createDate": trail_time(altered.updated),
    }});
    let response = iam::CreatePolicyVersionResponse {
        policy_version: Some(version),
    };
    Ok(Outcome::change(
        Response::CreatePolicyVersion(response),
        Change::PutPolicy(altered),
    )
    .with_elements(elements))
}

pub(crate) fn get_version(
    desk: &Desk<'_>,
    request: &iam::GetPolicyVersionRequest,
) -> Result<Outcome, ApiError> {
    let policy = found(desk, &request.policy_arn)?;
    let number = numbered(policy, &request.policy_arn, &request.version_id)?;
    Ok(Outcome::answer(Response::GetPolicyVersion(
        iam::GetPolicyVersionResponse {
            policy_version: Some(shown_version(policy, number)),
        },
    )))
}

pub(crate) fn list_versions(
    desk: &Desk<'_>,
    request: &iam::ListPolicyVersionsRequest,
) -> Result<Outcome, ApiError> {
    let policy = found(desk, &request.policy_arn)?;
    // The newest first: the marker counts down.
    let versions = policy.versions.keys().rev().map(|number| {
        let shown = iam::PolicyVersion {
            document: None,
            ..shown_version(policy, *number)
        };
        (format!("{:010}", u32::MAX - number), shown)
    });
    let page = Page::new(request.marker.as_deref(), request.max_items)?.cut(versions);
    Ok(Outcome::answer(Response::ListPolicyVersions(
        iam::ListPolicyVersionsResponse {
            is_truncated: Some(page.is_truncated()),
            marker: page.marker,
            versions: Some(page.items),
        },
    )))
}

pub(crate) fn delete_version(
    desk: &Desk<'_>,
    request: &iam::DeletePolicyVersionRequest,
) -> Result<Outcome, ApiError> {
    let policy = own(desk, &request.policy_arn)?;
    let number = numbered(policy, &request.policy_arn, &request.version_id)?;
    if number == policy.default {
        return Err(faults::default_version());
    }
    let mut altered = policy.clone();
    altered.versions.remove(&number);
    altered.updated = desk.now_in_seconds();
    Ok(Outcome::change(
        Response::DeletePolicyVersion,
        Change::PutPolicy(altered),
    ))
}

pub(crate) fn set_default(
    desk: &Desk<'_>,
    request: &iam::SetDefaultPolicyVersionRequest,
) -> Result<Outcome, ApiError> {
    let policy = own(desk, &request.policy_arn)?;
    let altered = ManagedPolicy {
        default: numbered(policy, &request.policy_arn, &request.version_id)?,
        updated: desk.now_in_seconds(),
        ..policy.clone()
    };
    Ok(Outcome::change(
        Response::SetDefaultPolicyVersion,
        Change::PutPolicy(altered),
    ))
}

fn compiled(document: &str) -> Result<Policy, ApiError> {
    if PolicyKind::Identity.measure(document) > limits::MANAGED_POLICY_LEN {
        return Err(faults::quota("PolicySize", limits::MANAGED_POLICY_LEN));
    }
    Policy::compile(document, PolicyKind::Identity)
        .map_err(|error| faults::malformed_policy(&error))
}

/// A policy that may be looked at: the account's own, or AWS's.
pub(crate) fn found<'a>(desk: &Desk<'a>, arn: &str) -> Result<&'a ManagedPolicy, ApiError> {
    desk.directory
        .policy(arn)
        .ok_or_else(|| faults::no_such_managed_policy(arn))
}

/// A policy that may be changed: the account's own.
fn own<'a>(desk: &Desk<'a>, arn: &str) -> Result<&'a ManagedPolicy, ApiError> {
    let policy = found(desk, arn)?;
    if owner_in(arn) == AWS {
        return Err(faults::access_denied(
            "AWS managed policies cannot be changed.",
        ));
    }
    Ok(policy)
}

fn numbered(policy: &ManagedPolicy, arn: &str, id: &str) -> Result<u32, ApiError> {
    version_number(id)
        .filter(|number| policy.versions.contains_key(number))
        .ok_or_else(|| faults::no_such_version(arn, id))
}

fn owner_in(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// A policy as listings show it.
fn shown(desk: &Desk<'_>, owner: &str, policy: &ManagedPolicy) -> iam::Policy {
    let arn = policy.arn(owner);
    iam::Policy {
        policy_name: Some(policy.name.clone()),
        policy_id: Some(policy.id.clone()),
        path: Some(policy.path.clone()),
        default_version_id: Some(version_id(policy.default)),
        attachment_count: i32::try_from(desk.directory.attachments(&arn)).ok(),
        arn: Some(arn),
        permissions_boundary_usage_count: Some(0),
        is_attachable: Some(true),
        description: None,
        create_date: Some(policy.created.into()),
        update_date: Some(policy.updated.into()),
        tags: None,
    }
}

fn shown_unless_empty(tags: &Tags) -> Option<Vec<iam::Tag>> {
    (!tags.is_empty()).then(|| shown_tags(tags))
}

fn shown_version(policy: &ManagedPolicy, number: u32) -> iam::PolicyVersion {
    let version = policy.versions.get(&number);
    iam::PolicyVersion {
        document: version.map(|version| url_encoded(version.policy.document())),
        version_id: Some(version_id(number)),
        is_default_version: Some(number == policy.default),
        create_date: version.map(|version| version.created.into()),
    }
}
