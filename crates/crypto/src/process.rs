//! Keeping a process that holds keys out of core dumps and debuggers.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::Error;

/// Makes the process not dumpable (no core, no `ptrace` or `/proc/PID/mem` by its own user) and sets the core limit,
/// soft and hard, to zero, so that its children have none either. Called first thing in `main`.
///
/// # Errors
/// [`Error::Process`] where the system refuses.
pub fn harden() -> Result<(), Error> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(refused)?;
    setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )
    .map_err(refused)
}

fn refused(errno: rustix::io::Errno) -> Error {
    Error::Process(errno.into())
}
