//! A kernel before 6.4 and a user who is not root: a process that is not dumpable may not read its own `/proc/self/auxv` there, and the
//! kernel has no other way to tell of it. Secrets must not need it. Alone in its file, because user and filter are the whole process's.
#![allow(clippy::unwrap_used, reason = "tests")]
#![expect(
    unsafe_code,
    reason = "seccomp and a change of user have no safe interface"
)]

use std::fs::File;
use std::io::{Error, ErrorKind};

/// `PR_GET_AUXV`, since Linux 6.4.
const PR_GET_AUXV: u32 = 0x4155_5856;
/// A user without rights.
const NOBODY: libc::uid_t = 65534;

/// From here on the kernel answers `PR_GET_AUXV` as those do that have never heard of it.
fn forget_get_auxv() {
    let step = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: u16::try_from(code).unwrap(),
        jt,
        jf,
        k,
    };
    let (load, equal, give) = (
        libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
        libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
        libc::BPF_RET | libc::BPF_K,
    );
    // `struct seccomp_data`: the call's number at 0, the low half of its first argument at 16.
    let mut steps = [
        step(load, 0, 0, 0),
        step(equal, u32::try_from(libc::SYS_prctl).unwrap(), 0, 3),
        step(load, 16, 0, 0),
        step(equal, PR_GET_AUXV, 0, 1),
        step(
            give,
            libc::SECCOMP_RET_ERRNO | libc::EINVAL.unsigned_abs(),
            0,
            0,
        ),
        step(give, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog {
        len: u16::try_from(steps.len()).unwrap(),
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
    assert_eq!(refused, 0, "{}", Error::last_os_error());
}

#[test]
fn a_hardened_process_of_an_ordinary_user_has_secrets() {
    forget_get_auxv();
    if rustix::process::geteuid().is_root() {
        // SAFETY: changes who this process is, and no memory.
        let refused = unsafe { libc::setresuid(NOBODY, NOBODY, NOBODY) };
        assert_eq!(refused, 0, "{}", Error::last_os_error());
    }
    crypto::harden().unwrap();
    let auxv = File::open("/proc/self/auxv").unwrap_err();
    assert_eq!(auxv.kind(), ErrorKind::PermissionDenied);

    let secret = crypto::Secret::<32>::random().unwrap();
    assert!(secret.ct_eq(&secret));
}
