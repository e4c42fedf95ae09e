//! IAM's quotas, as AWS has them by default.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>

/// Users in the account.
pub(crate) const USERS: usize = 5_000;
/// Roles in the account.
pub(crate) const ROLES: usize = 1_000;
/// Access keys of one user, or of the root user.
pub(crate) const ACCESS_KEYS: usize = 2;
/// Tags on a user or a role, and on a session.
pub(crate) const TAGS: usize = 50;
/// Characters of all inline policies of a user, without white space.
pub(crate) const USER_POLICIES_LEN: usize = 2_048;
/// Characters of all inline policies of a role, without white space.
pub(crate) const ROLE_POLICIES_LEN: usize = 10_240;
/// Managed policies in the account.
pub(crate) const MANAGED_POLICIES: usize = 1_500;
/// Versions of a managed policy.
pub(crate) const POLICY_VERSIONS: usize = 5;
/// Characters of a managed policy, without white space.
pub(crate) const MANAGED_POLICY_LEN: usize = 6_144;
/// Managed policies of one user or role.
pub(crate) const ATTACHED_POLICIES: usize = 10;
/// Items on a page when the caller does not say.
pub(crate) const PAGE: usize = 100;

/// Seconds that a session lasts when the caller does not say, and at least that a role must allow.
pub(crate) const SESSION_SECONDS: i32 = 3_600;
/// The shortest session, in seconds.
pub(crate) const SESSION_SECONDS_MIN: i32 = 900;
/// The longest session that any role allows, in seconds.
pub(crate) const SESSION_SECONDS_MAX: i32 = 43_200;
/// The longest session that was taken from within another, in seconds.
pub(crate) const CHAINED_SESSION_SECONDS_MAX: i32 = 3_600;
/// Bytes of a session's policy and tags together, as they are sealed in its token.
pub(crate) const PACKED_SESSION_LEN: usize = 5_120;
/// Characters of a session token. What is longer was not made here and is not looked at.
pub(crate) const SESSION_TOKEN_LEN: usize = 16_384;

/// Records that are read from the store at a time.
pub(crate) const SCAN: usize = 512;

/// Credentials of lasting access keys that are kept as they were found, each with its secret in locked memory.
pub(crate) const KNOWN_CREDENTIALS: usize = 1_024;
