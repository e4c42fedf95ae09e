//! ARNs, and the names of records in the store.

use store::{Key, StoreError};

/// The folder of users in the store.
pub(crate) const USERS: &str = "iam/user/";
/// The folder of roles in the store.
pub(crate) const ROLES: &str = "iam/role/";
/// The folder of access keys in the store.
pub(crate) const ACCESS_KEYS: &str = "iam/access-key/";
/// The record that says which access key the root user was given at first.
pub(crate) const BOOTSTRAP: &str = "iam/bootstrap";

/// The form in which a name is compared: IAM keeps a name's case, and has no two that differ only in it.
pub(crate) fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

pub(crate) fn user_key(name: &str) -> Result<Key, StoreError> {
    Key::new(format!("{USERS}{}", fold(name)))
}

pub(crate) fn role_key(name: &str) -> Result<Key, StoreError> {
    Key::new(format!("{ROLES}{}", fold(name)))
}

pub(crate) fn access_key_key(id: &str) -> Result<Key, StoreError> {
    Key::new(format!("{ACCESS_KEYS}{id}"))
}

pub(crate) fn root_arn(account: &str) -> String {
    format!("arn:aws:iam::{account}:root")
}

/// `path` begins and ends with a slash.
pub(crate) fn user_arn(account: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:user{path}{name}")
}

/// `path` begins and ends with a slash.
pub(crate) fn role_arn(account: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role{path}{name}")
}

pub(crate) fn session_arn(account: &str, role: &str, session: &str) -> String {
    format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
}

/// The role's name in a role's ARN of this account.
pub(crate) fn role_name_in(arn: &str, account: &str) -> Option<String> {
    let resource = arn
        .strip_prefix("arn:aws:iam::")?
        .strip_prefix(account)?
        .strip_prefix(":role/")?;
    resource
        .rsplit('/')
        .next()
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
}
