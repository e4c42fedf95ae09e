//! One page of a list, and where the next begins.

/// Items of a list, and whether more follow.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) truncated: bool,
}

impl<T> Page<T> {
    /// The first `size` of `items`.
    pub(crate) fn take(mut items: impl Iterator<Item = T>, size: usize) -> Self {
        let taken: Vec<T> = items.by_ref().take(size).collect();
        Self {
            truncated: items.next().is_some(),
            items: taken,
        }
    }

    /// The last item of a page that is not the last: what the next one comes after.
    pub(crate) fn next(&self) -> Option<&T> {
        self.truncated.then(|| self.items.last()).flatten()
    }
}

impl Page<()> {
    /// The size of a page: what the caller asks for, else the operation's own, and never more than its most.
    pub(crate) fn size(limit: Option<i32>, otherwise: usize, most: usize) -> usize {
        limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(otherwise)
            .clamp(1, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_holds_all_is_the_last() {
        let page = Page::take(1..=3, 3);
        assert_eq!(
            (page.items.as_slice(), page.truncated, page.next()),
            (&[1, 2, 3][..], false, None)
        );
    }

    #[test]
    fn a_page_that_holds_less_says_where_the_next_begins() {
        let page = Page::take(1..=3, 2);
        assert_eq!(
            (page.items.as_slice(), page.truncated, page.next()),
            (&[1, 2][..], true, Some(&2))
        );
    }
}
