//! Accounts, users, roles, access keys and sessions (IAM and STS).
