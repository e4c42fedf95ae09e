//! `CreateKey`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crypto::KeyPairSpec;
use policy::{Ask, Context};
use serde_json::{Value, json};
use trail::Resource;
use uuid::Uuid;
use wire::ApiError;
use wire::kms::{
    CreateKeyRequest, CreateKeyResponse, KeySpec, KeyUsageType, OriginType, Response, Tag,
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
use crate::{KEY_RESOURCE, describe, faults, limits, policies};

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
        request_tags(self.tags(), &mut context);
        let mut asks = vec![Ask::new("kms:CreateKey", "*").with_context(context.clone())];
        // Tags can decide who may use a key, so giving them needs leave of its own.
        if !self.tags().is_empty() {
            asks.push(Ask::new("kms:TagResource", "*").with_context(context));
        }
        Ok(asks)
    }

    fn parameters(&self) -> Value {
        let tags: Vec<Value> = self
            .tags()
            .iter()
            .map(|t| json!({ "tagKey": t.tag_key, "tagValue": t.tag_value }))
            .collect();
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
            .maybe("tags", (!tags.is_empty()).then_some(tags))
            .into_value()
    }

    fn pair(&self, _: &Desk<'_>) -> Result<Option<KeyPairSpec>, ApiError> {
        checked_tags(self.tags())?;
        Ok(match specs::shape(self.purpose()?.spec) {
            Some(Shape::Pair(spec)) => Some(spec),
            Some(Shape::Bytes(_)) | None => None,
        })
    }
}

impl Mutation for CreateKeyRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let purpose = self.purpose()?;
        let tags = checked_tags(self.tags())?;
        if desk.look(|ring| ring.count(&desk.home)) >= limits::KEYS_PER_REGION {
            return Err(faults::limit(
                "The quota of keys in this account and region is reached. Delete keys that are not needed.",
            ));
        }
        let arn = desk.key_arn(KeyId::single_region(Uuid::new_v4()));
        let backing = first(desk, &arn, purpose)?;
        let mut key = Key {
            arn,
            purpose,
            lifecycle: Lifecycle::Enabled,
            available: true,
            description: self.description.as_deref().unwrap_or_default().into(),
            created: desk.now,
            policy: policies::default_policy(desk)?,
            tags,
            backing: vec![backing],
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

/// The first backing key of a new key.
fn first(desk: &Desk<'_>, arn: &KeyArn, purpose: Purpose) -> Result<BackingKey, ApiError> {
    let (root, version, now) = (desk.root, BackingVersion::FIRST, desk.now);
    let made = match specs::shape(purpose.spec) {
        Some(Shape::Pair(_)) => {
            let pair = desk.take_pair()?;
            BackingKey::wrap(root, arn, purpose, version, Material::of_pair(&pair), now)
        }
        Some(Shape::Bytes(_)) | None => BackingKey::generate(root, arn, purpose, version, now),
    };
    made.map_err(|error| faults::crypto(&error))
}

fn created(key: Key) -> Plan {
    let metadata = describe::metadata(&key);
    let elements = json!({ "keyMetadata": describe::for_trail(&key) });
    let made = vec![Resource::new(
        key.arn.to_string(),
        key.arn.account.to_string(),
        KEY_RESOURCE,
    )];
    Plan {
        changes: vec![Change::PutKey(Arc::new(key))],
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
        if let Some(origin) = self.origin
            && origin != OriginType::AwsKms
        {
            return Err(faults::unsupported(format!(
                "Keys of origin {} are not offered. Use AWS_KMS.",
                origin.as_str()
            )));
        }
        if self.multi_region == Some(true) {
            return Err(faults::unsupported(
                "Multi-Region keys are not offered. Leave MultiRegion out.",
            ));
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
            origin: OriginType::AwsKms,
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

/// The tags of a request, for conditions.
fn request_tags(tags: &[Tag], context: &mut Context) {
    for tag in tags {
        context.add(
            &format!("aws:RequestTag/{}", tag.tag_key),
            tag.tag_value.as_str(),
        );
    }
    context.set_all("aws:TagKeys", tags.iter().map(|tag| tag.tag_key.as_str()));
}

/// Tags as a key may have them.
fn checked_tags(tags: &[Tag]) -> Result<BTreeMap<String, String>, ApiError> {
    if tags.len() > limits::TAGS_PER_KEY {
        return Err(faults::tags(format!(
            "A key has at most {} tags.",
            limits::TAGS_PER_KEY
        )));
    }
    let mut checked = BTreeMap::new();
    for tag in tags {
        if tag.tag_key.starts_with("aws:") {
            return Err(faults::tags("Tag keys that begin with aws: are reserved."));
        }
        let fits = (1..=limits::TAG_KEY_CHARS).contains(&tag.tag_key.chars().count())
            && tag.tag_value.chars().count() <= limits::TAG_VALUE_CHARS;
        if !fits
            || !tag
                .tag_key
                .chars()
                .chain(tag.tag_value.chars())
                .all(is_tag_char)
        {
            return Err(faults::tags(format!(
                "The tag with the key {:?} is not well-formed.",
                tag.tag_key
            )));
        }
        if checked
            .insert(tag.tag_key.clone(), tag.tag_value.clone())
            .is_some()
        {
            return Err(faults::tags(format!(
                "The tag key {:?} is given twice.",
                tag.tag_key
            )));
        }
    }
    Ok(checked)
}

/// Letters, digits, spaces and `_.:/=+-@`, as AWS has it for tags.
fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}
