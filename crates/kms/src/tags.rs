//! `TagResource`, `UntagResource`, `ListResourceTags`; what a tag may be.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy::{Ask, Context};
use serde_json::{Value, json};
use wire::ApiError;
use wire::kms::{
    ListResourceTagsRequest, ListResourceTagsResponse, Response, Tag, TagResourceRequest,
    UntagResourceRequest,
};

use crate::desk::{Accept, Desk, Target};
use crate::key::Key;
use crate::keyring::Change;
use crate::operation::{Mutation, Plan, Read, Request};
use crate::page::Page;
use crate::parameters::Parameters;
use crate::states::Class;
use crate::{faults, limits};

/// How the tag keys begin that only the service itself may give.
const RESERVED: &str = "aws:";

impl Request for TagResourceRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::Key)?;
        let mut context = desk.context();
        requested(&self.tags, &mut context);
        Ok(vec![desk.key_ask("kms:TagResource", &located, context)])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .with("tags", for_trail(&self.tags))
            .into_value()
    }
}

impl Mutation for TagResourceRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let target = desk.find(&self.key_id, Accept::Key)?;
        let given = checked(&self.tags)?;
        target.permits(Class::Name)?;
        let mut tags = target.key.tags.clone();
        tags.extend(given);
        if tags.len() > limits::TAGS_PER_KEY {
            return Err(faults::too_many_tags());
        }
        Ok(tagged(&target, tags, Response::TagResource))
    }
}

impl Request for UntagResourceRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::Key)?;
        let mut context = desk.context();
        context.set_all("aws:TagKeys", self.tag_keys.iter().map(String::as_str));
        Ok(vec![desk.key_ask("kms:UntagResource", &located, context)])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .with("tagKeys", self.tag_keys.clone())
            .into_value()
    }
}

impl Mutation for UntagResourceRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let target = desk.find(&self.key_id, Accept::Key)?;
        if self.tag_keys.iter().any(|key| key.starts_with(RESERVED)) {
            return Err(faults::reserved_tag());
        }
        target.permits(Class::Name)?;
        let mut tags = target.key.tags.clone();
        tags.retain(|key, _| !self.tag_keys.contains(key));
        Ok(tagged(&target, tags, Response::UntagResource))
    }
}

impl Request for ListResourceTagsRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        desk.ask_of_key("kms:ListResourceTags", &self.key_id)
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .maybe("limit", self.limit)
            .maybe("marker", self.marker.as_deref())
            .into_value()
    }
}

impl Read for ListResourceTagsRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let target = desk.find(&self.key_id, Accept::Key)?;
        target.permits(Class::Govern)?;
        let after = |tag: &Tag| match &self.marker {
            Some(marker) => tag.tag_key > *marker,
            None => true,
        };
        let size = Page::size(self.limit, limits::TAGS_PER_KEY, limits::TAGS_PER_KEY);
        let tags = list(&target.key).into_iter();
        let page = Page::take(tags.filter(after), size);
        Ok(Response::ListResourceTags(ListResourceTagsResponse {
            next_marker: page.next().map(|tag| tag.tag_key.clone()),
            truncated: Some(page.truncated),
            tags: Some(page.items),
        }))
    }
}

/// The plan that gives a key these tags and no others: nothing to do when it has them already.
fn tagged(target: &Target, tags: BTreeMap<String, String>, response: Response) -> Plan {
    let unchanged = target.key.tags == tags;
    let altered = Key {
        tags,
        ..(*target.key).clone()
    };
    Plan {
        changes: if unchanged {
            Vec::new()
        } else {
            vec![Change::PutKey(Arc::new(altered))]
        },
        response,
        elements: None,
        made: Vec::new(),
    }
}

/// The tags of a key.
pub(crate) fn list(key: &Key) -> Vec<Tag> {
    let tag = |(key, value): (&String, &String)| Tag {
        tag_key: key.clone(),
        tag_value: value.clone(),
    };
    key.tags.iter().map(tag).collect()
}

/// Tags as the trail shows them.
pub(crate) fn for_trail(tags: &[Tag]) -> Value {
    tags.iter()
        .map(|tag| json!({ "tagKey": tag.tag_key, "tagValue": tag.tag_value }))
        .collect()
}

/// The tags of a request, for conditions.
pub(crate) fn requested(tags: &[Tag], context: &mut Context) {
    for tag in tags {
        context.add(
            &format!("aws:RequestTag/{}", tag.tag_key),
            tag.tag_value.as_str(),
        );
    }
    context.set_all("aws:TagKeys", tags.iter().map(|tag| tag.tag_key.as_str()));
}

/// Tags as a key may have them.
///
/// # Errors
/// `TagException` for too many, for a key given twice, and for one that is reserved or not well-formed.
pub(crate) fn checked(tags: &[Tag]) -> Result<BTreeMap<String, String>, ApiError> {
    if tags.len() > limits::TAGS_PER_KEY {
        return Err(faults::too_many_tags());
    }
    let mut checked = BTreeMap::new();
    for tag in tags {
        check(tag)?;
        let before = checked.insert(tag.tag_key.clone(), tag.tag_value.clone());
        if before.is_some() {
            return Err(faults::tags(format!(
                "The tag key {:?} is given twice.",
                tag.tag_key
            )));
        }
    }
    Ok(checked)
}

fn check(tag: &Tag) -> Result<(), ApiError> {
    if tag.tag_key.starts_with(RESERVED) {
        return Err(faults::reserved_tag());
    }
    let fits = (1..=limits::TAG_KEY_CHARS).contains(&tag.tag_key.chars().count())
        && tag.tag_value.chars().count() <= limits::TAG_VALUE_CHARS;
    let mut chars = tag.tag_key.chars().chain(tag.tag_value.chars());
    if fits && chars.all(is_tag_char) {
        Ok(())
    } else {
        Err(faults::tags(format!(
            "The tag with the key {:?} is not well-formed.",
            tag.tag_key
        )))
    }
}

/// Letters, digits, spaces and `_.:/=+-@`, as AWS has it for tags.
fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}
