//! Text with policy variables: `arn:aws:s3:::home/${aws:username}/*`.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>

use crate::{
    context::Facts,
    glob::{Atom, Glob},
};

/// Whether `*` and `?` are wildcards in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wildcards {
    /// They are (`Resource`, `StringLike`, `Arn*`).
    Yes,
    /// They stand for themselves (`StringEquals`).
    No,
}

/// Whether `${…}` is a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variables {
    /// It is, since version 2012-10-17 of the language.
    Yes,
    /// It stands for itself, as in version 2008-10-17.
    No,
}

/// A text, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
    fixed: Option<Glob>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Atom(Atom),
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// A variable whose key the request does not have, or has several values of, and that has no default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unresolved;

impl Template {
    /// # Errors
    /// What is wrong with a `${…}`.
    pub(crate) fn parse(
        text: &str,
        wildcards: Wildcards,
        variables: Variables,
    ) -> Result<Self, &'static str> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(char) = rest.chars().next() {
            if variables == Variables::Yes
                && let Some(inside) = rest.strip_prefix("${")
            {
                let (body, after) = inside.split_once('}').ok_or("a variable is not closed")?;
                pieces.push(Piece::variable(body)?);
                rest = after;
                continue;
            }
            pieces.push(Piece::Atom(match wildcards {
                Wildcards::Yes => Atom::wild(char),
                Wildcards::No => Atom::Char(char),
            }));
            rest = &rest[char.len_utf8()..];
        }
        Ok(Self::from_pieces(pieces))
    }

    /// `*`.
    pub(crate) fn anything() -> Self {
        Self::from_pieces(vec![Piece::Atom(Atom::Any)])
    }

    fn from_pieces(pieces: Vec<Piece>) -> Self {
        let atoms = pieces.iter().map(|piece| match piece {
            Piece::Atom(atom) => Some(*atom),
            Piece::Variable { .. } => None,
        });
        let fixed = atoms.collect::<Option<Vec<_>>>().map(Glob::from_atoms);
        Self { pieces, fixed }
    }

    /// Cuts at the first `parts - 1` colons that are not inside a variable, as ARNs are cut.
    pub(crate) fn split_segments(self, parts: usize) -> Vec<Self> {
        let mut segments = vec![Vec::new()];
        for piece in self.pieces {
            if piece == Piece::Atom(Atom::Char(':')) && segments.len() < parts {
                segments.push(Vec::new());
            } else if let Some(last) = segments.last_mut() {
                last.push(piece);
            }
        }
        segments.into_iter().map(Self::from_pieces).collect()
    }

    /// Keeps wildcards of the first five ARN segments inside their segment, but for a `*` that ends one: that may
    /// go on beyond the colon, as AWS documents. The sixth segment, the resource, is one whole.
    pub(crate) fn bound_to_segments(self) -> Self {
        let ends_segment: Vec<bool> = (0..self.pieces.len())
            .map(|at| {
                matches!(
                    self.pieces.get(at + 1),
                    None | Some(Piece::Atom(Atom::Char(':')))
                )
            })
            .collect();
        let mut colons = 0;
        let bound = |(piece, ends): (Piece, bool)| {
            colons += usize::from(piece == Piece::Atom(Atom::Char(':')));
            match piece {
                Piece::Atom(Atom::One) if colons < 5 => Piece::Atom(Atom::OneInSegment),
                Piece::Atom(Atom::Any) if colons < 5 && !ends => Piece::Atom(Atom::AnyInSegment),
                other => other,
            }
        };
        Self::from_pieces(
            self.pieces
                .into_iter()
                .zip(ends_segment)
                .map(bound)
                .collect(),
        )
    }

    /// Whether `text` fits, with variables filled in from the request. What a variable brings is never a wildcard.
    ///
    /// # Errors
    /// [`Unresolved`] when a variable has no value.
    pub(crate) fn matches(&self, text: &str, facts: &Facts<'_>) -> Result<bool, Unresolved> {
        match &self.fixed {
            Some(glob) => Ok(glob.matches(text)),
            None => Ok(self.resolve(facts)?.matches(text)),
        }
    }

    /// As [`matches`](Self::matches), without regard to case.
    pub(crate) fn matches_ignoring_case(
        &self,
        text: &str,
        facts: &Facts<'_>,
    ) -> Result<bool, Unresolved> {
        let lower = |atom: Atom| match atom {
            Atom::Char(char) => char.to_lowercase().map(Atom::Char).collect(),
            other => vec![other],
        };
        let atoms = self.atoms(facts)?.into_iter().flat_map(lower).collect();
        Ok(Glob::from_atoms(atoms).matches(&text.to_lowercase()))
    }

    fn resolve(&self, facts: &Facts<'_>) -> Result<Glob, Unresolved> {
        Ok(Glob::from_atoms(self.atoms(facts)?))
    }

    fn atoms(&self, facts: &Facts<'_>) -> Result<Vec<Atom>, Unresolved> {
        let mut atoms = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            match piece {
                Piece::Atom(atom) => atoms.push(*atom),
                Piece::Variable { key, default } => {
                    let value = match (facts.values(key).as_slice(), default) {
                        ([one], _) => (*one).to_owned(),
                        ([], Some(default)) => default.clone(),
                        _ => return Err(Unresolved),
                    };
                    atoms.extend(value.chars().map(Atom::Char));
                }
            }
        }
        Ok(atoms)
    }
}

impl Piece {
    /// The inside of `${…}`: `*`, `?` or `$` for the character itself, else a condition key and perhaps
    /// `, 'default'`.
    fn variable(body: &str) -> Result<Self, &'static str> {
        if let "*" | "?" | "$" = body {
            return body
                .chars()
                .next()
                .map(|char| Self::Atom(Atom::Char(char)))
                .ok_or("an empty variable");
        }
        let (key, default) = match body.split_once(',') {
            None => (body, None),
            Some((key, default)) => (
                key,
                Some(quoted(default.trim()).ok_or("a default value is not in quotes")?),
            ),
        };
        let key = key.trim().to_lowercase();
        if !crate::condition::is_key(&key) {
            return Err("a variable names no condition key");
        }
        Ok(Self::Variable { key, default })
    }
}

fn quoted(text: &str) -> Option<String> {
    let inside = text.strip_prefix('\'')?.strip_suffix('\'')?;
    (!inside.contains('\'')).then(|| inside.to_owned())
}
