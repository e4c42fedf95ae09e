//! Which managed policies users and roles have.

use std::collections::BTreeSet;

use wire::{
    ApiError,
    iam::{self, EntityType, PolicyUsageType, Response},
};

use crate::{
    desk::{Desk, Outcome},
    directory::Change,
    faults, limits,
    managed_policies::found,
    page::{Page, Paged},
    records::{Role, User},
};

/// The ARNs of the managed policies of a user or a role.
pub(crate) type Attached = BTreeSet<String>;

pub(crate) fn attach_user(
    desk: &Desk<'_>,
    request: &iam::AttachUserPolicyRequest,
) -> Result<Outcome, ApiError> {
    let user = desk.directory.user(&request.user_name)?;
    let attached = with(desk, &user.attached, &request.policy_arn, "PoliciesPerUser")?;
    let put = attached.map(|attached| {
        Change::PutUser(User {
            attached,
            ..User::clone(user)
        })
    });
    Ok(attaching(
        desk,
        Response::AttachUserPolicy,
        put,
        &request.policy_arn,
    ))
}

pub(crate) fn attach_role(
    desk: &Desk<'_>,
    request: &iam::AttachRolePolicyRequest,
) -> Result<Outcome, ApiError> {
    let role = desk.directory.role(&request.role_name)?;
    let attached = with(desk, &role.attached, &request.policy_arn, "PoliciesPerRole")?;
    let put = attached.map(|attached| {
        Change::PutRole(Role {
            attached,
            ..Role::clone(role)
        })
    });
    Ok(attaching(
        desk,
        Response::AttachRolePolicy,
        put,
        &request.policy_arn,
    ))
}

pub(crate) fn detach_user(
    desk: &Desk<'_>,
    request: &iam::DetachUserPolicyRequest,
) -> Result<Outcome, ApiError> {
    let user = desk.directory.user(&request.user_name)?;
    let attached = without(&user.attached, &request.policy_arn)?;
    Ok(Outcome::change(
        Response::DetachUserPolicy,
        Change::PutUser(User {
            attached,
            ..User::clone(user)
        }),
    ))
}

pub(crate) fn detach_role(
    desk: &Desk<'_>,
    request: &iam::DetachRolePolicyRequest,
) -> Result<Outcome, ApiError> {
    let role = desk.directory.role(&request.role_name)?;
    let attached = without(&role.attached, &request.policy_arn)?;
    Ok(Outcome::change(
        Response::DetachRolePolicy,
        Change::PutRole(Role {
            attached,
            ..Role::clone(role)
        }),
    ))
}

pub(crate) fn list_user(
    desk: &Desk<'_>,
    request: &iam::ListAttachedUserPoliciesRequest,
) -> Result<Outcome, ApiError> {
    let user = desk.directory.user(&request.user_name)?;
    let page = Page::new(request.marker.as_deref(), request.max_items)?;
    let page = listed(desk, &user.attached, request.path_prefix.as_deref(), &page);
    Ok(Outcome::answer(Response::ListAttachedUserPolicies(
        iam::ListAttachedUserPoliciesResponse {
            is_truncated: Some(page.is_truncated()),
            marker: page.marker,
            attached_policies: Some(page.items),
        },
    )))
}

pub(crate) fn list_role(
    desk: &Desk<'_>,
    request: &iam::ListAttachedRolePoliciesRequest,
) -> Result<Outcome, ApiError> {
    let role = desk.directory.role(&request.role_name)?;
    let page = Page::new(request.marker.as_deref(), request.max_items)?;
    let page = listed(desk, &role.attached, request.path_prefix.as_deref(), &page);
    Ok(Outcome::answer(Response::ListAttachedRolePolicies(
        iam::ListAttachedRolePoliciesResponse {
            is_truncated: Some(page.is_truncated()),
            marker: page.marker,
            attached_policies: Some(page.items),
        },
    )))
}

/// Somebody who has a policy.
enum Entity {
    User(iam::PolicyUser),
    Role(iam::PolicyRole),
}

pub(crate) fn list_entities(
    desk: &Desk<'_>,
    request: &iam::ListEntitiesForPolicyRequest,
) -> Result<Outcome, ApiError> {
    found(desk, &request.policy_arn)?;
    let entities = entities(desk, request);
    let page = Page::new(request.marker.as_deref(), request.max_items)?.cut(entities);
    let (is_truncated, marker) = (page.is_truncated(), page.marker);
    let (mut users, mut roles) = (Vec::new(), Vec::new());
    for entity in page.items {
        match entity {
            Entity::User(user) => users.push(user),
            Entity::Role(role) => roles.push(role),
        }
    }
    Ok(Outcome::answer(Response::ListEntitiesForPolicy(
        iam::ListEntitiesForPolicyResponse {
            policy_groups: Some(Vec::new()),
            policy_users: Some(users),
            policy_roles: Some(roles),
            is_truncated: Some(is_truncated),
            marker,
        },
    )))
}

/// In the order of their kinds and names: roles, then users.
fn entities<'a>(
    desk: &Desk<'a>,
    request: &'a iam::ListEntitiesForPolicyRequest,
) -> impl Iterator<Item = (String, Entity)> + 'a {
    let prefix = request.path_prefix.as_deref().unwrap_or("/");
    // No policy is a boundary here.
    let is_boundary = request.policy_usage_filter == Some(PolicyUsageType::PermissionsBoundary);
    let wants = move |kind| !is_boundary && request.entity_filter.is_none_or(|one| one == kind);
    let arn = request.policy_arn.as_str();
    let roles = desk
        .directory
        .roles()
        .filter(move |(_, role)| wants(EntityType::Role) && role.path.starts_with(prefix))
        .filter(move |(_, role)| role.attached.contains(arn))
        .map(|(name, role)| {
            let shown = iam::PolicyRole {
                role_name: Some(role.name.clone()),
                role_id: Some(role.id.clone()),
            };
            (format!("role/{name}"), Entity::Role(shown))
        });
    let users = desk
        .directory
        .users()
        .filter(move |(_, user)| wants(EntityType::User) && user.path.starts_with(prefix))
        .filter(move |(_, user)| user.attached.contains(arn))
        .map(|(name, user)| {
            let shown = iam::PolicyUser {
                user_name: Some(user.name.clone()),
                user_id: Some(user.id.clone()),
            };
            (format!("user/{name}"), Entity::User(shown))
        });
    roles.chain(users)
}

/// These with one more; nothing where it is there already.
fn with(
    desk: &Desk<'_>,
    attached: &Attached,
    arn: &str,
    quota: &str,
) -> Result<Option<Attached>, ApiError> {
    if desk.directory.policy(arn).is_none() {
        return Err(faults::not_attachable(arn));
    }
    if attached.contains(arn) {
        return Ok(None);
    }
    if attached.len() >= limits::ATTACHED_POLICIES {
        return Err(faults::quota(quota, limits::ATTACHED_POLICIES));
    }
    let mut attached = attached.clone();
    attached.insert(arn.to_owned());
    Ok(Some(attached))
}

fn without(attached: &Attached, arn: &str) -> Result<Attached, ApiError> {
    let mut attached = attached.clone();
    if attached.remove(arn) {
        Ok(attached)
    } else {
        Err(faults::no_such_managed_policy(arn))
    }
}

/// The change, and the policy written again as it is, so that whoever deletes it elsewhere at the same time is told of a
/// conflict.
fn attaching(desk: &Desk<'_>, response: Response, put: Option<Change>, arn: &str) -> Outcome {
    let mut outcome = Outcome::answer(response);
    let is_new = put.is_some();
    outcome.changes.extend(put);
    let own = desk.directory.own_policy(arn).filter(|_| is_new);
    outcome
        .changes
        .extend(own.map(|policy| Change::PutPolicy(policy.clone())));
    outcome
}

fn listed(
    desk: &Desk<'_>,
    attached: &Attached,
    prefix: Option<&str>,
    page: &Page,
) -> Paged<iam::AttachedPolicy> {
    let prefix = prefix.unwrap_or("/");
    let policies = attached.iter().filter_map(|arn| {
        let policy = desk.directory.policy(arn)?;
        let shown = iam::AttachedPolicy {
            policy_name: Some(policy.name.clone()),
            policy_arn: Some(arn.clone()),
        };
        policy
            .path
            .starts_with(prefix)
            .then(|| (arn.clone(), shown))
    });
    page.cut(policies)
}
