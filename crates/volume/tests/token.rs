//! What a token plugin is told, on the simulated machine: the passphrase of a volume whose header is verified, and nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stage;

use std::path::Path;

use luks::{Header, Profile};
use stage::{FILE, SEED, Stage, TOKEN};
use volume::engine::Changed;
use volume::host::Host as _;
use volume::sim::Fault;
use volume::verbs::Asked;
use volume::{Error, ExitCode};

/// A volume that was made and closed.
fn made(config: &str) -> Stage {
    let stage = Stage::new(config);
    stage.seal_if_shared();
    stage.up().unwrap();
    stage.down().unwrap();
    stage.keys.forget_calls();
    stage
}

fn about(device: &str) -> Asked<'_> {
    Asked {
        device: Path::new(device),
        uuid: None,
        header: None,
    }
}

fn open(stage: &Stage, asked: Asked<'_>) -> Result<Vec<u8>, Error> {
    stage
        .kluis(|kluis| kluis.token_open(asked))
        .map(|passphrase| passphrase.danger_expose().to_vec())
}

/// The header's JSON, as another reader has it.
fn metadata(stage: &Stage) -> String {
    let shown = stage.kluis(|kluis| kluis.header_show("v")).unwrap().json;
    serde_json::to_string_pretty(&shown["metadata"]).unwrap()
}

/// Whether a passphrase opens the header's first keyslot, by the format alone.
fn opens(stage: &Stage, passphrase: &[u8]) -> bool {
    let disk = stage.machine.disk(FILE).unwrap();
    let read = |offset: u64, len: usize| {
        let mut bytes = vec![0; len];
        disk.read(offset, &mut bytes);
        bytes
    };
    let header = Header::read(
        &mut |offset, len| Ok(read(offset, len)),
        disk.size(),
        Profile::Strict,
    );
    let header = header.unwrap().header;
    let area = header.keyslot_area(0).unwrap();
    let len = usize::try_from(area.end - area.start).unwrap();
    header.unlock(0, passphrase, &read(area.start, len)).is_ok()
}

#[test]
fn the_passphrase_of_either_kind_of_key_opens_the_keyslot() {
    for config in [TOKEN, SEED] {
        let stage = made(config);
        let passphrase = open(&stage, about(FILE)).unwrap();
        assert!(opens(&stage, &passphrase), "{config}");
        assert_eq!(stage.keys.calls().len(), 1, "{config}");
        assert!(stage.machine.mounted().is_empty(), "nothing else was done");
    }
}

#[test]
fn a_volume_is_found_by_the_loop_device_over_it() {
    let stage = made(TOKEN);
    let device = stage
        .machine
        .attach_loop(Path::new(FILE), 4096, false)
        .unwrap();
    let passphrase = open(&stage, about(device.to_str().unwrap())).unwrap();
    assert!(opens(&stage, &passphrase));
}

#[test]
fn who_has_read_the_same_header_is_told() {
    let stage = made(TOKEN);
    let metadata = metadata(&stage);
    let uuid = stage.kluis(|kluis| kluis.header_show("v")).unwrap().json["uuid"]
        .as_str()
        .unwrap()
        .to_owned();
    let asked = Asked {
        uuid: Some(&uuid),
        header: Some(metadata.as_bytes()),
        ..about(FILE)
    };
    assert!(opens(&stage, &open(&stage, asked).unwrap()));
}

#[test]
fn who_has_read_another_header_is_told_nothing_and_the_key_service_is_not_asked() {
    let stage = made(TOKEN);
    let metadata = metadata(&stage);
    let null = metadata.replace("aes-xts-plain64", "cipher_null-ecb");
    let moved = metadata.replace("\"16777216\"", "\"16781312\"");
    assert_ne!(moved, metadata);
    for header in [null.as_str(), &moved, "{}", "", "[", "\u{0}"] {
        let asked = Asked {
            header: Some(header.as_bytes()),
            ..about(FILE)
        };
        let error = open(&stage, asked).unwrap_err();
        assert!(matches!(error, Error::OtherHeader { .. }), "{error}");
        assert_eq!(error.exit_code(), ExitCode::Key);
    }
    for uuid in ["", "7d0a9d3e-6bb4-4d5e-9b0a-3d9a8b7c6d5e"] {
        let asked = Asked {
            uuid: Some(uuid),
            ..about(FILE)
        };
        assert!(matches!(
            open(&stage, asked),
            Err(Error::OtherHeader { .. })
        ));
    }
    assert!(stage.keys.calls().is_empty());
}

#[test]
fn what_is_not_configured_is_not_opened() {
    let stage = made(TOKEN);
    stage
        .machine
        .add_device("/dev/other", stage.machine.disk(FILE).unwrap());
    for device in ["/dev/other", "/dev/none"] {
        let error = open(&stage, about(device)).unwrap_err();
        assert!(matches!(error, Error::NotConfigured { .. }), "{error}");
        assert_eq!(error.exit_code(), ExitCode::Parameters);
    }
    assert!(stage.keys.calls().is_empty());
}

#[test]
fn a_service_that_is_down_is_worth_another_try_and_one_that_refuses_is_not() {
    let stage = made(TOKEN);
    for (fault, code) in [
        (Fault::Unreachable, ExitCode::Temporary),
        (Fault::Denied, ExitCode::Key),
    ] {
        stage.keys.set_fault(fault);
        assert_eq!(open(&stage, about(FILE)).unwrap_err().exit_code(), code);
    }
    stage.keys.set_fault(Fault::None);
    open(&stage, about(FILE)).unwrap();
}

#[test]
fn a_header_that_does_not_verify_gives_nothing_away() {
    // The second volume's header, under the first one's name.
    let two = format!(
        "{TOKEN}{}",
        TOKEN
            .replace("volume.v", "volume.w")
            .replace("/img", "/other")
            .replace("/mnt/v", "/mnt/w")
    );
    let stage = Stage::new(&two);
    stage.up_all();
    stage
        .machine
        .set_disk(FILE, stage.machine.disk("/other").unwrap());
    let error = open(&stage, about(FILE)).unwrap_err();
    assert!(matches!(error, Error::Mac { .. }), "{error}");
}

#[test]
fn an_ephemeral_volume_has_nothing_to_tell() {
    let stage = Stage::new(&TOKEN.replace("alias/k", "ephemeral"));
    stage.up().unwrap();
    assert!(open(&stage, about(FILE)).is_err());
    assert_eq!(stage.up().unwrap(), Changed::No);
}
