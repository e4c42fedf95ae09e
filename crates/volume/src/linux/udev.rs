//! Waiting until udev has done with a device-mapper event, so that `/dev/mapper/NAME` is there (or gone) on return and
//! nothing probes the device any more. It is libdevmapper's protocol: a `SysV` semaphore whose key travels in the event,
//! and that udev's last rule (`dmsetup udevcomplete`) counts down.
#![expect(unsafe_code, reason = "SysV semaphores have no safe wrapper")]

use std::io;
use std::path::Path;
use std::time::Duration;

/// The upper half of a semaphore's key.
const COOKIE_MAGIC: u32 = 0x0D4D;
/// Where the flags stand in an event's number.
const FLAGS_SHIFT: u32 = 16;
/// "This event comes from who changed the device", without which udev's rules ignore it.
const PRIMARY_SOURCE: u32 = 0x0040;
/// "Whoever made this leaves its nodes to udev."
const NO_FALLBACK: u32 = 0x0020;
/// How long udev may take before the device is used without it.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many keys are tried until one is free.
const ATTEMPTS: usize = 32;

/// Whether udev runs on this machine.
pub(super) fn is_running() -> bool {
    Path::new("/run/udev/control").exists()
}

/// A count of who has still to do with an event; [`None`] inside where no udev runs and there is nothing to wait for.
pub(super) struct Cookie(Option<Semaphore>);

struct Semaphore {
    id: i32,
    key: u32,
}

impl Cookie {
    /// Makes one for one event. Where no semaphore is to be had, nothing is waited for.
    pub(super) fn new() -> Self {
        Self(if is_running() {
            Semaphore::new().ok()
        } else {
            None
        })
    }

    /// The event number that tells udev of the cookie.
    pub(super) fn event(&self) -> u32 {
        self.0.as_ref().map_or(0, |semaphore| {
            (PRIMARY_SOURCE | NO_FALLBACK) << FLAGS_SHIFT | semaphore.key & 0xFFFF
        })
    }

    /// Waits until udev has done with the event. It is not an error that it takes too long: the device is there all
    /// the same, and only its links may be late.
    pub(super) fn wait(self) {
        if let Some(semaphore) = &self.0
            && let Err(error) = semaphore.wait_for_zero()
        {
            tracing::warn!(%error, "udev has not finished with a device in time; going on without it");
        }
    }
}

impl Semaphore {
    /// A new semaphore that stands at one: for udev.
    fn new() -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let random = crypto::random::bytes::<2>().map_err(io::Error::other)?;
            let base = u32::from(u16::from_ne_bytes(random));
            if base == 0 {
                continue;
            }
            let key = COOKIE_MAGIC << FLAGS_SHIFT | base;
            // SAFETY: takes numbers only.
            let id = unsafe {
                libc::semget(
                    key.cast_signed(),
                    1,
                    0o600 | libc::IPC_CREAT | libc::IPC_EXCL,
                )
            };
            if id >= 0 {
                let semaphore = Self { id, key };
                semaphore.add(1)?;
                return Ok(semaphore);
            }
            let error = io::Error::last_os_error();
            if error.raw_os_error() != Some(libc::EEXIST) {
                return Err(error);
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn add(&self, change: i16) -> io::Result<()> {
        self.operate(change, Duration::ZERO)
    }

    fn wait_for_zero(&self) -> io::Result<()> {
        self.operate(0, PATIENCE)
    }

    fn operate(&self, change: i16, patience: Duration) -> io::Result<()> {
        let mut operation = libc::sembuf {
            sem_num: 0,
            sem_op: change,
            sem_flg: 0,
        };
        let timeout = libc::timespec {
            tv_sec: patience.as_secs().cast_signed(),
            tv_nsec: 0,
        };
        loop {
            // SAFETY: one operation and one timeout, both alive for the length of the call.
            let result = unsafe {
                libc::syscall(
                    libc::SYS_semtimedop,
                    self.id,
                    &raw mut operation,
                    1_usize,
                    &raw const timeout,
                )
            };
            if result == 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}

impl Drop for Semaphore {
    fn drop(&mut self) {
        // SAFETY: takes numbers only.
        unsafe { libc::semctl(self.id, 0, libc::IPC_RMID) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semaphore_is_waited_for_until_another_counts_it_down() {
        let semaphore = Semaphore::new().unwrap();
        let id = semaphore.id;
        let other = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            std::mem::ManuallyDrop::new(Semaphore { id, key: 0 })
                .add(-1)
                .unwrap();
        });
        semaphore.wait_for_zero().unwrap();
        other.join().unwrap();
    }

    #[test]
    fn an_event_names_the_key_and_its_source() {
        let cookie = Cookie(Some(Semaphore::new().unwrap()));
        let key = cookie.0.as_ref().unwrap().key;
        assert_eq!(cookie.event(), 0x0060_0000 | key & 0xFFFF);
        assert_eq!(Cookie(None).event(), 0);
    }
}
