//! The Security Token Service: who am I, and taking a role.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use policy::{
    Ask, Context, Denied, Layer, Policy, PolicyKind, Principal, PrincipalKind, Reason,
    ResourcePolicy,
};
use serde_json::json;
use trail::Resource;
use wire::{
    ApiError,
    sts::{self, Response},
};

use crate::{
    access_keys::revealed,
    accounts::Accounts,
    desk::{Desk, Outcome, trail_time},
    faults, limits, names,
    records::Role,
    sessions::Session,
    tags::{Tags, same},
};

/// The condition key under which a session's principal carries the keys of the tags that its own sessions inherit.
pub(crate) const TRANSITIVE_KEYS: &str = "kluis:TransitiveTagKeys";
/// The condition key of the name that a chain of sessions was begun under.
pub(crate) const SOURCE_IDENTITY: &str = "aws:SourceIdentity";

pub(crate) fn get_caller_identity(desk: &Desk<'_>) -> Outcome {
    Outcome::answer(Response::GetCallerIdentity(
        sts::GetCallerIdentityResponse {
            user_id: Some(desk.principal.user_id.clone()),
            account: Some(desk.principal.account.clone()),
            arn: Some(desk.principal.arn.clone()),
        },
    ))
}

/// What `AssumeRole` needs leave for: taking the role, and for bringing tags or a source identity into it.
///
/// # Errors
/// `AccessDenied` for the root user, and for a role that does not exist, in the same words as for one that may not be
/// taken; whatever is wrong with the request itself.
pub(crate) fn asks(
    accounts: &Accounts,
    caller: &Principal,
    request: &sts::AssumeRoleRequest,
) -> Result<Vec<Ask>, ApiError> {
    if caller.kind == PrincipalKind::Root {
        return Err(faults::access_denied(
            "Roles may not be assumed by root accounts.",
        ));
    }
    let (account, role) =
        find(accounts, &request.role_arn).ok_or_else(|| no_leave(caller, &request.role_arn))?;
    let tags = requested_tags(request)?;
    let mut context = describe(role, account, request, &tags);
    let source_identity = source_identity(caller, request)?;
    if let Some(name) = &source_identity {
        context.set("sts:SourceIdentity", name.clone());
    }
    let ask = |action: &str| {
        Ask::new(action, role.arn(account))
            .with_context(context.clone())
            .with_resource_policy(ResourcePolicy::Required(Arc::clone(&role.trust)))
    };
    let mut asks = vec![ask("sts:AssumeRole")];
    if !tags.is_empty() || !inherited(caller).is_empty() {
        asks.push(ask("sts:TagSession"));
    }
    if source_identity.is_some() {
        asks.push(ask("sts:SetSourceIdentity"));
    }
    Ok(asks)
}

pub(crate) fn assume_role(
    desk: &Desk<'_>,
    request: &sts::AssumeRoleRequest,
) -> Result<Outcome, ApiError> {
    refuse_unsupported(request)?;
    let (account, role) = find(desk.accounts, &request.role_arn)
        .ok_or_else(|| no_leave(desk.principal, &request.role_arn))?;
    let session = session(desk, account, role, request)?;
    let packed_percent = (session.packed_len() * 100).div_ceil(limits::PACKED_SESSION_LEN);
    if packed_percent > 100 {
        return Err(faults::packed_too_large(packed_percent));
    }
    let issued = session.issue(desk.sealing).map_err(|error| match error {
        // Escaped, the policy came out longer than it was counted.
        crypto::Error::TooLong { actual, max, .. } => {
            faults::packed_too_large((actual * 100).div_ceil(max))
        }
        other => faults::from_crypto(other),
    })?;
    let user = sts::AssumedRoleUser {
        assumed_role_id: format!("{}:{}", role.id, session.name),
        arn: names::session_arn(account, &role.name, &session.name),
    };
    // The token is left out: it is as good as a password to whoever also has the secret.
    let elements = json!({
        "credentials": {"accessKeyId": issued.access_key_id, "expiration": trail_time(session.expires)},
        "assumedRoleUser": {"assumedRoleId": user.assumed_role_id, "arn": user.arn},
    });
    let response = sts::AssumeRoleResponse {
        credentials: Some(sts::Credentials {
            access_key_id: issued.access_key_id,
            secret_access_key: revealed(&issued.secret),
            session_token: issued.token,
            expiration: session.expires.into(),
        }),
        assumed_role_user: Some(user),
        packed_policy_size: (packed_percent > 0)
            .then(|| i32::try_from(packed_percent).unwrap_or(100)),
        source_identity: session.source_identity,
        session_token_utilization: None,
        session_token_size: None,
    };
    let resource = Resource::new(role.arn(account), account, "AWS::IAM::Role");
    Ok(Outcome::answer(Response::AssumeRole(response))
        .with_elements(elements)
        .with_resource(resource))
}

/// What is asked for and not had here is refused, never passed over.
fn refuse_unsupported(request: &sts::AssumeRoleRequest) -> Result<(), ApiError> {
    if request
        .policy_arns
        .as_ref()
        .is_some_and(|arns| !arns.is_empty())
    {
        return Err(faults::validation(
            "PolicyArns is not supported: give the limits as Policy.",
        ));
    }
    if request.serial_number.is_some() || request.token_code.is_some() {
        return Err(faults::access_denied(
            "MultiFactorAuthentication failed, unable to validate MFA code. Please verify your MFA serial number is \
             valid and associated with this user.",
        ));
    }
    if request
        .provided_contexts
        .as_ref()
        .is_some_and(|contexts| !contexts.is_empty())
    {
        return Err(faults::validation(
            "ProvidedContexts: there are no context providers in this account.",
        ));
    }
    if request.minimum_session_token_size.is_some() {
        return Err(faults::validation(
            "MinimumSessionTokenSize is not supported.",
        ));
    }
    Ok(())
}

fn session(
    desk: &Desk<'_>,
    account: &str,
    role: &Role,
    request: &sts::AssumeRoleRequest,
) -> Result<Session, ApiError> {
    let seconds = duration(desk.principal, role, request.duration_seconds)?;
    let inherited = inherited(desk.principal);
    let tags = requested_tags(request)?;
    if tags.iter().any(|(key, _)| inherited.get(key).is_some()) {
        return Err(faults::conflicting_transitive_tag());
    }
    let tags = inherited.overlaid(&tags).checked_for("Session")?;
    let mut transitive: Vec<String> = inherited.iter().map(|(key, _)| key.to_owned()).collect();
    for key in request.transitive_tag_keys.iter().flatten() {
        if tags.get(key).is_none() {
            return Err(faults::validation(
                "The specified transitive tag key must be included in the requested tags.",
            ));
        }
        if !transitive.iter().any(|own| same(own, key)) {
            transitive.push(key.clone());
        }
    }
    if let Some(document) = &request.policy {
        Policy::compile(document, PolicyKind::Session)
            .map_err(|error| faults::malformed_session_policy(&error))?;
    }
    let issued = desk.now_in_seconds();
    Ok(Session {
        account: account.to_owned(),
        role_id: role.id.clone(),
        name: request.role_session_name.clone(),
        issued,
        expires: after(issued, seconds)?,
        tags,
        transitive,
        policy: request.policy.clone(),
        source_identity: source_identity(desk.principal, request)?,
    })
}

fn after(instant: Timestamp, seconds: i32) -> Result<Timestamp, ApiError> {
    instant
        .checked_add(SignedDuration::from_secs(i64::from(seconds)))
        .map_err(|_| ApiError::internal_failure())
}

fn duration(caller: &Principal, role: &Role, wanted: Option<i32>) -> Result<i32, ApiError> {
    let seconds = wanted.unwrap_or(limits::SESSION_SECONDS);
    if seconds < limits::SESSION_SECONDS_MIN {
        return Err(faults::validation(format!(
            "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: Member \
             must have value greater than or equal to {}",
            limits::SESSION_SECONDS_MIN
        )));
    }
    if caller.kind == PrincipalKind::AssumedRole && seconds > limits::CHAINED_SESSION_SECONDS_MAX {
        return Err(faults::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    if seconds > role.max_session_seconds {
        return Err(faults::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(seconds)
}

/// The role of that ARN, of whichever account, with the account.
fn find<'a, 'b>(accounts: &'a Accounts, arn: &'b str) -> Option<(&'b str, &'a Arc<Role>)> {
    let (account, name) = names::role_in(arn)?;
    let role = accounts.get(account)?.role(name).ok()?;
    (role.arn(account) == arn).then_some((account, role))
}

fn no_leave(caller: &Principal, role_arn: &str) -> ApiError {
    let denied = Denied {
        principal: caller.arn.clone(),
        action: "sts:AssumeRole".to_owned(),
        resource: role_arn.to_owned(),
        reason: Reason::NoAllow(Layer::Resource),
    };
    faults::access_denied(denied.to_string())
}

fn describe(role: &Role, account: &str, request: &sts::AssumeRoleRequest, tags: &Tags) -> Context {
    let mut context = Context::new()
        .with("sts:RoleSessionName", request.role_session_name.clone())
        .with("aws:ResourceAccount", account);
    if let Some(id) = &request.external_id {
        context.set("sts:ExternalId", id.clone());
    }
    if let Some(keys) = request
        .transitive_tag_keys
        .as_ref()
        .filter(|keys| !keys.is_empty())
    {
        context.set_all("sts:TransitiveTagKeys", keys.iter().cloned());
    }
    tags.describe_request(&mut context);
    role.tags.describe_resource(&mut context);
    context
}

fn requested_tags(request: &sts::AssumeRoleRequest) -> Result<Tags, ApiError> {
    let tags = request
        .tags
        .iter()
        .flatten()
        .map(|tag| (tag.key.as_str(), tag.value.as_str()));
    Tags::from_request(tags)
}

/// The tags of the caller's session that go on into the sessions it takes.
fn inherited(caller: &Principal) -> Tags {
    let keys = caller.context.get(TRANSITIVE_KEYS);
    let tags = caller
        .tags
        .iter()
        .filter(|(key, _)| keys.iter().any(|own| same(own, key)));
    Tags::from_request(tags.map(|(key, value)| (key.as_str(), value.as_str()))).unwrap_or_default()
}

/// The source identity of the session: once set in a chain it stays.
fn source_identity(
    caller: &Principal,
    request: &sts::AssumeRoleRequest,
) -> Result<Option<String>, ApiError> {
    match (
        caller.context.get(SOURCE_IDENTITY),
        &request.source_identity,
    ) {
        ([own, ..], Some(wanted)) if own != wanted => Err(faults::access_denied(
            "The source identity of a session cannot be changed by role chaining.",
        )),
        ([own, ..], _) => Ok(Some(own.clone())),
        ([], wanted) => Ok(wanted.clone()),
    }
}
