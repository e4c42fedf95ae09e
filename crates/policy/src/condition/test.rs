//! A compiled comparison of one request value with the policy's values.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;

use super::{
    date,
    decimal::Decimal,
    network::{self, Network},
    operator::{Family, Relation},
};
use crate::{
    context::Facts,
    template::{Template, Unresolved, Variables, Wildcards},
};

/// An operator's family with the policy's values, any of which may match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    String(Vec<Template>),
    StringIgnoreCase(Vec<Template>),
    Numeric(Relation, Vec<Decimal>),
    Date(Relation, Vec<Timestamp>),
    Bool(Vec<bool>),
    Binary(Vec<Vec<u8>>),
    Network(Vec<Network>),
    Arn(Vec<ArnTemplate>),
    /// Of each: whether the key must be absent.
    Null(Vec<bool>),
}

/// What a [`Test`] says of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    /// The value is not of the operator's type, or a variable has no value.
    Unknown,
}

/// The six segments of an ARN pattern, which are compared one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArnTemplate(Vec<Template>);

impl Test {
    /// # Errors
    /// What is wrong with a value.
    pub(super) fn compile(
        family: Family,
        texts: &[String],
        variables: Variables,
    ) -> Result<Self, String> {
        let templates = |wildcards| {
            let parse =
                |text: &String| Template::parse(text, wildcards, variables).map_err(str::to_owned);
            texts.iter().map(parse).collect::<Result<Vec<_>, _>>()
        };
        Ok(match family {
            Family::String => Self::String(templates(Wildcards::No)?),
            Family::StringLike => Self::String(templates(Wildcards::Yes)?),
            Family::StringIgnoreCase => Self::StringIgnoreCase(templates(Wildcards::No)?),
            Family::Arn => {
                let arns = templates(Wildcards::Yes)?.into_iter().map(ArnTemplate::new);
                Self::Arn(arns.collect::<Option<_>>().ok_or("an ARN is wanted")?)
            }
            Family::Numeric(relation) => {
                Self::Numeric(relation, all(texts, Decimal::parse, "a number")?)
            }
            Family::Date(relation) => Self::Date(relation, all(texts, date::parse, "a date")?),
            Family::Bool => Self::Bool(all(texts, boolean, "true or false")?),
            Family::Binary => Self::Binary(all(texts, base64, "base64")?),
            Family::Network => {
                Self::Network(all(texts, Network::parse, "an address or a CIDR block")?)
            }
            Family::Null => Self::Null(all(texts, boolean, "true or false")?),
        })
    }

    pub(super) fn ask(&self, value: &str, facts: &Facts<'_>) -> Answer {
        match self {
            Self::String(templates) => {
                any_resolved(templates, |template| template.matches(value, facts))
            }
            Self::StringIgnoreCase(templates) => any_resolved(templates, |template| {
                template.matches_ignoring_case(value, facts)
            }),
            Self::Arn(templates) => match segments(value) {
                Some(arn) => any_resolved(templates, |template| template.matches(&arn, facts)),
                None => Answer::Unknown,
            },
            Self::Numeric(relation, wanted) => any(Decimal::parse(value), wanted, |own, other| {
                relation.accepts(own.cmp(other))
            }),
            Self::Date(relation, wanted) => any(date::parse(value), wanted, |own, other| {
                relation.accepts(own.cmp(other))
            }),
            Self::Bool(wanted) | Self::Null(wanted) => {
                any(boolean(value), wanted, |own, other| own == other)
            }
            Self::Binary(wanted) => any(base64(value), wanted, |own, other| own == other),
            Self::Network(wanted) => any(network::address(value), wanted, |own, other| {
                other.contains(*own)
            }),
        }
    }
}

fn all<T>(
    texts: &[String],
    parse: impl Fn(&str) -> Option<T>,
    what: &str,
) -> Result<Vec<T>, String> {
    texts
        .iter()
        .map(|text| parse(text).ok_or_else(|| format!("{what} is wanted, not {text:?}")))
        .collect()
}

fn any<V, T>(value: Option<V>, wanted: &[T], fits: impl Fn(&V, &T) -> bool) -> Answer {
    match value {
        None => Answer::Unknown,
        Some(value) if wanted.iter().any(|other| fits(&value, other)) => Answer::Yes,
        Some(_) => Answer::No,
    }
}

fn any_resolved<T>(wanted: &[T], fits: impl Fn(&T) -> Result<bool, Unresolved>) -> Answer {
    let mut answer = Answer::No;
    for template in wanted {
        match fits(template) {
            Ok(true) => return Answer::Yes,
            Ok(false) => {}
            Err(Unresolved) => answer = Answer::Unknown,
        }
    }
    answer
}

impl ArnTemplate {
    fn new(template: Template) -> Option<Self> {
        if template == Template::anything() {
            return Some(Self(vec![Template::anything(); 6]));
        }
        let segments = template.split_segments(6);
        (segments.len() == 6).then_some(Self(segments))
    }

    fn matches(&self, arn: &[&str], facts: &Facts<'_>) -> Result<bool, Unresolved> {
        for (template, segment) in self.0.iter().zip(arn) {
            if !template.matches(segment, facts)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn segments(arn: &str) -> Option<Vec<&str>> {
    let segments: Vec<_> = arn.splitn(6, ':').collect();
    (segments.len() == 6 && segments[0] == "arn").then_some(segments)
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
