//! What the service does without being called for it, as the trail tells it.

use jiff::Timestamp;
use serde_json::{Value, json};
use trail::{Draft, DraftFacts, Record, Resource};
use uuid::Uuid;
use wire::kms::RotationType;

use crate::key::Key;
use crate::names::KeyArn;
use crate::service::KEY_RESOURCE;

/// Who acts, in the words of CloudTrail, when nobody called.
const INTERNAL: &str = "AWS Internal";

/// A key was destroyed at the end of its waiting period.
pub(crate) fn deletion(key: &Key, now: Timestamp) -> Record {
    of_service("DeleteKey", &key.arn, now, json!({}))
}

/// A key came to be in the region of a replica.
pub(crate) fn creation(key: &Key, now: Timestamp) -> Record {
    of_service("CreateKey", &key.arn, now, json!({}))
}

/// A key has new current material.
pub(crate) fn rotation(key: &Key, how: RotationType, now: Timestamp) -> Record {
    let (before, current) = last_two(key);
    let details = json!({
        "rotationType": how.as_str(),
        "keyOrigin": key.purpose.origin.as_str(),
        "previousKeyMaterialId": before,
        "currentKeyMaterialId": current,
        "keyMaterialId": current,
    });
    of_service("RotateKey", &key.arn, now, details)
}

/// A replica took over what its primary key decides.
pub(crate) fn synchronization(key: &Key, now: Timestamp) -> Record {
    of_service("SynchronizeMultiRegionKey", &key.arn, now, json!({}))
}

/// Imported material has expired and was destroyed.
pub(crate) fn expiry(key: &Key, material_id: &str, now: Timestamp) -> Record {
    let details = json!({ "keyMaterialId": material_id });
    of_service("DeleteExpiredKeyMaterial", &key.arn, now, details)
}

fn last_two(key: &Key) -> (Option<&str>, Option<&str>) {
    let mut newest = key
        .backing
        .iter()
        .rev()
        .map(|backing| &*backing.material_id);
    let current = newest.next();
    (newest.next(), current)
}

fn of_service(name: &str, arn: &KeyArn, now: Timestamp, mut details: Value) -> Record {
    let account = arn.account.to_string();
    if let Value::Object(members) = &mut details {
        members.insert("keyId".to_owned(), arn.id.to_string().into());
    }
    let draft = Draft::of_service(DraftFacts {
        identity: json!({ "accountId": account, "invokedBy": INTERNAL }).into(),
        event_time: now,
        event_source: wire::kms::SERVICE.event_source.to_owned(),
        event_name: name.to_owned(),
        region: arn.region.to_string(),
        source_ip: INTERNAL.to_owned(),
        user_agent: Some(INTERNAL.to_owned()),
        request_id: Uuid::new_v4().to_string(),
        recipient_account: account.clone(),
        read_only: false,
        management: true,
        request_parameters: None,
        additional_event_data: None,
        tls: None,
    });
    let resource = Resource::new(arn.to_string(), account, KEY_RESOURCE);
    draft
        .with_service_details(details)
        .succeeded(None, vec![resource])
}
