//! What was asked, as CloudTrail writes it: member names begin in lower case, and nothing secret is there.

use serde::Serialize;
use serde_json::{Map, Value};
use wire::{iam, sts};

use crate::{Identity, Operation};

/// Members that are left out of every record.
const SECRET_MEMBERS: [&str; 1] = ["tokenCode"];

impl Identity {
    /// CloudTrail's `requestParameters`; `null` for an operation that takes none.
    pub fn request_parameters(operation: &Operation) -> Value {
        match operation {
            Operation::Iam(operation) => of_iam(operation),
            Operation::Sts(sts::Operation::AssumeRole(request)) => written(request),
            Operation::Sts(sts::Operation::GetCallerIdentity(_)) => Value::Null,
        }
    }
}

fn written(request: &impl Serialize) -> Value {
    match serde_json::to_value(request) {
        Ok(Value::Object(members)) if members.is_empty() => Value::Null,
        Ok(value) => respelled(value),
        Err(_) => Value::Null,
    }
}

fn respelled(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members
                .into_iter()
                .map(|(name, value)| (lower_first(&name), respelled(value)));
            let shown = |(name, value): &(String, Value)| {
                !value.is_null() && !SECRET_MEMBERS.contains(&name.as_str())
            };
            Value::Object(members.filter(shown).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(respelled).collect(),
        other => other,
    }
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map(|first| first.to_ascii_lowercase())
        .into_iter()
        .chain(chars)
        .collect()
}

fn of_iam(operation: &iam::Operation) -> Value {
    use iam::Operation as Op;
    match operation {
        Op::AttachRolePolicy(request) => written(request),
        Op::AttachUserPolicy(request) => written(request),
        Op::CreateAccessKey(request) => written(request),
        Op::CreatePolicy(request) => written(request),
        Op::CreatePolicyVersion(request) => written(request),
        Op::CreateRole(request) => written(request),
        Op::CreateUser(request) => written(request),
        Op::DeleteAccessKey(request) => written(request),
        Op::DeletePolicy(request) => written(request),
        Op::DeletePolicyVersion(request) => written(request),
        Op::DeleteRole(request) => written(request),
        Op::DeleteRolePolicy(request) => written(request),
        Op::DeleteUser(request) => written(request),
        Op::DeleteUserPolicy(request) => written(request),
        Op::DetachRolePolicy(request) => written(request),
        Op::DetachUserPolicy(request) => written(request),
        Op::GetPolicy(request) => written(request),
        Op::GetPolicyVersion(request) => written(request),
        Op::GetRole(request) => written(request),
        Op::GetRolePolicy(request) => written(request),
        Op::GetUser(request) => written(request),
        Op::GetUserPolicy(request) => written(request),
        Op::ListAccessKeys(request) => written(request),
        Op::ListAttachedRolePolicies(request) => written(request),
        Op::ListAttachedUserPolicies(request) => written(request),
        Op::ListEntitiesForPolicy(request) => written(request),
        Op::ListPolicies(request) => written(request),
        Op::ListPolicyVersions(request) => written(request),
        Op::ListRolePolicies(request) => written(request),
        Op::ListRoleTags(request) => written(request),
        Op::ListRoles(request) => written(request),
        Op::ListUserPolicies(request) => written(request),
        Op::ListUserTags(request) => written(request),
        Op::ListUsers(request) => written(request),
        Op::PutRolePolicy(request) => written(request),
        Op::PutUserPolicy(request) => written(request),
        Op::SetDefaultPolicyVersion(request) => written(request),
        Op::TagRole(request) => written(request),
        Op::TagUser(request) => written(request),
        Op::UntagRole(request) => written(request),
        Op::UntagUser(request) => written(request),
        Op::UpdateAccessKey(request) => written(request),
        Op::UpdateAssumeRolePolicy(request) => written(request),
        Op::UpdateRole(request) => written(request),
    }
}
