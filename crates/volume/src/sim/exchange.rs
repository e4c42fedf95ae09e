//! Whoever has the disk, and changes it while it is looked at: between the check of a header and its use.

use std::path::{Path, PathBuf};

use super::world::{Machine, World};

/// Bytes that are others from a read on.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    at_read: u64,
    path: PathBuf,
    offset: u64,
    bytes: Vec<u8>,
}

impl World {
    /// Counts a read of a raw device, after whatever is to be changed before it.
    pub(super) fn count_read(&mut self) {
        self.reads += 1;
        let now = self.reads;
        let (due, later) = std::mem::take(&mut self.exchanges)
            .into_iter()
            .partition(|exchange| exchange.at_read <= now);
        self.exchanges = later;
        let due: Vec<Exchange> = due;
        for exchange in due {
            self.put(&exchange.path, exchange.offset, &exchange.bytes);
        }
    }

    fn put(&mut self, path: &Path, offset: u64, bytes: &[u8]) {
        if let Some(backing) = self.disks.get_mut(path) {
            backing.disk.write(offset, bytes);
            backing.disk.flush();
        }
    }
}

impl Machine {
    /// How many reads of raw devices there were since the machine was made.
    pub fn reads(&self) -> u64 {
        self.lock_world().reads
    }

    /// Just before the n-th read of a raw device from now (the first is 1), whoever has `path` writes `bytes` there, durably.
    pub fn exchange_at_read(&self, n: u64, path: &str, offset: u64, bytes: &[u8]) {
        let mut world = self.lock_world();
        let exchange = Exchange {
            at_read: world.reads + n,
            path: path.into(),
            offset,
            bytes: bytes.to_vec(),
        };
        world.exchanges.push(exchange);
    }
}
