//! The fuse engine on real loop devices and file systems: needs root, `/dev/fuse` and `/dev/loop-control`, and says so where it has not.
//!
//! Without libtest's main, since the engine's daemon is this very program: [`volume::fuse::DAEMON_ARGUMENT`] as the first argument makes it so.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod fuse_engine {
    pub(super) mod content;
    pub(super) mod daemon;
    pub(super) mod fixture;
    pub(super) mod oracle;
    pub(super) mod refusals;
}

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use fuse_engine::{content, daemon, oracle, refusals};

/// A test: panics where what its name says does not hold.
type Test = (&'static str, fn());

/// The name of a function, and the function.
#[macro_export]
macro_rules! tests {
    ($module:ident: $($name:ident),+ $(,)?) => {
        [$((concat!(stringify!($module), "::", stringify!($name)), $module::$name as fn())),+]
    };
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, name] = &arguments[..]
        && first == volume::fuse::DAEMON_ARGUMENT
    {
        return volume::fuse::daemon_main(name);
    }
    let tests: Vec<Test> = [
        content::TESTS,
        daemon::TESTS,
        oracle::TESTS,
        refusals::TESTS,
    ]
    .concat();
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in &tests {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    if let Some(missing) = fixture_missing() {
        println!("fuse_engine needs a machine that can do this: {missing}");
        return ExitCode::FAILURE;
    }
    let filters: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let chosen = tests.iter().filter(|(name, _)| {
        filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
    });
    let mut failed = 0;
    for (name, test) in chosen {
        let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
        failed += u32::from(!passed);
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
    }
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn fixture_missing() -> Option<&'static str> {
    let missing = |path: &str| !std::path::Path::new(path).exists();
    match () {
        () if !rustix::process::geteuid().is_root() => Some("not root"),
        () if missing("/dev/fuse") => Some("no /dev/fuse"),
        () if missing("/dev/loop-control") => Some("no /dev/loop-control"),
        () => None,
    }
}
