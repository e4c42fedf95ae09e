//! Key states and the one table that says what each allows (KMS developer guide, "Key states of AWS KMS keys").
//!
//! An operation names its [`Class`]; the table answers with a [`Verdict`]. Nothing else in this crate
//! compares states.
//!
//! AWS's transient states `Creating` and `Updating` have no column: replicas are made, and primary keys exchanged, in one
//! transaction with their request, so no key is ever seen in between.

/// The state of a key as the API shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyState {
    /// In use.
    Enabled,
    /// Kept, but not to be used.
    Disabled,
    /// Waiting for its deletion.
    PendingDeletion,
    /// A primary key waiting for the deletion of its replicas, and then for its own.
    PendingReplicaDeletion,
    /// Its material is to be imported: for the first time, or again because it expired or was deleted.
    PendingImport,
    /// Its record is there and its key material does not unwrap: corrupt, or wrapped by another root key.
    Unavailable,
}

impl KeyState {
    /// Every state: the table's columns.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 6] = [
        Self::Enabled,
        Self::Disabled,
        Self::PendingDeletion,
        Self::PendingReplicaDeletion,
        Self::PendingImport,
        Self::Unavailable,
    ];

    /// The API's word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion => "PendingDeletion",
            Self::PendingReplicaDeletion => "PendingReplicaDeletion",
            Self::PendingImport => "PendingImport",
            Self::Unavailable => "Unavailable",
        }
    }
}

/// Operations that the table treats alike: its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Look at a key or govern it: describe, list, policies, delete an alias, end a grant, delete imported material.
    Govern,
    /// Cryptography with the key, its rotation, its replication.
    Use,
    /// Give out its public half.
    Publish,
    /// Enable or disable.
    Switch,
    /// Point an alias at the key, tag it, describe it.
    Name,
    /// Make a grant on it.
    Grant,
    /// Import its material.
    Import,
    /// Schedule its deletion.
    ScheduleDeletion,
    /// Cancel its deletion.
    CancelDeletion,
}

impl Class {
    /// Every class: the table's rows.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 9] = [
        Self::Govern,
        Self::Use,
        Self::Publish,
        Self::Switch,
        Self::Name,
        Self::Grant,
        Self::Import,
        Self::ScheduleDeletion,
        Self::CancelDeletion,
    ];
}

/// A cell of the table: go on, or the reason not to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The state does not stand in the way.
    Allowed,
    /// `DisabledException`: `<ARN> is disabled.`
    Disabled,
    /// `KMSInvalidStateException`: `<ARN> is pending deletion.`
    PendingDeletion,
    /// `KMSInvalidStateException`: `<ARN> is pending replica deletion.`
    PendingReplicaDeletion,
    /// `KMSInvalidStateException`: `<ARN> is pending import.`
    PendingImport,
    /// `KMSInvalidStateException`: `<ARN> is not pending deletion.`
    NotPendingDeletion,
    /// `KeyUnavailableException`.
    Unavailable,
}

/// What an operation of `class` may do with a key in `state`.
#[expect(clippy::match_same_arms, reason = "the table is read row by row")]
pub(crate) const fn verdict(class: Class, state: KeyState) -> Verdict {
    use KeyState as S;
    match (class, state) {
        (Class::Govern, _) => Verdict::Allowed,

        (Class::CancelDeletion, S::PendingDeletion | S::PendingReplicaDeletion) => Verdict::Allowed,
        (Class::CancelDeletion, _) => Verdict::NotPendingDeletion,

        (_, S::PendingDeletion) => Verdict::PendingDeletion,
        (_, S::PendingReplicaDeletion) => Verdict::PendingReplicaDeletion,

        (Class::Use, S::Enabled) => Verdict::Allowed,
        (Class::Use | Class::Grant, S::Disabled) => Verdict::Disabled,
        (Class::Publish, S::Enabled | S::Disabled) => Verdict::Allowed,
        (Class::Use | Class::Publish | Class::Switch | Class::Grant, S::PendingImport) => {
            Verdict::PendingImport
        }
        (Class::Use | Class::Publish, S::Unavailable) => Verdict::Unavailable,
        (Class::Grant, S::Enabled | S::Unavailable) => Verdict::Allowed,

        // A key that is unavailable is switched all the same: it shows once it is available again.
        (Class::Switch, S::Enabled | S::Disabled | S::Unavailable) => Verdict::Allowed,
        (
            Class::Name | Class::Import | Class::ScheduleDeletion,
            S::Enabled | S::Disabled | S::PendingImport | S::Unavailable,
        ) => Verdict::Allowed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_of_the_table_is_as_documented() {
        use Verdict::{
            Allowed as Ok, Disabled as Off, NotPendingDeletion as Not, PendingDeletion as Del,
            PendingImport as Imp, PendingReplicaDeletion as Rep, Unavailable as Gone,
        };
        // Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, PendingImport, Unavailable
        let documented = [
            (Class::Govern, [Ok, Ok, Ok, Ok, Ok, Ok]),
            (Class::Use, [Ok, Off, Del, Rep, Imp, Gone]),
            (Class::Publish, [Ok, Ok, Del, Rep, Imp, Gone]),
            (Class::Switch, [Ok, Ok, Del, Rep, Imp, Ok]),
            (Class::Name, [Ok, Ok, Del, Rep, Ok, Ok]),
            (Class::Grant, [Ok, Off, Del, Rep, Imp, Ok]),
            (Class::Import, [Ok, Ok, Del, Rep, Ok, Ok]),
            (Class::ScheduleDeletion, [Ok, Ok, Del, Rep, Ok, Ok]),
            (Class::CancelDeletion, [Not, Not, Ok, Ok, Not, Not]),
        ];
        assert_eq!(documented.map(|(class, _)| class), Class::ALL);
        for (class, row) in documented {
            for (state, expected) in KeyState::ALL.into_iter().zip(row) {
                assert_eq!(
                    verdict(class, state),
                    expected,
                    "{class:?} on a key that is {state:?}"
                );
            }
        }
    }
}
