//! `DescribeKey` and `ListKeys`: what there is.

use policy::Ask;
use serde_json::{Value, json};
use wire::ApiError;
use wire::kms::{
    CustomerMasterKeySpec, DescribeKeyRequest, DescribeKeyResponse, EncryptionAlgorithmSpec,
    KeyListEntry, KeyManagerType, KeyMetadata, KeyState as ApiState, ListKeysRequest,
    ListKeysResponse, ResourceOwnerType, Response,
};

use crate::desk::{Accept, Desk};
use crate::key::{Key, Lifecycle};
use crate::names::KeyId;
use crate::operation::{Read, Request};
use crate::page::Page;
use crate::parameters::{Parameters, instant};
use crate::states::{Class, KeyState};
use crate::{faults, grants, limits};

impl Request for DescribeKeyRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::KeyOrAlias)?;
        Ok(vec![desk.key_ask(
            "kms:DescribeKey",
            &located,
            desk.context(),
        )])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .into_value()
    }
}

impl Read for DescribeKeyRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        grants::check_tokens(desk, self.grant_tokens.as_deref())?;
        let target = desk.find(&self.key_id, Accept::KeyOrAlias)?;
        target.permits(Class::Govern)?;
        Ok(Response::DescribeKey(DescribeKeyResponse {
            key_metadata: Some(metadata(&target.key)),
        }))
    }
}

impl Request for ListKeysRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        Ok(vec![desk.ask("kms:ListKeys", "*")])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .maybe("limit", self.limit)
            .maybe("marker", self.marker.as_deref())
            .into_value()
    }
}

impl Read for ListKeysRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let after = self
            .marker
            .as_deref()
            .map(|m| m.parse::<KeyId>().map_err(|_| faults::invalid_marker(m)))
            .transpose()?;
        // Keys of other accounts are never listed here, so whoever asks for those alone gets none.
        let own = self.resource_owners.as_deref().is_none_or(|owners| {
            owners.is_empty() || owners.contains(&ResourceOwnerType::SelfValue)
        });
        let page = desk.look(|ring| {
            let ids = ring
                .keys_after(&desk.home, after)
                .filter(|(_, slot)| own && !slot.is_due(desk.now));
            Page::take(
                ids.map(|(id, _)| id),
                Page::size(self.limit, limits::KEYS_PAGE, usize::MAX),
            )
        });
        let entry = |id: &KeyId| KeyListEntry {
            key_id: Some(id.to_string()),
            key_arn: Some(desk.key_arn(*id).to_string()),
        };
        Ok(Response::ListKeys(ListKeysResponse {
            keys: Some(page.items.iter().map(entry).collect()),
            next_marker: page.next().map(ToString::to_string),
            truncated: Some(page.truncated),
        }))
    }
}

/// A key as the API shows it.
pub(crate) fn metadata(key: &Key) -> KeyMetadata {
    let state = key.state();
    KeyMetadata {
        aws_account_id: Some(key.arn.account.to_string()),
        key_id: key.arn.id.to_string(),
        arn: Some(key.arn.to_string()),
        creation_date: Some(key.created.into()),
        enabled: Some(state == KeyState::Enabled),
        description: Some(key.description.to_string()),
        key_usage: Some(key.purpose.usage),
        key_state: Some(api_state(state)),
        deletion_date: match key.lifecycle {
            Lifecycle::PendingDeletion(at) => Some(at.into()),
            Lifecycle::Enabled | Lifecycle::Disabled => None,
        },
        valid_to: None,
        origin: Some(key.purpose.origin),
        custom_key_store_id: None,
        cloud_hsm_cluster_id: None,
        expiration_model: None,
        key_manager: Some(KeyManagerType::Customer),
        customer_master_key_spec: Some(CustomerMasterKeySpec::SymmetricDefault),
        key_spec: Some(key.purpose.spec),
        encryption_algorithms: Some(vec![EncryptionAlgorithmSpec::SymmetricDefault]),
        signing_algorithms: None,
        key_agreement_algorithms: None,
        encapsulation_algorithms: None,
        multi_region: Some(key.arn.id.is_multi_region()),
        multi_region_configuration: None,
        pending_deletion_window_in_days: None,
        mac_algorithms: None,
        xks_key_configuration: None,
        current_key_material_id: key.current().map(|backing| backing.material_id.to_string()),
    }
}

/// A key as the trail shows it.
pub(crate) fn for_trail(key: &Key) -> Value {
    json!({
        "aWSAccountId": key.arn.account.to_string(),
        "keyId": key.arn.id.to_string(),
        "arn": key.arn.to_string(),
        "creationDate": instant(key.created),
        "enabled": key.state() == KeyState::Enabled,
        "description": key.description,
        "keyUsage": key.purpose.usage.as_str(),
        "keyState": key.state().as_str(),
        "origin": key.purpose.origin.as_str(),
        "keyManager": KeyManagerType::Customer.as_str(),
        "customerMasterKeySpec": key.purpose.spec.as_str(),
        "keySpec": key.purpose.spec.as_str(),
        "encryptionAlgorithms": [EncryptionAlgorithmSpec::SymmetricDefault.as_str()],
        "multiRegion": key.arn.id.is_multi_region(),
        "currentKeyMaterialId": key.current().map(|backing| &*backing.material_id),
    })
}

/// A state as the wire's model has it.
pub(crate) fn api_state(state: KeyState) -> ApiState {
    match state {
        KeyState::Enabled => ApiState::Enabled,
        KeyState::Disabled => ApiState::Disabled,
        KeyState::PendingDeletion => ApiState::PendingDeletion,
        KeyState::Unavailable => ApiState::Unavailable,
    }
}
