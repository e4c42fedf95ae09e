//! What leave each operation needs.

use policy::{Ask, Context, Principal};
use wire::{ApiError, Scope, iam, sts};

use crate::{
    Identity, Operation, desk::Desk, names, records::Owner, sts as tokens, users::requested,
};

impl Identity {
    /// What leave `operation` needs of `caller`. Takes no time and changes nothing.
    ///
    /// # Errors
    /// `AccessDenied` where no policy could give leave (the root user takes no roles), and what is wrong with the
    /// request before anybody's leave matters.
    pub fn asks(
        &self,
        operation: &Operation,
        caller: &Principal,
        scope: &Scope,
    ) -> Result<Vec<Ask>, ApiError> {
        self.look(|accounts| match operation {
            Operation::Sts(sts::Operation::GetCallerIdentity(_)) => Ok(Vec::new()),
            Operation::Sts(sts::Operation::AssumeRole(request)) => {
                tokens::asks(accounts, caller, request)
            }
            Operation::Iam(operation) => {
                let asked = Asked(Desk {
                    accounts,
                    directory: accounts.of_caller(&scope.account)?,
                    sealing: self.sealing(),
                    account: &scope.account,
                    principal: caller,
                    now: scope.now,
                });
                let (resource, context) = asked.of(operation)?;
                Ok(vec![
                    Ask::new(format!("iam:{}", operation.name()), resource).with_context(context),
                ])
            }
        })
    }
}

/// What an operation would see, asked what it is about.
struct Asked<'a>(Desk<'a>);

impl Asked<'_> {
    /// The resource that an operation is about, and what conditions may look at.
    fn of(&self, operation: &iam::Operation) -> Result<(String, Context), ApiError> {
        use iam::Operation as Op;
        Ok(match operation {
            Op::CreateUser(request) => {
                let arn = names::user_arn(
                    self.account(),
                    path(request.path.as_deref()),
                    &request.user_name,
                );
                (arn, tagged(Context::new(), request.tags.as_deref())?)
            }
            Op::CreateRole(request) => {
                let arn = names::role_arn(
                    self.account(),
                    path(request.path.as_deref()),
                    &request.role_name,
                );
                (arn, tagged(Context::new(), request.tags.as_deref())?)
            }
            Op::CreatePolicy(request) => {
                let arn = names::policy_arn(
                    self.account(),
                    path(request.path.as_deref()),
                    &request.policy_name,
                );
                (arn, tagged(Context::new(), request.tags.as_deref())?)
            }
            Op::ListPolicies(request) => (
                names::policy_arn(self.account(), path(request.path_prefix.as_deref()), ""),
                Context::new(),
            ),
            Op::GetPolicy(request) => self.policy(&request.policy_arn),
            Op::DeletePolicy(request) => self.policy(&request.policy_arn),
            Op::CreatePolicyVersion(request) => self.policy(&request.policy_arn),
            Op::GetPolicyVersion(request) => self.policy(&request.policy_arn),
            Op::ListPolicyVersions(request) => self.policy(&request.policy_arn),
            Op::DeletePolicyVersion(request) => self.policy(&request.policy_arn),
            Op::SetDefaultPolicyVersion(request) => self.policy(&request.policy_arn),
            Op::ListEntitiesForPolicy(request) => self.policy(&request.policy_arn),
            Op::AttachUserPolicy(request) => {
                attaching(self.user(&request.user_name), &request.policy_arn)
            }
            Op::DetachUserPolicy(request) => {
                attaching(self.user(&request.user_name), &request.policy_arn)
            }
            Op::ListAttachedUserPolicies(request) => self.user(&request.user_name),
            Op::AttachRolePolicy(request) => {
                attaching(self.role(&request.role_name), &request.policy_arn)
            }
            Op::DetachRolePolicy(request) => {
                attaching(self.role(&request.role_name), &request.policy_arn)
            }
            Op::ListAttachedRolePolicies(request) => self.role(&request.role_name),
            Op::UpdateRole(request) => self.role(&request.role_name),
            Op::ListUsers(request) => (
                names::user_arn(self.account(), path(request.path_prefix.as_deref()), ""),
                Context::new(),
            ),
            Op::ListRoles(request) => (
                names::role_arn(self.account(), path(request.path_prefix.as_deref()), ""),
                Context::new(),
            ),
            Op::CreateAccessKey(request) => self.owner(request.user_name.as_deref())?,
            Op::ListAccessKeys(request) => self.owner(request.user_name.as_deref())?,
            Op::UpdateAccessKey(request) => self.owner(request.user_name.as_deref())?,
            Op::DeleteAccessKey(request) => self.owner(request.user_name.as_deref())?,
            Op::GetUser(request) => self.owner(request.user_name.as_deref())?,
            Op::DeleteUser(request) => self.user(&request.user_name),
            Op::TagUser(request) => {
                let (arn, context) = self.user(&request.user_name);
                (arn, tagged(context, Some(&request.tags))?)
            }
            Op::UntagUser(request) => untagged(self.user(&request.user_name), &request.tag_keys),
            Op::ListUserTags(request) => self.user(&request.user_name),
            Op::PutUserPolicy(request) => self.user(&request.user_name),
            Op::GetUserPolicy(request) => self.user(&request.user_name),
            Op::ListUserPolicies(request) => self.user(&request.user_name),
            Op::DeleteUserPolicy(request) => self.user(&request.user_name),
            Op::GetRole(request) => self.role(&request.role_name),
            Op::DeleteRole(request) => self.role(&request.role_name),
            Op::UpdateAssumeRolePolicy(request) => self.role(&request.role_name),
            Op::TagRole(request) => {
                let (arn, context) = self.role(&request.role_name);
                (arn, tagged(context, Some(&request.tags))?)
            }
            Op::UntagRole(request) => untagged(self.role(&request.role_name), &request.tag_keys),
            Op::ListRoleTags(request) => self.role(&request.role_name),
            Op::PutRolePolicy(request) => self.role(&request.role_name),
            Op::GetRolePolicy(request) => self.role(&request.role_name),
            Op::ListRolePolicies(request) => self.role(&request.role_name),
            Op::DeleteRolePolicy(request) => self.role(&request.role_name),
        })
    }

    fn account(&self) -> &str {
        self.0.account
    }

    /// A user that does not exist is asked for as one without a path, so that who may not see users does not learn
    /// which there are.
    fn user(&self, name: &str) -> (String, Context) {
        let mut context = Context::new();
        let Ok(user) = self.0.directory.user(name) else {
            return (names::user_arn(self.account(), "/", name), context);
        };
        user.tags.describe_resource(&mut context);
        (user.arn(self.account()), context)
    }

    fn role(&self, name: &str) -> (String, Context) {
        let mut context = Context::new();
        let Ok(role) = self.0.directory.role(name) else {
            return (names::role_arn(self.account(), "/", name), context);
        };
        role.tags.describe_resource(&mut context);
        (role.arn(self.account()), context)
    }

    fn policy(&self, arn: &str) -> (String, Context) {
        let mut context = Context::new();
        if let Some(policy) = self.0.directory.policy(arn) {
            policy.tags.describe_resource(&mut context);
        }
        (arn.to_owned(), context)
    }

    fn owner(&self, named: Option<&str>) -> Result<(String, Context), ApiError> {
        Ok(match self.0.owner(named)? {
            Owner::User(name) => self.user(&name),
            Owner::Root => (names::root_arn(self.account()), Context::new()),
        })
    }
}

fn path(given: Option<&str>) -> &str {
    given.unwrap_or("/")
}

fn tagged(mut context: Context, tags: Option<&[iam::Tag]>) -> Result<Context, ApiError> {
    requested(tags)?.describe_request(&mut context);
    Ok(context)
}

/// Which policy it is can be a condition of giving or taking it.
fn attaching((arn, context): (String, Context), policy: &str) -> (String, Context) {
    (arn, context.with("iam:PolicyARN", policy))
}

fn untagged((arn, mut context): (String, Context), keys: &[String]) -> (String, Context) {
    context.set_all("aws:TagKeys", keys.iter().cloned());
    (arn, context)
}
