//! `CreateKey`.

use std::sync::Arc;

use crypto::KeyPairSpec;
use policy::Ask;
use serde_json::{Value, json};
use trail::Resource;
use uuid::Uuid;
use wire::ApiError;
use wire::kms::{
    CreateKeyRequest, CreateKeyResponse, KeyMetadata, KeySpec, KeyUsageType, MultiRegionKeyType,
    OriginType, Response, Tag,
};

use crate::backing::{BackingKey, Material, Purpose};
use crate::ciphertext::BackingVersion;
use crate::desk::Desk;
use crate::key::{Key, Lifecycle};
use crate::keyring::Change;
use crate::names::{KeyArn, KeyId};
use crate::operation::{Mutation, Plan, Request};
use crate::parameters::Parameters;
use crate::specs::{self, Shape};
use crate::{KEY_RESOURCE, describe, faults, limits, multi_region, policies, tags};

impl Request for CreateKeyRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let mut context = desk.context();
        context.set("kms:KeySpec", self.spec().as_str());
        context.set("kms:KeyUsage", self.usage().as_str());
        // Their old names, which policies may still have.
        context.set("kms:CustomerMasterKeySpec", self.spec().as_str());
        context.set("kms:CustomerMasterKeyUsage", self.usage().as_str());
        context.set(
            "kms:KeyOrigin",
            self.origin.unwrap_or(OriginType::AwsKms).as_str(),
        );
        context.set("kms:MultiRegion", flag(self.multi_region));
        context.set(
            "kms:BypassPolicyLockoutSafetyCheck",
            flag(self.bypass_policy_lockout_safety_check),
        );
        if self.multi_region == Some(true) {
            context.set(
                "kms:MultiRegionKeyType",
                MultiRegionKeyType::Primary.as_str(),
            );
        }
        tags::requested(self.tags(), &mut context);
        let mut asks = vec![Ask::new("kms:CreateKey", "*").with_context(context.clone())];
        // Tags can decide who may use a key, so giving them needs leave of its own.
        if !self.tags().is_empty() {
            asks.push(Ask::new("kms:TagResource", "*").with_context(context));
        }
        Ok(asks)
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .maybe("policy", self.policy.as_deref())
            .with(
                "description",
                self.description.as_deref().unwrap_or_default(),
            )
            .with("keySpec", self.spec().as_str())
            .with("customerMasterKeySpec", self.spec().as_str())
            .with("keyUsage", self.usage().as_str())
            .with("origin", self.origin.unwrap_or(OriginType::AwsKms).as_str())
            .with("multiRegion", self.multi_region.unwrap_or_default())
            .with(
                "bypassPolicyLockoutSafetyCheck",
                self.bypass_policy_lockout_safety_check.unwrap_or_default(),
            )
            .maybe(
                "tags",
                (!self.tags().is_empty()).then(|| tags::for_trail(self.tags())),
            )
            .into_value()
    }

    fn pair(&self, _: &Desk<'_>) -> Result<Option<KeyPairSpec>, ApiError> {
        tags::checked(self.tags())?;
        let purpose = self.purpose()?;
        Ok(match specs::shape(purpose.spec) {
            Some(Shape::Pair(spec)) if purpose.origin == OriginType::AwsKms => Some(spec),
            _ => None,
        })
    }
}

impl Mutation for CreateKeyRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let purpose = self.purpose()?;
        let tags = tags::checked(self.tags())?;
        if desk.look(|ring| ring.count(&desk.home)) >= limits::KEYS_PER_REGION {
            return Err(faults::too_many_keys());
        }
        let multi_region = self.multi_region.unwrap_or_default();
        let arn = desk.key_arn(if multi_region {
            KeyId::multi_region(Uuid::new_v4())
        } else {
            KeyId::single_region(Uuid::new_v4())
        });
        let backing = first_material(desk, &arn, purpose)?;
        let mut key = Key {
            arn,
            purpose,
            lifecycle: Lifecycle::Enabled,
            available: true,
            description: self.description.as_deref().unwrap_or_default().into(),
            created: desk.now,
            policy: policies::default_policy(desk)?,
            tags,
            backing,
            pending: None,
            rotation: None,
            primary: multi_region.then(|| desk.home.region.clone()),
        };
        if let Some(text) = &self.policy {
            let mut later = desk.context();
            key.describe(&mut later);
            let bypass = self.bypass_policy_lockout_safety_check.unwrap_or_default();
            key.policy = policies::checked(desk, text, &key.arn.to_string(), later, bypass)?;
        }
        Ok(created(key))
    }
}

/// What a key begins with: fresh material, or none when its owner is to import it.
fn first_material(
    desk: &Desk<'_>,
    arn: &KeyArn,
    purpose: Purpose,
) -> Result<Vec<BackingKey>, ApiError> {
    if purpose.origin == OriginType::External {
        return Ok(Vec::new());
    }
    let (root, version, now) = (desk.root, BackingVersion::FIRST, desk.now);
    let made = match specs::shape(purpose.spec) {
        Some(Shape::Pair(_)) => {
            let pair = desk.take_pair()?;
            BackingKey::wrap(root, arn, purpose, version, Material::of_pair(&pair), now)
        }
        Some(Shape::Bytes(_)) | None => BackingKey::generate(root, arn, purpose, version, now),
    };
    made.map(|backing| vec![backing])
        .map_err(|error| faults::crypto(&error))
}

fn created(key: Key) -> Plan {
    let key = Arc::new(key);
    let metadata = KeyMetadata {
        multi_region_configuration: multi_region::configuration(&key, &[]),
        ..describe::metadata(&key)
    };
    let elements = json!({ "keyMetadata": describe::for_trail(&key) });
    let made = vec![Resource::new(
        key.arn.to_string(),
        key.arn.account.to_string(),
        KEY_RESOURCE,
    )];
    Plan {
        changes: vec![Change::PutKey(key)],
        response: Response::CreateKey(CreateKeyResponse {
            key_metadata: Some(metadata),
        }),
        elements: Some(elements),
        made,
    }
}

/// What `CreateKey` reads out of its request.
trait Wanted {
    fn tags(&self) -> &[Tag];
    fn spec(&self) -> KeySpec;
    fn usage(&self) -> KeyUsageType;
    fn purpose(&self) -> Result<Purpose, ApiError>;
}

impl Wanted for CreateKeyRequest {
    fn tags(&self) -> &[Tag] {
        self.tags.as_deref().unwrap_or_default()
    }

    fn spec(&self) -> KeySpec {
        let old = self.customer_master_key_spec.and_then(specs::of_old_name);
        self.key_spec.or(old).unwrap_or(KeySpec::SymmetricDefault)
    }

    fn usage(&self) -> KeyUsageType {
        self.key_usage.unwrap_or(KeyUsageType::EncryptDecrypt)
    }

    fn purpose(&self) -> Result<Purpose, ApiError> {
        if self.key_spec.is_some() && self.customer_master_key_spec.is_some() {
            return Err(faults::validation(
                "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
            ));
        }
        if self.custom_key_store_id.is_some() || self.xks_key_id.is_some() {
            return Err(faults::unsupported("Custom key stores are not offered."));
        }
        let origin = self.origin.unwrap_or(OriginType::AwsKms);
        if !matches!(origin, OriginType::AwsKms | OriginType::External) {
            return Err(faults::unsupported(format!(
                "Keys of origin {} are not offered. Use AWS_KMS or EXTERNAL.",
                origin.as_str()
            )));
        }
        let (spec, usage) = (self.spec(), self.usage());
        if self.key_usage.is_none() && spec != KeySpec::SymmetricDefault {
            return Err(faults::usage_missing());
        }
        if specs::shape(spec).is_none() {
            return Err(faults::no_sm2());
        }
        if specs::algorithms(spec, usage).is_none() {
            return Err(faults::incompatible_usage(usage, spec));
        }
        Ok(Purpose {
            spec,
            usage,
            origin,
        })
    }
}

/// A truth value as conditions see it.
fn flag(value: Option<bool>) -> &'static str {
    if value.unwrap_or_default() {
        "true"
    } else {
        "false"
    }
}
