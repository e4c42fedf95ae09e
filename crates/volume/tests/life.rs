//! A volume's life on the simulated machine: up, down, status, and up again, in all three kinds of key.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stage;

use stage::{FILE, SEED, Stage, TOKEN};
use volume::engine::{Changed, EngineKind};
use volume::host::Host;
use volume::ports::Put;
use volume::sim::{Call, Disk, Kill};
use volume::verbs::{Binding, Stage as At, UpOptions};
use volume::{ExitCode, Silent};

#[test]
fn up_makes_mounts_and_then_changes_nothing() {
    let stage = Stage::new(TOKEN);
    assert_eq!(stage.up().unwrap(), Changed::Yes);
    assert!(stage.machine.write_file("/mnt/v", "hello"));
    assert_eq!(stage.up().unwrap(), Changed::No);
    assert_eq!(stage.text().as_deref(), Some("hello"));
    assert_eq!(
        stage.machine.mounted(),
        [("/mnt/v".into(), "ext4".to_owned())]
    );
}

#[test]
fn data_survives_down_and_up_and_a_power_cut() {
    for config in [TOKEN, SEED] {
        let stage = Stage::new(config);
        stage.seal_if_shared();
        stage.up().unwrap();
        stage.machine.write_file("/mnt/v", "hello");
        assert_eq!(stage.down().unwrap(), Changed::Yes);
        assert_eq!(stage.text(), None);
        assert_eq!(stage.down().unwrap(), Changed::No);
        stage.up().unwrap();
        assert_eq!(stage.text().as_deref(), Some("hello"));
        stage.machine.power_cut(7);
        stage.up().unwrap();
        assert_eq!(stage.text().as_deref(), Some("hello"));
    }
}

#[test]
fn an_ephemeral_volume_is_new_after_every_close() {
    let stage = Stage::new(&TOKEN.replace("alias/k", "ephemeral"));
    stage.up().unwrap();
    stage.machine.write_file("/mnt/v", "scratch");
    stage.machine.umount("/mnt/v");
    stage.up().unwrap();
    assert_eq!(
        stage.text().as_deref(),
        Some("scratch"),
        "it was open all the time"
    );
    stage.down().unwrap();
    stage.up().unwrap();
    assert_ne!(stage.text().as_deref(), Some("scratch"));
    stage.machine.power_cut(3);
    stage.up().unwrap();
    assert!(stage.keys.calls().is_empty(), "no service knows of it");
}

#[test]
fn plaintext_is_nowhere_on_the_disk() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.machine.write_file("/mnt/v", "a very secret sentence");
    let disk = stage.machine.peek(FILE, 0, 64 << 20);
    assert!(!disk.windows(11).any(|window| window == b"very secret"));
}

#[test]
fn all_volumes_of_a_key_take_one_call() {
    let many: Vec<String> = (0..8)
        .map(|n| format!("[volume.v{n}]\nfile = \"/img{n}\"\nsize = \"64MiB\"\nmount = \"/mnt/{n}\"\nkey = \"alias/k\"\n"))
        .collect();
    let stage = Stage::new(&many.concat());
    stage.up_all();
    stage.machine.power_cut(1);
    stage.keys.forget_calls();
    stage.up_all();
    assert_eq!(stage.machine.mounted().len(), 8);
    assert_eq!(stage.keys.calls().len(), 1, "{:?}", stage.keys.calls());
}

#[test]
fn decrypt_always_names_the_pinned_arn_and_the_machine() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.machine.power_cut(1);
    stage.keys.set_alias("alias/k", 2);
    stage.keys.forget_calls();
    stage.up().unwrap();
    let calls = stage.keys.calls();
    let [Call::Decrypt(Some(arn), context)] = calls.as_slice() else {
        panic!("{calls:?}")
    };
    assert!(arn.ends_with("000000000001"), "{arn}");
    assert_eq!(context.get("kluis:v").map(String::as_str), Some("1"));
    assert_eq!(context.get("kluis:machine").map(String::len), Some(32));
}

#[test]
fn a_lost_pin_is_made_again_at_first_use() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.machine.write_file("/mnt/v", "hello");
    stage.machine.power_cut(1);
    stage.machine.lose_state();
    stage.up().unwrap();
    assert_eq!(stage.text().as_deref(), Some("hello"));
    assert!(
        stage
            .machine
            .state_names()
            .iter()
            .any(|name| name.starts_with("keys/"))
    );
}

#[test]
fn seal_makes_an_object_once() {
    let stage = Stage::new(SEED);
    assert_eq!(
        stage.kluis(|kluis| kluis.seal("v")).unwrap().put,
        Put::Created
    );
    let object = stage.objects.stored("s3://bucket/secret");
    assert_eq!(
        stage.kluis(|kluis| kluis.seal("v")).unwrap().put,
        Put::Exists
    );
    assert_eq!(stage.objects.stored("s3://bucket/secret"), object);
    let error = Stage::new(TOKEN)
        .kluis(|kluis| kluis.seal("v"))
        .unwrap_err();
    assert!(error.to_string().contains("nothing to seal"), "{error}");
}

#[test]
fn status_shows_what_cryptsetup_shows_and_more() {
    let stage = Stage::new(TOKEN);
    let before = stage.status();
    assert_eq!(
        (before.stage, before.binding),
        (At::Missing, Binding::Unknown)
    );
    stage.up().unwrap();
    let status = stage.status();
    assert_eq!(status.stage, At::Mounted);
    assert_eq!(status.kind.as_deref(), Some("LUKS2"));
    assert_eq!(status.cipher.as_deref(), Some("aes-xts-plain64"));
    assert_eq!((status.keysize, status.offset), (Some(512), Some(32768)));
    assert_eq!(status.size, Some((64 << 20) / 512 - 32768));
    assert_eq!(status.device.to_str(), Some("/dev/loop0"));
    assert_eq!(
        status.loop_file.as_deref().and_then(|path| path.to_str()),
        Some(FILE)
    );
    assert_eq!(
        (status.mode, status.engine.as_deref()),
        (Some("read/write"), Some("dm-crypt"))
    );
    assert_eq!(status.binding, Binding::Machine);
    assert!(status.key_arn.unwrap().starts_with("arn:aws:kms:"));
    stage.down().unwrap();
    assert_eq!(stage.status().stage, At::Closed);
}

#[test]
fn without_device_mapper_fuse_serves() {
    let stage = Stage::new(TOKEN);
    stage
        .machine
        .without_engine(EngineKind::DmCrypt, "no /dev/mapper/control; load dm-mod");
    stage.up().unwrap();
    assert_eq!(stage.status().engine.as_deref(), Some("fuse"));
    assert_eq!(stage.status().device.to_str(), Some(FILE));
    stage.machine.write_file("/mnt/v", "hello");
    stage.machine.power_cut(1);
    let again = stage.with_config(&format!("{TOKEN}engine = \"dm-crypt\"\n"));
    let error = again.up().unwrap_err();
    assert!(error.to_string().contains("load dm-mod"), "{error}");
}

#[test]
fn a_dead_engine_is_mended_by_up() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.machine.write_file("/mnt/v", "synced");
    stage.machine.kill_mapping("v");
    assert_eq!(stage.status().stage, At::Dead);
    assert_eq!(stage.up().unwrap(), Changed::Yes);
    assert_eq!(stage.text().as_deref(), Some("synced"));
}

#[test]
fn a_dry_run_changes_and_asks_nothing() {
    let stage = Stage::new(TOKEN);
    let outcome = stage.dry_run();
    let steps: Vec<String> = outcome
        .plan
        .unwrap()
        .steps
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        steps,
        [
            "make the mount point /mnt/v and make it immutable",
            "fetch the secret",
            "make the file /img of 67108864 bytes",
            "write a LUKS2 header",
            "attach a loop device",
            "open with dm-crypt",
            "make ext4",
            "mark the volume ready",
            "mount at /mnt/v"
        ]
    );
    assert_eq!((stage.machine.changes(), stage.keys.calls().len()), (0, 0));
}

#[test]
fn instance_stores_keep_their_numbers() {
    let config =
        "[volume.scratch]\ndevice = \"instance-store\"\nmount = \"/mnt/{n}\"\nkey = \"alias/k\"\n";
    let stage = Stage::new(config);
    for name in ["/dev/disk-a", "/dev/disk-c"] {
        stage
            .machine
            .add_instance_store(name, Disk::blank(64 << 20));
    }
    stage.up_all();
    stage.machine.write_file("/mnt/1", "on c");
    stage.machine.power_cut(1);
    // A disk that sorts in front appears: the others keep their names, and so their macs.
    let more = Stage::new(config);
    for name in ["/dev/disk-0", "/dev/disk-a", "/dev/disk-c"] {
        more.machine.add_instance_store(
            name,
            stage
                .machine
                .disk(name)
                .unwrap_or_else(|| Disk::blank(64 << 20)),
        );
    }
    let more = more.with_services_of(stage);
    more.up_all();
    assert_eq!(
        more.machine.read_file_text("/mnt/1").as_deref(),
        Some("on c")
    );
    assert_eq!(more.machine.mounted().len(), 3);
}

#[test]
fn one_of_several_disks_is_brought_up_alone() {
    let stage = Stage::new(
        "[volume.s]\ndevice = \"instance-store\"\nmount = \"/mnt/{n}\"\nkey = \"alias/k\"\ndisks = 3\n",
    );
    for name in ["/dev/disk-a", "/dev/disk-c"] {
        stage
            .machine
            .add_instance_store(name, Disk::blank(64 << 20));
    }
    let up = |name: &str| {
        let options = UpOptions::default();
        stage.kluis(|kluis| kluis.up(&[name.to_owned()], &options, &mut Silent))
    };

    let outcomes = up("s-1").unwrap();
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].volume, "s-1");
    assert_eq!(
        stage.machine.mounted(),
        [("/mnt/1".into(), "ext4".to_owned())]
    );

    // The third of two disks is one that is gone, and no other is taken for it.
    let outcomes = up("s-2").unwrap();
    let error = outcomes[0].result.as_ref().unwrap_err();
    assert_eq!(outcomes[0].volume, "s-2");
    assert_eq!(error.exit_code(), ExitCode::Device);
    assert!(
        error.to_string().contains("2 instance-store disks"),
        "{error}"
    );
    assert!(up("s-01").is_err(), "one name for one disk");

    stage.up_all();
    assert_eq!(stage.machine.mounted().len(), 2);
}

#[test]
fn several_disks_want_a_number_in_the_mount() {
    let stage = Stage::new(
        "[volume.v]\ndevice = \"instance-store\"\nmount = \"/mnt/v\"\nkey = \"alias/k\"\n",
    );
    assert!(
        stage
            .up()
            .unwrap_err()
            .to_string()
            .contains("no instance-store disk")
    );
    stage
        .machine
        .add_instance_store("/dev/a", Disk::blank(64 << 20));
    stage.up().unwrap();
    stage
        .machine
        .add_instance_store("/dev/b", Disk::blank(64 << 20));
    assert!(stage.up().unwrap_err().to_string().contains("{n}"));
}

#[test]
fn provisioning_writes_the_same_whatever_the_size() {
    let written = |size: &str| {
        let stage = Stage::new(&TOKEN.replace("64MiB", size));
        stage.up().unwrap();
        stage.machine.disk(FILE).unwrap().written()
    };
    assert_eq!(written("2GiB"), written("2TiB"));
}

#[test]
fn two_runs_do_not_meet() {
    let stage = Stage::new(TOKEN);
    let lock = volume::host::Host::lock(&stage.machine, "v", std::time::Duration::ZERO).unwrap();
    assert!(
        stage
            .up()
            .unwrap_err()
            .to_string()
            .contains("another kluis")
    );
    drop(lock);
    stage.up().unwrap();
}

#[test]
fn a_header_copy_that_was_damaged_is_repaired() {
    let stage = Stage::new(TOKEN);
    stage.up().unwrap();
    stage.machine.write_file("/mnt/v", "hello");
    stage.down().unwrap();
    for at in [100, 0x4000 + 100] {
        stage.machine.poke(FILE, at, &[0xAA; 64]);
        stage.up().unwrap();
        assert_eq!(stage.text().as_deref(), Some("hello"));
        stage.down().unwrap();
        assert!(stage.status().note.is_none(), "{:?}", stage.status().note);
    }
}

#[test]
fn the_simulated_kill_kills() {
    let stage = Stage::new(TOKEN);
    stage.machine.kill_at(3, Kill::After);
    stage.up().unwrap_err();
    assert!(stage.machine.is_killed());
    assert!(
        stage
            .kluis(|kluis| kluis.status(&["v".to_owned()]))
            .is_err(),
        "a killed process does nothing more"
    );
}

const OWNED: &str = "owner = \"kafka\"\ngroup = \"12\"\nmode = \"0750\"\n";

#[test]
fn the_mounted_root_is_whose_the_configuration_says_whenever_it_is_not() {
    let stage = Stage::new(&format!("{TOKEN}{OWNED}"));
    let root = || stage.machine.root("/mnt/v".as_ref()).unwrap();
    stage.up().unwrap();
    assert_eq!((root().uid, root().gid, root().mode), (994, 12, 0o750));
    assert_eq!(stage.up().unwrap(), Changed::No);
    let other = volume::host::RootWanted {
        mode: Some(0o777),
        ..Default::default()
    };
    stage.machine.set_root("/mnt/v".as_ref(), other).unwrap();
    let steps = stage.dry_run().plan.unwrap().steps;
    assert_eq!(steps.len(), 1);
    assert_eq!(
        steps[0].to_string(),
        "set owner 994, group 12, mode 0750 of /mnt/v"
    );
    assert_eq!(stage.up().unwrap(), Changed::Yes);
    assert_eq!(root().mode, 0o750);
    stage.machine.power_cut(3);
    stage.up().unwrap();
    assert_eq!(root().uid, 994);
}

#[test]
fn a_user_who_does_not_exist_is_named_before_anything_is_made() {
    let stage = Stage::new(&format!("{TOKEN}owner = \"nobody-such\"\n"));
    let error = stage.up().unwrap_err();
    assert_eq!(error.exit_code(), volume::ExitCode::Parameters);
    assert!(error.to_string().contains("no user nobody-such"), "{error}");
    assert!(stage.machine.disk("/img").is_none());
    assert_eq!(stage.keys.calls().len(), 0);
    assert!(
        !stage.machine.writes_in_clear("/mnt/v", "log"),
        "and guarded"
    );
}

#[test]
fn discards_are_passed_on_by_dm_crypt_and_status_says_so() {
    let config = format!("{TOKEN}discard = \"allow\"\n");
    let stage = Stage::new(&config);
    stage.up().unwrap();
    assert_eq!(stage.status().discards, Some(true));
    let without = Stage::new(TOKEN);
    without.up().unwrap();
    assert_eq!(without.status().discards, Some(false));
    let fuse = Stage::new(&config);
    fuse.machine
        .without_engine(volume::engine::EngineKind::DmCrypt, "none");
    assert!(fuse.dry_run().notes[0].contains("not passed on"));
    fuse.up().unwrap();
    assert_eq!(fuse.status().discards, Some(false));
}

#[test]
fn options_are_given_to_the_mount_and_shown() {
    let stage = Stage::new(&format!(
        "{TOKEN}options = [\"noatime\", \"commit=7\", \"x-mine\"]\n"
    ));
    stage.up().unwrap();
    assert_eq!(stage.status().mount_options.as_deref(), Some("commit=7"));
    assert_eq!(stage.status().mount_point_protected, Some(true));
}
