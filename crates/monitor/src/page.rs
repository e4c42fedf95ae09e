//! Pages of a listing: what comes after a token, and the token of what comes next.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use wire::ApiError;

/// A page, and the token of the next one.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

/// A page of `items`, which are in the order of `name`. The token is the last item's name, in base64.
pub(crate) fn page<T>(
    items: impl IntoIterator<Item = T>,
    name: impl Fn(&T) -> String,
    token: Option<&str>,
    most: usize,
    refused: fn() -> ApiError,
) -> Result<Page<T>, ApiError> {
    let after = token
        .map(|token| {
            let bytes = STANDARD.decode(token).ok();
            bytes.and_then(|bytes| String::from_utf8(bytes).ok())
        })
        .map(|after| after.ok_or_else(refused))
        .transpose()?;
    let mut rest = items
        .into_iter()
        .skip_while(|item| after.as_ref().is_some_and(|after| name(item) <= *after));
    let items: Vec<T> = rest.by_ref().take(most).collect();
    let next = rest
        .next()
        .and(items.last())
        .map(|last| STANDARD.encode(name(last)));
    Ok(Page { items, next })
}

/// How many items a caller wants on a page, within bounds.
pub(crate) fn size(wanted: Option<i32>, default: usize) -> usize {
    let wanted = wanted.and_then(|wanted| usize::try_from(wanted).ok());
    wanted.unwrap_or(default).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let names = || ["a", "b", "c", "d", "e"].map(String::from);
        let get =
            |token: Option<&str>| page(names(), String::clone, token, 2, crate::faults::token);
        let first = get(None).unwrap();
        assert_eq!(first.items, ["a", "b"]);
        let second = get(first.next.as_deref()).unwrap();
        assert_eq!(second.items, ["c", "d"]);
        let last = get(second.next.as_deref()).unwrap();
        assert_eq!(
            (last.items.as_slice(), last.next),
            (&["e".to_owned()][..], None)
        );
        assert_eq!(get(Some("%")).unwrap_err().code, "InvalidNextToken");
    }
}
