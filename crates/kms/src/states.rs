//! Key states and the one table that says what each allows (KMS developer guide, "Key states of AWS KMS keys").
//!
//! An operation names its [`Class`]; the table answers with a [`Verdict`]. Nothing else in this crate
//! compares states.

/// The state of a key as the API shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyState {
    /// In use.
    Enabled,
    /// Kept, but not to be used.
    Disabled,
    /// Waiting for its deletion.
    PendingDeletion,
    /// Its record is there and its key material does not unwrap: corrupt, or wrapped by another root key.
    Unavailable,
}

impl KeyState {
    /// Every state: the table's columns.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 4] = [
        Self::Enabled,
        Self::Disabled,
        Self::PendingDeletion,
        Self::Unavailable,
    ];

    /// The API's word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion => "PendingDeletion",
            Self::Unavailable => "Unavailable",
        }
    }
}

/// Operations that the table treats alike: its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Look at a key or govern it: describe, list, policies, delete an alias, end a grant.
    Govern,
    /// Cryptography with the key.
    Use,
    /// Give out its public half.
    Publish,
    /// Enable or disable.
    Switch,
    /// Point an alias at the key.
    Name,
    /// Make a grant on it.
    Grant,
    /// Schedule its deletion.
    ScheduleDeletion,
    /// Cancel its deletion.
    CancelDeletion,
}

impl Class {
    /// Every class: the table's rows.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 8] = [
        Self::Govern,
        Self::Use,
        Self::Publish,
        Self::Switch,
        Self::Name,
        Self::Grant,
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

        (Class::Use, S::Enabled) => Verdict::Allowed,
        (Class::Use | Class::Grant, S::Disabled) => Verdict::Disabled,
        (
            Class::Use
            | Class::Publish
            | Class::Switch
            | Class::Name
            | Class::Grant
            | Class::ScheduleDeletion,
            S::PendingDeletion,
        ) => Verdict::PendingDeletion,
        (Class::Use | Class::Publish | Class::Switch, S::Unavailable) => Verdict::Unavailable,

        (Class::Publish | Class::Switch, S::Enabled | S::Disabled) => Verdict::Allowed,
        (Class::Grant, S::Enabled | S::Unavailable) => Verdict::Allowed,
        (Class::Name | Class::ScheduleDeletion, S::Enabled | S::Disabled | S::Unavailable) => {
            Verdict::Allowed
        }

        (Class::CancelDeletion, S::PendingDeletion) => Verdict::Allowed,
        (Class::CancelDeletion, S::Enabled | S::Disabled | S::Unavailable) => {
            Verdict::NotPendingDeletion
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_of_the_table_is_as_documented() {
        use Verdict::{
            Allowed as Ok, Disabled as Off, NotPendingDeletion as Not, PendingDeletion as Del,
            Unavailable as Gone,
        };
        //                        Enabled Disabled PendingDeletion Unavailable
        let documented = [
            (Class::Govern, [Ok, Ok, Ok, Ok]),
            (Class::Use, [Ok, Off, Del, Gone]),
            (Class::Publish, [Ok, Ok, Del, Gone]),
            (Class::Switch, [Ok, Ok, Del, Gone]),
            (Class::Name, [Ok, Ok, Del, Ok]),
            (Class::Grant, [Ok, Off, Del, Ok]),
            (Class::ScheduleDeletion, [Ok, Ok, Del, Ok]),
            (Class::CancelDeletion, [Not, Not, Ok, Not]),
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
