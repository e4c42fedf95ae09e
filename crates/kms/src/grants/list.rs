//! `ListGrants` and `ListRetirableGrants`.

use std::sync::Arc;

use policy::{Ask, PrincipalKind};
use serde_json::Value;
use wire::ApiError;
use wire::kms::{
    GrantListEntry, ListGrantsRequest, ListGrantsResponse, ListRetirableGrantsRequest, Response,
};

use super::grant::{Grant, GrantId, Party};
use super::{bound_principal, conditions, parsed_id, parsed_principal};
use crate::desk::{Accept, Desk};
use crate::names::{AccountId, KeyArn, KeyId};
use crate::operation::{Read, Request};
use crate::page::Page;
use crate::parameters::Parameters;
use crate::states::Class;
use crate::{faults, limits};

impl Request for ListGrantsRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::AnyKey)?;
        Ok(vec![desk.key_ask(
            "kms:ListGrants",
            &located,
            conditions(desk),
        )])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .maybe("grantId", self.grant_id.as_deref())
            .maybe("granteePrincipal", self.grantee_principal.as_deref())
            .maybe(
                "granteeServicePrincipal",
                self.grantee_service_principal.as_deref(),
            )
            .maybe("limit", self.limit)
            .maybe("marker", self.marker.as_deref())
            .into_value()
    }
}

impl Read for ListGrantsRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let target = desk.find(&self.key_id, Accept::AnyKey)?;
        target.permits(Class::Govern)?;
        let after = self.marker.as_deref().map(key_marker).transpose()?;
        let id = self.grant_id.as_deref().map(parsed_id).transpose()?;
        let wanted = only_one(
            desk,
            "Grantee",
            self.grantee_principal.as_deref(),
            self.grantee_service_principal.as_deref(),
        )?;
        let key = &target.key.arn;
        let page = desk.look(|ring| {
            let all = ring.grants(key).into_iter();
            let wanted = all
                .flat_map(|grants| grants.after(key.id, after))
                .filter(|grant| id.is_none_or(|id| grant.id == id))
                .filter(|grant| wanted.as_ref().is_none_or(|w| grant.terms.grantee == *w));
            Page::take(wanted.cloned(), size(self.limit))
        });
        let next = page.next().map(|grant| grant.id.to_string());
        Ok(Response::ListGrants(listed(desk, &page, next)))
    }
}

impl Request for ListRetirableGrantsRequest {
    /// The resource is the principal that is asked about, so that who asks about another account's is refused.
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let who = self.retiring_principal.as_deref().map(parsed_principal);
        let resource = who.and_then(Result::ok).map(|who| who.to_string());
        let resource = resource.filter(|text| text.starts_with("arn:"));
        Ok(vec![desk.ask(
            "kms:ListRetirableGrants",
            resource.as_deref().unwrap_or("*"),
        )])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .maybe("retiringPrincipal", self.retiring_principal.as_deref())
            .maybe(
                "retiringServicePrincipal",
                self.retiring_service_principal.as_deref(),
            )
            .maybe("limit", self.limit)
            .maybe("marker", self.marker.as_deref())
            .into_value()
    }
}

impl Read for ListRetirableGrantsRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let wanted = only_one(
            desk,
            "Retiring",
            self.retiring_principal.as_deref(),
            self.retiring_service_principal.as_deref(),
        )?;
        let wanted = wanted.ok_or_else(|| {
            faults::validation("Specify either RetiringPrincipal or RetiringServicePrincipal.")
        })?;
        let after = self.marker.as_deref().map(region_marker).transpose()?;
        let page = desk.look(|ring| {
            let who = wanted.who().handle();
            let own = ring.retirable_after(&desk.home.region, &who, after);
            let lasting = own.filter(|grant| {
                grant.terms.retiring.as_ref() == Some(&wanted) && !ring.is_due(&grant.key, desk.now)
            });
            Page::take(lasting.cloned(), size(self.limit))
        });
        let marker = |grant: &Arc<Grant>| {
            let KeyArn { account, id, .. } = &grant.key;
            format!("{account}/{id}/{}", grant.id)
        };
        let next = page.next().map(marker);
        Ok(Response::ListRetirableGrants(listed(desk, &page, next)))
    }
}

/// Whom a list is to be cut down to.
///
/// # Errors
/// `ValidationException` for both members at once, `InvalidArnException` for a name that is none,
/// `AccessDeniedException` for a service's name where no service asks.
fn only_one(
    desk: &Desk<'_>,
    role: &str,
    principal: Option<&str>,
    service: Option<&str>,
) -> Result<Option<Party>, ApiError> {
    match (principal, service) {
        (None, None) => Ok(None),
        (Some(text), None) => bound_principal(desk, text).map(Party::Principal).map(Some),
        (None, Some(text)) if desk.caller.kind == PrincipalKind::Service => {
            bound_principal(desk, text).map(Party::Service).map(Some)
        }
        (None, Some(_)) => Err(faults::for_services(&format!("{role}ServicePrincipal"))),
        (Some(_), Some(_)) => Err(faults::validation(format!(
            "{role}Principal and {role}ServicePrincipal cannot be specified together."
        ))),
    }
}

fn size(limit: Option<i32>) -> usize {
    Page::size(limit, limits::GRANTS_PAGE, limits::GRANTS_PAGE_MAX)
}

fn key_marker(marker: &str) -> Result<GrantId, ApiError> {
    marker.parse().map_err(|_| faults::invalid_marker(marker))
}

fn region_marker(marker: &str) -> Result<(AccountId, KeyId, GrantId), ApiError> {
    let parsed = marker.split_once('/').and_then(|(account, rest)| {
        let (key, id) = rest.split_once('/')?;
        Some((account.parse().ok()?, key.parse().ok()?, id.parse().ok()?))
    });
    parsed.ok_or_else(|| faults::invalid_marker(marker))
}

fn listed(
    desk: &Desk<'_>,
    page: &Page<Arc<Grant>>,
    next_marker: Option<String>,
) -> ListGrantsResponse {
    ListGrantsResponse {
        grants: Some(page.items.iter().map(|grant| entry(desk, grant)).collect()),
        next_marker,
        truncated: Some(page.truncated),
    }
}

/// A grant as the API shows it. One without a name has the empty one.
fn entry(desk: &Desk<'_>, grant: &Grant) -> GrantListEntry {
    let terms = &grant.terms;
    let constraints = (!terms.constraints.is_empty()).then(|| (&terms.constraints).into());
    let (grantee_principal, grantee_service_principal) = members(desk, Some(&terms.grantee));
    let (retiring_principal, retiring_service_principal) = members(desk, terms.retiring.as_ref());
    GrantListEntry {
        key_id: Some(grant.key.to_string()),
        grant_id: Some(grant.id.to_string()),
        name: Some(terms.name.as_deref().unwrap_or_default().to_owned()),
        creation_date: Some(grant.created.into()),
        grantee_principal,
        retiring_principal,
        issuing_account: Some(format!("arn:aws:iam::{}:root", grant.issuer)),
        operations: Some(terms.operations.iter().collect()),
        constraints,
        grantee_service_principal,
        retiring_service_principal,
    }
}

/// A party under the member that it was named with.
fn members(desk: &Desk<'_>, party: Option<&Party>) -> (Option<String>, Option<String>) {
    match party {
        None => (None, None),
        Some(Party::Principal(who)) => (Some(who.shown(desk.principals)), None),
        Some(Party::Service(who)) => (None, Some(who.shown(desk.principals))),
    }
}
