//! Rekey, erase and header backups on the simulated machine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::redundant_closure_for_method_calls,
    reason = "the method's own lifetime is too narrow for a path"
)]

mod stage;

use stage::{FILE, SEED, Stage, TOKEN};
use volume::ExitCode;
use volume::engine::Changed;
use volume::host::Use;
use volume::sim::Fault;
use volume::verbs::Proof;

const BACKUP: &str = "/root/backup";

fn made(config: &str) -> Stage {
    let stage = Stage::new(config);
    stage.seal_if_shared();
    stage.up().unwrap();
    stage.machine.write_file("/mnt/v", "precious");
    stage
}

fn back_up(stage: &Stage) {
    stage
        .kluis(|kluis| kluis.header_backup("v", BACKUP.as_ref()))
        .unwrap();
}

#[test]
fn rekey_in_use_leaves_one_keyslot_and_the_data() {
    let stage = made(TOKEN);
    let before = stage.kluis(|kluis| kluis.header_show("v")).unwrap().json;
    assert_eq!(stage.rekey_one(None).unwrap(), Changed::Yes);
    let after = stage.kluis(|kluis| kluis.header_show("v")).unwrap().json;
    let blob = |shown: &serde_json::Value| {
        shown["metadata"]["tokens"]
            .as_object()
            .unwrap()
            .values()
            .next()
            .unwrap()["blob"]
            .clone()
    };
    assert_ne!(blob(&before), blob(&after));
    assert_eq!(after["metadata"]["keyslots"].as_object().unwrap().len(), 1);
    assert_eq!(stage.status().generation, Some(2));
    stage.machine.power_cut(1);
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
}

#[test]
fn a_rekey_waits_for_every_volume_of_the_key_and_says_for_which() {
    let two = stage::two();
    let stage = made(TOKEN).with_config(&two);
    let told = |stage: &Stage| {
        let failed = stage.rekey(None).unwrap().remove(0);
        failed.result.unwrap_err().to_string()
    };
    let error = told(&stage);
    assert!(error.contains("Make it first: kluis up w"), "{error}");
    stage.up_all();
    stage.machine.power_cut(0);
    let away = stage.machine.take_disk("/img2");
    let error = told(&stage);
    assert!(error.contains("Mount what holds it"), "{error}");
    stage.machine.add_file("/img2", away);
    for outcome in stage.rekey(None).unwrap() {
        outcome.result.unwrap();
    }
}

#[test]
fn rekey_takes_every_volume_of_the_key_along() {
    let two = stage::two();
    let stage = Stage::new(&two);
    stage.up_all();
    stage.keys.set_alias("alias/k", 2);
    let outcomes = stage
        .kluis(|kluis| {
            kluis.rekey(
                &["v".to_owned()],
                None,
                volume::verbs::Mode::Apply,
                &mut volume::Silent,
            )
        })
        .unwrap();
    assert_eq!(
        outcomes
            .iter()
            .map(|outcome| outcome.volume.as_str())
            .collect::<Vec<_>>(),
        ["v", "w"]
    );
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome.result, Ok(Changed::Yes)))
    );
    stage.machine.power_cut(1);
    stage.keys.disable(1);
    stage.keys.forget_calls();
    stage.up_all();
    assert_eq!(stage.keys.calls().len(), 1, "they share the new one");
}

#[test]
fn a_rekey_that_the_service_refuses_changes_nothing() {
    let stage = made(TOKEN);
    let before = stage.machine.disk(FILE);
    for fault in [Fault::Denied, Fault::Unreachable, Fault::Rubbish] {
        stage.keys.set_fault(fault);
        stage.rekey_one(None).unwrap_err();
        assert_eq!(stage.machine.disk(FILE), before);
    }
}

#[test]
fn a_shared_secret_is_replaced_with_from() {
    let stage = made(SEED);
    let error = stage
        .kluis(|kluis| {
            kluis.rekey(
                &["v".to_owned()],
                None,
                volume::verbs::Mode::Apply,
                &mut volume::Silent,
            )
        })
        .unwrap_err();
    assert!(error.to_string().contains("kluis seal v"), "{error}");
    let stage = stage.with_config(&SEED.replace("bucket/secret", "bucket/new"));
    stage.seal_if_shared();
    assert_eq!(
        stage.rekey_one(Some("s3://bucket/secret")).unwrap(),
        Changed::Yes
    );
    assert_eq!(
        stage.rekey_one(Some("s3://bucket/secret")).unwrap(),
        Changed::No
    );
    stage.down().unwrap();
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("precious"));
    let old = stage.with_config(SEED);
    old.down().unwrap();
    assert_eq!(old.up().unwrap_err().exit_code(), ExitCode::Key);
}

#[test]
fn erase_leaves_nothing_and_asks_for_wipe() {
    let stage = made(TOKEN);
    back_up(&stage);
    stage.down().unwrap();
    let before = stage.machine.peek(FILE, 0, 1 << 20);
    assert_eq!(stage.erase().unwrap(), Changed::Yes);
    let after = stage.machine.peek(FILE, 0, 1 << 20);
    assert!(
        before
            .chunks(512)
            .zip(after.chunks(512))
            .all(|(before, after)| before != after),
        "a sector was kept"
    );
    assert_eq!(stage.machine.file(BACKUP), None);
    let error = stage.up().unwrap_err();
    assert!(
        error.to_string().contains("was erased") && error.to_string().contains("--wipe"),
        "{error}"
    );
    stage.up_wiping().unwrap();
    assert_ne!(stage.text().as_deref(), Some("precious"));
}

#[test]
fn erase_names_what_remains() {
    let stage = made(TOKEN);
    back_up(&stage);
    stage.down().unwrap();
    stage.machine.keep_file(BACKUP);
    stage.machine.keep_old_blocks(FILE);
    let error = stage.erase().unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Device);
    for words in [
        "not wholly erased",
        BACKUP,
        "does not hold at byte 0",
        "delete the KMS key",
    ] {
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}

#[test]
fn a_backup_brings_a_broken_header_back() {
    for config in [TOKEN, SEED] {
        let stage = made(config);
        back_up(&stage);
        stage.down().unwrap();
        stage.machine.poke(FILE, 0, &vec![0xAA; 1 << 20]);
        stage.up().unwrap_err();
        stage
            .kluis(|kluis| kluis.header_restore("v", BACKUP.as_ref(), Proof::Needed))
            .unwrap();
        stage.up().unwrap();
        assert_eq!(stage.text().as_deref(), Some("precious"));
    }
}

#[test]
fn a_backup_is_not_written_over_what_somebody_has_put_there_since() {
    let stage = made(TOKEN);
    back_up(&stage);
    stage.down().unwrap();
    stage.machine.poke(FILE, 0, &vec![0; 1 << 20]);
    stage.machine.poke(FILE, 0, b"XFSB");
    let restore = |stage: &Stage| {
        let before = stage.machine.disk(FILE);
        let error = stage
            .kluis(|kluis| kluis.header_restore("v", BACKUP.as_ref(), Proof::Needed))
            .unwrap_err();
        assert_eq!(stage.machine.disk(FILE), before, "{error}");
        error.to_string()
    };
    assert!(restore(&stage).contains("xfs"), "{}", restore(&stage));
    stage.machine.poke(FILE, 0, &vec![0xAA; 1 << 20]);
    stage.machine.set_use(FILE, Use::Mount("/data".into()));
    assert!(
        restore(&stage).contains("mounted at /data"),
        "{}",
        restore(&stage)
    );
}

#[test]
fn another_volumes_backup_is_refused() {
    let two = stage::two();
    let stage = Stage::new(&two);
    stage.up_all();
    back_up(&stage);
    stage.machine.power_cut(0);
    let restore = |stage: &Stage| {
        stage
            .kluis(|kluis| kluis.header_restore("w", BACKUP.as_ref(), Proof::Needed))
            .unwrap_err()
            .to_string()
    };
    assert!(restore(&stage).contains("mac"), "{}", restore(&stage));
    stage.machine.poke("/img2", 0, &vec![0xAA; 1 << 20]);
    let before = stage.machine.disk("/img2");
    assert!(restore(&stage).contains("mac"), "{}", restore(&stage));
    assert_eq!(stage.machine.disk("/img2"), before);
}

#[test]
fn a_backup_is_never_written_over_a_file() {
    let stage = made(TOKEN);
    stage.machine.set_file(BACKUP, b"mine".to_vec());
    let error = stage
        .kluis(|kluis| kluis.header_backup("v", BACKUP.as_ref()))
        .unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(stage.machine.file(BACKUP).as_deref(), Some(&b"mine"[..]));
    assert!(
        stage
            .kluis(|kluis| kluis.header_backup("v", "relative".as_ref()))
            .is_err()
    );
}

#[test]
fn a_file_that_cannot_grow_to_its_size_is_told_before_writes_fail_and_then() {
    let stage = made(TOKEN);
    let findings = |stage: &Stage| -> Vec<volume::verbs::Finding> {
        let all = stage.kluis(|kluis| kluis.check()).into_iter();
        all.filter(|finding| finding.message.contains("may still take"))
            .collect()
    };
    assert!(findings(&stage).is_empty());
    assert_eq!(stage.status().note, None);

    stage.machine.set_room(32 << 20);
    assert_eq!(findings(&stage)[0].level, volume::verbs::Level::Note);
    assert_eq!(stage.status().note, None, "there is room for now");

    stage.machine.set_room(4096);
    let finding = &findings(&stage)[0];
    assert_eq!(finding.level, volume::verbs::Level::Bad);
    assert_eq!(finding.code, Some(volume::ExitCode::Device));
    let note = stage.status().note.unwrap();
    for words in ["no room", "/img", "4096", "writes to the volume fail"] {
        assert!(note.contains(words), "{words:?} is not in: {note}");
    }
}

#[test]
fn check_says_what_is_wrong_and_what_mends_it() {
    let stage = made(TOKEN);
    stage.down().unwrap();
    let finding = |stage: &Stage| {
        stage
            .kluis(|kluis| kluis.check())
            .into_iter()
            .find(|finding| finding.subject == "v")
            .unwrap()
    };
    assert_eq!(finding(&stage).level, volume::verbs::Level::Good);
    assert!(finding(&stage).message.contains("kluis up v"));
    stage.keys.set_fault(Fault::Denied);
    assert_eq!(finding(&stage).level, volume::verbs::Level::Bad);
    assert!(finding(&stage).message.contains("key policy"));
}
