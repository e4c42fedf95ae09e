//! The `Principal` and `NotPrincipal` elements.

/// How closely a statement names the caller, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Match {
    /// Not at all: the statement does not apply.
    None,
    /// By the account, which delegates to the account's identity policies; or in an identity policy, whose caller
    /// is understood.
    Account,
    /// As the user, the role or everyone.
    Caller,
    /// As this very role session.
    Session,
}
