//! Kernels before 6.4, where a process that is not dumpable and not root's may not read its own `/proc/self/auxv`.
#![expect(
    unsafe_code,
    reason = "a filter of system calls is set in the child before it becomes the service"
)]

use std::fs;
use std::io::Error;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use crate::daemon::{Daemon, Folder, KLUISD, kluisd};

/// `PR_GET_AUXV`, since Linux 6.4.
const PR_GET_AUXV: u32 = 0x4155_5856;
/// A user without rights.
const NOBODY: u32 = 65534;

/// A filter that answers `PR_GET_AUXV` as kernels do that have never heard of it.
fn without_get_auxv() -> Vec<libc::sock_filter> {
    let step = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: u16::try_from(code).unwrap(),
        jt,
        jf,
        k,
    };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let give = libc::BPF_RET | libc::BPF_K;
    let unheard_of = libc::SECCOMP_RET_ERRNO | libc::EINVAL.unsigned_abs();
    // `struct seccomp_data`: the call's number at 0, the low half of its first argument at 16.
    vec![
        step(load, 0, 0, 0),
        step(equal, u32::try_from(libc::SYS_prctl).unwrap(), 0, 3),
        step(load, 16, 0, 0),
        step(equal, PR_GET_AUXV, 0, 1),
        step(give, unheard_of, 0, 0),
        step(give, libc::SECCOMP_RET_ALLOW, 0, 0),
    ]
}

/// Sets the filter for this process and what it becomes.
fn set(steps: &mut [libc::sock_filter]) -> Result<(), Error> {
    let program = libc::sock_fprog {
        len: u16::try_from(steps.len()).unwrap_or(0),
        filter: steps.as_mut_ptr(),
    };
    // SAFETY: the kernel copies the program, which outlives the calls; neither call touches memory of ours otherwise.
    let refused = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            | libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            )
    };
    if refused == 0 {
        Ok(())
    } else {
        Err(Error::last_os_error())
    }
}

#[test]
fn the_service_starts_as_a_user_of_its_own() {
    let folder = Folder::new();
    let program = folder.scratch("kluisd");
    // Where the build is may be nobody else's to enter.
    fs::copy(KLUISD, &program).unwrap();
    let mut command = Command::new(&program);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.data())
        .env("KLUISD_LOG", "warn")
        .stdin(Stdio::null());
    if rustix::process::geteuid().is_root() {
        let place = folder.scratch("");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o700)).unwrap();
        chown(&place, Some(NOBODY), Some(NOBODY)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut steps = without_get_auxv();
    // SAFETY: the child makes two system calls on memory that was there before the fork, and nothing that a fork leaves unusable.
    unsafe { command.pre_exec(move || set(&mut steps)) };
    let mut daemon = Daemon::start(command, folder.data());

    let asked = kluisd(["health", "--data-dir", folder.data().to_str().unwrap()]);
    assert_eq!(asked.status.code(), Some(0));
    assert_eq!(daemon.terminate(), Some(0));
}
