//! `DescribeKey` and `ListKeys`: what there is.

use policy::Ask;
use serde_json::{Value, json};
use wire::ApiError;
use wire::kms::{
    DescribeKeyRequest, DescribeKeyResponse, EncapsulationAlgorithmSpec, EncryptionAlgorithmSpec,
    KeyAgreementAlgorithmSpec, KeyListEntry, KeyManagerType, KeyMetadata, KeySpec,
    KeyState as ApiState, ListKeysRequest, ListKeysResponse, MacAlgorithmSpec, ResourceOwnerType,
    Response, SigningAlgorithmSpec,
};

use crate::desk::{Accept, Desk};
use crate::key::{Key, Lifecycle};
use crate::names::KeyId;
use crate::operation::{Read, Request};
use crate::page::Page;
use crate::parameters::{Parameters, instant};
use crate::states::{Class, KeyState};
use crate::{faults, grants, limits, multi_region};

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
            key_metadata: Some(KeyMetadata {
                multi_region_configuration: multi_region::configuration(
                    &target.key,
                    &desk.look(|ring| ring.family(&target.key)),
                ),
                ..metadata(&target.key)
            }),
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

/// The algorithms of a key, member by member as answers show them: only those of its usage are there.
pub(crate) struct Shown {
    pub(crate) encryption: Option<Vec<EncryptionAlgorithmSpec>>,
    pub(crate) signing: Option<Vec<SigningAlgorithmSpec>>,
    pub(crate) mac: Option<Vec<MacAlgorithmSpec>>,
    pub(crate) agreement: Option<Vec<KeyAgreementAlgorithmSpec>>,
    pub(crate) encapsulation: Option<Vec<EncapsulationAlgorithmSpec>>,
}

/// The algorithms of a key.
pub(crate) fn algorithms(key: &Key) -> Shown {
    fn shown<T: Copy>(list: &[T]) -> Option<Vec<T>> {
        (!list.is_empty()).then(|| list.to_vec())
    }
    let all = key.algorithms();
    Shown {
        encryption: shown(all.encryption),
        signing: shown(all.signing),
        mac: shown(all.mac),
        agreement: shown(all.agreement),
        encapsulation: shown(all.encapsulation),
    }
}

/// A key as the API shows it.
pub(crate) fn metadata(key: &Key) -> KeyMetadata {
    let state = key.state();
    let algorithms = algorithms(key);
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
            _ => None,
        },
        valid_to: key.material_expires().map(Into::into),
        origin: Some(key.purpose.origin),
        custom_key_store_id: None,
        cloud_hsm_cluster_id: None,
        expiration_model: key.expiration_model(),
        key_manager: Some(KeyManagerType::Customer),
        customer_master_key_spec: Some(key.purpose.spec),
        key_spec: Some(key.purpose.spec),
        encryption_algorithms: algorithms.encryption,
        signing_algorithms: algorithms.signing,
        key_agreement_algorithms: algorithms.agreement,
        encapsulation_algorithms: algorithms.encapsulation,
        multi_region: Some(key.arn.id.is_multi_region()),
        multi_region_configuration: None,
        pending_deletion_window_in_days: match key.lifecycle {
            Lifecycle::PendingReplicaDeletion(days) => Some(days.into()),
            _ => None,
        },
        mac_algorithms: algorithms.mac,
        xks_key_configuration: None,
        current_key_material_id: current_material(key).map(str::to_owned),
    }
}

/// The public name of the material that encrypts now: only keys that can have several show it.
pub(crate) fn current_material(key: &Key) -> Option<&str> {
    let rotates = key.purpose.spec == KeySpec::SymmetricDefault;
    let current = key.current().filter(|_| rotates)?;
    Some(&current.material_id)
}

/// A key as the trail shows it.
pub(crate) fn for_trail(key: &Key) -> Value {
    let algorithms = algorithms(key);
    Parameters::default()
        .with("aWSAccountId", key.arn.account.to_string())
        .with("keyId", key.arn.id.to_string())
        .with("arn", key.arn.to_string())
        .with("creationDate", instant(key.created))
        .with("enabled", key.state() == KeyState::Enabled)
        .with("description", &*key.description)
        .with("keyUsage", key.purpose.usage.as_str())
        .with("keyState", key.state().as_str())
        .with("origin", key.purpose.origin.as_str())
        .with("keyManager", KeyManagerType::Customer.as_str())
        .with("customerMasterKeySpec", key.purpose.spec.as_str())
        .with("keySpec", key.purpose.spec.as_str())
        .maybe(
            "encryptionAlgorithms",
            algorithms.encryption.map(|list| json!(list)),
        )
        .maybe(
            "signingAlgorithms",
            algorithms.signing.map(|list| json!(list)),
        )
        .maybe("macAlgorithms", algorithms.mac.map(|list| json!(list)))
        .maybe(
            "keyAgreementAlgorithms",
            algorithms.agreement.map(|list| json!(list)),
        )
        .maybe(
            "encapsulationAlgorithms",
            algorithms.encapsulation.map(|list| json!(list)),
        )
        .with("multiRegion", key.arn.id.is_multi_region())
        .maybe("currentKeyMaterialId", current_material(key))
        .into_value()
}

/// A state as the wire's model has it.
pub(crate) fn api_state(state: KeyState) -> ApiState {
    match state {
        KeyState::Enabled => ApiState::Enabled,
        KeyState::Disabled => ApiState::Disabled,
        KeyState::PendingDeletion => ApiState::PendingDeletion,
        KeyState::PendingReplicaDeletion => ApiState::PendingReplicaDeletion,
        KeyState::PendingImport => ApiState::PendingImport,
        KeyState::Unavailable => ApiState::Unavailable,
    }
}
