//! Percent-encoding as AWS has it: RFC 3986's unreserved characters stand for themselves, all else is `%XX` in capitals.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// Everything but `A–Z a–z 0–9 - . _ ~`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Whether `+` means a space.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    /// As in forms.
    Space,
    /// As in paths and signed queries.
    Itself,
}

/// The bytes that `text` stands for; `None` when a `%` is not followed by two hexadecimal digits.
pub(crate) fn decode(text: &str, plus: Plus) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'%' => {
                let high = hex_digit(rest.next()?)?;
                let low = hex_digit(rest.next()?)?;
                high << 4 | low
            }
            b'+' if plus == Plus::Space => b' ',
            other => other,
        });
    }
    Some(out)
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// A name, a value or a segment of a path, encoded.
pub(crate) fn encode(bytes: &[u8]) -> String {
    percent_encode(bytes, RESERVED).to_string()
}
