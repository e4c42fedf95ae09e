//! Whose an access key is.

use std::{fmt, sync::Arc};

use crypto::SecretBytes;
use jiff::Timestamp;
use policy::{Context, Layers, Policy, PolicyKind, Principal, PrincipalKind};
use serde_json::{Value, json};
use wire::{ApiError, iam::StatusType};

use crate::{
    directory::Directory,
    identity::Identity,
    names,
    records::{AccessKey, Owner, Role},
    sessions::{BadToken, Session},
    sts::{SOURCE_IDENTITY, TRANSITIVE_KEYS},
};

/// An access key that is known, with its secret: whoever signed with that secret is the caller.
#[derive(Debug, Clone)]
#[must_use = "nobody is authenticated before the signature is verified with the secret"]
pub struct Credential {
    /// The secret access key, 40 ASCII characters.
    pub secret: Arc<SecretBytes>,
    /// Whose it is.
    pub caller: Caller,
}

/// Who asks, and what hangs on them.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The caller as policies see it.
    pub principal: Arc<Principal>,
    /// The caller's own policies.
    pub layers: Layers,
    /// CloudTrail's `userIdentity`.
    pub user_identity: Arc<Value>,
}

/// Why an access key stands for nobody. Each protocol has its own code for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// There is no such access key, or it is inactive.
    #[error("the access key does not exist or is inactive")]
    UnknownKey,
    /// The session token is not one of this service, is of another access key, or its role is gone; or a key that lasts
    /// was shown with a token, or one of a session without.
    #[error("the session token is invalid")]
    InvalidToken,
    /// The session is over.
    #[error("the session has expired")]
    Expired,
    /// The secret cannot be unwrapped: the sealing key is another one, or the record was changed.
    #[error("the access key's secret cannot be read")]
    Unreadable,
}

impl Rejected {
    /// The error of a Query service (STS, IAM).
    pub fn for_query(self) -> ApiError {
        match self {
            Self::UnknownKey | Self::InvalidToken => ApiError::sender(
                "InvalidClientTokenId",
                403,
                "The security token included in the request is invalid.",
            ),
            Self::Expired => ApiError::sender(
                "ExpiredToken",
                403,
                "The security token included in the request is expired",
            ),
            Self::Unreadable => ApiError::internal_failure(),
        }
    }

    /// The error of an AWS JSON service (KMS, CloudTrail).
    pub fn for_json(self) -> ApiError {
        match self {
            Self::UnknownKey | Self::InvalidToken => ApiError::sender(
                "UnrecognizedClientException",
                400,
                "The security token included in the request is invalid.",
            ),
            Self::Expired => ApiError::sender(
                "ExpiredTokenException",
                400,
                "The security token included in the request is expired",
            ),
            Self::Unreadable => ApiError::internal_failure(),
        }
    }

    /// The error of S3.
    pub fn for_s3(self) -> ApiError {
        match self {
            Self::UnknownKey => ApiError::sender(
                "InvalidAccessKeyId",
                403,
                "The AWS Access Key Id you provided does not exist in our records.",
            ),
            Self::InvalidToken => ApiError::sender(
                "InvalidToken",
                400,
                "The provided token is malformed or otherwise invalid.",
            ),
            Self::Expired => {
                ApiError::sender("ExpiredToken", 400, "The provided token has expired.")
            }
            Self::Unreadable => ApiError::receiver(
                "InternalError",
                500,
                "We encountered an internal error. Please try again.",
            ),
        }
    }
}

/// The Query form, as in the services of this room.
impl From<Rejected> for ApiError {
    fn from(rejected: Rejected) -> Self {
        rejected.for_query()
    }
}

impl Identity {
    /// Whose the access key is, and the secret that a signature of theirs is verified with. Waits for nothing.
    ///
    /// # Errors
    /// [`Rejected`], for which each protocol has its own words.
    pub fn authenticate(
        &self,
        access_key_id: &str,
        session_token: Option<&str>,
        now: Timestamp,
    ) -> Result<Credential, Rejected> {
        match session_token {
            None => self.authenticate_lasting(access_key_id),
            Some(token) => self.authenticate_session(access_key_id, token, now),
        }
    }

    fn authenticate_lasting(&self, access_key_id: &str) -> Result<Credential, Rejected> {
        self.look(|accounts| {
            if let Some(known) = accounts.known.find(access_key_id) {
                return Ok(known);
            }
            let (account, directory) = accounts
                .of_access_key(access_key_id)
                .ok_or(Rejected::UnknownKey)?;
            let key = directory
                .access_key(access_key_id)
                .filter(|key| key.status == StatusType::Active)
                .ok_or(Rejected::UnknownKey)?;
            let caller = owner_of(account, directory, key)?;
            let secret = key
                .secret(self.sealing(), account)
                .map_err(|_| Rejected::Unreadable)?;
            let secret = Arc::new(secret);
            let found = Credential { secret, caller };
            // Before the look is over: what changes an account, and forgets, comes after it.
            accounts.known.keep(access_key_id, &found);
            Ok(found)
        })
    }

    fn authenticate_session(
        &self,
        access_key_id: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<Credential, Rejected> {
        let opened = Session::open(self.sealing(), access_key_id, token);
        let (session, secret) = opened.map_err(|BadToken| Rejected::InvalidToken)?;
        if now >= session.expires {
            return Err(Rejected::Expired);
        }
        let found = self.look(|accounts| {
            let directory = accounts.get(&session.account)?;
            let role = directory.role_by_id(&session.role_id)?;
            let identity = directory.in_force(&role.policies, &role.attached);
            Some((Arc::clone(role), identity))
        });
        let (role, identity) = found.ok_or(Rejected::InvalidToken)?;
        let caller = of_session(access_key_id, &role, identity, &session)?;
        let secret = Arc::new(secret);
        Ok(Credential { secret, caller })
    }
}

fn owner_of(account: &str, directory: &Directory, key: &AccessKey) -> Result<Caller, Rejected> {
    let Owner::User(name) = &key.owner else {
        return Ok(root(account, &key.id));
    };
    let user = directory.user(name).map_err(|_| Rejected::UnknownKey)?;
    if user.id != key.owner_id {
        return Err(Rejected::UnknownKey);
    }
    let principal = Principal {
        kind: PrincipalKind::User,
        arn: user.arn(account),
        account: account.to_owned(),
        user_id: user.id.clone(),
        name: user.name.clone(),
        role_arn: None,
        tags: user.tags.to_map(),
        context: Context::new(),
    };
    let user_identity = json!({
        "type": "IAMUser",
        "principalId": user.id,
        "arn": principal.arn,
        "accountId": account,
        "accessKeyId": key.id,
        "userName": user.name,
    });
    let layers = Layers {
        identity: directory.in_force(&user.policies, &user.attached),
        session: None,
    };
    Ok(Caller {
        principal: Arc::new(principal),
        layers,
        user_identity: Arc::new(user_identity),
    })
}

fn root(account: &str, access_key_id: &str) -> Caller {
    let user_identity = json!({
        "type": "Root",
        "principalId": account,
        "arn": names::root_arn(account),
        "accountId": account,
        "accessKeyId": access_key_id,
    });
    Caller {
        principal: Arc::new(Principal::root(account)),
        layers: Layers::default(),
        user_identity: Arc::new(user_identity),
    }
}

fn of_session(
    access_key_id: &str,
    role: &Role,
    identity: Vec<Arc<Policy>>,
    session: &Session,
) -> Result<Caller, Rejected> {
    let account = session.account.as_str();
    let mut context = Context::new()
        .with("aws:TokenIssueTime", session.issued.to_string())
        .with("aws:MultiFactorAuthPresent", "false");
    context.set_all(TRANSITIVE_KEYS, session.transitive.iter().cloned());
    if let Some(name) = &session.source_identity {
        context.set(SOURCE_IDENTITY, name.clone());
    }
    let principal = Principal {
        kind: PrincipalKind::AssumedRole,
        arn: names::session_arn(account, &role.name, &session.name),
        account: account.to_owned(),
        user_id: format!("{}:{}", role.id, session.name),
        name: session.name.clone(),
        role_arn: Some(role.arn(account)),
        tags: role.tags.overlaid(&session.tags).to_map(),
        context,
    };
    // It compiled when the session was made; a session whose limit cannot be read any more is no session.
    let session_policy = session
        .policy
        .as_deref()
        .map(|document| Policy::compile(document, PolicyKind::Session));
    let session_policy = session_policy
        .transpose()
        .map_err(|_| Rejected::InvalidToken)?;
    let layers = Layers {
        identity,
        session: session_policy.map(Arc::new),
    };
    let user_identity = session_identity(access_key_id, role, session, &principal);
    Ok(Caller {
        principal: Arc::new(principal),
        layers,
        user_identity: Arc::new(user_identity),
    })
}

fn session_identity(
    access_key_id: &str,
    role: &Role,
    session: &Session,
    principal: &Principal,
) -> Value {
    let mut session_context = json!({
        "sessionIssuer": {
            "type": "Role",
            "principalId": role.id,
            "arn": role.arn(&session.account),
            "accountId": session.account,
            "userName": role.name,
        },
        "attributes": {"creationDate": session.issued.to_string(), "mfaAuthenticated": "false"},
    });
    if let Some(name) = &session.source_identity {
        session_context["sourceIdentity"] = name.as_str().into();
    }
    json!({
        "type": "AssumedRole",
        "principalId": principal.user_id,
        "arn": principal.arn,
        "accountId": session.account,
        "accessKeyId": access_key_id,
        "sessionContext": session_context,
    })
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.principal.arn)
    }
}
