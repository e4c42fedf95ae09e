//! Bytes that someone else wrote never bring a decoder down. The fuzz targets `wire_*` run the same calls.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "support/samples.rs"]
mod samples;
mod support;

use proptest::prelude::*;
use wire::{
    Head, SERVICES, cbor, chunked::ChunkDecoder, json, kms, payload::PayloadDecoder, protocol,
    query::Form, sigv4, validate,
};

proptest! {
    #[test]
    fn json_of_any_bytes(body in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = json::decode(&body, &kms::shapes::CREATE_KEY_REQUEST);
    }

    #[test]
    fn json_of_anything_like_a_request(body in r#"\{("(KeyId|Plaintext|EncryptionContext|GrantTokens|DryRun)":("[a-z=]{0,4}"|[0-9.e-]{1,5}|null|true|\{"a":"b"\}|\["x",null\]),?){0,4}\}?"#) {
        for operation in SERVICES.iter().flat_map(|service| service.operations) {
            if let Ok(value) = json::decode(body.as_bytes(), operation.input) {
                // What was decoded has the types of the shape: the validator finds no other fault.
                for failure in validate::failures(operation.input, &value) {
                    prop_assert!(!failure.contains("of its type"), "{failure}");
                }
            }
        }
    }

    #[test]
    fn cbor_of_any_bytes(body in proptest::collection::vec(any::<u8>(), 0..512)) {
        for operation in SERVICES.iter().flat_map(|service| service.operations) {
            if let Ok(value) = cbor::decode(&body, operation.input) {
                for failure in validate::failures(operation.input, &value) {
                    prop_assert!(!failure.contains("of its type"), "{failure}");
                }
            }
        }
    }

    #[test]
    fn cbor_of_a_request_with_changed_bytes(at in any::<prop::sample::Index>(), with in any::<[u8; 3]>()) {
        for operation in SERVICES.iter().flat_map(|service| service.operations) {
            let mut body = cbor::encode(operation.input, &samples::sample(operation.input, true));
            let place = at.index(body.len());
            for (place, byte) in (place..body.len()).zip(with) {
                body[place] = byte;
            }
            if let Ok(value) = cbor::decode(&body, operation.input) {
                for failure in validate::failures(operation.input, &value) {
                    prop_assert!(!failure.contains("of its type"), "{failure}");
                }
            }
        }
    }

    #[test]
    fn forms_of_any_bytes(body in proptest::collection::vec(any::<u8>(), 0..512)) {
        if let Ok(form) = Form::parse(&body) {
            for operation in SERVICES.iter().flat_map(|service| service.operations) {
                let _ = form.decode(operation.input);
            }
        }
    }

    #[test]
    fn forms_of_anything_like_a_request(body in "((Tags|TagKeys|UserName|PolicyArns)(\\.(member|entry|key|value|[0-9]{1,3}|Key|Value)){0,4}=[a-z%0-9+]{0,4}&){0,6}") {
        if let Ok(form) = Form::parse(body.as_bytes()) {
            for operation in SERVICES.iter().flat_map(|service| service.operations) {
                let _ = form.decode(operation.input);
            }
        }
    }

    #[test]
    fn heads_of_any_text(method in ".{0,8}", path in ".{0,32}", query in ".{0,64}", authorization in ".{0,128}", target in ".{0,16}") {
        let head = Head { method, path, query, headers: vec![("authorization".into(), authorization), ("x-amz-target".into(), target)] };
        let _ = sigv4::parse(&head);
        let _ = protocol::detect(&head).decode(&head, b"");
    }

    #[test]
    fn requests_with_a_changed_part(index in 0..25usize, at in any::<prop::sample::Index>(), with in ".{0,3}") {
        let mut request = support::caught().swap_remove(index).arriving();
        let part = match at.index(request.head.headers.len() + 2) {
            0 => &mut request.head.path,
            1 => &mut request.head.query,
            place => &mut request.head.headers[place - 2].1,
        };
        let boundaries: Vec<usize> = part.char_indices().map(|(at, _)| at).chain([part.len()]).collect();
        let place = *at.get(&boundaries);
        part.insert_str(place, &with);
        let _ = request.received(64);
    }

    #[test]
    fn chunks_of_any_bytes_are_the_same_in_any_pieces(
        body in "((0|1|2|3|ff){1,2}(;chunk-signature=)?\r?\n?[a-c]{0,3}(\r\n)?|x-amz-checksum-crc32:[a-zA-Z=]{0,8}\r\n){0,6}(0\r\n\r\n)?",
        piece in 1..9usize,
    ) {
        let decode = |piece: usize| {
            let mut decoder = ChunkDecoder::unsigned();
            let mut out = Vec::new();
            for bytes in body.as_bytes().chunks(piece) {
                decoder.push(bytes, |yielded| out.extend_from_slice(yielded))?;
            }
            decoder.finish().map(|trailers| (trailers, out))
        };
        prop_assert_eq!(decode(piece), decode(usize::MAX));
    }

    #[test]
    fn payloads_of_any_bytes(body in proptest::collection::vec(any::<u8>(), 0..256)) {
        for request in support::caught() {
            let arriving = request.arriving();
            if request.service == "s3" {
                let verified = arriving.verified().unwrap();
                let mut decoder = PayloadDecoder::new(&verified, &arriving.head).unwrap();
                let _ = decoder.push(&body, |_| ());
                let _ = decoder.finish();
            }
        }
    }
}

#[test]
fn a_chunked_body_is_what_was_put_in() {
    proptest!(|(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..64), 0..8), piece in 1..100usize)| {
        let mut body = Vec::new();
        for part in &parts {
            body.extend(format!("{:X}\r\n", part.len()).bytes());
            body.extend(part);
            body.extend(b"\r\n");
        }
        body.extend(b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n");
        let mut decoder = ChunkDecoder::unsigned();
        let mut out = Vec::new();
        for bytes in body.chunks(piece) {
            decoder.push(bytes, |yielded| out.extend_from_slice(yielded)).unwrap();
        }
        prop_assert!(decoder.is_done());
        prop_assert_eq!(out, parts.concat());
        prop_assert_eq!(decoder.finish().unwrap().len(), 1);
    });
}
