use serde_json::{Value, json};

use super::*;

const UUID: &str = "2e4bd5a2-3b0a-4f6e-9b0e-0c6d1f0f7a11";

fn secret(bytes: &[u8]) -> SecretBytes {
    SecretBytes::copy_of(bytes).unwrap()
}

fn machine() -> VolumeSecret {
    VolumeSecret::machine(&secret(&(0..32).collect::<Vec<u8>>())).unwrap()
}

fn fields(flags: &[String]) -> Fields<'_> {
    Fields {
        uuid: UUID,
        volume: "secretfs",
        segment: SegmentFields {
            kind: "crypt",
            offset: 16 << 20,
            size: None,
            iv_tweak: 0,
            encryption: "aes-xts-plain64",
            sector_size: 4096,
        },
        digest: DigestFields {
            kind: "pbkdf2",
            hash: "sha256",
            iterations: 1000,
            salt: &[1; 32],
            value: &[2; 32],
        },
        requirements: &[],
        flags,
        generation: 3,
        state: State::Ready,
    }
}

/// Computed with Python's hmac and struct from the text of design.md, not with this code.
#[test]
fn the_constructions_match_an_independent_computation() {
    let flags = ["allow-discards".to_owned()];
    let machine = machine();
    assert_eq!(
        machine.passphrase(UUID).unwrap().danger_expose(),
        b"NNF5SA0bGw7YIUTJSw_knfW6C8QIoJZ7chz6HFQSdsM"
    );
    assert_eq!(
        hex::encode(machine.mac(&fields(&flags)).unwrap()),
        "3eda4266b7f2c718e9cd345f7d34c6460036a7773cb44f0eb6cff8b1f35bf678"
    );
    let shared = VolumeSecret::shared(&secret(b"ThisIs-a-SecretPassword")).unwrap();
    assert_eq!(
        hex::encode(shared.mac(&fields(&flags)).unwrap()),
        "1d3081772dfb7f4d747f4d064a6bae3ef8510359c535b990c9bc9664ba20657b"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a line for each field")]
fn every_field_changes_the_mac() {
    let secret = machine();
    let base = fields(&[]);
    let tag = secret.mac(&base).unwrap();
    let flags = ["no-journal".to_owned()];
    let changed: Vec<Fields<'_>> = vec![
        Fields {
            volume: "secretfz",
            ..base.clone()
        },
        Fields {
            uuid: "2e4bd5a2-3b0a-4f6e-9b0e-0c6d1f0f7a12",
            ..base.clone()
        },
        Fields {
            segment: SegmentFields {
                offset: 32 << 20,
                ..base.segment.clone()
            },
            ..base.clone()
        },
        Fields {
            segment: SegmentFields {
                size: Some(4096),
                ..base.segment.clone()
            },
            ..base.clone()
        },
        Fields {
            segment: SegmentFields {
                iv_tweak: 8,
                ..base.segment.clone()
            },
            ..base.clone()
        },
        Fields {
            segment: SegmentFields {
                encryption: "cipher_null-ecb",
                ..base.segment.clone()
            },
            ..base.clone()
        },
        Fields {
            segment: SegmentFields {
                sector_size: 512,
                ..base.segment.clone()
            },
            ..base.clone()
        },
        Fields {
            segment: SegmentFields {
                kind: "linear",
                ..base.segment.clone()
            },
            ..base.clone()
        },
        Fields {
            digest: DigestFields {
                hash: "sha512",
                ..base.digest.clone()
            },
            ..base.clone()
        },
        Fields {
            digest: DigestFields {
                iterations: 1001,
                ..base.digest.clone()
            },
            ..base.clone()
        },
        Fields {
            digest: DigestFields {
                salt: &[1; 31],
                ..base.digest.clone()
            },
            ..base.clone()
        },
        Fields {
            digest: DigestFields {
                value: &[3; 32],
                ..base.digest.clone()
            },
            ..base.clone()
        },
        Fields {
            requirements: &flags,
            ..base.clone()
        },
        Fields {
            flags: &flags,
            ..base.clone()
        },
        Fields {
            generation: 4,
            ..base.clone()
        },
        Fields {
            state: State::Provisioning,
            ..base.clone()
        },
    ];
    for other in &changed {
        assert!(!secret.verify(other, &tag).unwrap(), "{other:?}");
    }
    assert!(secret.verify(&base, &tag).unwrap());
    assert!(!secret.verify(&base, &tag[..31]).unwrap());
}

#[test]
fn neighbouring_fields_cannot_be_shifted_into_each_other() {
    let flags = ["a".to_owned()];
    let one = Fields {
        requirements: &flags,
        ..fields(&[])
    };
    let two = fields(&flags);
    assert_ne!(one.encode(), two.encode());
}

#[test]
fn a_shared_secret_is_what_the_seeds_script_would_type() {
    for (plaintext, typed) in [
        (
            &b"ThisIs-a-SecretPassword"[..],
            &b"ThisIs-a-SecretPassword"[..],
        ),
        (b"word\n\n", b"word"),
        (b"first\nsecond", b"first"),
        (b"wo\0rd\0", b"word"),
        (b" spaces kept ", b" spaces kept "),
    ] {
        let secret = VolumeSecret::shared(&secret(plaintext)).unwrap();
        assert_eq!(secret.passphrase(UUID).unwrap().danger_expose(), typed);
    }
    for empty in [&b"\n"[..], b"\0\0", b"\nword"] {
        assert!(matches!(
            VolumeSecret::shared(&secret(empty)),
            Err(SecretError::Empty)
        ));
    }
    assert!(matches!(
        VolumeSecret::shared(&secret(&[b'x'; 513])),
        Err(SecretError::TooLong)
    ));
}

#[test]
fn only_the_sealed_form_and_a_machines_secret_count_as_random() {
    assert!(machine().is_random());
    let sealed = new_shared_secret().unwrap();
    assert!(VolumeSecret::shared(&sealed).unwrap().is_random());
    let sealed = sealed.danger_expose();
    for weak in [
        &sealed[..sealed.len() - 1],
        &[sealed, b"x"].concat(),
        &sealed[7..],
        b"ThisIs-a-SecretPassword",
        b"kluis1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA*",
        b"kluis1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",
    ] {
        assert!(!VolumeSecret::shared(&secret(weak)).unwrap().is_random());
    }
}

#[test]
fn a_machines_secret_has_32_bytes() {
    for len in [1, 31, 33, 64] {
        assert!(
            matches!(VolumeSecret::machine(&secret(&vec![7; len])), Err(SecretError::Length(found)) if found == len)
        );
    }
}

fn token() -> Token {
    Token {
        keyslot: Some(0),
        blob: Some(vec![1, 2, 3]),
        generation: 1,
        state: State::Provisioning,
        mac: Some(vec![9; 32]),
    }
}

#[test]
fn a_token_survives_its_json() {
    for token in [
        token(),
        Token {
            keyslot: None,
            blob: None,
            mac: None,
            ..token()
        },
    ] {
        assert_eq!(Token::from_json(&token.to_json()), Some(Ok(token)));
    }
    assert_eq!(token().to_json()["keyslots"][0], "0");
}

#[test]
fn anothers_token_is_left_alone() {
    assert_eq!(
        Token::from_json(&serde_json::json!({"type": "systemd-tpm2", "keyslots": ["0"]})),
        None
    );
    assert_eq!(Token::from_json(&serde_json::json!(null)), None);
}

#[test]
fn a_malformed_token_is_named() {
    let good = token().to_json();
    let broken = |member: &str, value: Value| {
        let mut token = good.clone();
        token[member] = value;
        Token::from_json(&token).unwrap()
    };
    assert_eq!(broken("v", json!(2)), Err(TokenError::Version(2)));
    for (member, value) in [
        ("v", json!("1")),
        ("keyslots", json!(["0", "1"])),
        ("keyslots", json!(["x"])),
        ("keyslots", json!([0])),
        ("state", json!("done")),
        ("gen", json!(-1)),
        ("mac", json!("AAAA")),
        ("mac", json!("?")),
        ("blob", json!("")),
        ("blob", json!("A".repeat(9000))),
        ("extra", json!(1)),
    ] {
        assert!(
            matches!(broken(member, value.clone()), Err(TokenError::Malformed(_))),
            "{member} {value}"
        );
    }
}
