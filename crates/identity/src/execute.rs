//! Carrying an operation out, once it has leave.

use policy::{Authorized, Principal};
use store::{Key, Transaction};
use trail::{Draft, Entry, Executed, Record, outbox_key};
use wire::{ApiError, Scope, iam, sts};

use crate::{
    Identity, Operation, Response, access_keys, attachments,
    desk::{Desk, Outcome},
    faults, managed_policies, policies, roles, sts as tokens, users,
};

impl Identity {
    /// Carries out an operation. What it changes is durable, together with its audit record, when this returns.
    pub async fn execute(
        &self,
        operation: Authorized<Operation>,
        scope: &Scope,
        draft: Draft,
    ) -> Executed<Result<Response, ApiError>> {
        let (operation, principal) = operation.into_parts();
        if operation.is_read_only() {
            return match self.decide(&operation, &principal, scope) {
                Ok(Outcome {
                    response,
                    elements,
                    resources,
                    ..
                }) => Executed {
                    answer: Ok(response),
                    entry: Entry::Unwritten(draft.succeeded(elements, resources)),
                },
                Err(error) => failed(error, draft),
            };
        }
        let _turn = self.turn().await;
        match self
            .change(&operation, &principal, scope, draft.clone())
            .await
        {
            Ok((response, record)) => Executed {
                answer: Ok(response),
                entry: Entry::InStore(record),
            },
            Err(error) => failed(error, draft),
        }
    }

    async fn change(
        &self,
        operation: &Operation,
        principal: &Principal,
        scope: &Scope,
        draft: Draft,
    ) -> Result<(Response, Record), ApiError> {
        let Outcome {
            response,
            elements,
            resources,
            changes,
        } = self.decide(operation, principal, scope)?;
        let record = draft.succeeded(elements, resources);
        let outbox =
            Key::new(outbox_key(record.event_id())).map_err(|error| faults::from_store(&error))?;
        let transaction = Transaction::new().put(outbox, record.bytes().to_vec());
        self.commit(&scope.account, changes, transaction)
            .await
            .map_err(|error| faults::from_store(&error))?;
        Ok((response, record))
    }

    fn decide(
        &self,
        operation: &Operation,
        principal: &Principal,
        scope: &Scope,
    ) -> Result<Outcome, ApiError> {
        self.look(|accounts| {
            let desk = Desk {
                accounts,
                directory: accounts.of_caller(&scope.account)?,
                sealing: self.sealing(),
                account: &scope.account,
                principal,
                now: scope.now,
            };
            match operation {
                Operation::Iam(operation) => decide_iam(&desk, operation),
                Operation::Sts(sts::Operation::AssumeRole(request)) => {
                    tokens::assume_role(&desk, request)
                }
                Operation::Sts(sts::Operation::GetCallerIdentity(_)) => {
                    Ok(tokens::get_caller_identity(&desk))
                }
            }
        })
    }
}

fn failed(error: ApiError, draft: Draft) -> Executed<Result<Response, ApiError>> {
    let record = draft.failed(error.code, &error.message, Vec::new());
    Executed {
        answer: Err(error),
        entry: Entry::Unwritten(record),
    }
}

fn decide_iam(desk: &Desk<'_>, operation: &iam::Operation) -> Result<Outcome, ApiError> {
    use iam::Operation as Op;
    match operation {
        Op::AttachRolePolicy(request) => attachments::attach_role(desk, request),
        Op::AttachUserPolicy(request) => attachments::attach_user(desk, request),
        Op::CreateAccessKey(request) => access_keys::create(desk, request),
        Op::CreatePolicy(request) => managed_policies::create(desk, request),
        Op::CreatePolicyVersion(request) => managed_policies::create_version(desk, request),
        Op::CreateRole(request) => roles::create(desk, request),
        Op::CreateUser(request) => users::create(desk, request),
        Op::DeleteAccessKey(request) => access_keys::delete(desk, request),
        Op::DeletePolicy(request) => managed_policies::delete(desk, request),
        Op::DeletePolicyVersion(request) => managed_policies::delete_version(desk, request),
        Op::DeleteRole(request) => roles::delete(desk, request),
        Op::DeleteRolePolicy(request) => policies::delete_role(desk, request),
        Op::DeleteUser(request) => users::delete(desk, request),
        Op::DeleteUserPolicy(request) => policies::delete_user(desk, request),
        Op::DetachRolePolicy(request) => attachments::detach_role(desk, request),
        Op::DetachUserPolicy(request) => attachments::detach_user(desk, request),
        Op::GetPolicy(request) => managed_policies::get(desk, request),
        Op::GetPolicyVersion(request) => managed_policies::get_version(desk, request),
        Op::GetRole(request) => roles::get(desk, request),
        Op::GetRolePolicy(request) => policies::get_role(desk, request),
        Op::GetUser(request) => users::get(desk, request),
        Op::GetUserPolicy(request) => policies::get_user(desk, request),
        Op::ListAccessKeys(request) => access_keys::list(desk, request),
        Op::ListAttachedRolePolicies(request) => attachments::list_role(desk, request),
        Op::ListAttachedUserPolicies(request) => attachments::list_user(desk, request),
        Op::ListEntitiesForPolicy(request) => attachments::list_entities(desk, request),
        Op::ListPolicies(request) => managed_policies::list(desk, request),
        Op::ListPolicyVersions(request) => managed_policies::list_versions(desk, request),
        Op::ListRolePolicies(request) => policies::list_role(desk, request),
        Op::ListRoleTags(request) => roles::list_tags(desk, request),
        Op::ListRoles(request) => roles::list(desk, request),
        Op::ListUserPolicies(request) => policies::list_user(desk, request),
        Op::ListUserTags(request) => users::list_tags(desk, request),
        Op::ListUsers(request) => users::list(desk, request),
        Op::PutRolePolicy(request) => policies::put_role(desk, request),
        Op::PutUserPolicy(request) => policies::put_user(desk, request),
        Op::SetDefaultPolicyVersion(request) => managed_policies::set_default(desk, request),
        Op::TagRole(request) => roles::tag(desk, request),
        Op::TagUser(request) => users::tag(desk, request),
        Op::UntagRole(request) => roles::untag(desk, request),
        Op::UntagUser(request) => users::untag(desk, request),
        Op::UpdateAccessKey(request) => access_keys::update(desk, request),
        Op::UpdateAssumeRolePolicy(request) => roles::update_trust(desk, request),
        Op::UpdateRole(request) => roles::update(desk, request),
    }
}
