//! `CreateGrant`.

use std::sync::Arc;

use policy::{Ask, Context};
use serde_json::{Value, json};
use wire::ApiError;
use wire::kms::{
    CreateGrantRequest, CreateGrantResponse, GrantConstraints, GrantOperation, Response,
};

use super::constraints::Constraints;
use super::grant::{Grant, GrantId, Party, Terms};
use super::operations::Operations;
use super::{bound_principal, check_tokens, conditions, parsed_principal, token};
use crate::backing::Purpose;
use crate::desk::{Accept, Desk};
use crate::keyring::Change;
use crate::names::KeyArn;
use crate::operation::{Mutation, Plan, Request};
use crate::parameters::Parameters;
use crate::specs::{self, Shape};
use crate::states::Class;
use crate::{faults, limits};

impl Request for CreateGrantRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::AnyKey)?;
        let mut context = conditions(desk);
        self.describe(&mut context);
        Ok(vec![desk.key_ask("kms:CreateGrant", &located, context)])
    }

    fn parameters(&self) -> Value {
        let operations: Vec<Value> = self.operations.iter().map(|o| o.as_str().into()).collect();
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .maybe("granteePrincipal", self.grantee_principal.as_deref())
            .maybe(
                "granteeServicePrincipal",
                self.grantee_service_principal.as_deref(),
            )
            .maybe("retiringPrincipal", self.retiring_principal.as_deref())
            .maybe(
                "retiringServicePrincipal",
                self.retiring_service_principal.as_deref(),
            )
            .with("operations", operations)
            .maybe("constraints", self.constraints.as_ref().map(for_trail))
            .maybe("name", self.name.as_deref())
            .maybe("dryRun", self.dry_run)
            .into_value()
    }
}

impl Mutation for CreateGrantRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        check_tokens(desk, self.grant_tokens.as_deref())?;
        let target = desk.find(&self.key_id, Accept::AnyKey)?;
        target.permits(Class::Grant)?;
        let key = &target.key.arn;
        let terms = self.terms(desk, target.key.purpose)?;
        let known = same(desk, key, &terms);
        if known.is_none() {
            check_room(desk, key)?;
        }
        faults::stop_dry_run(self.dry_run)?;
        let fresh = || GrantId::random().map_err(|error| faults::crypto(&error));
        let id = known.map_or_else(fresh, Ok)?;
        let grant = Grant {
            key: key.clone(),
            id,
            created: desk.now,
            issuer: desk.home.account,
            terms,
        };
        Ok(Plan {
            changes: match known {
                Some(_) => Vec::new(),
                None => vec![Change::PutGrant(Arc::new(grant))],
            },
            response: Response::CreateGrant(CreateGrantResponse {
                grant_token: Some(token::seal(desk.root, key, id)?),
                grant_id: Some(id.to_string()),
            }),
            elements: Some(json!({ "grantId": id.to_string(), "keyId": target.arn() })),
            made: Vec::new(),
        })
    }
}

/// The grant of that name with those very terms: the request was sent before.
fn same(desk: &Desk<'_>, key: &KeyArn, terms: &Terms) -> Option<GrantId> {
    let name = terms.name.as_deref()?;
    desk.look(|ring| {
        let mut named = ring.grants(key)?.named(key.id, name);
        named
            .find(|grant| grant.terms == *terms)
            .map(|grant| grant.id)
    })
}

fn check_room(desk: &Desk<'_>, key: &KeyArn) -> Result<(), ApiError> {
    let count = desk.look(|ring| ring.grants(key).map_or(0, |grants| grants.count(key.id)));
    if count >= limits::GRANTS_PER_KEY {
        return Err(faults::limit(format!(
            "A key has at most {} grants. Retire or revoke those that are not needed.",
            limits::GRANTS_PER_KEY
        )));
    }
    Ok(())
}

/// What `CreateGrant` reads out of its request.
trait Wanted {
    fn describe(&self, context: &mut Context);
    fn terms(&self, desk: &Desk<'_>, purpose: Purpose) -> Result<Terms, ApiError>;
    fn grantee(&self, desk: &Desk<'_>) -> Result<Party, ApiError>;
    fn retiring(&self, desk: &Desk<'_>) -> Result<Option<Party>, ApiError>;
    fn operations(&self, purpose: Purpose) -> Result<Operations, ApiError>;
}

impl Wanted for CreateGrantRequest {
    fn describe(&self, context: &mut Context) {
        context.set_all(
            "kms:GrantOperations",
            self.operations.iter().map(|operation| operation.as_str()),
        );
        for (key, text) in [
            ("kms:GranteePrincipal", &self.grantee_principal),
            ("kms:RetiringPrincipal", &self.retiring_principal),
            (
                "kms:GranteeServicePrincipal",
                &self.grantee_service_principal,
            ),
            (
                "kms:RetiringServicePrincipal",
                &self.retiring_service_principal,
            ),
        ] {
            if let Some(text) = text {
                // The one text of a principal, so that a condition cannot be passed by another.
                let who = parsed_principal(text).map(|who| who.to_string());
                context.set(key, who.unwrap_or_else(|_| text.clone()));
            }
        }
        if let Some(constraints) = &self.constraints {
            Constraints::from(constraints).describe(context);
        }
    }

    fn terms(&self, desk: &Desk<'_>, purpose: Purpose) -> Result<Terms, ApiError> {
        let terms = Terms {
            name: self.name.as_deref().map(Into::into),
            grantee: self.grantee(desk)?,
            retiring: self.retiring(desk)?,
            operations: self.operations(purpose)?,
            constraints: match &self.constraints {
                Some(asked) => Constraints::checked(asked, purpose)?,
                None => Constraints::default(),
            },
        };
        check_service_grant(&terms)?;
        Ok(terms)
    }

    fn grantee(&self, desk: &Desk<'_>) -> Result<Party, ApiError> {
        let named = party(
            desk,
            "Grantee",
            self.grantee_principal.as_deref(),
            self.grantee_service_principal.as_deref(),
        )?;
        named.ok_or_else(|| {
            faults::validation("Specify either GranteePrincipal or GranteeServicePrincipal.")
        })
    }

    fn retiring(&self, desk: &Desk<'_>) -> Result<Option<Party>, ApiError> {
        party(
            desk,
            "Retiring",
            self.retiring_principal.as_deref(),
            self.retiring_service_principal.as_deref(),
        )
    }

    fn operations(&self, purpose: Purpose) -> Result<Operations, ApiError> {
        let asked: Operations = self.operations.iter().copied().collect();
        if asked.is_empty() {
            return Err(faults::validation(
                "Grants must contain at least one operation.",
            ));
        }
        if asked == Operations::from_iter([GrantOperation::CreateGrant]) {
            return Err(faults::validation(
                "Grants must not contain only the CreateGrant operation.",
            ));
        }
        let supported = Operations::of(purpose);
        let foreign = asked.without(supported);
        if foreign.is_empty() {
            Ok(asked)
        } else {
            Err(unsupported(foreign, supported, purpose))
        }
    }
}

/// Operations that the key does not have.
fn unsupported(foreign: Operations, supported: Operations, purpose: Purpose) -> ApiError {
    let listed = |operations: Operations| {
        let names: Vec<_> = operations.iter().map(GrantOperation::as_str).collect();
        names.join(", ")
    };
    let kind = match specs::shape(purpose.spec) {
        Some(Shape::Pair(_)) => "an asymmetric",
        Some(Shape::Bytes(_)) | None => "a symmetric",
    };
    faults::validation(format!(
        "Operations [{}] are not supported when creating a grant for {kind} KMS key with key usage {}. Valid operations are [{}]",
        listed(foreign),
        purpose.usage.as_str(),
        listed(supported)
    ))
}

/// Whom one of the two members names.
fn party(
    desk: &Desk<'_>,
    role: &str,
    principal: Option<&str>,
    service: Option<&str>,
) -> Result<Option<Party>, ApiError> {
    match (principal, service) {
        (None, None) => Ok(None),
        (Some(text), None) => bound_principal(desk, text).map(Party::Principal).map(Some),
        (None, Some(text)) => bound_principal(desk, text).map(Party::Service).map(Some),
        (Some(_), Some(_)) => Err(faults::validation(format!(
            "{role}Principal and {role}ServicePrincipal cannot be specified together."
        ))),
    }
}

/// A grant to a service by its own member is for one resource, and names who ends it.
fn check_service_grant(terms: &Terms) -> Result<(), ApiError> {
    if matches!(terms.grantee, Party::Principal(_)) {
        return Ok(());
    }
    if terms.constraints.source_arn.is_none() {
        return Err(faults::validation(
            "A grant with GranteeServicePrincipal must have a SourceArn constraint.",
        ));
    }
    if terms.retiring.is_none() {
        return Err(faults::validation(
            "A grant with GranteeServicePrincipal must have a RetiringPrincipal or a RetiringServicePrincipal.",
        ));
    }
    Ok(())
}

fn for_trail(constraints: &GrantConstraints) -> Value {
    Parameters::default()
        .maybe(
            "encryptionContextSubset",
            constraints
                .encryption_context_subset
                .as_ref()
                .map(|pairs| json!(pairs)),
        )
        .maybe(
            "encryptionContextEquals",
            constraints
                .encryption_context_equals
                .as_ref()
                .map(|pairs| json!(pairs)),
        )
        .maybe("sourceArn", constraints.source_arn.as_deref())
        .into_value()
}
