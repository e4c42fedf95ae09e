//! The encryption context: pairs of text that are authenticated with a ciphertext and never stored in it.

use std::collections::BTreeMap;

/// Key and value pairs, in the order of their keys' UTF-8 bytes.
pub type EncryptionContext = BTreeMap<String, String>;

/// The bytes of a context that the cipher authenticates: a count, then each key and value with its length
/// (32-bit, big-endian), in the order of the keys' UTF-8 bytes. One context has one encoding and no two share one.
pub fn canonical(context: &EncryptionContext) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + text_bytes(context) + 8 * context.len());
    push_length(&mut out, context.len());
    for (key, value) in context {
        for text in [key, value] {
            push_length(&mut out, text.len());
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

/// How many bytes of text a context holds.
pub fn text_bytes(context: &EncryptionContext) -> usize {
    context
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum()
}

/// A length as the canonical form writes it. Requests are bounded far below 2³², so the cap is never met;
/// were it met, authentication would fail rather than two contexts collide in silence on one machine.
fn push_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context<const N: usize>(pairs: [(&str, &str); N]) -> EncryptionContext {
        pairs
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect()
    }

    #[test]
    fn an_absent_context_is_an_empty_one() {
        assert_eq!(canonical(&context([])), [0, 0, 0, 0]);
    }

    #[test]
    fn the_order_of_members_does_not_matter() {
        assert_eq!(
            canonical(&context([("a", "1"), ("b", "2")])),
            canonical(&context([("b", "2"), ("a", "1")]))
        );
    }

    #[test]
    fn members_sort_by_their_bytes() {
        let bytes = canonical(&context([("é", "1"), ("z", "2"), ("Z", "3")]));
        assert_eq!(
            bytes,
            b"\0\0\0\x03\0\0\0\x01Z\0\0\0\x013\0\0\0\x01z\0\0\0\x012\0\0\0\x02\xc3\xa9\0\0\0\x011"
        );
    }

    #[test]
    fn moving_a_byte_between_key_and_value_changes_the_encoding() {
        assert_ne!(
            canonical(&context([("ab", "c")])),
            canonical(&context([("a", "bc")]))
        );
        assert_ne!(
            canonical(&context([("a", "")])),
            canonical(&context([("", "a")]))
        );
    }
}
