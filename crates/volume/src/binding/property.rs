//! What must hold of any token: for tests and for the fuzzer alike.

use serde_json::Value;

use super::Token;

/// Any bytes as a token's JSON: nothing panics, and a token that is understood is written as it was read.
///
/// # Panics
/// When that does not hold.
pub fn token(data: &[u8]) {
    let Ok(json) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let Some(Ok(token)) = Token::from_json(&json) else {
        return;
    };
    let again = Token::from_json(&token.to_json());
    assert!(
        matches!(&again, Some(Ok(same)) if *same == token),
        "{token:?} is written as {again:?}"
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_looks_like_a_token_is_read_or_refused(
            v in 0..3_u8, generation in any::<i64>(), state in "(ready|provisioning|x)", text in "[A-Za-z0-9+/=]{0,48}", slot in "[0-9]{0,3}",
        ) {
            let json = format!(
                r#"{{"type":"kluis","keyslots":["{slot}"],"v":{v},"gen":{generation},"state":"{state}","blob":"{text}","mac":"{text}"}}"#
            );
            super::token(json.as_bytes());
        }
    }
}
