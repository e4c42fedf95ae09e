//! `CreateAlias`, `UpdateAlias`, `DeleteAlias`, `ListAliases`: names that point at keys.

use policy::Ask;
use serde_json::{Value, json};
use wire::ApiError;
use wire::kms::{
    AliasListEntry, CreateAliasRequest, DeleteAliasRequest, ListAliasesRequest,
    ListAliasesResponse, Response, UpdateAliasRequest,
};

use crate::desk::{Accept, Desk, Located, Target};
use crate::key::Alias;
use crate::keyring::Change;
use crate::names::AliasName;
use crate::operation::{Mutation, Plan, Read, Request};
use crate::page::Page;
use crate::parameters::Parameters;
use crate::states::Class;
use crate::{faults, limits};

impl Request for CreateAliasRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let name = owners_name(&self.alias_name)?;
        let target = target(desk, &self.target_key_id)?;
        Ok(vec![
            alias_ask(desk, "kms:CreateAlias", &name),
            desk.key_ask("kms:CreateAlias", &target, desk.context()),
        ])
    }

    fn parameters(&self) -> Value {
        parameters(&self.alias_name, Some(&self.target_key_id))
    }
}

impl Mutation for CreateAliasRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let name = owners_name(&self.alias_name)?;
        let target = nameable(desk, &self.target_key_id, &name)?;
        if desk.alias(&name).is_some() {
            return Err(faults::alias_exists(&desk.alias_arn(&name)));
        }
        Ok(pointing(
            desk,
            Alias {
                name,
                target: target.key.arn.id,
                created: desk.now,
                updated: desk.now,
            },
            Response::CreateAlias,
        ))
    }
}

impl Request for UpdateAliasRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let name = owners_name(&self.alias_name)?;
        let target = target(desk, &self.target_key_id)?;
        let mut asks = vec![alias_ask(desk, "kms:UpdateAlias", &name)];
        asks.extend(current_key_ask(desk, "kms:UpdateAlias", &name));
        asks.push(desk.key_ask("kms:UpdateAlias", &target, desk.context()));
        Ok(asks)
    }

    fn parameters(&self) -> Value {
        parameters(&self.alias_name, Some(&self.target_key_id))
    }
}

impl Mutation for UpdateAliasRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let alias = granted_alias(desk, &owners_name(&self.alias_name)?)?;
        // The key that the alias leaves may be in any state; the one that it comes to may not.
        let target = nameable(desk, &self.target_key_id, &alias.name)?;
        Ok(pointing(
            desk,
            Alias {
                target: target.key.arn.id,
                updated: desk.now,
                ..alias
            },
            Response::UpdateAlias,
        ))
    }
}

impl Request for DeleteAliasRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let name = owners_name(&self.alias_name)?;
        let mut asks = vec![alias_ask(desk, "kms:DeleteAlias", &name)];
        asks.extend(current_key_ask(desk, "kms:DeleteAlias", &name));
        Ok(asks)
    }

    fn parameters(&self) -> Value {
        parameters(&self.alias_name, None)
    }
}

impl Mutation for DeleteAliasRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let alias = granted_alias(desk, &owners_name(&self.alias_name)?)?;
        Ok(Plan {
            changes: vec![Change::DeleteAlias(desk.home.clone(), alias.name)],
            response: Response::DeleteAlias,
            elements: Some(json!({ "keyId": desk.key_arn(alias.target).to_string() })),
            made: Vec::new(),
        })
    }
}

impl Request for ListAliasesRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        Ok(vec![desk.ask("kms:ListAliases", "*")])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .maybe("keyId", self.key_id.as_deref())
            .maybe("limit", self.limit)
            .maybe("marker", self.marker.as_deref())
            .into_value()
    }
}

impl Read for ListAliasesRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let after: Option<AliasName> = self
            .marker
            .as_deref()
            .map(|m| m.parse().map_err(|_| faults::invalid_marker(m)))
            .transpose()?;
        let of_key = match &self.key_id {
            None => None,
            Some(key) => match desk.locate(key, Accept::Key)? {
                Located::Here(target) => Some(target.key.arn.id),
                Located::Nowhere { error, .. } => return Err(error),
            },
        };
        let size = Page::size(self.limit, limits::ALIASES_PAGE, limits::ALIASES_PAGE_MAX);
        let page = desk.look(|ring| {
            let due = |alias: &Alias| {
                ring.key(&desk.home, alias.target)
                    .is_some_and(|(slot, _)| slot.is_due(desk.now))
            };
            let aliases = ring.aliases_after(&desk.home, after.as_ref());
            let wanted =
                aliases.filter(|alias| of_key.is_none_or(|id| id == alias.target) && !due(alias));
            Page::take(wanted.cloned(), size)
        });
        Ok(Response::ListAliases(ListAliasesResponse {
            next_marker: page.next().map(|alias| alias.name.to_string()),
            truncated: Some(page.truncated),
            aliases: Some(page.items.iter().map(|alias| entry(desk, alias)).collect()),
        }))
    }
}

fn entry(desk: &Desk<'_>, alias: &Alias) -> AliasListEntry {
    AliasListEntry {
        alias_name: Some(alias.name.to_string()),
        alias_arn: Some(desk.alias_arn(&alias.name).to_string()),
        target_key_id: Some(alias.target.to_string()),
        creation_date: Some(alias.created.into()),
        last_updated_date: Some(alias.updated.into()),
    }
}

/// An alias name that a caller may make, move or delete.
fn owners_name(text: &str) -> Result<AliasName, ApiError> {
    let name: AliasName = text.parse().map_err(|_| faults::invalid_alias(text))?;
    if name.is_reserved() {
        Err(faults::reserved_alias())
    } else {
        Ok(name)
    }
}

/// The key that an alias is to point at: never by way of another alias.
fn target(desk: &Desk<'_>, text: &str) -> Result<Located, ApiError> {
    if text.starts_with("alias/") || text.contains(":alias/") {
        return Err(faults::validation(
            "Aliases must refer to keys. Not aliases",
        ));
    }
    desk.locate(text, Accept::Key)
}

/// The key that an alias is to point at, if its state and the quota let it.
fn nameable(desk: &Desk<'_>, text: &str, name: &AliasName) -> Result<Target, ApiError> {
    let target = desk.granted(target(desk, text)?)?;
    target.permits(Class::Name)?;
    if target.aliases.len() >= limits::ALIASES_PER_KEY && !target.aliases.contains(name) {
        return Err(faults::limit(format!(
            "A key has at most {} aliases.",
            limits::ALIASES_PER_KEY
        )));
    }
    Ok(target)
}

/// An alias that exists, and still points at the key that leave was given for.
fn granted_alias(desk: &Desk<'_>, name: &AliasName) -> Result<Alias, ApiError> {
    let alias = desk
        .alias(name)
        .ok_or_else(|| faults::no_such_alias(&desk.alias_arn(name)))?;
    desk.weighed(&desk.key_arn(alias.target).to_string())?;
    Ok(alias)
}

fn alias_ask(desk: &Desk<'_>, action: &str, name: &AliasName) -> Ask {
    desk.ask(action, desk.alias_arn(name).to_string())
}

/// The ask on the key that an alias points at, if there is such an alias.
fn current_key_ask(desk: &Desk<'_>, action: &str, name: &AliasName) -> Option<Ask> {
    let alias = desk.alias(name)?;
    let located = desk.locate_key(&desk.key_arn(alias.target));
    Some(desk.key_ask(action, &located, desk.context()))
}

fn pointing(desk: &Desk<'_>, alias: Alias, response: Response) -> Plan {
    Plan {
        elements: Some(json!({ "keyId": desk.key_arn(alias.target).to_string() })),
        changes: vec![Change::PutAlias(desk.home.clone(), alias)],
        response,
        made: Vec::new(),
    }
}

fn parameters(alias: &str, target: Option<&str>) -> Value {
    Parameters::default()
        .with("aliasName", alias)
        .maybe("targetKeyId", target)
        .into_value()
}
