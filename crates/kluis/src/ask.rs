//! Consent before something is destroyed.

use std::io::{IsTerminal as _, Write as _};

use volume::Error;

use crate::out;

/// Returns when whoever runs this agrees.
///
/// # Errors
/// [`Error::Misuse`] when they do not, or when there is nobody to ask.
pub(crate) fn consent(yes: bool, what: &str) -> Result<(), Error> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::Misuse(format!(
            "{what}: nobody is here to be asked; say --yes if it is meant"
        )));
    }
    out::note(format_args!("{what}. Type YES to go on: "));
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    match std::io::stdin().read_line(&mut answer) {
        Ok(_) if answer.trim_end() == "YES" => Ok(()),
        _ => Err(Error::Misuse("not done: the answer was not YES".to_owned())),
    }
}
