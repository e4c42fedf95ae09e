//! `aws-chunked` bodies: no panic, and the same outcome whole as in pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::chunked::{ChunkDecoder, ChunkError};

type Decoded = Result<(Vec<(String, String)>, Vec<u8>), ChunkError>;

fn decode(body: &[u8], piece: usize) -> Decoded {
    let mut decoder = ChunkDecoder::unsigned();
    let mut out = Vec::new();
    for bytes in body.chunks(piece) {
        decoder.push(bytes, |yielded| out.extend_from_slice(yielded))?;
    }
    decoder.finish().map(|trailers| (trailers, out))
}

fuzz_target!(|body: &[u8]| {
    let whole = decode(body, usize::MAX);
    assert_eq!(whole, decode(body, 1));
    assert_eq!(whole, decode(body, 7));
});
