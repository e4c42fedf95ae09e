//! Published vectors, each primitive against the document that defines it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::num::NonZeroU32;

use crypto::{Argon2Cost, Argon2Variant, HashAlgorithm, Secret, XtsKey};

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

fn secret(hex: &str) -> Secret<32> {
    Secret::from_slice_wiping(&mut bytes(hex).try_into().unwrap()).unwrap()
}

#[test]
fn digests_of_abc_are_those_of_fips_180() {
    for (algorithm, expected) in [
        (
            HashAlgorithm::Sha1,
            "a9993e364706816aba3e25717850c26c9cd0d89d",
        ),
        (
            HashAlgorithm::Sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            HashAlgorithm::Sha384,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            HashAlgorithm::Sha512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ] {
        assert_eq!(hex::encode(algorithm.digest(&[b"a", b"bc"])), expected);
        assert_eq!(expected.len(), 2 * algorithm.output_len());
    }
}

#[test]
fn hmac_sha256_is_that_of_rfc_4231() {
    let tag = crypto::hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
    assert_eq!(
        hex::encode(tag),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    let tag = crypto::hmac_sha256(
        &[0xaa; 131],
        &[b"Test Using Larger Than Block-Size Key - Hash Key First"],
    );
    assert_eq!(
        hex::encode(tag),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    );
}

#[test]
fn a_shortened_or_changed_tag_does_not_verify() {
    let mut tag = crypto::hmac_sha256(b"key", &[b"message"]);
    assert!(crypto::hmac_sha256_verify(b"key", &[b"mess", b"age"], &tag));
    assert!(!crypto::hmac_sha256_verify(
        b"key",
        &[b"message"],
        &tag[..16]
    ));
    assert!(!crypto::hmac_sha256_verify(b"key", &[b"message"], &[]));
    tag[31] ^= 1;
    assert!(!crypto::hmac_sha256_verify(b"key", &[b"message"], &tag));
}

#[test]
fn hkdf_sha256_is_that_of_rfc_5869() {
    let prk =
        crypto::hkdf_sha256_extract(&bytes("000102030405060708090a0b0c"), &[0x0b; 22]).unwrap();
    assert_eq!(
        hex::encode(prk.danger_expose()),
        "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
    );
    let okm = crypto::hkdf_sha256_expand::<42>(&prk, &[&bytes("f0f1f2f3f4"), &bytes("f5f6f7f8f9")])
        .unwrap();
    assert_eq!(
        hex::encode(okm.danger_expose()),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    );
    // A.3: no salt, no info.
    let prk = crypto::hkdf_sha256_extract(&[], &[0x0b; 22]).unwrap();
    let okm = crypto::hkdf_sha256_expand::<42>(&prk, &[]).unwrap();
    assert_eq!(
        hex::encode(okm.danger_expose()),
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    );
}

#[test]
fn kbkdf_is_counter_mode_as_openssl_has_it() {
    // openssl kdf -keylen 32 -kdfopt mac:HMAC -kdfopt digest:SHA256 -kdfopt hexkey:… -kdfopt salt:kluis/test -kdfopt info:context KBKDF
    let key = secret("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    let derived = crypto::kbkdf_hmac_sha256(&key, b"kluis/test", &[b"con", b"text"]).unwrap();
    assert_eq!(
        hex::encode(derived.danger_expose()),
        "50996f5828a6850ea56e142c8d602cbb06b4298582fb84fecb685fc4b6f2b853"
    );
    assert!(
        crypto::kbkdf_hmac_sha256(&key, b"a\0b", &[]).is_err(),
        "a label ends at its first zero byte"
    );
}

#[test]
fn pbkdf2_is_that_of_rfc_6070_and_rfc_7914() {
    let derive = |hash, password: &str, salt: &str, iterations, len| {
        let mut out = vec![0; len];
        let iterations = NonZeroU32::new(iterations).unwrap();
        crypto::pbkdf2(
            hash,
            password.as_bytes(),
            salt.as_bytes(),
            iterations,
            &mut out,
        )
        .unwrap();
        hex::encode(out)
    };
    assert_eq!(
        derive(HashAlgorithm::Sha1, "password", "salt", 4096, 20),
        "4b007901b765489abead49d926f721d065a429c1"
    );
    assert_eq!(
        derive(HashAlgorithm::Sha256, "passwd", "salt", 1, 64),
        "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"
    );
}

#[test]
fn argon2_is_that_of_the_reference_implementation() {
    let derive = |variant, lanes| {
        let mut out = [0; 32];
        let cost = Argon2Cost {
            time: 2,
            memory_kib: 256,
            lanes,
        };
        crypto::argon2(variant, cost, b"password", b"somesalt", &mut out).unwrap();
        hex::encode(out)
    };
    assert_eq!(
        derive(Argon2Variant::Id, 1),
        "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"
    );
    assert_eq!(
        derive(Argon2Variant::Id, 2),
        "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"
    );
    assert_eq!(
        derive(Argon2Variant::I, 1),
        "89e9029f4637b295beb027056a7336c414fadd43f6b208645281cb214a56452f"
    );
}

#[test]
fn argon2_refuses_costs_it_cannot_meet() {
    let derive = |time, memory_kib, lanes| {
        let cost = Argon2Cost {
            time,
            memory_kib,
            lanes,
        };
        crypto::argon2(
            Argon2Variant::Id,
            cost,
            b"password",
            b"somesalt",
            &mut [0; 32],
        )
    };
    assert!(matches!(
        derive(0, 256, 1),
        Err(crypto::Error::Argon2Cost(_))
    ));
    assert!(matches!(
        derive(1, 256, 0),
        Err(crypto::Error::Argon2Cost(_))
    ));
    assert!(matches!(
        derive(1, 16, 4),
        Err(crypto::Error::Argon2Cost(_))
    ));
}

#[test]
fn gcm_is_that_of_its_specification() {
    // McGrew and Viega, test cases 13 and 14: zero key, zero nonce.
    let zero = || Secret::<32>::build(|_| Ok::<_, crypto::Error>(())).unwrap();
    assert_eq!(
        hex::encode(crypto::seal_once(zero(), &[], &[]).unwrap()),
        "530f8afbc74536b9a963b4f1c4cb738b"
    );
    let sealed = crypto::seal_once(zero(), &[], &[0; 16]).unwrap();
    assert_eq!(
        hex::encode(&sealed),
        "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
    );
    assert_eq!(
        crypto::open_once(zero(), &[], &sealed)
            .unwrap()
            .danger_expose(),
        [0; 16]
    );
}

const E: &str = "2718281828459045235360287471352662497757247093699959574966967627";
const PI: &str = "3141592653589793238462643383279502884197169399375105820974944592";

const XTS_AES_128_UNIT_0: &str = "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89cc78cf7f5e543445f8333d8fa7f56000005279fa5d8b5e4ad40e736ddb4d35412328063fd2aab53e5ea1e0a9f332500a5df9487d07a5c92cc512c8866c7e860ce93fdf166a24912b422976146ae20ce846bb7dc9ba94a767aaef20c0d61ad02655ea92dc4c4e41a8952c651d33174be51a10c421110e6d81588ede82103a252d8a750e8768defffed9122810aaeb99f9172af82b604dc4b8e51bcb08235a6f4341332e4ca60482a4ba1a03b3e65008fc5da76b70bf1690db4eae29c5f1badd03c5ccf2a55d705ddcd86d449511ceb7ec30bf12b1fa35b913f9f747a8afd1b130e94bff94effd01a91735ca1726acd0b197c4e5b03393697e126826fb6bbde8ecc1e08298516e2c9ed03ff3c1b7860f6de76d4cecd94c8119855ef5297ca67e9f3e7ff72b1e99785ca0a7e7720c5b36dc6d72cac9574c8cbbc2f801e23e56fd344b07f22154beba0f08ce8891e643ed995c94d9a69c9f1b5f499027a78572aeebd74d20cc39881c213ee770b1010e4bea718846977ae119f7a023ab58cca0ad752afe656bb3c17256a9f6e9bf19fdd5a38fc82bbe872c5539edb609ef4f79c203ebb140f2e583cb2ad15b4aa5b655016a8449277dbd477ef2c8d6c017db738b18deb4a427d1923ce3ff262735779a418f20a282df920147beabe421ee5319d0568";
const XTS_AES_256_UNIT_FF: &str = "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b5d31e276f8fe4a8d66b317f9ac683f44680a86ac35adfc3345befecb4bb188fd5776926c49a3095eb108fd1098baec70aaa66999a72a82f27d848b21d4a741b0c5cd4d5fff9dac89aeba122961d03a757123e9870f8acf1000020887891429ca2a3e7a7d7df7b10355165c8b9a6d0a7de8b062c4500dc4cd120c0f7418dae3d0b5781c34803fa75421c790dfe1de1834f280d7667b327f6c8cd7557e12ac3a0f93ec05c52e0493ef31a12d3d9260f79a289d6a379bc70c50841473d1a8cc81ec583e9645e07b8d9670655ba5bbcfecc6dc3966380ad8fecb17b6ba02469a020a84e18e8f84252070c13e9f1f289be54fbc481457778f616015e1327a02b140f1505eb309326d68378f8374595c849d84f4c333ec4423885143cb47bd71c5edae9be69a2ffeceb1bec9de244fbe15992b11b77c040f12bd8f6a975a44a0f90c29a9abc3d4d893927284c58754cce294529f8614dcd2aba991925fedc4ae74ffac6e333b93eb4aff0479da9a410e4450e0dd7ae4c6e2910900575da401fc07059f645e8b7e9bfdef33943054ff84011493c27b3429eaedb4ed5376441a77ed43851ad77f16f541dfd269d50d6a5f14fb0aab1cbb4c1550be97f7ab4066193c4caa773dad38014bd2092fa755c824bb5e54c4f36ffda9fcea70b9c6e693e148c151";

fn counting() -> Vec<u8> {
    (0..=255).chain(0..=255).collect()
}

#[test]
fn xts_is_that_of_ieee_1619_vector_4_and_10() {
    for (key, unit, expected) in [
        (
            [&bytes(E)[..16], &bytes(PI)[..16]].concat(),
            0,
            XTS_AES_128_UNIT_0,
        ),
        ([bytes(E), bytes(PI)].concat(), 0xff, XTS_AES_256_UNIT_FF),
    ] {
        let key = XtsKey::new(&key).unwrap();
        let mut data = counting();
        key.encryptor()
            .unwrap()
            .sectors(&mut data, 512, unit)
            .unwrap();
        assert_eq!(hex::encode(&data), expected);
        key.decryptor()
            .unwrap()
            .sectors(&mut data, 512, unit)
            .unwrap();
        assert_eq!(data, counting());
    }
}

#[test]
fn ed25519_is_that_of_rfc_8032() {
    let key = crypto::Ed25519Key::from_seed(&secret(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    ))
    .unwrap();
    assert_eq!(
        hex::encode(key.public_key()),
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    );
    let signature = key.sign(b"").unwrap();
    assert_eq!(
        hex::encode(signature),
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    );
    crypto::ed25519_verify(&key.public_key(), b"", &signature).unwrap();
    assert!(crypto::ed25519_verify(&key.public_key(), b"x", &signature).is_err());
    assert!(crypto::ed25519_verify(&[], b"", &signature).is_err());
}

#[test]
fn an_rsa_key_survives_its_pkcs8_and_verifies_its_signature() {
    let key = crypto::RsaKey::from_pkcs8(&crypto::RsaKey::generate().unwrap().to_pkcs8().unwrap())
        .unwrap();
    let signature = key.sign(b"digest file").unwrap();
    crypto::rsa_pkcs1_sha256_verify(&key.public_key_der(), b"digest file", &signature).unwrap();
    assert!(
        crypto::rsa_pkcs1_sha256_verify(&key.public_key_der(), b"digest fi1e", &signature).is_err()
    );
}
