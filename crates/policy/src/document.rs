//! A policy document: read, checked and compiled once, when it is written.

use std::collections::{BTreeMap, BTreeSet};

use crate::{PolicyError, json::Json, statement::Statement, template::Variables};

/// The longest document that is looked at at all, in bytes (the API's own bound).
pub const MAX_DOCUMENT_LEN: usize = 131_072;

/// What a document hangs on, which decides which elements it may and must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// An inline policy of a user or a role: no `Principal`.
    Identity,
    /// A key's or a bucket's policy: with `Principal` and `Resource`.
    Resource,
    /// A role's trust policy: with `Principal`, without `Resource`, of STS actions.
    Trust,
    /// The policy given to `AssumeRole`: as `Identity`, and shorter.
    Session,
}

impl PolicyKind {
    /// The longest document of this kind, in characters; white space does not count, but in a resource policy.
    ///
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
    pub fn max_len(self) -> usize {
        match self {
            Self::Identity => 10_240,
            Self::Resource => 32_768,
            Self::Trust | Self::Session => 2_048,
        }
    }

    /// How much of the quota of this kind `document` takes.
    pub fn measure(self, document: &str) -> usize {
        match self {
            Self::Resource => document.len(),
            Self::Identity | Self::Trust | Self::Session => document
                .chars()
                .filter(|char| !char.is_whitespace())
                .count(),
        }
    }
}

/// A compiled policy, which keeps the document it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(crate) statements: Vec<Statement>,
    /// The unique ids of those whom it names, by ARN, once it is bound to them.
    pub(crate) ids: BTreeMap<String, String>,
    kind: PolicyKind,
    document: String,
}

impl Policy {
    /// Compiles a document.
    ///
    /// # Errors
    /// [`PolicyError`] with AWS's text and the place, when the document is no policy of that kind or too long.
    pub fn compile(json: &str, kind: PolicyKind) -> Result<Self, PolicyError> {
        check_len(json, kind)?;
        let Json::Object(members) = Json::parse(json)? else {
            return Err(PolicyError::syntax("a policy is an object", ""));
        };
        let top = Top::read(&members)?;
        let statements = top.statements(kind)?;
        Ok(Self {
            statements,
            ids: BTreeMap::new(),
            kind,
            document: json.to_owned(),
        })
    }

    /// The document as it was written.
    pub fn document(&self) -> &str {
        &self.document
    }

    /// The users, roles and role sessions that it names as principals, by ARN.
    pub fn named_principals(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().flat_map(Statement::named_principals)
    }

    /// What the document hangs on.
    pub fn kind(&self) -> PolicyKind {
        self.kind
    }
}

fn check_len(json: &str, kind: PolicyKind) -> Result<(), PolicyError> {
    if json.len() > MAX_DOCUMENT_LEN {
        return Err(PolicyError::new(
            format!("Maximum policy size of {MAX_DOCUMENT_LEN} bytes exceeded."),
            "",
        ));
    }
    let limit = kind.max_len();
    if kind.measure(json) > limit {
        return Err(PolicyError::new(
            format!("Maximum policy size of {limit} bytes exceeded."),
            "",
        ));
    }
    Ok(())
}

/// The elements of a document.
#[derive(Default)]
struct Top<'a> {
    version: Option<&'a Json>,
    id: Option<&'a Json>,
    statement: Option<&'a Json>,
}

impl<'a> Top<'a> {
    fn read(members: &'a [(String, Json)]) -> Result<Self, PolicyError> {
        let mut top = Self::default();
        for (name, value) in members {
            let slot = match name.as_str() {
                "Version" => &mut top.version,
                "Id" => &mut top.id,
                "Statement" => &mut top.statement,
                other => {
                    return Err(PolicyError::syntax(
                        &format!("{other} is no element of a policy"),
                        "",
                    ));
                }
            };
            *slot = Some(value);
        }
        match top.id.map(Json::as_str) {
            Some(None) => Err(PolicyError::syntax("an Id is a string", "Id")),
            _ => Ok(top),
        }
    }

    /// Without a version, a policy is of the older one, which has no variables.
    fn variables(&self) -> Result<Variables, PolicyError> {
        match self.version.map(Json::as_str) {
            Some(Some("2012-10-17")) => Ok(Variables::Yes),
            Some(Some("2008-10-17")) | None => Ok(Variables::No),
            Some(_) => Err(PolicyError::syntax(
                "a Version is \"2012-10-17\" or \"2008-10-17\"",
                "Version",
            )),
        }
    }

    fn statements(&self, kind: PolicyKind) -> Result<Vec<Statement>, PolicyError> {
        let variables = self.variables()?;
        let statement = self
            .statement
            .ok_or_else(|| PolicyError::new("Missing required field Statement", ""))?;
        let items = statement.one_or_many();
        if items.is_empty() {
            return Err(PolicyError::new(
                "Policy document must contain at least one statement.",
                "Statement",
            ));
        }
        let mut sids = BTreeSet::new();
        let mut statements = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let place = format!("Statement[{at}]");
            statements.push(Statement::compile(item, kind, variables, &place)?);
            let sid = sid(item);
            if !sid.is_empty() && !sids.insert(sid) {
                let words =
                    format!("Statement IDs (SID) in a single policy must be unique: {sid}.");
                return Err(PolicyError::new(words, place));
            }
            if kind_limits_sid(kind) && !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                let words = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular \
                             expression [0-9A-Za-z]*";
                return Err(PolicyError::new(words, place));
            }
        }
        Ok(statements)
    }
}

fn sid(statement: &Json) -> &str {
    let Json::Object(members) = statement else {
        return "";
    };
    members
        .iter()
        .find(|(name, _)| name == "Sid")
        .and_then(|(_, value)| value.as_str())
        .unwrap_or_default()
}

/// IAM's own policies hold Sids to letters and digits; key and bucket policies have them with spaces.
fn kind_limits_sid(kind: PolicyKind) -> bool {
    kind != PolicyKind::Resource
}
