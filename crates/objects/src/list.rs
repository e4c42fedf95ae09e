//! `ListObjects` and `ListObjectsV2`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::ApiError;

use crate::operation::{ListObjects, ListVersion};
use crate::record::{self, ObjectRecord};
use crate::service::{Call, Done, Shared};
use crate::{Listed, Listing, Response, faults, names};

/// The most keys and common prefixes in one answer.
const MAX_KEYS: u32 = 1000;
/// The last character there is: behind it comes nothing that begins with what stands before it, but for names that
/// have it too, and those are skipped one by one.
const LAST_CHARACTER: char = '\u{10FFFF}';

impl Shared {
    pub(crate) async fn list_objects(
        &self,
        list: &ListObjects,
        call: &Call<'_>,
    ) -> Result<Done, ApiError> {
        self.bucket(&list.bucket, call.scope).await?;
        let max_keys = list.max_keys.unwrap_or(MAX_KEYS).min(MAX_KEYS);
        let mut page = Page {
            list,
            max_keys: max_keys as usize,
            listing: Listing {
                max_keys,
                ..Listing::default()
            },
        };
        let mut last = start(list)?;
        if max_keys > 0 {
            self.fill(&mut page, &mut last).await?;
        }
        let mut listing = page.listing;
        if listing.is_truncated {
            let has_delimiter = list
                .delimiter
                .as_ref()
                .is_some_and(|delimiter| !delimiter.is_empty());
            match list.version {
                ListVersion::V2 => listing.next_token = Some(URL_SAFE_NO_PAD.encode(&last)),
                ListVersion::V1 => listing.next_marker = has_delimiter.then_some(last),
            }
        }
        Ok(Done::read(Response::ListObjects(listing)))
    }

    /// Fills the page with what comes after `last`, which then is the last key or common prefix shown.
    async fn fill(&self, page: &mut Page<'_>, last: &mut String) -> Result<(), ApiError> {
        let records = names::object_prefix(&page.list.bucket);
        let prefix = format!(
            "{records}{}",
            page.list.prefix.as_deref().unwrap_or_default()
        );
        let mut position = last.clone();
        loop {
            // One more than there is room for tells whether there are more.
            let limit = page.room() + 1;
            let after = if position.is_empty() {
                None
            } else {
                Some(names::record(format!("{records}{position}"))?)
            };
            let found = self.scan(&prefix, after.as_ref(), limit).await?;
            let is_last_scan = found.len() < limit;
            let mut jumped = false;
            for (name, record) in found {
                let key = name.as_str().strip_prefix(&records).unwrap_or_default();
                match page.common_prefix(key) {
                    // Shown already, on this page or as the last of the one before.
                    Some(group) if group == *last => {
                        let behind = format!("{group}{LAST_CHARACTER}");
                        jumped = position < behind;
                        position = if jumped { behind } else { key.to_owned() };
                        if jumped {
                            break;
                        }
                    }
                    _ if page.room() == 0 => {
                        page.listing.is_truncated = true;
                        return Ok(());
                    }
                    Some(group) => {
                        position = format!("{group}{LAST_CHARACTER}");
                        page.listing.common_prefixes.push(group.clone());
                        *last = group;
                        jumped = true;
                        break;
                    }
                    None => {
                        let object: ObjectRecord = record::decode(&name, &record.value)?;
                        page.listing.objects.push(listed(key, object));
                        key.clone_into(&mut position);
                        key.clone_into(last);
                    }
                }
            }
            if is_last_scan && !jumped {
                return Ok(());
            }
        }
    }
}

/// An answer that is being filled.
struct Page<'a> {
    list: &'a ListObjects,
    max_keys: usize,
    listing: Listing,
}

impl Page<'_> {
    fn room(&self) -> usize {
        self.max_keys - self.listing.objects.len() - self.listing.common_prefixes.len()
    }

    /// The common prefix under which `key` is shown: up to and with the first delimiter behind the prefix.
    fn common_prefix(&self, key: &str) -> Option<String> {
        let delimiter = self
            .list
            .delimiter
            .as_deref()
            .filter(|delimiter| !delimiter.is_empty())?;
        let prefix = self.list.prefix.as_deref().unwrap_or_default();
        let rest = key.strip_prefix(prefix)?;
        let end = rest.find(delimiter)? + delimiter.len();
        Some(key[..prefix.len() + end].to_owned())
    }
}

/// What a list begins after: a token, or else the caller's own marker.
fn start(list: &ListObjects) -> Result<String, ApiError> {
    let Some(token) = &list.token else {
        let start = list.start_after.clone().unwrap_or_default();
        return if start.len() > names::MAX_KEY_LEN {
            Err(faults::key_too_long(start.len()))
        } else {
            Ok(start)
        };
    };
    let decoded = URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    decoded
        .filter(|key| !key.is_empty() && key.len() <= names::MAX_KEY_LEN)
        .ok_or_else(|| {
            faults::invalid_argument(
                "The continuation token provided is incorrect",
                "continuation-token",
                "",
            )
        })
}

fn listed(key: &str, object: ObjectRecord) -> Listed {
    let head = object.head;
    Listed {
        key: key.to_owned(),
        last_modified: head.last_modified,
        etag: head.etag,
        size: head.size,
        checksum: head.checksum,
    }
}
