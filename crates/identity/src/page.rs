//! Pages of a listing: `Marker`, `MaxItems`, `IsTruncated`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use wire::ApiError;

use crate::{faults, limits};

/// What part of a listing is wanted.
pub(crate) struct Page {
    after: Option<String>,
    size: usize,
}

/// One page.
#[derive(Debug)]
pub(crate) struct Paged<T> {
    pub(crate) items: Vec<T>,
    pub(crate) marker: Option<String>,
}

impl Page {
    /// # Errors
    /// `ValidationError` for a marker that no answer gave.
    pub(crate) fn new(marker: Option<&str>, max_items: Option<i32>) -> Result<Self, ApiError> {
        let decode = |marker: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(marker).ok()?).ok();
        let after = match marker {
            None => None,
            Some(marker) => {
                Some(decode(marker).ok_or_else(|| faults::validation("Invalid Marker."))?)
            }
        };
        let size = max_items
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(limits::PAGE)
            .max(1);
        Ok(Self { after, size })
    }

    /// The page of `items`, which come in the order of their names; a marker names the last item given.
    pub(crate) fn cut<T>(&self, items: impl Iterator<Item = (String, T)>) -> Paged<T> {
        let rest =
            items.skip_while(|(name, _)| self.after.as_ref().is_some_and(|after| name <= after));
        let mut taken: Vec<(String, T)> = rest.take(self.size.saturating_add(1)).collect();
        let more = taken.len() > self.size;
        taken.truncate(self.size);
        let marker = taken
            .last()
            .filter(|_| more)
            .map(|(name, _)| URL_SAFE_NO_PAD.encode(name));
        Paged {
            items: taken.into_iter().map(|(_, item)| item).collect(),
            marker,
        }
    }
}

impl<T> Paged<T> {
    pub(crate) fn is_truncated(&self) -> bool {
        self.marker.is_some()
    }
}
