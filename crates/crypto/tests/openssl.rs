//! OpenSSL's command as the other side: it reads what is written here, and what it makes is read here.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crypto::{
    KeyPair, KeyPairSpec, Message, Oaep, PublicKey, Secret, SecretBytes, Sha2, SigningAlgorithm,
    TransportAlgorithm,
};
use tempfile::TempDir;

/// The algorithms and curves, in OpenSSL's words for `genpkey`.
const SPECS: [(KeyPairSpec, &[&str]); 6] = [
    (
        KeyPairSpec::Rsa2048,
        &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    ),
    (
        KeyPairSpec::P256,
        &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    ),
    (
        KeyPairSpec::P384,
        &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    ),
    (
        KeyPairSpec::P521,
        &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    ),
    (
        KeyPairSpec::Secp256k1,
        &[
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:secp256k1",
        ],
    ),
    (KeyPairSpec::Ed25519, &["-algorithm", "ED25519"]),
];

const OAEP_SHA1: &[&str] = &[
    "-pkeyopt",
    "rsa_padding_mode:oaep",
    "-pkeyopt",
    "rsa_oaep_md:sha1",
];
const OAEP_SHA256: &[&str] = &[
    "-pkeyopt",
    "rsa_padding_mode:oaep",
    "-pkeyopt",
    "rsa_oaep_md:sha256",
    "-pkeyopt",
    "rsa_mgf1_md:sha256",
];

/// A folder with the files that OpenSSL is given and gives.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, contents: &[u8]) {
        fs::write(self.path(name), contents).unwrap();
    }

    fn get(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn run(&self, args: &[&str]) -> Output {
        let dir: &Path = self.0.path();
        Command::new("openssl")
            .args(args)
            .current_dir(dir)
            .output()
            .unwrap()
    }

    /// What it wrote to `out`.
    fn openssl(&self, args: &[&str]) -> Vec<u8> {
        let output = self.run(&[args, &["-out", "out"]].concat());
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        self.get("out")
    }

    /// A private key of OpenSSL's making, left in `key.pem`, and as PKCS#8.
    fn genpkey(&self, how: &[&str]) -> Vec<u8> {
        let pem = self.openssl(&[&["genpkey"], how].concat());
        self.put("key.pem", &pem);
        self.pkcs8()
    }

    fn pkcs8(&self) -> Vec<u8> {
        self.openssl(&[
            "pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-outform", "DER",
        ])
    }
}

fn read(spec: KeyPairSpec, pkcs8: &[u8]) -> KeyPair {
    KeyPair::from_pkcs8(spec, SecretBytes::copy_of(pkcs8).unwrap()).unwrap()
}

/// The algorithms of a key, and how `pkeyutl` is told of each.
fn algorithms(spec: KeyPairSpec) -> Vec<(SigningAlgorithm, Vec<&'static str>)> {
    let hashes = [
        ("sha256", Sha2::Sha256),
        ("sha384", Sha2::Sha384),
        ("sha512", Sha2::Sha512),
    ];
    let pss = [
        "-pkeyopt",
        "rsa_padding_mode:pss",
        "-pkeyopt",
        "rsa_pss_saltlen:digest",
    ];
    match spec {
        KeyPairSpec::Ed25519 => vec![(SigningAlgorithm::Ed25519, vec![])],
        KeyPairSpec::Rsa2048 => hashes
            .into_iter()
            .flat_map(|(name, hash)| {
                [
                    (SigningAlgorithm::RsaPkcs1(hash), vec!["-digest", name]),
                    (
                        SigningAlgorithm::RsaPss(hash),
                        [&["-digest", name], &pss[..]].concat(),
                    ),
                ]
            })
            .collect(),
        _ => hashes
            .into_iter()
            .map(|(name, hash)| (SigningAlgorithm::Ecdsa(hash), vec!["-digest", name]))
            .collect(),
    }
}

#[test]
fn openssl_reads_both_halves_and_verifies_what_they_sign() {
    for (spec, _) in SPECS {
        let desk = Desk::new();
        let pair = KeyPair::generate(spec).unwrap();
        desk.put("private.der", pair.pkcs8().danger_expose());
        let public = desk.openssl(&[
            "pkey",
            "-inform",
            "DER",
            "-in",
            "private.der",
            "-pubout",
            "-outform",
            "DER",
        ]);
        assert_eq!(public, pair.public().spki(), "{spec}");
        desk.put("public.der", pair.public().spki());
        desk.put("message", b"message");
        for (algorithm, how) in algorithms(spec) {
            desk.put(
                "signature",
                &pair.sign(algorithm, Message::Raw(b"message")).unwrap(),
            );
            let verify = [
                "pkeyutl",
                "-verify",
                "-pubin",
                "-keyform",
                "DER",
                "-inkey",
                "public.der",
            ];
            let files = ["-rawin", "-in", "message", "-sigfile", "signature"];
            let output = desk.run(&[&verify, &files[..], &how].concat());
            assert!(output.status.success(), "{spec} {algorithm:?}: {output:?}");
        }
    }
}

#[test]
fn what_openssl_signs_verifies_here() {
    for (spec, how) in SPECS {
        let desk = Desk::new();
        let pair = read(spec, &desk.genpkey(how));
        let spki = desk.openssl(&["pkey", "-in", "key.pem", "-pubout", "-outform", "DER"]);
        assert_eq!(pair.public().spki(), spki);
        let public = PublicKey::from_spki(spec, &spki).unwrap();
        desk.put("message", b"message");
        for (algorithm, how) in algorithms(spec) {
            let sign = [
                "pkeyutl", "-sign", "-inkey", "key.pem", "-rawin", "-in", "message",
            ];
            let signature = desk.openssl(&[&sign, &how[..]].concat());
            public
                .verify(algorithm, Message::Raw(b"message"), &signature)
                .unwrap();
        }
    }
}

#[test]
fn a_curves_key_is_kept_in_one_form_whatever_form_it_comes_in() {
    let desk = Desk::new();
    let pair = read(KeyPairSpec::P384, &desk.genpkey(SPECS[2].1));
    for form in [&["-no_public"][..], &["-conv_form", "compressed"]] {
        let other = desk.openssl(&[&["ec", "-in", "key.pem"], form].concat());
        let desk = Desk::new();
        desk.put("key.pem", &other);
        let pkcs8 = desk.pkcs8();
        assert_ne!(pkcs8, pair.pkcs8().danger_expose(), "{form:?}");
        assert!(
            read(KeyPairSpec::P384, &pkcs8).pkcs8().ct_eq(pair.pkcs8()),
            "{form:?}"
        );
    }
    let compressed = desk.openssl(&[
        "ec",
        "-in",
        "key.pem",
        "-pubout",
        "-conv_form",
        "compressed",
        "-outform",
        "DER",
    ]);
    assert_ne!(compressed, pair.public().spki());
    let public = PublicKey::from_spki(KeyPairSpec::P384, &compressed).unwrap();
    assert_eq!(public.spki(), pair.public().spki());
}

#[test]
fn a_curve_that_is_spelled_out_is_refused() {
    let desk = Desk::new();
    desk.genpkey(SPECS[1].1);
    let explicit = ["ec", "-in", "key.pem", "-param_enc", "explicit"];
    let spki = desk.openssl(&[&explicit[..], &["-pubout", "-outform", "DER"]].concat());
    let refused = PublicKey::from_spki(KeyPairSpec::P256, &spki).unwrap_err();
    assert!(
        refused.to_string().contains("instead of naming it"),
        "{refused}"
    );
    desk.put("key.pem", &desk.openssl(&explicit));
    let pkcs8 = SecretBytes::copy_of(&desk.pkcs8()).unwrap();
    let refused = KeyPair::from_pkcs8(KeyPairSpec::P256, pkcs8).unwrap_err();
    assert!(
        refused.to_string().contains("instead of naming it"),
        "{refused}"
    );
}

#[test]
fn oaep_goes_both_ways() {
    let desk = Desk::new();
    let pair = KeyPair::generate(KeyPairSpec::Rsa3072).unwrap();
    desk.put("private.der", pair.pkcs8().danger_expose());
    desk.put("message", b"message");
    let key = ["-keyform", "DER", "-inkey", "private.der"];
    for (padding, how) in [(Oaep::Sha1, OAEP_SHA1), (Oaep::Sha256, OAEP_SHA256)] {
        let encrypt = [&["pkeyutl", "-encrypt", "-in", "message"], &key[..], how].concat();
        let opened = pair.decrypt(padding, &desk.openssl(&encrypt)).unwrap();
        assert_eq!(opened.danger_expose(), b"message");
        desk.put(
            "ciphertext",
            &pair.public().encrypt(padding, b"another").unwrap(),
        );
        let decrypt = [&["pkeyutl", "-decrypt", "-in", "ciphertext"], &key[..], how].concat();
        assert_eq!(desk.openssl(&decrypt), b"another");
    }
}

#[test]
fn what_openssl_wraps_for_transport_unwraps_here_in_the_same_way_alone() {
    use TransportAlgorithm::{
        RsaAesKeyWrapSha1, RsaAesKeyWrapSha256, RsaesOaepSha1, RsaesOaepSha256, RsaesPkcs1,
    };
    let desk = Desk::new();
    let pair = KeyPair::generate(KeyPairSpec::Rsa2048).unwrap();
    desk.put("public.der", pair.public().spki());
    let wrap = |secret: &[u8], how: &[&str]| {
        desk.put("secret", secret);
        let to = [
            "pkeyutl",
            "-encrypt",
            "-pubin",
            "-keyform",
            "DER",
            "-inkey",
            "public.der",
        ];
        desk.openssl(&[&to[..], &["-in", "secret"], how].concat())
    };
    // An RSA-4096 private key is the longest material there is.
    let material = KeyPair::generate(KeyPairSpec::Rsa4096).unwrap();
    let material = material.pkcs8().danger_expose();
    desk.put("material", material);
    let kek = [0x5a; 32];
    let wrapped_material = desk.openssl(&[
        "enc",
        "-id-aes256-wrap-pad",
        "-K",
        &hex::encode(kek),
        "-iv",
        "A65959A6",
        "-in",
        "material",
    ]);
    let hybrid = |how| [wrap(&kek, how), wrapped_material.clone()].concat();
    let secret = &kek[..];
    let all = [
        (RsaesPkcs1, wrap(secret, &[]), secret),
        (RsaesOaepSha1, wrap(secret, OAEP_SHA1), secret),
        (RsaesOaepSha256, wrap(secret, OAEP_SHA256), secret),
        (RsaAesKeyWrapSha1, hybrid(OAEP_SHA1), material),
        (RsaAesKeyWrapSha256, hybrid(OAEP_SHA256), material),
    ];
    for (algorithm, wrapped, expected) in &all {
        let unwrapped = pair.unwrap_transport(*algorithm, wrapped).unwrap();
        assert_eq!(unwrapped.danger_expose(), *expected, "{algorithm:?}");
        for (other, ..) in all.iter().filter(|(other, ..)| other != algorithm) {
            assert!(
                pair.unwrap_transport(*other, wrapped).is_err(),
                "{algorithm:?} as {other:?}"
            );
        }
        for index in [0, wrapped.len() / 2, wrapped.len() - 1] {
            let mut changed = wrapped.clone();
            changed[index] ^= 1;
            assert!(
                pair.unwrap_transport(*algorithm, &changed).is_err(),
                "{algorithm:?} {index}"
            );
            assert!(
                pair.unwrap_transport(*algorithm, &wrapped[..index])
                    .is_err()
            );
        }
    }
    let kek = Secret::from_slice_wiping(&mut kek.clone()).unwrap();
    let here = crypto::aes_key_wrap(&kek, &SecretBytes::copy_of(material).unwrap()).unwrap();
    assert_eq!(here, wrapped_material);
}

#[test]
fn openssl_agrees_on_the_same_secret() {
    for (spec, how) in &SPECS[1..5] {
        let desk = Desk::new();
        let pair = KeyPair::generate(*spec).unwrap();
        let other = read(*spec, &desk.genpkey(how));
        desk.put("peer.der", pair.public().spki());
        let derive = ["pkeyutl", "-derive", "-inkey", "key.pem"];
        let secret =
            desk.openssl(&[&derive[..], &["-peerform", "DER", "-peerkey", "peer.der"]].concat());
        assert_eq!(
            pair.agree(other.public()).unwrap().danger_expose(),
            secret,
            "{spec}"
        );
    }
}
