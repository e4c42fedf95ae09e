//! Inline policies of users and roles.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use policy::{Policy, PolicyKind};
use wire::{
    ApiError,
    iam::{self, Response},
};

use crate::{
    desk::{Desk, Outcome},
    directory::Change,
    faults, limits,
    page::{Page, Paged},
    records::{Policies, Role, User},
};

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A policy document as IAM's answers carry it.
pub(crate) fn url_encoded(document: &str) -> String {
    utf8_percent_encode(document, RESERVED).to_string()
}

pub(crate) fn put_user(
    desk: &Desk<'_>,
    request: &iam::PutUserPolicyRequest,
) -> Result<Outcome, ApiError> {
    let user = desk.directory.user(&request.user_name)?;
    let policies = with(
        &user.policies,
        &request.policy_name,
        &request.policy_document,
    )?;
    if total_len(&policies) > limits::USER_POLICIES_LEN {
        return Err(faults::policies_too_long(
            "user",
            &user.name,
            limits::USER_POLICIES_LEN,
        ));
    }
    Ok(Outcome::change(
        Response::PutUserPolicy,
        Change::PutUser(User {
            policies,
            ..User::clone(user)
        }),
    ))
}

pub(crate) fn put_role(
    desk: &Desk<'_>,
    request: &iam::PutRolePolicyRequest,
) -> Result<Outcome, ApiError> {
    let role = desk.directory.role(&request.role_name)?;
    let policies = with(
        &role.policies,
        &request.policy_name,
        &request.policy_document,
    )?;
    if total_len(&policies) > limits::ROLE_POLICIES_LEN {
        return Err(faults::policies_too_long(
            "role",
            &role.name,
            limits::ROLE_POLICIES_LEN,
        ));
    }
    Ok(Outcome::change(
        Response::PutRolePolicy,
        Change::PutRole(Role {
            policies,
            ..Role::clone(role)
        }),
    ))
}

pub(crate) fn get_user(
    desk: &Desk<'_>,
    request: &iam::GetUserPolicyRequest,
) -> Result<Outcome, ApiError> {
    let user = desk.directory.user(&request.user_name)?;
    Ok(Outcome::answer(Response::GetUserPolicy(
        iam::GetUserPolicyResponse {
            user_name: user.name.clone(),
            policy_document: url_encoded(
                find(&user.policies, "user", &request.policy_name)?.document(),
            ),
            policy_name: request.policy_name.clone(),
        },
    )))
}

pub(crate) fn get_role(
    desk: &Desk<'_>,
    request: &iam::GetRolePolicyRequest,
) -> Result<Outcome, ApiError> {
    let role = desk.directory.role(&request.role_name)?;
    Ok(Outcome::answer(Response::GetRolePolicy(
        iam::GetRolePolicyResponse {
            role_name: role.name.clone(),
            policy_document: url_encoded(
                find(&role.policies, "role", &request.policy_name)?.document(),
            ),
            policy_name: request.policy_name.clone(),
        },
    )))
}

pub(crate) fn list_user(
    desk: &Desk<'_>,
    request: &iam::ListUserPoliciesRequest,
) -> Result<Outcome, ApiError> {
    let user = desk.directory.user(&request.user_name)?;
    let page = listed(&user.policies, request.marker.as_deref(), request.max_items)?;
    Ok(Outcome::answer(Response::ListUserPolicies(
        iam::ListUserPoliciesResponse {
            is_truncated: Some(page.is_truncated()),
            marker: page.marker,
            policy_names: page.items,
        },
    )))
}

pub(crate) fn list_role(
    desk: &Desk<'_>,
    request: &iam::ListRolePoliciesRequest,
) -> Result<Outcome, ApiError> {
    let role = desk.directory.role(&request.role_name)?;
    let page = listed(&role.policies, request.marker.as_deref(), request.max_items)?;
    Ok(Outcome::answer(Response::ListRolePolicies(
        iam::ListRolePoliciesResponse {
            is_truncated: Some(page.is_truncated()),
            marker: page.marker,
            policy_names: page.items,
        },
    )))
}

pub(crate) fn delete_user(
    desk: &Desk<'_>,
    request: &iam::DeleteUserPolicyRequest,
) -> Result<Outcome, ApiError> {
    let user = desk.directory.user(&request.user_name)?;
    let policies = without(&user.policies, "user", &request.policy_name)?;
    Ok(Outcome::change(
        Response::DeleteUserPolicy,
        Change::PutUser(User {
            policies,
            ..User::clone(user)
        }),
    ))
}

pub(crate) fn delete_role(
    desk: &Desk<'_>,
    request: &iam::DeleteRolePolicyRequest,
) -> Result<Outcome, ApiError> {
    let role = desk.directory.role(&request.role_name)?;
    let policies = without(&role.policies, "role", &request.policy_name)?;
    Ok(Outcome::change(
        Response::DeleteRolePolicy,
        Change::PutRole(Role {
            policies,
            ..Role::clone(role)
        }),
    ))
}

fn with(policies: &Policies, name: &str, document: &str) -> Result<Policies, ApiError> {
    let policy = Policy::compile(document, PolicyKind::Identity)
        .map_err(|error| faults::malformed_policy(&error))?;
    let mut policies = policies.clone();
    policies.insert(name.to_owned(), Arc::new(policy));
    Ok(policies)
}

fn without(policies: &Policies, of: &str, name: &str) -> Result<Policies, ApiError> {
    let mut policies = policies.clone();
    policies
        .remove(name)
        .map(|_| policies)
        .ok_or_else(|| faults::no_such_policy(of, name))
}

fn find<'a>(policies: &'a Policies, of: &str, name: &str) -> Result<&'a Policy, ApiError> {
    policies
        .get(name)
        .map(Arc::as_ref)
        .ok_or_else(|| faults::no_such_policy(of, name))
}

fn listed(
    policies: &Policies,
    marker: Option<&str>,
    max_items: Option<i32>,
) -> Result<Paged<String>, ApiError> {
    Ok(Page::new(marker, max_items)?.cut(policies.keys().map(|name| (name.clone(), name.clone()))))
}

fn total_len(policies: &Policies) -> usize {
    policies
        .values()
        .map(|policy| PolicyKind::Identity.measure(policy.document()))
        .sum()
}
