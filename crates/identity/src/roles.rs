//! Roles, their trust policies and their tags.

use std::sync::Arc;

use policy::{Policy, PolicyKind};
use serde_json::json;
use wire::{
    ApiError,
    iam::{self, Response},
};

use crate::{
    attachments::Attached,
    desk::{Desk, Outcome, trail_time},
    directory::Change,
    faults,
    ids::IdKind,
    limits,
    page::Page,
    policies::url_encoded,
    records::{Policies, Role},
    tags::Tags,
    users::{paged_tags, requested, shown_tags},
};

pub(crate) fn create(
    desk: &Desk<'_>,
    request: &iam::CreateRoleRequest,
) -> Result<Outcome, ApiError> {
    if let Some(boundary) = &request.permissions_boundary {
        return Err(faults::no_such_boundary(boundary));
    }
    if desk.directory.has_role_like(&request.role_name) {
        return Err(faults::already_exists("Role", &request.role_name));
    }
    if desk.directory.roles().len() >= limits::ROLES {
        return Err(faults::quota("RolesPerAccount", limits::ROLES));
    }
    let role = Role {
        name: request.role_name.clone(),
        path: request.path.clone().unwrap_or_else(|| "/".to_owned()),
        id: IdKind::Role.fresh().map_err(faults::from_crypto)?,
        created: desk.now_in_seconds(),
        description: request.description.clone().filter(|text| !text.is_empty()),
        max_session_seconds: session_limit(request.max_session_duration)?,
        trust: trust(desk, &request.assume_role_policy_document)?,
        tags: requested(request.tags.as_deref())?.checked_for("Role")?,
        policies: Policies::new(),
        attached: Attached::new(),
    };
    let elements = json!({"role": {
        "path": role.path,
        "roleName": role.name,
        "roleId": role.id,
        "arn": role.arn(desk.account),
        "createDate": trail_time(role.created),
        "assumeRolePolicyDocument": url_encoded(&role.trust.shown(desk.accounts)),
    }});
    let response = iam::CreateRoleResponse {
        role: shown(desk, &role, true),
    };
    Ok(
        Outcome::change(Response::CreateRole(response), Change::PutRole(role))
            .with_elements(elements),
    )
}

pub(crate) fn get(desk: &Desk<'_>, request: &iam::GetRoleRequest) -> Result<Outcome, ApiError> {
    let role = desk.directory.role(&request.role_name)?;
    Ok(Outcome::answer(Response::GetRole(iam::GetRoleResponse {
        role: shown(desk, role, true),
    })))
}

pub(crate) fn list(desk: &Desk<'_>, request: &iam::ListRolesRequest) -> Result<Outcome, ApiError> {
    let prefix = request.path_prefix.as_deref().unwrap_or("/");
    let page = Page::new(request.marker.as_deref(), request.max_items)?;
    let matching = desk
        .directory
        .roles()
        .filter(|(_, role)| role.path.starts_with(prefix));
    let page = page.cut(matching.map(|(name, role)| (name.clone(), shown(desk, role, false))));
    Ok(Outcome::answer(Response::ListRoles(
        iam::ListRolesResponse {
            is_truncated: Some(page.is_truncated()),
            marker: page.marker,
            roles: page.items,
        },
    )))
}

pub(crate) fn delete(
    desk: &Desk<'_>,
    request: &iam::DeleteRoleRequest,
) -> Result<Outcome, ApiError> {
    let role = desk.directory.role(&request.role_name)?;
    if !role.policies.is_empty() {
        return Err(faults::must_delete_first("policies"));
    }
    if !role.attached.is_empty() {
        return Err(faults::must_detach_first());
    }
    Ok(Outcome::change(
        Response::DeleteRole,
        Change::DeleteRole(role.name.clone()),
    ))
}

pub(crate) fn update(
    desk: &Desk<'_>,
    request: &iam::UpdateRoleRequest,
) -> Result<Outcome, ApiError> {
    let role = desk.directory.role(&request.role_name)?;
    let mut altered = Role::clone(role);
    if let Some(description) = &request.description {
        altered.description = Some(description.clone()).filter(|text| !text.is_empty());
    }
    if request.max_session_duration.is_some() {
        altered.max_session_seconds = session_limit(request.max_session_duration)?;
    }
    let response = Response::UpdateRole(iam::UpdateRoleResponse {});
    Ok(Outcome::change(response, Change::PutRole(altered)))
}

pub(crate) fn update_trust(
    desk: &Desk<'_>,
    request: &iam::UpdateAssumeRolePolicyRequest,
) -> Result<Outcome, ApiError> {
    let role = desk.directory.role(&request.role_name)?;
    let trust = trust(desk, &request.policy_document)?;
    let change = Change::PutRole(Role {
        trust,
        ..Role::clone(role)
    });
    Ok(Outcome::change(Response::UpdateAssumeRolePolicy, change))
}

pub(crate) fn tag(desk: &Desk<'_>, request: &iam::TagRoleRequest) -> Result<Outcome, ApiError> {
    let role = desk.directory.role(&request.role_name)?;
    let tags = role
        .tags
        .overlaid(&requested(Some(&request.tags))?)
        .checked_for("Role")?;
    Ok(Outcome::change(Response::TagRole, with_tags(role, tags)))
}

pub(crate) fn untag(desk: &Desk<'_>, request: &iam::UntagRoleRequest) -> Result<Outcome, ApiError> {
    let role = desk.directory.role(&request.role_name)?;
    let tags = role.tags.without(&request.tag_keys);
    Ok(Outcome::change(Response::UntagRole, with_tags(role, tags)))
}

pub(crate) fn list_tags(
    desk: &Desk<'_>,
    request: &iam::ListRoleTagsRequest,
) -> Result<Outcome, ApiError> {
    let role = desk.directory.role(&request.role_name)?;
    let page = Page::new(request.marker.as_deref(), request.max_items)?
        .cut(paged_tags(&role.tags).into_iter());
    Ok(Outcome::answer(Response::ListRoleTags(
        iam::ListRoleTagsResponse {
            is_truncated: Some(page.is_truncated()),
            marker: page.marker,
            tags: page.items,
        },
    )))
}

fn with_tags(role: &Arc<Role>, tags: Tags) -> Change {
    Change::PutRole(Role {
        tags,
        ..Role::clone(role)
    })
}

/// The longest session that the role will allow.
fn session_limit(seconds: Option<i32>) -> Result<i32, ApiError> {
    let seconds = seconds.unwrap_or(limits::SESSION_SECONDS);
    if (limits::SESSION_SECONDS..=limits::SESSION_SECONDS_MAX).contains(&seconds) {
        return Ok(seconds);
    }
    Err(faults::validation(format!(
        "MaxSessionDuration must be between 3600 and 43200 seconds, not {seconds}."
    )))
}

/// A trust policy, bound to those whom it names. It names nobody who is not there: a slip of the pen would otherwise
/// wait for whoever is made under that name.
fn trust(desk: &Desk<'_>, document: &str) -> Result<Arc<Policy>, ApiError> {
    let kind = PolicyKind::Trust;
    if kind.measure(document) > kind.max_len() {
        return Err(faults::quota("ACLSizePerRole", kind.max_len()));
    }
    let policy =
        Policy::compile(document, kind).map_err(|error| faults::malformed_policy(&error))?;
    match policy.bind(desk.accounts) {
        Ok(bound) => Ok(Arc::new(bound)),
        Err(unknown) => Err(faults::invalid_principal(&unknown.arn)),
    }
}

fn shown(desk: &Desk<'_>, role: &Role, with_tags: bool) -> iam::Role {
    iam::Role {
        path: role.path.clone(),
        role_name: role.name.clone(),
        role_id: role.id.clone(),
        arn: role.arn(desk.account),
        create_date: role.created.into(),
        assume_role_policy_document: Some(url_encoded(&role.trust.shown(desk.accounts))),
        description: role.description.clone(),
        max_session_duration: Some(role.max_session_seconds),
        permissions_boundary: None,
        tags: (with_tags && !role.tags.is_empty()).then(|| shown_tags(&role.tags)),
        role_last_used: None,
        source_role_template: None,
    }
}
