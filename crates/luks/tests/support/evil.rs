//! What somebody may have prepared: each a good LUKS2 header with one thing changed, its checksums right again, and the refusal it must get:
//! whose fault, and which field. The names are the list of what was thought of. The good header is handed in, so that the tests change one made
//! now and `vectors/` one that stays.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests"
)]

use luks::Fault;
use serde_json::{Value, json};

use super::Device;

pub const COPY: u64 = 0x4000;

pub fn copy_of(device: &Device, secondary: bool) -> Vec<u8> {
    let start = if secondary { COPY } else { 0 };
    device.at(start..start + COPY)
}

/// Puts both copies on the device, changed and with checksums that are right.
pub fn with_copies(mut device: Device, change: &dyn Fn(&mut Vec<u8>)) -> Device {
    for secondary in [false, true] {
        let mut copy = copy_of(&device, secondary);
        change(&mut copy);
        seal(&mut copy);
        device.write(if secondary { COPY } else { 0 }, &copy);
    }
    device
}

pub fn seal(copy: &mut [u8]) {
    copy[448..512].fill(0);
    let digest = crypto::sha256(&[copy]);
    copy[448..480].copy_from_slice(&digest);
}

pub fn with_text(device: &Device, text: &[u8]) -> Device {
    with_copies(device.clone(), &|copy| {
        copy[4096..].fill(0);
        copy[4096..4096 + text.len()].copy_from_slice(text);
    })
}

pub fn with_json(device: &Device, change: &dyn Fn(&mut Value)) -> Device {
    let mut json = device.luks2().json().clone();
    change(&mut json);
    with_text(device, json.to_string().as_bytes())
}

/// A member by its path; parents must be there.
pub fn at<'a>(json: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').fold(json, |value, name| match value {
        Value::Object(members) => members.entry(name).or_insert(Value::Null),
        Value::Array(items) => &mut items[name.parse::<usize>().unwrap()],
        _ => panic!("{path}"),
    })
}

fn remove(json: &mut Value, path: &str) {
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    let parent = if parent.is_empty() {
        json
    } else {
        at(json, parent)
    };
    assert!(
        parent.as_object_mut().unwrap().remove(name).is_some(),
        "{path} was not there"
    );
}

/// A change to one copy of the header.
type Change = Box<dyn Fn(&mut Vec<u8>)>;

pub struct Refusal {
    pub name: String,
    pub device: Device,
    pub fault: Fault,
    pub field: String,
    /// What was changed of the good one.
    pub change: String,
    /// Whether it breaks the specification, so that not even the permissive profile takes it.
    pub always: bool,
}

impl Refusal {
    fn new(name: &str, device: Device, fault: Fault, field: &str, change: String) -> Self {
        Self {
            name: name.replace('.', "-"),
            device,
            fault,
            field: field.to_owned(),
            change,
            always: false,
        }
    }

    fn always(self) -> Self {
        Self {
            always: true,
            ..self
        }
    }
}

/// All of them.
pub fn luks2(good: &Device) -> Vec<Refusal> {
    let groups = [
        broken(good),
        missing(good),
        disallowed(good),
        digests(good),
        twice(good),
        json_areas(good),
        binary_headers(good),
        checksums(good),
        newer_copies(good),
    ];
    groups.into_iter().flatten().collect()
}

/// (name, path to set, value, field to blame) against the specification.
#[rustfmt::skip]
fn against_the_specification() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    vec![
        ("keyslots-not-an-object", "keyslots", json!([]), "keyslots"),
        ("tokens-not-an-object", "tokens", json!("none"), "tokens"),
        ("segments-not-an-object", "segments", json!(null), "segments"),
        ("digests-not-an-object", "digests", json!(1), "digests"),
        ("config-not-an-object", "config", json!([]), "config"),
        ("segments-empty", "segments", json!({}), "segments"),
        ("keyslot-number-with-leading-zero", "keyslots.00", json!({}), "keyslots.00"),
        ("keyslot-number-not-a-number", "keyslots.one", json!({}), "keyslots.one"),
        ("keyslot-number-negative", "keyslots.-1", json!({}), "keyslots.-1"),
        ("keyslot-number-32", "keyslots.32", json!({}), "keyslots.32"),
        ("token-number-beyond-64-bits", "tokens.99999999999999999999", json!({}), "tokens.99999999999999999999"),
        ("keyslot-not-an-object", "keyslots.0", json!("0"), "keyslots.0"),
        ("keyslot-type-not-a-string", "keyslots.0.type", json!(2), "keyslots.0.type"),
        ("keyslot-key-size-zero", "keyslots.0.key_size", json!(0), "keyslots.0.key_size"),
        ("keyslot-key-size-negative", "keyslots.0.key_size", json!(-64), "keyslots.0.key_size"),
        ("keyslot-key-size-a-string", "keyslots.0.key_size", json!("64"), "keyslots.0.key_size"),
        ("keyslot-key-size-a-fraction", "keyslots.0.key_size", json!(64.5), "keyslots.0.key_size"),
        ("keyslot-key-size-beyond-31-bits", "keyslots.0.key_size", json!(2_147_483_648_u64), "keyslots.0.key_size"),
        ("keyslot-key-size-beyond-its-area", "keyslots.0.key_size", json!(128), "keyslots.0.area.size"),
        ("keyslot-priority-3", "keyslots.0.priority", json!(3), "keyslots.0.priority"),
        ("keyslot-area-missing-members", "keyslots.0.area", json!({"type": "raw"}), "keyslots.0.area.offset"),
        ("area-type-not-raw", "keyslots.0.area.type", json!("none"), "keyslots.0.area.type"),
        ("area-offset-a-number", "keyslots.0.area.offset", json!(32768), "keyslots.0.area.offset"),
        ("area-offset-negative", "keyslots.0.area.offset", json!("-32768"), "keyslots.0.area.offset"),
        ("area-offset-hexadecimal", "keyslots.0.area.offset", json!("0x8000"), "keyslots.0.area.offset"),
        ("area-offset-with-a-blank", "keyslots.0.area.offset", json!(" 32768"), "keyslots.0.area.offset"),
        ("area-offset-with-a-plus", "keyslots.0.area.offset", json!("+32768"), "keyslots.0.area.offset"),
        ("area-in-the-primary-header", "keyslots.0.area.offset", json!("0"), "keyslots.0.area.offset"),
        ("area-in-the-secondary-header", "keyslots.0.area.offset", json!("28672"), "keyslots.0.area.offset"),
        ("area-not-aligned", "keyslots.0.area.offset", json!("33280"), "keyslots.0.area.offset"),
        ("area-overlaps-another", "keyslots.1.area.offset", json!("286720"), "keyslots.1.area.offset"),
        ("area-is-anothers", "keyslots.1.area.offset", json!("32768"), "keyslots.1.area.offset"),
        ("area-in-the-data", "keyslots.1.area.offset", json!("16777216"), "keyslots.1.area.size"),
        ("area-reaches-into-the-data", "keyslots.1.area.offset", json!("16523264"), "keyslots.1.area.size"),
        ("area-size-zero", "keyslots.0.area.size", json!("0"), "keyslots.0.area.size"),
        ("area-size-not-aligned", "keyslots.0.area.size", json!("256001"), "keyslots.0.area.size"),
        ("area-size-below-its-stripes", "keyslots.0.area.size", json!("253952"), "keyslots.0.area.size"),
        ("area-past-2-to-the-64", "keyslots.0.area.size", json!("18446744073709551615"), "keyslots.0.area.size"),
        ("area-key-size-zero", "keyslots.0.area.key_size", json!(0), "keyslots.0.area.key_size"),
        ("area-encryption-not-a-string", "keyslots.0.area.encryption", json!(null), "keyslots.0.area.encryption"),
        ("stripes-1", "keyslots.0.af.stripes", json!(1), "keyslots.0.af.stripes"),
        ("stripes-0", "keyslots.0.af.stripes", json!(0), "keyslots.0.af.stripes"),
        ("stripes-4001", "keyslots.0.af.stripes", json!(4001), "keyslots.0.af.stripes"),
        ("stripes-overflowing", "keyslots.0.af.stripes", json!(2_147_483_647), "keyslots.0.af.stripes"),
        ("anti-forensic-type-unknown", "keyslots.0.af.type", json!("luks3"), "keyslots.0.af.type"),
        ("kdf-salt-not-base64", "keyslots.0.kdf.salt", json!("*not base64*"), "keyslots.0.kdf.salt"),
        ("kdf-salt-base64-without-padding", "keyslots.0.kdf.salt", json!("AAAAAAAAAAAAAAAAAAAAAA"), "keyslots.0.kdf.salt"),
        ("kdf-salt-empty", "keyslots.0.kdf.salt", json!(""), "keyslots.0.kdf.salt"),
        ("kdf-iterations-negative", "keyslots.0.kdf.iterations", json!(-1), "keyslots.0.kdf.iterations"),
        ("kdf-iterations-beyond-31-bits", "keyslots.0.kdf.iterations", json!(4_294_967_296_u64), "keyslots.0.kdf.iterations"),
        ("kdf-memory-a-string", "keyslots.1.kdf.memory", json!("32"), "keyslots.1.kdf.memory"),
        ("segment-gap", "segments.2", json!({"type": "linear", "offset": "16777216", "size": "dynamic"}), "segments"),
        ("segment-offset-in-the-keyslots-area", "segments.0.offset", json!("1048576"), "segments.0.offset"),
        ("segment-offset-in-the-header", "segments.0.offset", json!("4096"), "segments.0.offset"),
        ("segment-offset-not-aligned", "segments.0.offset", json!("16777217"), "segments.0.offset"),
        ("segment-offset-a-number", "segments.0.offset", json!(16_777_216), "segments.0.offset"),
        ("segment-size-zero", "segments.0.size", json!("0"), "segments.0.size"),
        ("segment-size-not-whole-sectors", "segments.0.size", json!("4097"), "segments.0.size"),
        ("segment-size-past-2-to-the-64", "segments.0.size", json!("18446744073709547520"), "segments.0.size"),
        ("segment-size-a-word", "segments.0.size", json!("whole"), "segments.0.size"),
        ("sector-size-0", "segments.0.sector_size", json!(0), "segments.0.sector_size"),
        ("sector-size-520", "segments.0.sector_size", json!(520), "segments.0.sector_size"),
        ("sector-size-8192", "segments.0.sector_size", json!(8192), "segments.0.sector_size"),
        ("sector-size-a-string", "segments.0.sector_size", json!("4096"), "segments.0.sector_size"),
        ("iv-tweak-negative", "segments.0.iv_tweak", json!("-1"), "segments.0.iv_tweak"),
        ("iv-tweak-a-number", "segments.0.iv_tweak", json!(0), "segments.0.iv_tweak"),
        ("encryption-empty", "segments.0.encryption", json!(""), "segments.0.encryption"),
        ("digest-names-a-keyslot-that-is-not-there", "digests.0.keyslots", json!(["0", "1", "5"]), "digests.0.keyslots"),
        ("digest-names-a-segment-that-is-not-there", "digests.0.segments", json!(["0", "1"]), "digests.0.segments"),
        ("digest-names-a-keyslot-twice", "digests.0.keyslots", json!(["0", "0", "1"]), "digests.0.keyslots"),
        ("digest-names-keyslots-by-number", "digests.0.keyslots", json!([0, 1]), "digests.0.keyslots"),
        ("keyslot-in-no-digest", "digests.0.keyslots", json!(["0"]), "keyslots.1"),
        ("digest-value-not-base64", "digests.0.digest", json!("!"), "digests.0.digest"),
        ("digest-value-empty", "digests.0.digest", json!(""), "digests.0.digest"),
        ("digest-salt-empty", "digests.0.salt", json!(""), "digests.0.salt"),
        ("digest-iterations-a-string", "digests.0.iterations", json!("1000"), "digests.0.iterations"),
        ("token-without-a-type", "tokens.0", json!({"keyslots": []}), "tokens.0.type"),
        ("token-without-keyslots", "tokens.0", json!({"type": "kluis"}), "tokens.0.keyslots"),
        ("token-names-a-keyslot-that-is-not-there", "tokens.0.keyslots", json!(["9"]), "tokens.0.keyslots"),
        ("token-keyslots-not-an-array", "tokens.0.keyslots", json!("0"), "tokens.0.keyslots"),
        ("json-size-not-the-areas", "config.json_size", json!("16384"), "config.json_size"),
        ("json-size-a-number", "config.json_size", json!(12_288), "config.json_size"),
        ("keyslots-size-not-aligned", "config.keyslots_size", json!("16744447"), "config.keyslots_size"),
        ("keyslots-size-beyond-128-mib", "config.keyslots_size", json!("134221824"), "config.keyslots_size"),
        ("keyslots-size-reaches-into-the-data", "config.keyslots_size", json!("16748544"), "segments.0.offset"),
        ("flags-not-an-array", "config.flags", json!("allow-discards"), "config.flags"),
        ("flags-not-strings", "config.flags", json!([1]), "config.flags"),
        ("requirements-not-an-object", "config.requirements", json!(["x"]), "config.requirements"),
        ("requirements-of-another-kind", "config.requirements", json!({"optional": []}), "config.requirements.optional"),
    ]
}

pub fn broken(good: &Device) -> Vec<Refusal> {
    let made = against_the_specification().into_iter();
    made.map(|(name, path, value, field)| {
        let device = with_json(good, &|json| *at(json, path) = value.clone());
        let change = format!("{path} = {value}");
        Refusal::new(name, device, Fault::Corrupt, field, change).always()
    })
    .collect()
}

/// Each member that there must be, away.
pub fn missing(good: &Device) -> Vec<Refusal> {
    const MEMBERS: &[&str] = &[
        "keyslots",
        "tokens",
        "segments",
        "digests",
        "config",
        "config.json_size",
        "config.keyslots_size",
        "keyslots.0.type",
        "keyslots.0.key_size",
        "keyslots.0.af",
        "keyslots.0.af.type",
        "keyslots.0.af.stripes",
        "keyslots.0.af.hash",
        "keyslots.0.area",
        "keyslots.0.area.type",
        "keyslots.0.area.offset",
        "keyslots.0.area.size",
        "keyslots.0.area.encryption",
        "keyslots.0.area.key_size",
        "keyslots.0.kdf",
        "keyslots.0.kdf.type",
        "keyslots.0.kdf.hash",
        "keyslots.0.kdf.iterations",
        "keyslots.0.kdf.salt",
        "keyslots.1.kdf.time",
        "keyslots.1.kdf.memory",
        "keyslots.1.kdf.cpus",
        "keyslots.1.kdf.salt",
        "segments.0.type",
        "segments.0.offset",
        "segments.0.size",
        "segments.0.iv_tweak",
        "segments.0.encryption",
        "segments.0.sector_size",
        "digests.0.type",
        "digests.0.keyslots",
        "digests.0.segments",
        "digests.0.hash",
        "digests.0.iterations",
        "digests.0.salt",
        "digests.0.digest",
    ];
    let made = MEMBERS.iter().map(|path| {
        let device = with_json(good, &|json| remove(json, path));
        let (name, change) = (format!("{path}-missing"), format!("{path} removed"));
        Refusal::new(&name, device, Fault::Corrupt, path, change).always()
    });
    made.collect()
}

/// (name, path to set, value, fault, field to blame) within the specification, outside the allow-list.
#[rustfmt::skip]
fn outside_the_allow_list() -> Vec<(&'static str, &'static str, Value, Fault, &'static str)> {
    use Fault::{Corrupt, Unsupported, Weak};
    let salt = |len: usize| json!(base64(&vec![1; len]));
    let linear = json!({"type": "linear", "offset": "20971520", "size": "dynamic"});
    vec![
        ("data-under-cipher-null", "segments.0.encryption", json!("cipher_null-ecb"), Weak, "segments.0.encryption"),
        ("data-under-cipher-null-spelt-for-the-kernel", "segments.0.encryption", json!("capi:ecb(cipher_null)-plain"), Weak, "segments.0.encryption"),
        ("data-under-null", "segments.0.encryption", json!("null"), Weak, "segments.0.encryption"),
        ("data-under-cbc", "segments.0.encryption", json!("aes-cbc-essiv:sha256"), Unsupported, "segments.0.encryption"),
        ("data-under-ecb", "segments.0.encryption", json!("aes-ecb"), Unsupported, "segments.0.encryption"),
        ("data-under-plain-of-32-bits", "segments.0.encryption", json!("aes-xts-plain"), Unsupported, "segments.0.encryption"),
        ("data-under-upper-case", "segments.0.encryption", json!("AES-XTS-PLAIN64"), Unsupported, "segments.0.encryption"),
        ("iv-tweak-1", "segments.0.iv_tweak", json!("1"), Unsupported, "segments.0.iv_tweak"),
        ("iv-tweak-the-largest", "segments.0.iv_tweak", json!("18446744073709551615"), Unsupported, "segments.0.iv_tweak"),
        ("sector-size-1024", "segments.0.sector_size", json!(1024), Unsupported, "segments.0.sector_size"),
        ("segment-linear", "segments.0", json!({"type": "linear", "offset": "16777216", "size": "dynamic"}), Unsupported, "segments.0.type"),
        ("segment-of-unknown-type", "segments.0.type", json!("plain"), Unsupported, "segments.0.type"),
        ("segment-with-integrity", "segments.0.integrity", json!({"type": "hmac(sha256)"}), Unsupported, "segments.0.integrity"),
        ("segment-with-flags", "segments.0.flags", json!(["backup-final"]), Unsupported, "segments.0.flags"),
        ("segment-with-an-unknown-member", "segments.0.compression", json!("none"), Unsupported, "segments.0.compression"),
        ("a-second-segment-in-the-clear", "segments.1", linear, Unsupported, "segments"),
        ("segment-oversized", "segments.0.size", json!("8392704"), Corrupt, "segments.0.size"),
        ("segment-beyond-the-device", "segments.0.offset", json!("25165824"), Corrupt, "segments.0.size"),
        ("segment-detached", "segments.0.offset", json!("0"), Unsupported, "segments.0.offset"),
        ("keyslot-under-cipher-null", "keyslots.0.area.encryption", json!("cipher_null-ecb"), Weak, "keyslots.0.area.encryption"),
        ("keyslot-under-cbc", "keyslots.0.area.encryption", json!("aes-cbc-plain64"), Unsupported, "keyslots.0.area.encryption"),
        ("keyslot-area-key-size-16", "keyslots.0.area.key_size", json!(16), Unsupported, "keyslots.0.area.key_size"),
        ("keyslot-key-size-48", "keyslots.0.key_size", json!(48), Unsupported, "keyslots.0.key_size"),
        ("keyslot-key-size-1", "keyslots.0.key_size", json!(1), Unsupported, "keyslots.0.key_size"),
        ("keyslots-of-different-key-sizes", "keyslots.0.key_size", json!(32), Corrupt, "digests.0.keyslots"),
        ("keyslot-of-re-encryption", "keyslots.0", json!({"type": "reencrypt", "key_size": 1, "mode": "reencrypt", "direction": "forward", "area": {"type": "checksum", "offset": "32768", "size": "4096"}}), Unsupported, "keyslots.0.type"),
        ("keyslot-of-unknown-type", "keyslots.0.type", json!("luks9"), Unsupported, "keyslots.0.type"),
        ("anti-forensic-hash-unknown", "keyslots.0.af.hash", json!("ripemd160"), Unsupported, "keyslots.0.af.hash"),
        ("kdf-type-unknown", "keyslots.0.kdf.type", json!("scrypt"), Unsupported, "keyslots.0.kdf.type"),
        ("kdf-type-argon2", "keyslots.1.kdf.type", json!("argon2"), Unsupported, "keyslots.1.kdf.type"),
        ("kdf-type-argon2d", "keyslots.1.kdf.type", json!("argon2d"), Unsupported, "keyslots.1.kdf.type"),
        ("kdf-hash-unknown", "keyslots.0.kdf.hash", json!("md5"), Unsupported, "keyslots.0.kdf.hash"),
        ("pbkdf2-iterations-0", "keyslots.0.kdf.iterations", json!(0), Weak, "keyslots.0.kdf.iterations"),
        ("pbkdf2-iterations-1", "keyslots.0.kdf.iterations", json!(1), Weak, "keyslots.0.kdf.iterations"),
        ("pbkdf2-iterations-999", "keyslots.0.kdf.iterations", json!(999), Weak, "keyslots.0.kdf.iterations"),
        ("pbkdf2-iterations-unbounded", "keyslots.0.kdf.iterations", json!(2_147_483_647), Unsupported, "keyslots.0.kdf.iterations"),
        ("argon2-memory-0", "keyslots.1.kdf.memory", json!(0), Weak, "keyslots.1.kdf.memory"),
        ("argon2-memory-7-kib", "keyslots.1.kdf.memory", json!(7), Weak, "keyslots.1.kdf.memory"),
        ("argon2-memory-unbounded", "keyslots.1.kdf.memory", json!(2_147_483_647), Unsupported, "keyslots.1.kdf.memory"),
        ("argon2-time-0", "keyslots.1.kdf.time", json!(0), Weak, "keyslots.1.kdf.time"),
        ("argon2-time-1-of-32-kib", "keyslots.1.kdf.time", json!(1), Weak, "keyslots.1.kdf.time"),
        ("argon2-time-unbounded", "keyslots.1.kdf.time", json!(2_147_483_647), Unsupported, "keyslots.1.kdf.time"),
        ("argon2-lanes-0", "keyslots.1.kdf.cpus", json!(0), Unsupported, "keyslots.1.kdf.cpus"),
        ("argon2-lanes-unbounded", "keyslots.1.kdf.cpus", json!(2_147_483_647), Unsupported, "keyslots.1.kdf.cpus"),
        ("kdf-salt-15-bytes", "keyslots.0.kdf.salt", salt(15), Weak, "keyslots.0.kdf.salt"),
        ("kdf-salt-65-bytes", "keyslots.0.kdf.salt", salt(65), Weak, "keyslots.0.kdf.salt"),
        ("digest-of-one-byte", "digests.0.digest", salt(1), Weak, "digests.0.digest"),
        ("digest-one-byte-short", "digests.0.digest", salt(31), Weak, "digests.0.digest"),
        ("digest-one-byte-long", "digests.0.digest", salt(33), Weak, "digests.0.digest"),
        ("digest-of-twenty-bytes-as-luks1-had-it", "digests.0.digest", salt(20), Weak, "digests.0.digest"),
        ("digest-hash-of-another-length", "digests.0.hash", json!("sha512"), Weak, "digests.0.digest"),
        ("digest-hash-unknown", "digests.0.hash", json!("crc32"), Unsupported, "digests.0.hash"),
        ("digest-type-unknown", "digests.0.type", json!("none"), Unsupported, "digests.0.type"),
        ("digest-salt-15-bytes", "digests.0.salt", salt(15), Weak, "digests.0.salt"),
        ("digest-iterations-1", "digests.0.iterations", json!(1), Weak, "digests.0.iterations"),
        ("digest-iterations-unbounded", "digests.0.iterations", json!(2_147_483_647), Unsupported, "digests.0.iterations"),
        ("digest-without-the-segment", "digests.0.segments", json!([]), Corrupt, "digests"),
        ("re-encryption-pending", "config.requirements", json!({"mandatory": ["online-reencrypt-v2"]}), Unsupported, "config.requirements"),
        ("requirement-unknown", "config.requirements", json!({"mandatory": ["of-the-future"]}), Unsupported, "config.requirements.mandatory"),
    ]
}

pub fn disallowed(good: &Device) -> Vec<Refusal> {
    let made = outside_the_allow_list().into_iter();
    made.map(|(name, path, value, fault, field)| {
        let device = with_json(good, &|json| *at(json, path) = value.clone());
        Refusal::new(name, device, fault, field, format!("{path} = {value}"))
    })
    .collect()
}

/// A second digest of the segment, and of a keyslot.
pub fn digests(good: &Device) -> Vec<Refusal> {
    let second = |member: &'static str| {
        with_json(good, &|json| {
            let mut digest = json["digests"]["0"].clone();
            digest[member] = json!([]);
            json["digests"]["1"] = digest;
        })
    };
    let change = |member: &str| format!("digests.1 = digests.0 with {member} = []");
    vec![
        Refusal::new(
            "segment-in-two-digests",
            second("keyslots"),
            Fault::Corrupt,
            "digests",
            change("keyslots"),
        ),
        Refusal::new(
            "keyslot-in-two-digests",
            second("segments"),
            Fault::Corrupt,
            "keyslots.0",
            change("segments"),
        )
        .always(),
    ]
}

/// A member that is there twice: which one counts, readers disagree.
pub fn twice(good: &Device) -> Vec<Refusal> {
    let text = good.luks2().json().to_string();
    let cases = [
        (
            "top-level-member-twice",
            "\"config\":",
            "\"segments\":{},\"config\":",
            "segments",
        ),
        (
            "keyslot-twice",
            "\"keyslots\":{",
            "\"keyslots\":{\"0\":{},",
            "keyslots.0",
        ),
        (
            "second-encryption-is-cipher-null",
            "\"iv_tweak\":",
            "\"encryption\":\"cipher_null-ecb\",\"iv_tweak\":",
            "segments.0.encryption",
        ),
        (
            "kdf-type-twice",
            "\"kdf\":{",
            "\"kdf\":{\"type\":\"pbkdf2\",",
            "keyslots.0.kdf.type",
        ),
        (
            "escaped-and-plain",
            "\"iv_tweak\":",
            "\"iv_tw\\u0065ak\":\"7\",\"iv_tweak\":",
            "segments.0.iv_tweak",
        ),
    ];
    let made = cases.into_iter().map(|(name, from, to, field)| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{name}");
        let device = with_text(good, changed.as_bytes());
        let change = format!("the first {from} replaced with {to}");
        Refusal::new(name, device, Fault::Corrupt, field, change).always()
    });
    made.collect()
}

/// A JSON area that is no single object.
pub fn json_areas(good: &Device) -> Vec<Refusal> {
    let text = good.luks2().json().to_string();
    let nested = format!("{}{}", "{\"a\":".repeat(2000), "}".repeat(2000));
    let cases = [
        ("empty", Vec::new()),
        ("not-json", b"{]".to_vec()),
        ("an-array", b"[]".to_vec()),
        ("blank-before-the-object", format!(" {text}").into_bytes()),
        ("two-objects", format!("{text}{{}}").into_bytes()),
        (
            "not-ended-by-a-nul",
            [text.as_bytes(), &vec![b' '; 0x3000 - text.len()]].concat(),
        ),
        (
            "something-after-the-nul",
            [text.as_bytes(), b"\0{}"].concat(),
        ),
        (
            "not-utf-8",
            text.replace("kluis", "klu\u{1}")
                .replace('\u{1}', "")
                .into_bytes()
                .into_iter()
                .chain([0xff])
                .collect(),
        ),
        ("a-comment", format!("{{/* */{}", &text[1..]).into_bytes()),
        (
            "a-trailing-comma",
            format!("{},}}", &text[..text.len() - 1]).into_bytes(),
        ),
        ("nested-beyond-measure", nested.into_bytes()),
    ];
    let made = cases.into_iter().map(|(name, bytes)| {
        let device = with_text(good, &bytes);
        let change = "another text in the JSON area".to_owned();
        let name = format!("json-area-{name}");
        Refusal::new(&name, device, Fault::Corrupt, "JSON area", change).always()
    });
    made.collect()
}

/// A binary header that contradicts itself; and two that are whole, and of a later version or another program.
#[allow(clippy::too_many_lines, reason = "a table")]
pub fn binary_headers(good: &Device) -> Vec<Refusal> {
    let put = |at: usize, bytes: &[u8]| {
        let bytes = bytes.to_vec();
        move |copy: &mut Vec<u8>| copy[at..at + bytes.len()].copy_from_slice(&bytes)
    };
    let cases: Vec<(&str, &str, Change)> = vec![
        ("version-0", "version", Box::new(put(6, &[0, 0]))),
        (
            "hdr-size-not-a-power-of-two",
            "hdr_size",
            Box::new(put(8, &0x5000_u64.to_be_bytes())),
        ),
        (
            "hdr-size-8-kib",
            "hdr_size",
            Box::new(put(8, &0x2000_u64.to_be_bytes())),
        ),
        (
            "hdr-size-8-mib",
            "hdr_size",
            Box::new(put(8, &0x80_0000_u64.to_be_bytes())),
        ),
        ("hdr-size-0", "hdr_size", Box::new(put(8, &[0; 8]))),
        (
            "hdr-size-the-largest-number",
            "hdr_size",
            Box::new(put(8, &[0xff; 8])),
        ),
        ("seqid-0", "seqid", Box::new(put(16, &[0; 8]))),
        (
            "seqid-the-largest-number",
            "seqid",
            Box::new(put(16, &[0xff; 8])),
        ),
        ("label-not-ended", "label", Box::new(put(24, &[b'x'; 48]))),
        (
            "label-with-something-after-its-nul",
            "label",
            Box::new(put(24, b"a\0b")),
        ),
        ("label-not-utf-8", "label", Box::new(put(24, &[0xff, 0]))),
        (
            "checksum-algorithm-with-something-after-its-nul",
            "csum_alg",
            Box::new(put(72, b"sha256\0x")),
        ),
        (
            "checksum-algorithm-not-ended",
            "csum_alg",
            Box::new(put(72, &[b's'; 32])),
        ),
        ("uuid-empty", "uuid", Box::new(put(168, &[0; 40]))),
        ("uuid-not-one", "uuid", Box::new(put(168, b"zzzzzzzz"))),
        ("uuid-not-ended", "uuid", Box::new(put(204, b"0000"))),
        (
            "subsystem-not-ended",
            "subsystem",
            Box::new(put(208, &[b'x'; 48])),
        ),
        (
            "hdr-offset-elsewhere",
            "hdr_offset",
            Box::new(put(256, &0x1000_u64.to_be_bytes())),
        ),
        ("padding-not-zero", "_padding", Box::new(put(300, &[1]))),
        (
            "padding-after-the-checksum-not-zero",
            "_padding",
            Box::new(put(4095, &[1])),
        ),
    ];
    let others: [(&str, &str, Change); 2] = [
        ("version-3", "version", Box::new(put(6, &[0, 3]))),
        (
            "checksum-algorithm-unknown",
            "csum_alg",
            Box::new(put(72, b"crc32\0")),
        ),
    ];
    let made = |fault, (name, field, change): (&str, &str, Change)| {
        let device = with_copies(good.clone(), &*change);
        let change = format!("{field} in the binary header");
        Refusal::new(name, device, fault, field, change).always()
    };
    let broken = cases.into_iter().map(|case| made(Fault::Corrupt, case));
    let others = others.into_iter();
    broken
        .chain(others.map(|case| made(Fault::Unsupported, case)))
        .collect()
}

/// A checksum that is not the copy's.
pub fn checksums(good: &Device) -> Vec<Refusal> {
    let made = [450_usize, 481, 4096, 0x3fff].into_iter().map(|place| {
        let mut device = good.clone();
        for secondary in [0, 0x4000] {
            let at = (place + secondary) as u64;
            let byte = device.at(at..at + 1)[0];
            device.write(at, &[byte ^ 0x80]);
        }
        let name = format!("checksum-wrong-by-byte-{place}");
        let change = format!("a bit of byte {place} of both copies flipped");
        Refusal::new(&name, device, Fault::Corrupt, "csum", change).always()
    });
    made.collect()
}

/// One copy newer than the other, and outside the allow-list: the older one is no way around it.
pub fn newer_copies(good: &Device) -> Vec<Refusal> {
    let evil = with_json(good, &|json| {
        *at(json, "segments.0.encryption") = json!("cipher_null-ecb");
    });
    let made = [("primary", 0), ("secondary", COPY)].map(|(which, place)| {
        let mut device = good.clone();
        let mut copy = copy_of(&evil, place > 0);
        copy[16..24].copy_from_slice(&99_u64.to_be_bytes());
        seal(&mut copy);
        device.write(place, &copy);
        let change =
            format!("the {which} of seqid 99, with segments.0.encryption = \"cipher_null-ecb\"");
        let name = format!("newer-{which}-under-cipher-null");
        Refusal::new(&name, device, Fault::Weak, "segments.0.encryption", change)
    });
    made.into()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}
