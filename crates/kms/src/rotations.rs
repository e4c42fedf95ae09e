//! `ListKeyRotations`: the materials of a key, past, present and to come.

use policy::Ask;
use serde_json::Value;
use wire::ApiError;
use wire::kms::{
    ImportState, IncludeKeyMaterial, KeyMaterialState, ListKeyRotationsRequest,
    ListKeyRotationsResponse, OriginType, Response, RotationsListEntry,
};

use crate::backing::BackingKey;
use crate::desk::{Accept, Desk};
use crate::key::Key;
use crate::operation::{Read, Request};
use crate::page::Page;
use crate::parameters::Parameters;
use crate::states::Class;
use crate::{faults, limits, rotation};

impl Request for ListKeyRotationsRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        desk.ask_of_key("kms:ListKeyRotations", &self.key_id)
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .maybe(
                "includeKeyMaterial",
                self.include_key_material.map(IncludeKeyMaterial::as_str),
            )
            .maybe("limit", self.limit)
            .maybe("marker", self.marker.as_deref())
            .into_value()
    }
}

impl Read for ListKeyRotationsRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let target = desk.find(&self.key_id, Accept::Key)?;
        rotation::rotates(&target.key)?;
        target.permits(Class::Govern)?;
        let ready = desk
            .look(|ring| ring.family(&target.key))
            .iter()
            .all(|key| {
                let pending = key.pending.as_ref();
                pending.is_none_or(|pending| pending.wrapped.is_some())
            });
        let key = &*target.key;
        let all = self.include_key_material == Some(IncludeKeyMaterial::AllKeyMaterial);
        let materials: Vec<&BackingKey> = key
            .backing
            .iter()
            .chain(&key.pending)
            .filter(|backing| all || backing.rotation.is_some())
            .collect();
        let rest = after(materials, self.marker.as_deref())?;
        let size = Page::size(self.limit, limits::ROTATIONS_PAGE, limits::PAGE_MAX);
        let page = Page::take(rest.into_iter(), size);
        Ok(Response::ListKeyRotations(ListKeyRotationsResponse {
            next_marker: page.next().map(|backing| backing.material_id.to_string()),
            truncated: Some(page.truncated),
            rotations: Some(
                page.items
                    .iter()
                    .map(|backing| entry(key, backing, ready))
                    .collect(),
            ),
        }))
    }
}

/// What of the list comes after the material that the marker names.
fn after<'a>(
    materials: Vec<&'a BackingKey>,
    marker: Option<&str>,
) -> Result<Vec<&'a BackingKey>, ApiError> {
    let Some(marker) = marker else {
        return Ok(materials);
    };
    let mut rest = materials.into_iter();
    rest.find(|backing| *backing.material_id == *marker)
        .ok_or_else(|| faults::invalid_marker(marker))?;
    Ok(rest.collect())
}

fn entry(key: &Key, backing: &BackingKey, ready: bool) -> RotationsListEntry {
    let external = key.purpose.origin == OriginType::External;
    let imported = backing.imported.as_ref();
    let state = match backing.wrapped {
        Some(_) => ImportState::Imported,
        None => ImportState::PendingImport,
    };
    RotationsListEntry {
        key_id: Some(key.arn.id.to_string()),
        key_material_id: Some(backing.material_id.to_string()),
        key_material_description: imported
            .and_then(|imported| imported.description.as_deref())
            .map(str::to_owned),
        import_state: external.then_some(state),
        key_material_state: Some(material_state(key, backing, ready)),
        expiration_model: backing.expiration_model(),
        valid_to: backing.expires().map(Into::into),
        rotation_date: backing.rotation.map(|_| backing.created.into()),
        rotation_type: backing.rotation,
    }
}

fn material_state(key: &Key, backing: &BackingKey, ready: bool) -> KeyMaterialState {
    if key.pending_is(&backing.material_id) {
        if ready {
            KeyMaterialState::PendingRotation
        } else {
            KeyMaterialState::PendingMultiRegionImportAndRotation
        }
    } else if key
        .current()
        .is_some_and(|current| current.version == backing.version)
    {
        KeyMaterialState::Current
    } else {
        KeyMaterialState::NonCurrent
    }
}
