//! A machine that lets a process lock nothing: secrets still work, and the program can tell. Alone in its file,
//! because the limit is the whole process's.
#![allow(clippy::unwrap_used, reason = "tests")]

use rustix::process::{Resource, Rlimit, setrlimit};

#[test]
fn without_a_right_to_lock_memory_secrets_work_and_say_so() {
    setrlimit(
        Resource::Memlock,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )
    .unwrap();
    let root_locks_whatever_the_limit = rustix::process::geteuid().is_root();
    let secret = crypto::Secret::<32>::random().unwrap();
    assert!(secret.ct_eq(&secret));
    assert_eq!(crypto::locked(), root_locks_whatever_the_limit);
}
