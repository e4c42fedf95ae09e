//! Signed chunks: AWS's documented examples, and every way in which the stream can be spoiled.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod support;

use support::{Arriving, Refusal};
use wire::{Head, chunked::ChunkError, payload::PayloadError};

/// The example of "Signature calculations … multiple chunks": 65 KiB of `a`.
const PAYLOAD_LEN: usize = 66_560;

fn request(form: &str, signed: &str, signature: &str, body: Vec<u8>) -> Arriving {
    let headers = [
        ("host", "s3.amazonaws.com"),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("x-amz-content-sha256", form),
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "66560"),
    ];
    let mut headers: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    if form.ends_with("TRAILER") {
        headers.push((
            "x-amz-trailer".to_owned(),
            "x-amz-checksum-crc32c".to_owned(),
        ));
    } else {
        headers.push(("content-length".to_owned(), "66824".to_owned()));
    }
    headers.push((
        "authorization".to_owned(),
        format!(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders={signed},Signature={signature}"
        ),
    ));
    Arriving {
        head: Head {
            method: "PUT".to_owned(),
            path: "/examplebucket/chunkObject.txt".to_owned(),
            query: String::new(),
            headers,
        },
        body,
        secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
        service: "s3".to_owned(),
        region: "us-east-1".to_owned(),
        now: "2013-05-24T00:00:00Z".parse().unwrap(),
    }
}

fn chunk(len: usize, signature: &str) -> Vec<u8> {
    let mut chunk = format!("{len:x};chunk-signature={signature}\r\n").into_bytes();
    chunk.extend(std::iter::repeat_n(b'a', len));
    if len > 0 {
        chunk.extend(b"\r\n");
    }
    chunk
}

const CHUNKS: [(usize, &str); 3] = [
    (
        65_536,
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    ),
    (
        1024,
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    ),
    (
        0,
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ),
];

const CHUNKS_BEFORE_TRAILER: [(usize, &str); 3] = [
    (
        65_536,
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
    ),
    (
        1024,
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
    ),
    (
        0,
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ),
];

const TRAILER: &str = "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n";

fn body(chunks: &[(usize, &str)], trailer: &str) -> Vec<u8> {
    let mut body: Vec<u8> = chunks
        .iter()
        .flat_map(|(len, signature)| chunk(*len, signature))
        .collect();
    body.extend(trailer.bytes());
    body.extend(b"\r\n");
    body
}

fn signed(body: Vec<u8>) -> Arriving {
    request(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        body,
    )
}

fn signed_with_trailer(body: Vec<u8>) -> Arriving {
    request(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        body,
    )
}

fn refusal(request: &Arriving) -> PayloadError {
    match request.received(1000).unwrap_err() {
        Refusal::Payload(error) => error,
        Refusal::Signature(error) => panic!("the request itself is right: {error:?}"),
    }
}

#[test]
fn the_documented_example_is_accepted() {
    for piece in [1, 17, 65_536, 1 << 20] {
        let (received, payload) = signed(body(&CHUNKS, "")).received(piece).unwrap();
        assert_eq!(received.len, PAYLOAD_LEN as u64);
        assert!(payload.iter().all(|byte| *byte == b'a'));
    }
}

#[test]
fn the_documented_example_with_a_trailer_is_accepted() {
    for piece in [1, 17, 1 << 20] {
        let request = signed_with_trailer(body(&CHUNKS_BEFORE_TRAILER, TRAILER));
        let (received, payload) = request.received(piece).unwrap();
        assert_eq!(payload.len(), PAYLOAD_LEN);
        assert_eq!(received.checksum.unwrap().1, [0xb0, 0xe3, 0xbc, 0xfd]);
    }
}

#[test]
fn a_trailing_header_may_end_in_a_line_feed_of_its_own_as_in_the_documentation() {
    let trailer = TRAILER.replace("sOO8/Q==\r\n", "sOO8/Q==\n\r\n");
    assert!(
        signed_with_trailer(body(&CHUNKS_BEFORE_TRAILER, &trailer))
            .received(17)
            .is_ok()
    );
}

#[test]
fn a_changed_byte_of_data_breaks_its_chunks_signature() {
    let mut bytes = body(&CHUNKS, "");
    bytes[1000] = b'b';
    assert_eq!(refusal(&signed(bytes)), ChunkError::ChunkSignature.into());
}

#[test]
fn chunks_in_another_order_break_the_chain() {
    let [first, second, last] = CHUNKS;
    let bytes = body(&[second, first, last], "");
    assert_eq!(refusal(&signed(bytes)), ChunkError::ChunkSignature.into());
}

#[test]
fn a_missing_chunk_breaks_the_chain() {
    let [first, _, last] = CHUNKS;
    let bytes = body(&[first, last], "");
    assert_eq!(refusal(&signed(bytes)), ChunkError::ChunkSignature.into());
}

#[test]
fn a_stream_that_ends_early_is_truncated() {
    let whole = body(&CHUNKS, "");
    for len in [0, 10, 86, 70_000 - 4_000, whole.len() - 1] {
        let cut = whole[..len].to_vec();
        assert_eq!(refusal(&signed(cut)), ChunkError::Truncated.into(), "{len}");
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    let mut bytes = body(&CHUNKS, "");
    bytes.push(b'0');
    assert!(matches!(
        refusal(&signed(bytes)),
        PayloadError::Chunk(ChunkError::Malformed(_))
    ));
}

#[test]
fn an_unsigned_chunk_in_a_signed_stream_is_refused() {
    let text = String::from_utf8(body(&CHUNKS, "")).unwrap();
    let bytes = text
        .replace(&format!(";chunk-signature={}", CHUNKS[1].1), "")
        .into_bytes();
    assert!(matches!(
        refusal(&signed(bytes)),
        PayloadError::Chunk(ChunkError::Malformed(_))
    ));
}

#[test]
fn a_trailer_without_its_signature_is_refused() {
    let trailer = "x-amz-checksum-crc32c:sOO8/Q==\r\n";
    let bytes = body(&CHUNKS_BEFORE_TRAILER, trailer);
    assert_eq!(
        refusal(&signed_with_trailer(bytes)),
        ChunkError::TrailerSignature.into()
    );
}

#[test]
fn another_checksum_breaks_the_trailers_signature() {
    let trailer = TRAILER.replace("sOO8", "sOO9");
    let bytes = body(&CHUNKS_BEFORE_TRAILER, &trailer);
    assert_eq!(
        refusal(&signed_with_trailer(bytes)),
        ChunkError::TrailerSignature.into()
    );
}

#[test]
fn a_header_after_the_trailers_signature_is_refused() {
    let trailer = format!("{TRAILER}x-amz-checksum-crc32:AAAAAA==\r\n");
    let bytes = body(&CHUNKS_BEFORE_TRAILER, &trailer);
    assert!(matches!(
        refusal(&signed_with_trailer(bytes)),
        PayloadError::Chunk(_)
    ));
}

#[test]
fn trailing_headers_that_were_not_announced_are_refused() {
    let bytes = body(&CHUNKS, TRAILER);
    assert!(matches!(
        refusal(&signed(bytes)),
        PayloadError::Chunk(ChunkError::Malformed(_))
    ));
}

#[test]
fn a_chunk_of_an_unbounded_size_does_not_overflow() {
    let bytes = format!("ffffffffffffffff;chunk-signature={}\r\nabc", CHUNKS[0].1);
    assert_eq!(
        refusal(&signed(bytes.into_bytes())),
        ChunkError::Truncated.into()
    );
    let bytes = format!("10000000000000000;chunk-signature={}\r\nabc", CHUNKS[0].1);
    assert!(matches!(
        refusal(&signed(bytes.into_bytes())),
        PayloadError::Chunk(ChunkError::Malformed(_))
    ));
}

#[test]
fn a_line_without_an_end_is_refused_before_it_fills_memory() {
    let bytes = vec![b'0'; 1 << 20];
    assert!(matches!(
        refusal(&signed(bytes)),
        PayloadError::Chunk(ChunkError::Malformed(_))
    ));
}
