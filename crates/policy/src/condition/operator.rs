//! The names of condition operators.

use std::cmp::Ordering;

/// A condition operator with its qualifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) set: Set,
    pub(super) if_exists: bool,
    pub(super) negated: bool,
    pub(super) family: Family,
}

/// How a test spreads over the several values of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    /// No qualifier.
    Unsaid,
    /// `ForAllValues:`
    All,
    /// `ForAnyValue:`
    Any,
}

/// What is compared, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    String,
    StringIgnoreCase,
    StringLike,
    Numeric(Relation),
    Date(Relation),
    Bool,
    Binary,
    Network,
    Arn,
    Null,
}

/// An order that the request's value must have to the policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    pub(super) fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Operator {
    /// `[ForAllValues:|ForAnyValue:]Name[IfExists]`; nothing when that is no operator.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (set, rest) = match name.split_once(':') {
            None => (Set::Unsaid, name),
            Some(("ForAllValues", rest)) => (Set::All, rest),
            Some(("ForAnyValue", rest)) => (Set::Any, rest),
            Some(_) => return None,
        };
        let (base, if_exists) = rest
            .strip_suffix("IfExists")
            .map_or((rest, false), |base| (base, true));
        let (family, negated) = Family::parse(base)?;
        let null_is_qualified = family == Family::Null && (if_exists || set != Set::Unsaid);
        (!null_is_qualified).then_some(Self {
            set,
            if_exists,
            negated,
            family,
        })
    }
}

impl Family {
    fn parse(base: &str) -> Option<(Self, bool)> {
        Some(match base {
            "StringEquals" => (Self::String, false),
            "StringNotEquals" => (Self::String, true),
            "StringEqualsIgnoreCase" => (Self::StringIgnoreCase, false),
            "StringNotEqualsIgnoreCase" => (Self::StringIgnoreCase, true),
            "StringLike" => (Self::StringLike, false),
            "StringNotLike" => (Self::StringLike, true),
            "Bool" => (Self::Bool, false),
            "BinaryEquals" => (Self::Binary, false),
            "IpAddress" => (Self::Network, false),
            "NotIpAddress" => (Self::Network, true),
            "ArnEquals" | "ArnLike" => (Self::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Self::Arn, true),
            "Null" => (Self::Null, false),
            _ => return Self::parse_ordered(base),
        })
    }

    fn parse_ordered(base: &str) -> Option<(Self, bool)> {
        let (family, relation): (fn(Relation) -> Self, _) = match base.strip_prefix("Numeric") {
            Some(relation) => (Self::Numeric, relation),
            None => (Self::Date, base.strip_prefix("Date")?),
        };
        Some(match relation {
            "Equals" => (family(Relation::Equal), false),
            "NotEquals" => (family(Relation::Equal), true),
            "LessThan" => (family(Relation::Less), false),
            "LessThanEquals" => (family(Relation::LessOrEqual), false),
            "GreaterThan" => (family(Relation::Greater), false),
            "GreaterThanEquals" => (family(Relation::GreaterOrEqual), false),
            _ => return None,
        })
    }
}
