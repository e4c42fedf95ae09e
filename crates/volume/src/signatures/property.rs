//! What must hold of any bytes: for tests and for the fuzzer alike.

use super::{Source, file_system, inspect};

/// Bytes in memory, as a device.
struct Bytes<'a>(&'a [u8]);

impl Source for Bytes<'_> {
    type Error = ();

    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<(), ()> {
        let start = usize::try_from(offset).map_err(drop)?;
        let bytes = start
            .checked_add(buf.len())
            .and_then(|end| self.0.get(start..end));
        buf.copy_from_slice(bytes.ok_or(())?);
        Ok(())
    }
}

/// Any bytes as a device: nothing outside is asked for, nothing panics, and only zeros are blank.
///
/// # Panics
/// When that does not hold.
pub fn device(data: &[u8]) {
    let report = inspect(&mut Bytes(data));
    let blank = report.map(|report| report.is_blank());
    assert_eq!(blank, Ok(data.iter().all(|&byte| byte == 0)));
    assert!(file_system(&mut Bytes(data)).is_ok());
}
