//! An operation's whole way through the key service (asked, authorized, executed, recorded), beside the bare
//! cryptography that it cannot do without. The ratio is what counts.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use crypto::{Secret, WrappingKey};
use kms::Kms;
use kms::ciphertext::{self, BackingVersion, Blob};
use policy::{Context, Layers, Principal, PrincipalIds, PrincipalKind};
use serde_json::{Value, json};
use store::Memory;
use tokio::runtime::Runtime;
use trail::{Draft, DraftFacts};
use wire::Scope;
use wire::kms::{Operation, Response};

/// Whoever is named here is Alice.
struct Alice;

impl PrincipalIds for Alice {
    fn id_of(&self, _: &str) -> Option<String> {
        Some("AIDAALICE".to_owned())
    }
}

struct Bench {
    runtime: Runtime,
    kms: Kms,
    scope: Scope,
    root: Arc<Principal>,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let wrapping = Arc::new(WrappingKey::new(Secret::random().unwrap()));
        let account = "111122223333";
        let kms = runtime
            .block_on(Kms::open(
                Arc::new(Memory::new()),
                wrapping,
                Arc::new(Alice),
            ))
            .unwrap();
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let scope = Scope {
            account: account.to_owned(),
            region: "us-east-1".to_owned(),
            now,
        };
        Self {
            runtime,
            kms,
            scope,
            root: Arc::new(Principal::root(account)),
        }
    }

    fn call(&self, operation: Operation) -> Response {
        self.call_as(&self.root, operation)
    }

    fn call_as(&self, caller: &Arc<Principal>, operation: Operation) -> Response {
        let asks = self.kms.asks(&operation, caller, &self.scope).unwrap();
        let (layers, ambient) = (Layers::default(), Context::new());
        let leave = policy::authorize(operation, &asks, caller.clone(), &layers, &ambient).unwrap();
        let facts = DraftFacts {
            request_parameters: Some(Kms::request_parameters(leave.operation())),
            ..DraftFacts::example()
        };
        self.runtime
            .block_on(self.kms.execute(leave, &self.scope, Draft::new(facts)))
            .answer
            .unwrap()
    }

    fn operation(name: &str, request: Value) -> Operation {
        Operation::decode(name, request).unwrap()
    }
}

fn operations(criterion: &mut Criterion) {
    let bench = Bench::new();
    let Response::CreateKey(made) = bench.call(Bench::operation("CreateKey", json!({}))) else {
        return;
    };
    let key = made.key_metadata.unwrap().key_id;
    let encrypt = json!({ "KeyId": key, "Plaintext": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "EncryptionContext": { "machine": "m1" } });
    let Response::Encrypt(sealed) = bench.call(Bench::operation("Encrypt", encrypt.clone())) else {
        return;
    };
    let decrypt = json!({ "CiphertextBlob": serde_json::to_value(sealed.ciphertext_blob).unwrap(), "EncryptionContext": { "machine": "m1" } });
    let data_key =
        json!({ "KeyId": key, "KeySpec": "AES_256", "EncryptionContext": { "machine": "m1" } });

    let mut group = criterion.benchmark_group("kms, 32 bytes");
    for (name, request) in [
        ("Encrypt", encrypt),
        ("Decrypt", decrypt),
        ("GenerateDataKey", data_key),
    ] {
        group.bench_function(name, |timer| {
            timer.iter(|| bench.call(Bench::operation(name, black_box(request.clone()))));
        });
    }
    let backing = Secret::<32>::random().unwrap();
    let arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        .parse()
        .unwrap();
    let seal =
        || ciphertext::seal(&backing, &arn, BackingVersion::FIRST, b"context", &[0; 32]).unwrap();
    group.bench_function("bare seal", |timer| timer.iter(|| black_box(seal())));
    let blob = seal();
    group.bench_function("bare open", |timer| {
        timer.iter(|| {
            Blob::decode(black_box(&blob))
                .unwrap()
                .open(&backing, b"context")
                .unwrap()
        });
    });
    group.finish();
}

/// Decrypt by whom only one of the key's grants lets: all of them are the same caller's, each for a machine of its own.
fn grants(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kms, Decrypt through one of the key's grants");
    for count in [1, 100, 10_000] {
        let bench = Bench::new();
        let Response::CreateKey(made) = bench.call(Bench::operation("CreateKey", json!({}))) else {
            return;
        };
        let key = made.key_metadata.unwrap().key_id;
        let alice = alice();
        let machine = |n: usize| json!({ "machine": format!("m{n}") });
        for n in 0..count {
            let grant = json!({ "KeyId": key, "GranteePrincipal": alice.arn, "Operations": ["Decrypt"], "Constraints": { "EncryptionContextSubset": machine(n) } });
            bench.call(Bench::operation("CreateGrant", grant));
        }
        let encrypt =
            json!({ "KeyId": key, "Plaintext": "eA==", "EncryptionContext": machine(count / 2) });
        let Response::Encrypt(sealed) = bench.call(Bench::operation("Encrypt", encrypt)) else {
            return;
        };
        let blob = serde_json::to_value(sealed.ciphertext_blob).unwrap();
        let decrypt = json!({ "CiphertextBlob": blob, "EncryptionContext": machine(count / 2) });
        group.bench_function(count.to_string(), |timer| {
            timer.iter(|| {
                bench.call_as(
                    &alice,
                    Bench::operation("Decrypt", black_box(decrypt.clone())),
                )
            });
        });
    }
    group.finish();
}

fn alice() -> Arc<Principal> {
    Arc::new(Principal {
        kind: PrincipalKind::User,
        arn: "arn:aws:iam::111122223333:user/alice".to_owned(),
        user_id: "AIDAALICE".to_owned(),
        name: "alice".to_owned(),
        ..Principal::root("111122223333")
    })
}

criterion_group!(benches, operations, grants);
criterion_main!(benches);
