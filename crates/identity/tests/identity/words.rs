//! The vocabulary of these tests: a world with an account, its root user, and whoever root makes.

use std::sync::Arc;

use crypto::{Secret, WrappingKey};
use identity::{Caller, Identity, Operation, Response};
use jiff::{SignedDuration, Timestamp};
use policy::{Context, authorize};
use serde_json::{Value, json};
use store::Memory;
use trail::{Draft, DraftFacts, Entry};
use wire::{ApiError, Scope, iam, sts};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const OTHER: &str = "444455556666";

pub(crate) struct World {
    pub(crate) store: Arc<Memory>,
    pub(crate) identity: Identity,
    sealing: Arc<WrappingKey>,
    pub(crate) root: Caller,
    pub(crate) now: Timestamp,
}

/// What a caller was given to sign with.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let store = Arc::new(Memory::new());
        let sealing = Arc::new(WrappingKey::new(Secret::random().unwrap()));
        let identity = Identity::open(store.clone(), sealing.clone())
            .await
            .unwrap();
        let now: Timestamp = "2026-11-21T01:02:03Z".parse().unwrap();
        let root = root_of(&identity, ACCOUNT, now).await;
        Self {
            store,
            identity,
            sealing,
            root,
            now,
        }
    }

    /// The same world after its service was started again.
    pub(crate) async fn restarted(self) -> Self {
        self.store.reopen();
        let identity = Identity::open(self.store.clone(), self.sealing.clone())
            .await
            .unwrap();
        Self { identity, ..self }
    }

    /// The root user of another account.
    pub(crate) async fn root_of(&self, account: &str) -> Caller {
        root_of(&self.identity, account, self.now).await
    }

    pub(crate) fn later(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    fn scope(&self, caller: &Caller) -> Scope {
        Scope {
            account: caller.principal.account.clone(),
            region: "eu-west-1".to_owned(),
            now: self.now,
        }
    }

    /// What an operation comes to on the one way through, with the trail's entry where it was carried out.
    pub(crate) async fn run(
        &self,
        caller: &Caller,
        operation: Operation,
    ) -> (Result<Value, ApiError>, Option<Entry>) {
        let scope = self.scope(caller);
        let asks = match self.identity.asks(&operation, &caller.principal, &scope) {
            Ok(asks) => asks,
            Err(error) => return (Err(error), None),
        };
        let principal = Arc::clone(&caller.principal);
        let ambient = Context::new().with("aws:CurrentTime", self.now.to_string());
        let mut facts = DraftFacts::example();
        facts.identity = caller.user_identity.clone();
        facts.event_name = operation.name().to_owned();
        facts.request_parameters = Some(Identity::request_parameters(&operation));
        let authorized = match authorize(operation, &asks, principal, &caller.layers, &ambient) {
            Ok(authorized) => authorized,
            Err(denied) => {
                return (
                    Err(ApiError::sender("AccessDenied", 403, denied.to_string())),
                    None,
                );
            }
        };
        let executed = self
            .identity
            .execute(authorized, &scope, Draft::new(facts))
            .await;
        (
            executed.answer.map(|response| shown(&response)),
            Some(executed.entry),
        )
    }

    pub(crate) async fn iam_as(
        &self,
        caller: &Caller,
        name: &str,
        request: Value,
    ) -> Result<Value, ApiError> {
        self.run(caller, iam::Operation::decode(name, request)?.into())
            .await
            .0
    }

    pub(crate) async fn sts_as(
        &self,
        caller: &Caller,
        name: &str,
        request: Value,
    ) -> Result<Value, ApiError> {
        self.run(caller, sts::Operation::decode(name, request)?.into())
            .await
            .0
    }

    /// As the root user.
    pub(crate) async fn iam(&self, name: &str, request: Value) -> Result<Value, ApiError> {
        self.iam_as(&self.root, name, request).await
    }

    pub(crate) async fn code(&self, name: &str, request: Value) -> String {
        let error = self.iam(name, request).await.expect_err("it is refused");
        format!("{} {}", error.code, error.status)
    }

    pub(crate) fn caller(&self, keys: &Keys) -> Caller {
        self.identity
            .authenticate(&keys.id, keys.token.as_deref(), self.now)
            .unwrap()
            .caller
    }

    /// A user with an access key.
    pub(crate) async fn user(&self, name: &str) -> Caller {
        self.iam("CreateUser", json!({"UserName": name}))
            .await
            .unwrap();
        self.caller(&self.key_of(name).await)
    }

    pub(crate) async fn key_of(&self, user: &str) -> Keys {
        let answer = self
            .iam("CreateAccessKey", json!({"UserName": user}))
            .await
            .unwrap();
        Keys::read(&answer["AccessKey"])
    }

    /// A role that the account's users may take, if their own policies let them.
    pub(crate) async fn role(&self, name: &str) -> String {
        self.role_with(name, trusting(json!({"AWS": ACCOUNT})))
            .await
    }

    pub(crate) async fn role_with(&self, name: &str, trust: String) -> String {
        let request = json!({"RoleName": name, "AssumeRolePolicyDocument": trust});
        let answer = self.iam("CreateRole", request).await.unwrap();
        answer["Role"]["Arn"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn allow_user(&self, user: &str, actions: Value) {
        let document = allowing(actions);
        let request = json!({"UserName": user, "PolicyName": "own", "PolicyDocument": document});
        self.iam("PutUserPolicy", request).await.unwrap();
    }

    pub(crate) async fn assume(&self, caller: &Caller, request: Value) -> Result<Keys, ApiError> {
        let answer = self.sts_as(caller, "AssumeRole", request).await?;
        Ok(Keys::read(&answer["Credentials"]))
    }

    /// A user who may take roles, tag sessions and set source identities.
    pub(crate) async fn traveller(&self) -> Caller {
        self.iam("CreateUser", json!({"UserName": "traveller"}))
            .await
            .unwrap();
        self.allow_user("traveller", json!("sts:*")).await;
        self.caller(&self.key_of("traveller").await)
    }
}

/// The root user of an account, which is made if it is not there.
async fn root_of(identity: &Identity, account: &str, now: Timestamp) -> Caller {
    identity.add_account(account, now).await.unwrap();
    let key = identity
        .root_key(account)
        .unwrap()
        .expect("the root user is given a key");
    identity
        .authenticate(&key.access_key_id, None, now)
        .unwrap()
        .caller
}

impl Keys {
    fn read(value: &Value) -> Self {
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        Self {
            id: text("AccessKeyId").unwrap(),
            secret: text("SecretAccessKey").unwrap(),
            token: text("SessionToken"),
        }
    }
}

fn shown(response: &Response) -> Value {
    match response {
        Response::Iam(response) => serde_json::to_value(response).unwrap(),
        Response::Sts(response) => serde_json::to_value(response).unwrap(),
    }
}

pub(crate) fn allowing(actions: Value) -> String {
    json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}}).to_string()
}

pub(crate) fn trusting(principal: Value) -> String {
    let actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"];
    json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": principal, "Action": actions}})
        .to_string()
}

pub(crate) fn decoded(encoded: &Value) -> String {
    let encoded = encoded.as_str().unwrap();
    percent_encoding::percent_decode_str(encoded)
        .decode_utf8()
        .unwrap()
        .into_owned()
}
