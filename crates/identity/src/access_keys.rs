//! Access keys that last: of users and of the root user.

use std::sync::Arc;

use crypto::{SecretBytes, WrappingKey};
use jiff::Timestamp;
use serde_json::json;
use wire::{
    ApiError, SensitiveString,
    iam::{self, Response, StatusType},
};

use crate::{
    desk::{Desk, Outcome, trail_time},
    directory::Change,
    faults,
    ids::{self, IdKind},
    limits,
    page::Page,
    records::{AccessKey, Owner, User},
};

/// What the sealing key wraps under this label: part of every derived wrapping key.
const WRAP_LABEL: &[u8] = b"kluis/identity/access-key/v1";

impl AccessKey {
    /// A fresh key of `owner`, and its secret in the clear.
    ///
    /// # Errors
    /// Where the system has no randomness or no memory for a secret.
    pub(crate) fn fresh(
        sealing: &WrappingKey,
        account: &str,
        holder: Holder<'_>,
        now: Timestamp,
    ) -> Result<(Self, SecretBytes), crypto::Error> {
        let id = IdKind::AccessKey.fresh()?;
        let secret = ids::fresh_secret()?;
        let header = header(account, &id, holder.id);
        let wrapped = sealing.wrap(WRAP_LABEL, &header, &[], secret.danger_expose())?;
        let key = Self {
            id,
            owner: holder.owner,
            owner_id: holder.id.to_owned(),
            status: StatusType::Active,
            created: now,
            wrapped,
        };
        Ok((key, secret))
    }

    /// The secret.
    ///
    /// # Errors
    /// [`crypto::Error::NotAuthentic`] when the record was changed, or is another's.
    pub(crate) fn secret(
        &self,
        sealing: &WrappingKey,
        account: &str,
    ) -> Result<SecretBytes, crypto::Error> {
        let header = header(account, &self.id, &self.owner_id);
        sealing.unwrap(WRAP_LABEL, &header, &[], &self.wrapped)
    }
}

/// Who is to have an access key, or has one.
pub(crate) struct Holder<'a> {
    pub(crate) owner: Owner,
    /// The user's unique id; of the root user, the account.
    pub(crate) id: &'a str,
    /// The user; the root user is none.
    user: Option<&'a Arc<User>>,
}

impl<'a> Holder<'a> {
    /// The root user of `account`.
    pub(crate) fn root(account: &'a str) -> Self {
        Self {
            owner: Owner::Root,
            id: account,
            user: None,
        }
    }

    /// The user that a request means.
    fn of_request(desk: &Desk<'a>, named: Option<&str>) -> Result<Self, ApiError> {
        let owner = desk.owner(named)?;
        let Owner::User(name) = &owner else {
            return Ok(Self::root(desk.account));
        };
        let user = desk.directory.user(name)?;
        Ok(Self {
            owner,
            id: &user.id,
            user: Some(user),
        })
    }
}

/// What a wrapped secret belongs to: each field with its length before it, so that no two keys share one.
fn header(account: &str, id: &str, owner_id: &str) -> Vec<u8> {
    let fields = [account, id, owner_id];
    fields
        .iter()
        .flat_map(|field| {
            (field.len() as u64)
                .to_be_bytes()
                .into_iter()
                .chain(field.bytes())
        })
        .collect()
}

/// A secret of ASCII characters as an answer carries it, wiped when the answer is dropped.
pub(crate) fn revealed(secret: &SecretBytes) -> SensitiveString {
    // Of full size from the start: a text that grew would leave copies of the secret behind.
    let mut text = String::with_capacity(secret.len());
    text.extend(secret.danger_expose().iter().map(|byte| char::from(*byte)));
    SensitiveString::new(text)
}

pub(crate) fn create(
    desk: &Desk<'_>,
    request: &iam::CreateAccessKeyRequest,
) -> Result<Outcome, ApiError> {
    let holder = Holder::of_request(desk, request.user_name.as_deref())?;
    if desk.directory.access_keys_of(holder.id).count() >= limits::ACCESS_KEYS {
        return Err(faults::quota("AccessKeysPerUser", limits::ACCESS_KEYS));
    }
    // Written again as it is, so that whoever deletes the user elsewhere at the same time is told of a conflict.
    let user = holder.user.map(|user| Change::PutUser(User::clone(user)));
    let (key, secret) = AccessKey::fresh(desk.sealing, desk.account, holder, desk.now_in_seconds())
        .map_err(faults::from_crypto)?;
    let elements = json!({"accessKey": {
        "userName": key.owner.user_name(),
        "accessKeyId": key.id,
        "status": key.status.as_str(),
        "createDate": trail_time(key.created),
    }});
    let access_key = iam::AccessKey {
        user_name: key.owner.user_name().to_owned(),
        access_key_id: key.id.clone(),
        status: key.status,
        secret_access_key: revealed(&secret),
        create_date: Some(key.created.into()),
    };
    let response = Response::CreateAccessKey(iam::CreateAccessKeyResponse { access_key });
    let mut outcome = Outcome::change(response, Change::PutAccessKey(key)).with_elements(elements);
    outcome.changes.extend(user);
    Ok(outcome)
}

pub(crate) fn list(
    desk: &Desk<'_>,
    request: &iam::ListAccessKeysRequest,
) -> Result<Outcome, ApiError> {
    let holder = Holder::of_request(desk, request.user_name.as_deref())?;
    let keys = desk.directory.access_keys_of(holder.id).map(|key| {
        let metadata = iam::AccessKeyMetadata {
            user_name: Some(holder.owner.user_name().to_owned()),
            access_key_id: Some(key.id.clone()),
            status: Some(key.status),
            create_date: Some(key.created.into()),
        };
        (key.id.clone(), metadata)
    });
    let page = Page::new(request.marker.as_deref(), request.max_items)?.cut(keys);
    Ok(Outcome::answer(Response::ListAccessKeys(
        iam::ListAccessKeysResponse {
            is_truncated: Some(page.is_truncated()),
            marker: page.marker,
            access_key_metadata: page.items,
        },
    )))
}

pub(crate) fn update(
    desk: &Desk<'_>,
    request: &iam::UpdateAccessKeyRequest,
) -> Result<Outcome, ApiError> {
    if request.status == StatusType::Expired {
        return Err(faults::validation("Status must be Active or Inactive."));
    }
    let key = owned(desk, request.user_name.as_deref(), &request.access_key_id)?;
    let change = Change::PutAccessKey(AccessKey {
        status: request.status,
        ..key.clone()
    });
    Ok(Outcome::change(Response::UpdateAccessKey, change))
}

pub(crate) fn delete(
    desk: &Desk<'_>,
    request: &iam::DeleteAccessKeyRequest,
) -> Result<Outcome, ApiError> {
    let key = owned(desk, request.user_name.as_deref(), &request.access_key_id)?;
    Ok(Outcome::change(
        Response::DeleteAccessKey,
        Change::DeleteAccessKey(key.id.clone()),
    ))
}

fn owned<'a>(desk: &Desk<'a>, named: Option<&str>, id: &str) -> Result<&'a AccessKey, ApiError> {
    let holder = Holder::of_request(desk, named)?;
    let found = desk
        .directory
        .access_key(id)
        .filter(|key| key.owner_id == holder.id);
    found
        .map(AsRef::as_ref)
        .ok_or_else(|| faults::no_such_access_key(id))
}
