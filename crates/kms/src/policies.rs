//! Key policies: `GetKeyPolicy`, `PutKeyPolicy`, `ListKeyPolicies`; the default policy and the lockout check.

use std::sync::Arc;

use policy::{Ask, Context, Layers, Policy, PolicyKind, ResourcePolicy, evaluate};
use serde_json::{Value, json};
use wire::ApiError;
use wire::kms::{
    GetKeyPolicyRequest, GetKeyPolicyResponse, ListKeyPoliciesRequest, ListKeyPoliciesResponse,
    PutKeyPolicyRequest, Response,
};

use crate::desk::{Accept, Desk};
use crate::key::Key;
use crate::keyring::Change;
use crate::names::AccountId;
use crate::operation::{Mutation, Plan, Read, Request};
use crate::parameters::Parameters;
use crate::states::Class;
use crate::{faults, limits};

/// What the author of a policy must still be able to do under it.
const PUT_KEY_POLICY: &str = "kms:PutKeyPolicy";
/// The most that identity policies could ever grant an author.
const ANY_IDENTITY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:PutKeyPolicy","Resource":"*"}]}"#;
/// The only name that a key policy can have.
const POLICY_NAME: &str = "default";

impl Request for GetKeyPolicyRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::Key)?;
        Ok(vec![desk.key_ask(
            "kms:GetKeyPolicy",
            &located,
            desk.context(),
        )])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .maybe("policyName", self.policy_name.as_deref())
            .into_value()
    }
}

impl Read for GetKeyPolicyRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let target = desk.find(&self.key_id, Accept::Key)?;
        check_name(self.policy_name.as_deref())?;
        target.permits(Class::Govern)?;
        Ok(Response::GetKeyPolicy(GetKeyPolicyResponse {
            policy: Some(target.key.policy.shown(desk.principals).into_owned()),
            policy_name: Some(POLICY_NAME.to_owned()),
        }))
    }
}

impl Request for ListKeyPoliciesRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::Key)?;
        Ok(vec![desk.key_ask(
            "kms:ListKeyPolicies",
            &located,
            desk.context(),
        )])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .maybe("limit", self.limit)
            .maybe("marker", self.marker.as_deref())
            .into_value()
    }
}

impl Read for ListKeyPoliciesRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let target = desk.find(&self.key_id, Accept::Key)?;
        // The one page holds the one name, so no marker was ever given out.
        if let Some(marker) = &self.marker {
            return Err(faults::invalid_marker(marker));
        }
        target.permits(Class::Govern)?;
        Ok(Response::ListKeyPolicies(ListKeyPoliciesResponse {
            policy_names: Some(vec![POLICY_NAME.to_owned()]),
            next_marker: None,
            truncated: Some(false),
        }))
    }
}

impl Request for PutKeyPolicyRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::Key)?;
        let bypass = self.bypass_policy_lockout_safety_check.unwrap_or_default();
        let context = desk
            .context()
            .with("kms:BypassPolicyLockoutSafetyCheck", bypass.to_string());
        Ok(vec![desk.key_ask(PUT_KEY_POLICY, &located, context)])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .maybe("policyName", self.policy_name.as_deref())
            .with("policy", self.policy.as_str())
            .with(
                "bypassPolicyLockoutSafetyCheck",
                self.bypass_policy_lockout_safety_check.unwrap_or_default(),
            )
            .into_value()
    }
}

impl Mutation for PutKeyPolicyRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let target = desk.find(&self.key_id, Accept::Key)?;
        check_name(self.policy_name.as_deref())?;
        target.permits(Class::Govern)?;
        let bypass = self.bypass_policy_lockout_safety_check.unwrap_or_default();
        let mut later = desk.context();
        target.key.describe(&mut later);
        let policy = checked(desk, &self.policy, &target.arn(), later, bypass)?;
        let unchanged = policy == target.key.policy;
        let altered = Key {
            policy,
            ..(*target.key).clone()
        };
        Ok(Plan {
            changes: if unchanged {
                Vec::new()
            } else {
                vec![Change::PutKey(Arc::new(altered))]
            },
            response: Response::PutKeyPolicy,
            elements: Some(json!({ "keyId": target.arn() })),
            made: Vec::new(),
        })
    }
}

fn check_name(name: Option<&str>) -> Result<(), ApiError> {
    match name {
        None | Some(POLICY_NAME) => Ok(()),
        Some(_) => Err(faults::no_such_policy()),
    }
}

/// The policy of a key that is made without one: the account's root user, and so whoever its identity policies name.
pub(crate) fn default_policy(desk: &Desk<'_>) -> Result<Arc<Policy>, ApiError> {
    desk.compile(&default_text(desk.home.account))
}

fn default_text(account: AccountId) -> String {
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:aws:iam::{account}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#
    )
}

/// Compiles a policy that the caller wants a key to have. `later` is the context in which they would ask to change it
/// again.
///
/// # Errors
/// `LimitExceededException` when it is too long; `MalformedPolicyDocumentException` when it is no policy, names somebody
/// who is not there, or, unless `bypass`, would keep its author from ever changing it again.
pub(crate) fn checked(
    desk: &Desk<'_>,
    text: &str,
    arn: &str,
    later: Context,
    bypass: bool,
) -> Result<Arc<Policy>, ApiError> {
    if text.len() > limits::POLICY_BYTES {
        return Err(faults::policy_too_long());
    }
    let policy = desk.compile(text)?;
    if !bypass && !keeps_author(desk, &policy, arn, later)? {
        return Err(faults::lockout());
    }
    Ok(policy)
}

/// Whether the new policy lets its author change it again, by name or by leaving it to the account's identity policies.
/// What those say is not asked: they can be mended without this key, and a key policy cannot. What the gate knows of a
/// request (its address, its hour) is not known of a later one, and so grants nothing here.
fn keeps_author(
    desk: &Desk<'_>,
    policy: &Arc<Policy>,
    arn: &str,
    later: Context,
) -> Result<bool, ApiError> {
    let identity = Policy::compile(ANY_IDENTITY, PolicyKind::Identity)
        .map_err(|error| faults::internal(error.to_string()))?;
    let layers = Layers {
        identity: vec![Arc::new(identity)],
        session: None,
    };
    let ask = Ask::new(PUT_KEY_POLICY, arn)
        .with_context(later)
        .with_resource_policy(ResourcePolicy::Required(Arc::clone(policy)));
    Ok(evaluate(desk.caller, &ask, &layers, &Context::new()).is_allowed())
}
