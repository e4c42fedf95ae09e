//! What holds of any bytes: run by the tests and by the fuzz targets alike.

use crate::chain::decode;
use crate::checkpoint;
use crate::{PublicKey, Record};

/// Bytes as a line of a segment: whatever comes apart goes together to the same bytes, so that one record has one
/// spelling and nothing in its envelope can be changed without a trace.
///
/// # Panics
/// When that does not hold.
pub fn line(bytes: &[u8]) {
    let Some(line) = decode(bytes) else { return };
    let (sequence, node, chain) = (line.sequence, line.node, line.chain);
    let mut again =
        format!(r#"{{"seq":{sequence},"node":"{node}","chain":"{chain}","event":"#).into_bytes();
    again.extend_from_slice(line.record);
    again.push(b'}');
    assert_eq!(again, bytes);
}

/// Bytes as a record from the store's outbox: whatever is one keeps its bytes and fits one line.
///
/// # Panics
/// When that does not hold.
pub fn record(bytes: &[u8]) {
    let Ok(record) = Record::from_bytes(bytes) else {
        return;
    };
    assert_eq!(record.bytes(), bytes);
    assert!(!bytes.contains(&b'\n') && bytes.len() <= Record::MAX_LEN);
}

/// Bytes as a file of checkpoints: none verifies under a key that signed nothing.
///
/// # Panics
/// When that does not hold.
pub fn checkpoints(bytes: &[u8]) {
    let Ok(found) = checkpoint::parse(bytes) else {
        return;
    };
    for (_, checkpoint) in found {
        assert_eq!(checkpoint.verify(&PublicKey([0x5A; 32])), None);
    }
}
