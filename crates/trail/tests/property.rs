//! The decoders' properties, on bytes near to what they read.

use proptest::prelude::*;
use trail::property;

const RECORD: &str =
    r#"{"eventVersion":"1.11","eventID":"5a3a0f0e-0000-4000-8000-000000000001","readOnly":true}"#;

fn line() -> String {
    format!(
        r#"{{"seq":12,"node":"node-1","chain":"{}","event":{RECORD}}}"#,
        "0123456789abcdef".repeat(4)
    )
}

fn checkpoint() -> String {
    let (chain, signature) = ("0123456789abcdef".repeat(4), "0123456789abcdef".repeat(8));
    format!(
        "{{\"node\":\"node-1\",\"seq\":3,\"chain\":\"{chain}\",\"time\":17,\"signature\":\"{signature}\"}}\n"
    )
}

/// `text` with a run of it replaced by a few random bytes.
fn near(text: String) -> impl Strategy<Value = Vec<u8>> {
    let length = text.len();
    let patch = prop::collection::vec(any::<u8>(), 0..4);
    (0..length, 0..4_usize, patch).prop_map(move |(at, gone, patch)| {
        let mut bytes = text.clone().into_bytes();
        bytes.splice(at..(at + gone).min(length), patch);
        bytes
    })
}

proptest! {
    #[test]
    fn a_line_has_one_spelling(bytes in near(line())) {
        property::line(&bytes);
    }

    #[test]
    fn a_record_keeps_its_bytes(bytes in near(RECORD.to_owned())) {
        property::record(&bytes);
    }

    #[test]
    fn no_checkpoint_verifies_under_a_strange_key(bytes in near(checkpoint())) {
        property::checkpoints(&bytes);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        property::line(&bytes);
        property::record(&bytes);
        property::checkpoints(&bytes);
    }
}
