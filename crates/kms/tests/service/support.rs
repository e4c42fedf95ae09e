//! A service to test, and who may ask it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crypto::{Secret, WrappingKey};
use jiff::{SignedDuration, Timestamp};
use kms::{Kms, OpenError};
use policy::{Context, Layers, Policy, PolicyKind, Principal, PrincipalIds, PrincipalKind};
use serde_json::{Value, json};
use store::{Key, Memory, Store, Transaction};
use trail::{Draft, DraftFacts, Entry};
use wire::Scope;
use wire::kms::Operation;

pub const ACCOUNT: &str = "111122223333";
/// Another account of the same service.
pub const OTHER: &str = "444455556666";
pub const HERE: &str = "us-east-1";
pub const THERE: &str = "eu-west-1";
/// A well-formed id of a key that is never made.
pub const NO_KEY: &str = "12345678-1234-1234-1234-123456789012";

/// Who asks, with the policies that hang on them.
#[derive(Clone)]
pub struct Caller {
    principal: Arc<Principal>,
    layers: Layers,
}

impl Caller {
    pub fn root() -> Self {
        Self {
            principal: Arc::new(Principal::root(ACCOUNT)),
            layers: Layers::default(),
        }
    }

    /// The root user of the other account.
    pub fn foreign_root() -> Self {
        Self {
            principal: Arc::new(Principal::root(OTHER)),
            layers: Layers::default(),
        }
    }

    /// A user of the other account with one identity policy.
    pub fn foreign_user(name: &str, statements: Value) -> Self {
        Self::user_of(OTHER, name, statements)
    }

    /// A user with one identity policy.
    pub fn user(name: &str, statements: Value) -> Self {
        Self::user_of(ACCOUNT, name, statements)
    }

    fn user_of(account: &str, name: &str, statements: Value) -> Self {
        let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let identity = Arc::new(Policy::compile(&document, PolicyKind::Identity).unwrap());
        let principal = Principal {
            kind: PrincipalKind::User,
            arn: format!("arn:aws:iam::{account}:user/{name}"),
            account: account.to_owned(),
            user_id: format!("AIDA{}", name.to_uppercase()),
            name: name.to_owned(),
            role_arn: None,
            tags: BTreeMap::new(),
            context: Context::new(),
        };
        Self {
            principal: Arc::new(principal),
            layers: Layers {
                identity: vec![identity],
                session: None,
            },
        }
    }

    /// A session of a role with one identity policy.
    pub fn session(role: &str, name: &str, statements: Value) -> Self {
        let mut caller = Self::user(name, statements);
        let principal = Arc::make_mut(&mut caller.principal);
        principal.kind = PrincipalKind::AssumedRole;
        principal.arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}");
        principal.user_id = format!("AROA{}:{name}", role.to_uppercase());
        principal.role_arn = Some(format!("arn:aws:iam::{ACCOUNT}:role/{role}"));
        caller
    }

    /// This caller with tags.
    pub fn tagged(mut self, key: &str, value: &str) -> Self {
        let principal = Arc::make_mut(&mut self.principal);
        principal.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    pub fn arn(&self) -> String {
        self.principal.arn.clone()
    }

    /// The same, under another unique id: somebody who was made later under the name.
    pub fn with_id(&self, id: &str) -> Self {
        let principal = Principal {
            user_id: id.to_owned(),
            ..(*self.principal).clone()
        };
        Self {
            principal: Arc::new(principal),
            layers: self.layers.clone(),
        }
    }

    /// A user who may do all of KMS, as far as identity policies go.
    pub fn admin(name: &str) -> Self {
        Self::user(
            name,
            json!([{ "Effect": "Allow", "Action": "kms:*", "Resource": "*" }]),
        )
    }

    /// A user without any leave of their own.
    pub fn nobody(name: &str) -> Self {
        Self::user(
            name,
            json!([{ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" }]),
        )
    }
}

/// A refusal: code and message. `AccessDenied` is the policies'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: String,
    pub message: String,
}

pub fn refusal(code: &str, message: impl Into<String>) -> Refusal {
    Refusal {
        code: code.to_owned(),
        message: message.into(),
    }
}

/// The users and roles that key policies may name: all, each with an id made of the name, but where a test says otherwise.
#[derive(Default)]
pub struct People(Mutex<BTreeMap<String, Option<String>>>);

impl People {
    /// From now on this is whom the ARN names.
    pub fn set(&self, arn: &str, id: Option<&str>) {
        let id = id.map(str::to_owned);
        self.0.lock().unwrap().insert(arn.to_owned(), id);
    }
}

impl PrincipalIds for People {
    fn id_of(&self, arn: &str) -> Option<String> {
        if let Some(said) = self.0.lock().unwrap().get(arn) {
            return said.clone();
        }
        let mut parts = arn.rsplit(':').next()?.split('/');
        let prefix = if parts.next()? == "user" {
            "AIDA"
        } else {
            "AROA"
        };
        Some(format!("{prefix}{}", parts.next()?.to_uppercase()))
    }
}

/// The key service over a store in memory, with a clock that stands until it is moved.
pub struct Service {
    pub kms: Kms,
    pub store: Arc<Memory>,
    pub people: Arc<People>,
    now: Mutex<Timestamp>,
    last: Mutex<Option<Entry>>,
}

pub fn root_key(byte: u8) -> Arc<WrappingKey> {
    let secret = Secret::build::<crypto::Error>(|out| {
        out.fill(byte);
        Ok(())
    });
    Arc::new(WrappingKey::new(secret.unwrap()))
}

impl Service {
    pub async fn start() -> Self {
        Self::over(Arc::new(Memory::new()), 1).await.unwrap()
    }

    pub async fn over(store: Arc<Memory>, root: u8) -> Result<Self, OpenError> {
        Self::among(Arc::default(), store, root).await
    }

    async fn among(people: Arc<People>, store: Arc<Memory>, root: u8) -> Result<Self, OpenError> {
        let kms = Kms::open(store.clone(), root_key(root), people.clone()).await?;
        let now = Mutex::new("2026-01-02T03:04:05Z".parse().unwrap());
        Ok(Self {
            kms,
            store,
            people,
            now,
            last: Mutex::new(None),
        })
    }

    /// The same store, opened by a new process.
    pub async fn restarted(&self) -> Self {
        let again = Self::among(self.people.clone(), self.store.clone(), 1)
            .await
            .unwrap();
        *again.now.lock().unwrap() = self.now();
        again
    }

    pub fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    pub fn days_pass(&self, days: i64) {
        let later = self.now() + SignedDuration::from_hours(24 * days);
        *self.now.lock().unwrap() = later;
    }

    pub fn a_second_passes(&self) {
        let later = self.now() + SignedDuration::from_secs(1);
        *self.now.lock().unwrap() = later;
    }

    fn scope(&self, account: &str, region: &str) -> Scope {
        Scope {
            account: account.to_owned(),
            region: region.to_owned(),
            now: self.now(),
        }
    }

    /// A request of the root user.
    pub async fn call(&self, operation: &str, request: Value) -> Result<Value, Refusal> {
        self.call_in(HERE, operation, request).await
    }

    pub async fn call_in(
        &self,
        region: &str,
        operation: &str,
        request: Value,
    ) -> Result<Value, Refusal> {
        self.request(&Caller::root(), region, operation, request)
            .await
    }

    pub async fn call_as(
        &self,
        caller: &Caller,
        operation: &str,
        request: Value,
    ) -> Result<Value, Refusal> {
        self.request(caller, HERE, operation, request).await
    }

    /// The whole way: decoded, authorized, executed, its record kept.
    async fn request(
        &self,
        caller: &Caller,
        region: &str,
        name: &str,
        request: Value,
    ) -> Result<Value, Refusal> {
        let refused = |error: wire::ApiError| refusal(error.code, error.message);
        let operation = Operation::decode(name, request).map_err(refused)?;
        let leave = self.authorize(caller, region, operation)?;
        self.execute(leave, region).await
    }

    /// As far as leave is given, and no further.
    pub fn authorize(
        &self,
        caller: &Caller,
        region: &str,
        operation: Operation,
    ) -> Result<policy::Authorized<Operation>, Refusal> {
        let scope = self.scope(&caller.principal.account, region);
        let asks = self
            .kms
            .asks(&operation, &caller.principal, &scope)
            .map_err(|error| refusal(error.code, error.message))?;
        let (principal, ambient) = (caller.principal.clone(), Context::new());
        policy::authorize(operation, &asks, principal, &caller.layers, &ambient)
            .map_err(|denied| refusal("AccessDenied", denied.to_string()))
    }

    pub async fn execute(
        &self,
        leave: policy::Authorized<Operation>,
        region: &str,
    ) -> Result<Value, Refusal> {
        let draft = Draft::new(DraftFacts {
            event_name: leave.operation().name().to_owned(),
            region: region.to_owned(),
            event_time: self.now(),
            request_parameters: Some(Kms::request_parameters(leave.operation())),
            read_only: Kms::is_read_only(leave.operation()),
            ..DraftFacts::example()
        });
        let scope = self.scope(&leave.principal().account, region);
        let executed = self.kms.execute(leave, &scope, draft).await;
        *self.last.lock().unwrap() = Some(executed.entry);
        let response = executed
            .answer
            .map_err(|error| refusal(error.code, error.message))?;
        let body = response.encode("request-id").unwrap().body;
        if body.is_empty() {
            Ok(Value::Null)
        } else {
            Ok(serde_json::from_slice(&body).unwrap())
        }
    }

    /// The entry of the last operation that was executed.
    pub fn last_entry(&self) -> Entry {
        self.last.lock().unwrap().clone().unwrap()
    }

    /// The record of the last operation that was executed.
    pub fn last_record(&self) -> Value {
        record(&self.last_entry())
    }

    /// What the service does by itself by now, as the trail is told it.
    pub async fn swept(&self) -> Vec<Value> {
        let swept = self.kms.sweep(self.now()).await;
        assert!(swept.failures.is_empty(), "{:?}", swept.failures);
        swept.entries.iter().map(record).collect()
    }

    pub async fn key(&self) -> TestKey {
        self.key_with(json!({})).await
    }

    pub async fn key_with(&self, request: Value) -> TestKey {
        let made = self.call("CreateKey", request).await.unwrap();
        TestKey {
            id: text(&made["KeyMetadata"]["KeyId"]),
            arn: text(&made["KeyMetadata"]["Arn"]),
        }
    }

    /// A key of a spec that has a usage by itself.
    pub async fn key_of_spec(&self, spec: &str, usage: &str) -> TestKey {
        self.key_with(json!({ "KeySpec": spec, "KeyUsage": usage }))
            .await
    }

    /// The public half of a key.
    pub async fn public_half(&self, key: &TestKey) -> Vec<u8> {
        let request = json!({ "KeyId": key.id });
        bytes(&self.call("GetPublicKey", request).await.unwrap()["PublicKey"])
    }

    /// A key whose policy is the given statements.
    pub async fn key_of(&self, statements: Value) -> TestKey {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        self.key_with(json!({ "Policy": policy, "BypassPolicyLockoutSafetyCheck": true }))
            .await
    }

    pub async fn state(&self, key: &TestKey) -> String {
        text(
            &self
                .call("DescribeKey", json!({ "KeyId": key.id }))
                .await
                .unwrap()["KeyMetadata"]["KeyState"],
        )
    }

    pub async fn encrypt(&self, key: &str, plaintext: &[u8], context: Value) -> String {
        let request = json!({ "KeyId": key, "Plaintext": STANDARD.encode(plaintext), "EncryptionContext": context });
        text(&self.call("Encrypt", request).await.unwrap()["CiphertextBlob"])
    }

    pub async fn metadata(&self, region: &str, key: &str) -> Value {
        let request = json!({ "KeyId": key });
        let answer = self.call_in(region, "DescribeKey", request).await.unwrap();
        answer["KeyMetadata"].clone()
    }

    pub async fn decrypt(&self, blob: &str, context: Value) -> Result<Vec<u8>, Refusal> {
        let request = json!({ "CiphertextBlob": blob, "EncryptionContext": context });
        let answer = self.call("Decrypt", request).await?;
        Ok(STANDARD.decode(text(&answer["Plaintext"])).unwrap())
    }

    /// The names of all records of the key service.
    pub async fn stored(&self) -> Vec<String> {
        let records = self.store.scan("kms/", None, 1000).await.unwrap();
        records
            .into_iter()
            .map(|(name, _)| name.to_string())
            .collect()
    }

    /// Changes a record behind the service's back.
    pub async fn overwrite(&self, name: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        let name = Key::new(name).unwrap();
        let value = self.store.get(&name).await.unwrap().unwrap().value.to_vec();
        self.store
            .commit(Transaction::new().put(name, change(value)))
            .await
            .unwrap();
    }
}

pub struct TestKey {
    pub id: String,
    pub arn: String,
}

impl TestKey {
    pub fn record(&self) -> String {
        format!("kms/{ACCOUNT}/{HERE}/key/{}", self.id)
    }
}

pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

/// The bytes of a member that is a blob.
pub fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(text(value)).unwrap()
}

/// Bytes as a member of a request.
pub fn blob(bytes: impl AsRef<[u8]>) -> Value {
    json!(STANDARD.encode(bytes))
}

pub fn record(entry: &Entry) -> Value {
    serde_json::from_slice(entry.record().bytes()).unwrap()
}

/// A statement for a key policy that lets the user do something.
pub fn lets(user: &str, action: &str) -> Value {
    json!({
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:user/{user}") },
        "Action": action, "Resource": "*",
    })
}

/// The statement that leaves a key to the account's identity policies.
pub fn delegates() -> Value {
    json!({
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
        "Action": "kms:*", "Resource": "*",
    })
}

/// A grant that was just made.
pub struct TestGrant {
    pub id: String,
    pub token: String,
}

impl Service {
    /// A grant on a key, made by the root user.
    pub async fn grant(&self, key: &TestKey, request: Value) -> TestGrant {
        self.try_grant(&Caller::root(), key, request).await.unwrap()
    }

    pub async fn try_grant(
        &self,
        caller: &Caller,
        key: &TestKey,
        mut request: Value,
    ) -> Result<TestGrant, Refusal> {
        request["KeyId"] = json!(key.arn);
        let made = self.call_as(caller, "CreateGrant", request).await?;
        Ok(TestGrant {
            id: text(&made["GrantId"]),
            token: text(&made["GrantToken"]),
        })
    }

    /// More grants on a key, as one that it has: straight into the store, for the next process to find.
    pub async fn more_grants(&self, key: &TestKey, grant: &TestGrant, count: usize) {
        let folder = format!("kms/{ACCOUNT}/{HERE}/grant/{}", key.id);
        let name = Key::new(format!("{folder}/{}", grant.id)).unwrap();
        let value = self.store.get(&name).await.unwrap().unwrap().value;
        let ids: Vec<_> = (0..count).map(|n| format!("{n:064x}")).collect();
        for ids in ids.chunks(Transaction::MAX_ITEMS) {
            let names = ids
                .iter()
                .map(|id| Key::new(format!("{folder}/{id}")).unwrap());
            let all = names.fold(Transaction::new(), |all, name| all.put(name, value.clone()));
            self.store.commit(all).await.unwrap();
        }
    }
}
