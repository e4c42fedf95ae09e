//! A boot, where each volume is a process of its own: one call for all of them, one secret for all of them, and nothing believed that
//! does not open the header.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that cannot go on fails the test"
)]

mod stage;

use std::time::Duration;

use stage::Stage;
use volume::engine::Changed;
use volume::sim::Call;
use volume::verbs::{Kluis, UpOptions};
use volume::{Error, Occasion, Silent};

/// How long a secret is kept.
const KEPT: Duration = Duration::from_mins(1);

const TWO: &str = "[volume.a]\nfile = \"/a\"\nsize = \"64MiB\"\nmount = \"/mnt/a\"\nkey = \"alias/k\"\n\
    [volume.b]\nfile = \"/b\"\nsize = \"64MiB\"\nmount = \"/mnt/b\"\nkey = \"alias/k\"\n";

/// One process of a boot.
fn boots(stage: &Stage, name: &str) -> Result<Changed, Error> {
    starts(stage, name, Occasion::Boot)
}

fn starts(stage: &Stage, name: &str, occasion: Occasion) -> Result<Changed, Error> {
    let kluis = Kluis {
        host: &stage.machine,
        keys: &stage.keys,
        objects: &stage.objects,
        config: &stage.config,
        occasion,
        waiting: &Silent,
    };
    let mut outcomes = kluis.up(&[name.to_owned()], &UpOptions::default(), &mut Silent)?;
    outcomes.remove(0).result
}

/// A machine that made both volumes, was shut down, and boots.
fn rebooted() -> Stage {
    let stage = Stage::new(TWO);
    stage.up_all();
    stage.machine.power_cut(1);
    stage.keys.forget_calls();
    stage
}

fn decrypts(stage: &Stage) -> usize {
    let calls = stage.keys.calls();
    let is_decrypt = |call: &&Call| matches!(call, Call::Decrypt(..));
    calls.iter().filter(is_decrypt).count()
}

#[test]
fn a_boot_makes_one_call_for_all_volumes_of_a_key() {
    let stage = rebooted();
    for name in ["a", "b"] {
        assert_eq!(boots(&stage, name).unwrap(), Changed::Yes);
    }
    assert_eq!(decrypts(&stage), 1);
    assert_eq!(stage.keys.calls().len(), 1);
}

#[test]
fn a_first_boot_makes_one_secret_for_all_volumes_of_a_key() {
    let stage = Stage::new(TWO);
    for name in ["a", "b"] {
        boots(&stage, name).unwrap();
    }
    let made = |call: &&Call| matches!(call, Call::GenerateDataKey(_));
    assert_eq!(stage.keys.calls().iter().filter(made).count(), 1);
    assert_eq!(decrypts(&stage), 1);
}

#[test]
fn by_hand_nothing_is_kept_and_nothing_that_is_kept_is_taken() {
    let stage = rebooted();
    starts(&stage, "a", Occasion::ByHand).unwrap();
    assert_eq!(decrypts(&stage), 1);
    boots(&stage, "b").unwrap();
    assert_eq!(decrypts(&stage), 2);
}

#[test]
fn what_is_kept_is_gone_after_a_minute() {
    let stage = rebooted();
    boots(&stage, "a").unwrap();
    stage.machine.pass(KEPT);
    boots(&stage, "b").unwrap();
    assert_eq!(decrypts(&stage), 2);
}

#[test]
fn without_a_keyring_everybody_asks() {
    let stage = rebooted();
    stage.machine.forbid_keyring();
    for name in ["a", "b"] {
        boots(&stage, name).unwrap();
    }
    assert_eq!(decrypts(&stage), 2);
}

#[test]
fn a_kept_secret_that_does_not_open_the_header_is_asked_for_anew() {
    let stage = rebooted();
    boots(&stage, "a").unwrap();
    stage.machine.spoil_kept_secrets();
    assert_eq!(boots(&stage, "b").unwrap(), Changed::Yes);
    assert_eq!(decrypts(&stage), 2);
}
