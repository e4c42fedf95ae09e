//! Users, and their tags.

use std::sync::Arc;

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
    limits, names,
    page::Page,
    records::{Owner, Policies, User},
    tags::Tags,
};

pub(crate) fn create(
    desk: &Desk<'_>,
    request: &iam::CreateUserRequest,
) -> Result<Outcome, ApiError> {
    if let Some(boundary) = &request.permissions_boundary {
        return Err(faults::no_such_boundary(boundary));
    }
    if desk.directory.has_user_like(&request.user_name) {
        return Err(faults::already_exists("User", &request.user_name));
    }
    if desk.directory.users().len() >= limits::USERS {
        return Err(faults::quota("UsersPerAccount", limits::USERS));
    }
    let user = User {
        name: request.user_name.clone(),
        path: request.path.clone().unwrap_or_else(|| "/".to_owned()),
        id: IdKind::User.fresh().map_err(faults::from_crypto)?,
        created: desk.now_in_seconds(),
        tags: requested(request.tags.as_deref())?.checked_for("User")?,
        policies: Policies::new(),
        attached: Attached::new(),
    };
    let elements = json!({"user": {
        "path": user.path,
        "userName": user.name,
        "userId": user.id,
        "arn": user.arn(desk.account),
        "createDate": trail_time(user.created),
    }});
    let response = iam::CreateUserResponse {
        user: Some(shown(desk, &user, true)),
    };
    Ok(
        Outcome::change(Response::CreateUser(response), Change::PutUser(user))
            .with_elements(elements),
    )
}

pub(crate) fn get(desk: &Desk<'_>, request: &iam::GetUserRequest) -> Result<Outcome, ApiError> {
    let user = match desk.owner(request.user_name.as_deref())? {
        Owner::User(name) => shown(desk, desk.directory.user(&name)?, true),
        Owner::Root => root(desk),
    };
    Ok(Outcome::answer(Response::GetUser(iam::GetUserResponse {
        user,
    })))
}

pub(crate) fn list(desk: &Desk<'_>, request: &iam::ListUsersRequest) -> Result<Outcome, ApiError> {
    let prefix = request.path_prefix.as_deref().unwrap_or("/");
    let page = Page::new(request.marker.as_deref(), request.max_items)?;
    let matching = desk
        .directory
        .users()
        .filter(|(_, user)| user.path.starts_with(prefix));
    let page = page.cut(matching.map(|(name, user)| (name.clone(), shown(desk, user, false))));
    Ok(Outcome::answer(Response::ListUsers(
        iam::ListUsersResponse {
            is_truncated: Some(page.is_truncated()),
            marker: page.marker,
            users: page.items,
        },
    )))
}

pub(crate) fn delete(
    desk: &Desk<'_>,
    request: &iam::DeleteUserRequest,
) -> Result<Outcome, ApiError> {
    let user = desk.directory.user(&request.user_name)?;
    if desk.directory.access_keys_of(&user.id).next().is_some() {
        return Err(faults::must_delete_first("access keys"));
    }
    if !user.policies.is_empty() {
        return Err(faults::must_delete_first("policies"));
    }
    if !user.attached.is_empty() {
        return Err(faults::must_detach_first());
    }
    Ok(Outcome::change(
        Response::DeleteUser,
        Change::DeleteUser(user.name.clone()),
    ))
}

pub(crate) fn tag(desk: &Desk<'_>, request: &iam::TagUserRequest) -> Result<Outcome, ApiError> {
    let user = desk.directory.user(&request.user_name)?;
    let tags = user
        .tags
        .overlaid(&requested(Some(&request.tags))?)
        .checked_for("User")?;
    Ok(Outcome::change(Response::TagUser, with_tags(user, tags)))
}

pub(crate) fn untag(desk: &Desk<'_>, request: &iam::UntagUserRequest) -> Result<Outcome, ApiError> {
    let user = desk.directory.user(&request.user_name)?;
    let tags = user.tags.without(&request.tag_keys);
    Ok(Outcome::change(Response::UntagUser, with_tags(user, tags)))
}

pub(crate) fn list_tags(
    desk: &Desk<'_>,
    request: &iam::ListUserTagsRequest,
) -> Result<Outcome, ApiError> {
    let user = desk.directory.user(&request.user_name)?;
    let page = Page::new(request.marker.as_deref(), request.max_items)?
        .cut(paged_tags(&user.tags).into_iter());
    Ok(Outcome::answer(Response::ListUserTags(
        iam::ListUserTagsResponse {
            is_truncated: Some(page.is_truncated()),
            marker: page.marker,
            tags: page.items,
        },
    )))
}

fn with_tags(user: &Arc<User>, tags: Tags) -> Change {
    Change::PutUser(User {
        tags,
        ..User::clone(user)
    })
}

fn shown(desk: &Desk<'_>, user: &User, with_tags: bool) -> iam::User {
    iam::User {
        path: user.path.clone(),
        user_name: user.name.clone(),
        user_id: user.id.clone(),
        arn: user.arn(desk.account),
        create_date: user.created.into(),
        password_last_used: None,
        permissions_boundary: None,
        tags: (with_tags && !user.tags.is_empty()).then(|| shown_tags(&user.tags)),
    }
}

/// The root user as `GetUser` shows it: it has no name and no path.
fn root(desk: &Desk<'_>) -> iam::User {
    let given = desk
        .directory
        .access_keys_of(desk.account)
        .map(|key| key.created)
        .min();
    iam::User {
        path: String::new(),
        user_name: String::new(),
        user_id: desk.account.to_owned(),
        arn: names::root_arn(desk.account),
        create_date: given.unwrap_or(desk.now).into(),
        password_last_used: None,
        permissions_boundary: None,
        tags: None,
    }
}

/// The tags of an IAM request.
pub(crate) fn requested(tags: Option<&[iam::Tag]>) -> Result<Tags, ApiError> {
    Tags::from_request(
        tags.unwrap_or_default()
            .iter()
            .map(|tag| (tag.key.as_str(), tag.value.as_str())),
    )
}

/// Tags as IAM answers show them.
pub(crate) fn shown_tags(tags: &Tags) -> Vec<iam::Tag> {
    tags.iter()
        .map(|(key, value)| iam::Tag {
            key: key.to_owned(),
            value: value.to_owned(),
        })
        .collect()
}

/// Tags in the order of their keys, to be cut into pages.
pub(crate) fn paged_tags(tags: &Tags) -> Vec<(String, iam::Tag)> {
    let mut listed: Vec<_> = shown_tags(tags)
        .into_iter()
        .map(|tag| (tag.key.to_lowercase(), tag))
        .collect();
    listed.sort_by(|(one, _), (other, _)| one.cmp(other));
    listed
}
