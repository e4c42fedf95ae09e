//! `RetireGrant` and `RevokeGrant`: two ways to end a grant, for those whom it names and for those who govern the key.

use policy::{Ask, ResourcePolicy};
use serde_json::{Value, json};
use wire::ApiError;
use wire::kms::{Response, RetireGrantRequest, RevokeGrantRequest};

use super::grant::GrantId;
use super::{conditions, found, parsed_id, token};
use crate::desk::{Accept, Desk, Located, Target};
use crate::faults;
use crate::keyring::Change;
use crate::operation::{Mutation, Plan, Request};
use crate::parameters::Parameters;
use crate::states::Class;

impl Request for RetireGrantRequest {
    /// The grant itself says who may retire it. The key's policy has no say; identity policies can refuse, and can
    /// allow within the account.
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let (located, id) = self.named(desk)?;
        let mut context = desk.context();
        let grant = match &located {
            Located::Here(target) => found(desk, &target.key.arn, id).ok(),
            Located::Nowhere { .. } => None,
        };
        if let Some(grant) = &grant {
            grant.terms.constraints.describe(&mut context);
        }
        Ok(vec![Ask {
            resource_policy: ResourcePolicy::None,
            grant: grant.and_then(|grant| grant.retirement(desk.caller)),
            ..desk.key_ask("kms:RetireGrant", &located, context)
        }])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .maybe("keyId", self.key_id.as_deref())
            .maybe("grantId", self.grant_id.as_deref())
            .maybe("dryRun", self.dry_run)
            .into_value()
    }

    /// The grant, which a token names without showing it.
    fn additional(&self, desk: &Desk<'_>) -> Option<Value> {
        let (_, id) = self.named(desk).ok()?;
        Some(json!({ "grantId": id.to_string() }))
    }
}

impl Mutation for RetireGrantRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let (located, id) = self.named(desk)?;
        let target = desk.granted(located)?;
        target.permits(Class::Govern)?;
        found(desk, &target.key.arn, id)?;
        ended(&target, id, self.dry_run, Response::RetireGrant)
    }
}

impl Request for RevokeGrantRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::AnyKey)?;
        Ok(vec![desk.key_ask(
            "kms:RevokeGrant",
            &located,
            conditions(desk),
        )])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .with("grantId", self.grant_id.as_str())
            .maybe("dryRun", self.dry_run)
            .into_value()
    }
}

impl Mutation for RevokeGrantRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let target = desk.find(&self.key_id, Accept::AnyKey)?;
        target.permits(Class::Govern)?;
        let id = parsed_id(&self.grant_id)?;
        // Whether or not its record can be read.
        let known = desk.look(|ring| ring.grant_revision(&target.key.arn, id).is_some());
        if !known {
            return Err(faults::no_such_grant(&self.grant_id));
        }
        ended(&target, id, self.dry_run, Response::RevokeGrant)
    }
}

fn ended(
    target: &Target,
    id: GrantId,
    dry_run: Option<bool>,
    response: Response,
) -> Result<Plan, ApiError> {
    faults::stop_dry_run(dry_run)?;
    Ok(Plan {
        changes: vec![Change::DeleteGrant(target.key.arn.clone(), id)],
        response,
        elements: Some(json!({ "keyId": target.arn() })),
        made: Vec::new(),
    })
}

/// What `RetireGrant` reads out of its request.
trait Named {
    fn named(&self, desk: &Desk<'_>) -> Result<(Located, GrantId), ApiError>;
}

impl Named for RetireGrantRequest {
    /// The key and the id of the grant, by one of the two ways to name it.
    fn named(&self, desk: &Desk<'_>) -> Result<(Located, GrantId), ApiError> {
        match (&self.grant_token, &self.key_id, &self.grant_id) {
            (Some(text), None, None) => {
                let (key, id) = token::open(desk.root, text)?;
                Ok((desk.locate_key(&key), id))
            }
            (None, Some(key), Some(id)) => Ok((desk.locate(key, Accept::AnyKey)?, parsed_id(id)?)),
            _ => Err(faults::validation(
                "Specify either a grant token, or a grant ID and a key ID.",
            )),
        }
    }
}
