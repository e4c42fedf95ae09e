//! Patterns with `*` and `?`, matched in time bounded by pattern times text whatever either says.

use std::fmt;

/// One step of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Atom {
    /// This character.
    Char(char),
    /// `?`: any one character.
    One,
    /// `*`: any characters, none too.
    Any,
    /// `?` that does not stand for a colon.
    OneInSegment,
    /// `*` that does not stand for colons.
    AnyInSegment,
}

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Glob {
    atoms: Vec<Atom>,
}

impl Glob {
    /// `*` and `?` are wildcards, everything else stands for itself.
    pub(crate) fn parse(pattern: &str) -> Self {
        Self {
            atoms: pattern.chars().map(Atom::wild).collect(),
        }
    }

    pub(crate) fn from_atoms(atoms: Vec<Atom>) -> Self {
        Self { atoms }
    }

    /// Whether the whole of `text` fits.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let fixed = self
            .atoms
            .iter()
            .take_while(|atom| matches!(atom, Atom::Char(_)))
            .count();
        let mut rest = text.chars();
        for atom in &self.atoms[..fixed] {
            if rest.next().map(Atom::Char) != Some(*atom) {
                return false;
            }
        }
        match &self.atoms[fixed..] {
            [] => rest.as_str().is_empty(),
            [Atom::Any] => true,
            wild => simulate(wild, rest.as_str()),
        }
    }
}

impl Atom {
    pub(crate) fn wild(char: char) -> Self {
        match char {
            '*' => Self::Any,
            '?' => Self::One,
            other => Self::Char(other),
        }
    }

    fn repeats(self) -> bool {
        matches!(self, Self::Any | Self::AnyInSegment)
    }

    fn takes(self, char: char) -> bool {
        match self {
            Self::Char(own) => own == char,
            Self::One | Self::Any => true,
            Self::OneInSegment | Self::AnyInSegment => char != ':',
        }
    }
}

/// Runs the pattern as a state machine in which all states that can be reached are held at once: no backtracking,
/// so no pattern can be made slow.
fn simulate(atoms: &[Atom], text: &str) -> bool {
    let mut reached = vec![false; atoms.len() + 1];
    reached[0] = true;
    skip_repeats(atoms, &mut reached);
    let mut next = vec![false; atoms.len() + 1];
    for char in text.chars() {
        next.fill(false);
        for (at, atom) in atoms.iter().enumerate() {
            if reached[at] && atom.takes(char) {
                next[at + usize::from(!atom.repeats())] = true;
            }
        }
        skip_repeats(atoms, &mut next);
        std::mem::swap(&mut reached, &mut next);
    }
    reached[atoms.len()]
}

/// A repeating atom may stand for nothing: what is reached before it is reached behind it.
fn skip_repeats(atoms: &[Atom], reached: &mut [bool]) {
    for (at, atom) in atoms.iter().enumerate() {
        if atom.repeats() && reached[at] {
            reached[at + 1] = true;
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        self.atoms.iter().try_for_each(|atom| match atom {
            Atom::Char(char) => f.write_char(*char),
            Atom::One | Atom::OneInSegment => f.write_char('?'),
            Atom::Any | Atom::AnyInSegment => f.write_char('*'),
        })
    }
}
