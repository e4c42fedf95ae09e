//! Each thing that can be wrong is an error of its own, and leaves nothing behind.

use std::fs;
use std::fs::File;

use super::fixture::{Fixture, NAME, run, text};
use crate::{Test, tests};
use volume::engine::{Engine, EngineError};
use volume::fuse::Fuse;

pub(crate) const TESTS: &[Test] = &{
    use super::refusals;
    tests![refusals:
        a_volume_is_not_opened_twice,
        an_image_that_another_volume_uses_is_busy,
        a_mounted_volume_is_not_closed,
        an_image_that_is_missing,
        a_payload_that_the_image_does_not_hold,
        a_program_that_is_not_there,
        a_program_that_is_no_daemon,
    ]
};

/// Checks that nothing of the volume is there.
fn nothing_is_left(fixture: &Fixture) {
    assert_eq!(fixture.health(), None);
    assert!(!fixture.path("run").join(NAME).exists());
}

pub(crate) fn a_volume_is_not_opened_twice() {
    let fixture = Fixture::new(4096, 8);
    fixture.opened();
    assert!(matches!(fixture.open(), Err(EngineError::Busy { .. })));
    assert!(fixture.health().is_some(), "the first one stays");
}

pub(crate) fn an_image_that_another_volume_uses_is_busy() {
    let mut fixture = Fixture::new(4096, 8);
    let image = File::open(fixture.image()).unwrap();
    rustix::fs::flock(&image, rustix::fs::FlockOperation::LockExclusive).unwrap();
    for read_only in [false, true] {
        fixture.read_only = read_only;
        assert!(
            matches!(fixture.open(), Err(EngineError::Busy { what, .. }) if what == text(&fixture.image()))
        );
        nothing_is_left(&fixture);
    }
}

pub(crate) fn a_mounted_volume_is_not_closed() {
    let fixture = Fixture::new(4096, 32);
    let device = fixture.opened();
    let point = fixture.path("mnt");
    fs::create_dir(&point).unwrap();
    run("mkfs.ext4", &["-q", "-F", text(&device)]);
    run("mount", &[text(&device), text(&point)]);
    let Err(EngineError::Busy { by, .. }) = fixture.engine.close(NAME) else {
        panic!("closed under a mount");
    };
    assert!(by.contains(text(&point)), "{by}");
    fs::write(point.join("still"), "works").unwrap();
    run("umount", &[text(&point)]);
}

pub(crate) fn an_image_that_is_missing() {
    let fixture = Fixture::new(4096, 8);
    fs::remove_file(fixture.image()).unwrap();
    let error = fixture.open().unwrap_err();
    assert!(
        error.to_string().contains(text(&fixture.image())),
        "{error}"
    );
    nothing_is_left(&fixture);
}

pub(crate) fn a_payload_that_the_image_does_not_hold() {
    let mut fixture = Fixture::new(4096, 8);
    fixture.payload.end += 4096;
    let Err(EngineError::Unsupported { what, why }) = fixture.open() else {
        panic!("opened a payload that is not there");
    };
    assert_eq!(
        (what.as_str(), why.as_str()),
        (text(&fixture.image()), "the payload reaches past its end")
    );
    nothing_is_left(&fixture);
}

pub(crate) fn a_program_that_is_not_there() {
    let mut fixture = Fixture::new(4096, 8);
    fixture.engine = Fuse::new("/nonexistent/kluis", fixture.path("run"));
    let error = fixture.open().unwrap_err();
    assert!(error.to_string().contains("/nonexistent/kluis"), "{error}");
    nothing_is_left(&fixture);
}

pub(crate) fn a_program_that_is_no_daemon() {
    let mut fixture = Fixture::new(4096, 8);
    fixture.engine = Fuse::new("/bin/true", fixture.path("run"));
    let error = fixture.open().unwrap_err();
    assert!(
        error.to_string().contains("the daemon of secretfs"),
        "{error}"
    );
    nothing_is_left(&fixture);
}
