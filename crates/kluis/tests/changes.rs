//! The verbs that change a volume's key: seal, rekey, erase, and a header's backup and restore.

mod stage;

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use stage::Stage;

#[test]
fn a_sealed_secret_is_never_overwritten() {
    let mut stage = Stage::new();
    let volume = stage.seed_volume();
    let secret = stage.secret("s3://vault/secret");

    let again = stage.kluis(["seal", &volume.name]).ok();
    let json = stage.kluis(["seal", &volume.name, "--json"]).ok();

    assert!(
        again.contains("unchanged") && again.contains("never overwritten"),
        "{again}"
    );
    assert!(json.contains("\"changed\": false"), "{json}");
    assert_eq!(stage.secret("s3://vault/secret"), secret);
}

#[test]
fn what_has_no_shared_secret_is_not_sealed() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();

    let ran = stage.kluis(["seal", &volume.name]);

    ran.refused(1, &["has no `secret`", "kluis up"]);
}

#[test]
fn a_volume_in_use_is_rekeyed() {
    let mut stage = Stage::new();
    let first = stage.token_volume();
    let second = stage.token_volume();
    stage.kluis(["up"]).ok();
    first.write("recipe", "kept");
    let stop = AtomicBool::new(false);

    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut file = std::fs::File::create(first.mount.join("stream")).unwrap();
            let mut blocks = 0_usize;
            while !stop.load(Ordering::Relaxed) && blocks < 4096 {
                file.write_all(&[0x5a; 4096]).unwrap();
                if blocks.is_multiple_of(16) {
                    file.sync_data().unwrap();
                }
                blocks += 1;
            }
            blocks
        });
        let printed = stage.kluis(["rekey"]).ok();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(
            printed,
            format!("{}: rekeyed\n{}: rekeyed\n", first.name, second.name)
        );
        writer.join().unwrap()
    });

    assert_eq!(stage.status(&first)["generation"], 2);
    assert_eq!(stage.status(&second)["generation"], 2);
    stage.kluis(["down"]).ok();
    stage.kluis(["up"]).ok();
    assert_eq!(first.read("recipe").unwrap(), "kept");
    let stream = std::fs::read(first.mount.join("stream")).unwrap();
    assert_eq!(stream.len(), written * 4096);
    assert!(stream.iter().all(|byte| *byte == 0x5a));
}

#[test]
fn a_shared_secret_is_replaced_by_the_next_one() {
    let mut stage = Stage::new();
    let volume = stage.seed_volume();
    stage.kluis(["up"]).ok();
    volume.write("recipe", "kept");
    stage.reconfigure("s3://vault/secret", "s3://vault/next");
    let name = volume.name.as_str();
    stage.kluis(["seal", name]).ok();

    stage
        .kluis(["rekey", name])
        .refused(1, &["--from s3://bucket/previous"]);
    stage
        .kluis(["rekey", name, "--from", "s3://vault/secret"])
        .ok();

    stage.kluis(["down"]).ok();
    stage.kluis(["up"]).ok();
    assert_eq!(volume.read("recipe").unwrap(), "kept");
    stage.kluis(["down"]).ok();
    stage.reconfigure("s3://vault/next", "s3://vault/secret");
    let before = volume.digest();
    stage
        .kluis(["up"])
        .refused(2, &["was sealed with another secret", "rekey --from"]);
    assert_eq!(volume.digest(), before);
}

#[test]
fn an_erased_volume_is_made_anew_only_when_told_to() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    let name = volume.name.as_str();
    stage.kluis(["up"]).ok();
    volume.write("recipe", "soon gone");
    let backup = stage.path("backup");
    stage
        .kluis(["header", "backup", name, backup.to_str().unwrap()])
        .ok();
    stage
        .kluis(["erase", name, "--yes"])
        .refused(5, &["is open", "kluis down"]);
    stage.kluis(["down"]).ok();

    let before = volume.digest();
    stage
        .kluis(["erase", name])
        .refused(1, &["say --yes if it is meant"]);
    assert_eq!(volume.digest(), before);
    assert_eq!(
        stage.kluis(["erase", name, "--yes"]).ok(),
        format!("{name}: erased\n")
    );

    assert!(!backup.exists(), "a header's backup opens the volume");
    assert_eq!(stage.stage(&volume), "erased");
    let before = volume.digest();
    stage
        .kluis(["up"])
        .refused(4, &["was erased", "kluis up --wipe"]);
    stage
        .kluis(["up", "--wipe", name])
        .refused(1, &["say --yes if it is meant"]);
    assert_eq!(volume.digest(), before);
    stage.kluis(["up", "--wipe", "--yes", name]).ok();
    assert!(volume.read("recipe").is_err());
    volume.write("recipe", "a new one");
}

#[test]
fn a_header_is_shown_backed_up_and_restored() {
    let mut stage = Stage::new();
    let volume = stage.token_volume();
    let name = volume.name.as_str();
    let backup = stage.path("backup");
    let backup = backup.to_str().unwrap();
    stage.kluis(["up"]).ok();
    volume.write("recipe", "kept");
    let shown = stage.kluis(["header", "show", name]).ok();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["type"], "LUKS2");
    assert_eq!(
        shown["metadata"]["segments"]["0"]["encryption"],
        "aes-xts-plain64"
    );

    stage.kluis(["header", "backup", name, backup]).ok();
    stage
        .kluis(["header", "backup", name, backup])
        .refused(1, &[backup]);
    stage
        .kluis(["header", "restore", name, backup, "--yes"])
        .refused(5, &["is open", "kluis down"]);
    stage.kluis(["down"]).ok();
    let image = std::fs::OpenOptions::new()
        .write(true)
        .open(&volume.image)
        .unwrap();
    std::os::unix::fs::FileExt::write_all_at(&image, &vec![0xff; 1 << 20], 0).unwrap();
    let before = volume.digest();
    stage
        .kluis(["up"])
        .refused(4, &["nothing was written", "kluis header restore", backup]);
    assert_eq!(volume.digest(), before);

    stage
        .kluis(["header", "restore", name, backup])
        .refused(1, &["say --yes"]);
    stage
        .kluis(["header", "restore", name, backup, "--yes"])
        .ok();
    stage.kluis(["up"]).ok();
    assert_eq!(volume.read("recipe").unwrap(), "kept");
}

#[test]
fn another_volumes_header_is_not_restored() {
    let mut stage = Stage::new();
    let ours = stage.token_volume();
    let other = stage.token_volume();
    stage.kluis(["up"]).ok();
    stage.kluis(["down"]).ok();
    let backup = stage.path("backup");
    stage
        .kluis(["header", "backup", &other.name, backup.to_str().unwrap()])
        .ok();
    let before = ours.digest();

    let restore = [
        "header",
        "restore",
        &ours.name,
        backup.to_str().unwrap(),
        "--yes",
    ];
    stage
        .kluis(restore)
        .refused(4, &["is not a header of volume", "nothing was written"]);

    assert_eq!(ours.digest(), before);
}

#[test]
fn two_volumes_swapped_headers_open_neither() {
    let mut stage = Stage::new();
    let first = stage.token_volume();
    let second = stage.token_volume();
    stage.kluis(["up"]).ok();
    stage.kluis(["down"]).ok();
    let spare = stage.path("spare");
    std::fs::rename(&first.image, &spare).unwrap();
    std::fs::rename(&second.image, &first.image).unwrap();
    std::fs::rename(&spare, &second.image).unwrap();
    let before = (first.digest(), second.digest());

    for volume in [&first, &second] {
        stage
            .kluis(["up", &volume.name])
            .refused(2, &["belongs to another volume", "was not opened"]);
        // The one that was named is not the one that would be gone.
        stage
            .kluis(["erase", &volume.name, "--yes"])
            .refused(4, &["would destroy that one", "nothing was changed"]);
    }

    assert_eq!((first.digest(), second.digest()), before);
}
