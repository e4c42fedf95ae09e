//! Accounts, users, roles and access keys: as they are in memory, and as the store keeps them.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use policy::{Policy, PolicyKind};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use wire::iam::StatusType;

use crate::{attachments::Attached, names, tags::Tags};

/// The version of the records' form.
pub(crate) const VERSION: u32 = 1;

/// The inline policies of a user or a role, by name.
pub(crate) type Policies = BTreeMap<String, Arc<Policy>>;

/// An account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    v: u32,
    /// How many accounts were there before it.
    pub(crate) ordinal: usize,
    pub(crate) created: Timestamp,
    /// The access key that its root user was given at first.
    pub(crate) root_access_key: String,
}

impl Account {
    pub(crate) fn new(ordinal: usize, created: Timestamp, root_access_key: String) -> Self {
        Self {
            v: VERSION,
            ordinal,
            created,
            root_access_key,
        }
    }
}

impl Stored for Account {
    type Record = Self;

    fn to_record(&self) -> Self {
        self.clone()
    }

    fn from_record(record: Self) -> Result<Self, String> {
        known(record.v).map(|()| record)
    }
}

/// An IAM user.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) tags: Tags,
    pub(crate) policies: Policies,
    pub(crate) attached: Attached,
}

/// An IAM role.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) description: Option<String>,
    pub(crate) max_session_seconds: i32,
    pub(crate) trust: Arc<Policy>,
    pub(crate) tags: Tags,
    pub(crate) policies: Policies,
    pub(crate) attached: Attached,
}

/// Whose an access key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Owner {
    /// The account's root user.
    Root,
    /// The user of that name.
    User(String),
}

/// An access key; its secret is wrapped.
#[derive(Debug, Clone)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) owner: Owner,
    /// The owner's unique id, so that the key is not that of a user who is made later under the same name.
    pub(crate) owner_id: String,
    pub(crate) status: StatusType,
    pub(crate) created: Timestamp,
    pub(crate) wrapped: Vec<u8>,
}

impl User {
    pub(crate) fn arn(&self, account: &str) -> String {
        names::user_arn(account, &self.path, &self.name)
    }
}

impl Role {
    pub(crate) fn arn(&self, account: &str) -> String {
        names::role_arn(account, &self.path, &self.name)
    }
}

impl Owner {
    /// The user's name; the root user has none.
    pub(crate) fn user_name(&self) -> &str {
        match self {
            Self::Root => "",
            Self::User(name) => name,
        }
    }
}

/// A thing that the store keeps as JSON.
pub(crate) trait Stored: Sized {
    /// Its form in the store.
    type Record: Serialize + DeserializeOwned;

    fn to_record(&self) -> Self::Record;

    /// # Errors
    /// What is wrong with the record.
    fn from_record(record: Self::Record) -> Result<Self, String>;

    /// Its bytes in the store.
    fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&self.to_record())
    }

    /// # Errors
    /// What is wrong with the bytes.
    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let record = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        Self::from_record(record)
    }
}

/// A user in the store.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserRecord {
    v: u32,
    name: String,
    path: String,
    id: String,
    created: Timestamp,
    tags: Tags,
    policies: BTreeMap<String, String>,
    /// The ARNs of the managed policies.
    #[serde(default, skip_serializing_if = "Attached::is_empty")]
    attached: Attached,
}

impl Stored for User {
    type Record = UserRecord;

    fn to_record(&self) -> UserRecord {
        UserRecord {
            v: VERSION,
            name: self.name.clone(),
            path: self.path.clone(),
            id: self.id.clone(),
            created: self.created,
            tags: self.tags.clone(),
            policies: documents(&self.policies),
            attached: self.attached.clone(),
        }
    }

    fn from_record(record: UserRecord) -> Result<Self, String> {
        known(record.v)?;
        let UserRecord {
            v: _,
            name,
            path,
            id,
            created,
            tags,
            policies,
            attached,
        } = record;
        Ok(Self {
            name,
            path,
            id,
            created,
            tags,
            policies: compiled(policies)?,
            attached,
        })
    }
}

/// A role in the store.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleRecord {
    v: u32,
    name: String,
    path: String,
    id: String,
    created: Timestamp,
    description: Option<String>,
    max_session_seconds: i32,
    trust: String,
    /// The unique ids of those whom the trust policy names, by ARN.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    trusted: BTreeMap<String, String>,
    tags: Tags,
    policies: BTreeMap<String, String>,
    /// The ARNs of the managed policies.
    #[serde(default, skip_serializing_if = "Attached::is_empty")]
    attached: Attached,
}

impl Stored for Role {
    type Record = RoleRecord;

    fn to_record(&self) -> RoleRecord {
        RoleRecord {
            v: VERSION,
            name: self.name.clone(),
            path: self.path.clone(),
            id: self.id.clone(),
            created: self.created,
            description: self.description.clone(),
            max_session_seconds: self.max_session_seconds,
            trust: self.trust.document().to_owned(),
            trusted: self.trust.ids().clone(),
            tags: self.tags.clone(),
            policies: documents(&self.policies),
            attached: self.attached.clone(),
        }
    }

    fn from_record(record: RoleRecord) -> Result<Self, String> {
        known(record.v)?;
        let RoleRecord {
            v: _,
            name,
            path,
            id,
            created,
            description,
            max_session_seconds,
            trust,
            trusted,
            tags,
            policies,
            attached,
        } = record;
        let trust =
            Policy::compile(&trust, PolicyKind::Trust).map_err(|error| error.to_string())?;
        Ok(Self {
            name,
            path,
            id,
            created,
            description,
            max_session_seconds,
            trust: Arc::new(trust.bound_to(trusted)),
            tags,
            policies: compiled(policies)?,
            attached,
        })
    }
}

/// An access key in the store.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessKeyRecord {
    v: u32,
    id: String,
    owner: Owner,
    owner_id: String,
    status: StatusType,
    created: Timestamp,
    wrapped: String,
}

impl Stored for AccessKey {
    type Record = AccessKeyRecord;

    fn to_record(&self) -> AccessKeyRecord {
        AccessKeyRecord {
            v: VERSION,
            id: self.id.clone(),
            owner: self.owner.clone(),
            owner_id: self.owner_id.clone(),
            status: self.status,
            created: self.created,
            wrapped: STANDARD.encode(&self.wrapped),
        }
    }

    fn from_record(record: AccessKeyRecord) -> Result<Self, String> {
        known(record.v)?;
        let AccessKeyRecord {
            v: _,
            id,
            owner,
            owner_id,
            status,
            created,
            wrapped,
        } = record;
        let wrapped = STANDARD
            .decode(wrapped)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            id,
            owner,
            owner_id,
            status,
            created,
            wrapped,
        })
    }
}

/// Refuses the form of another version.
pub(crate) fn known(version: u32) -> Result<(), String> {
    if version == VERSION {
        Ok(())
    } else {
        Err(format!("its version is {version}, and {VERSION} is known"))
    }
}

fn documents(policies: &Policies) -> BTreeMap<String, String> {
    policies
        .iter()
        .map(|(name, policy)| (name.clone(), policy.document().to_owned()))
        .collect()
}

fn compiled(documents: BTreeMap<String, String>) -> Result<Policies, String> {
    let compile =
        |(name, document): (String, String)| match Policy::compile(&document, PolicyKind::Identity)
        {
            Ok(policy) => Ok((name, Arc::new(policy))),
            Err(error) => Err(format!("policy {name}: {error}")),
        };
    documents.into_iter().map(compile).collect()
}
