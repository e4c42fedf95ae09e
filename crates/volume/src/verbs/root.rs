//! `kluis enroll-root` and `kluis open-root`: the volume that the root file system stands on.

use crypto::SecretBytes;

use super::{Kluis, Mode, Outcome};
use crate::apply::Progress;
use crate::error::Error;
use crate::observe::Observed;
use crate::plan;
use crate::target::{self, Target};

impl Kluis<'_> {
    /// Adds a keyslot and a token to the root's header, which `passphrase` opens; both stay beside what is there. A root that is
    /// enrolled is opened with its token, and unchanged.
    ///
    /// `passphrase` is asked for once it is known that it will be needed: not for a root that is enrolled, nor for a dry run.
    ///
    /// # Errors
    /// [`Error::NoRoot`], [`Error::RootToken`], and what `passphrase` fails with; the rest is in the [`Outcome`].
    pub fn enroll_root(
        &self,
        mode: Mode,
        progress: &mut dyn Progress,
        passphrase: impl FnOnce() -> Result<SecretBytes, Error>,
    ) -> Result<Outcome, Error> {
        let target = self.root()?;
        let observed = crate::observe::observe(self.host, &target)?;
        let token = token_of(&observed);
        let opener = match (mode, token) {
            (Mode::Apply, None) => {
                // What cannot be enrolled is refused before anybody is asked.
                plan::root::enroll(&observed, &target)?;
                Some(passphrase()?)
            }
            _ => None,
        };
        let mut secrets = self.secrets();
        let mut outcome = self.run(
            &target,
            mode,
            &mut secrets,
            progress,
            |observed| Ok(plan::root::enroll(observed, &target)?),
            |applier| applier.opener = opener,
        );
        outcome.result = outcome.result.map_err(|error| of_root(error, token));
        Ok(outcome)
    }

    /// Opens the root: its mapping is there when this returns without an error. Nothing is mounted, and nothing written.
    ///
    /// # Errors
    /// [`Error::NoRoot`]; the rest is in the [`Outcome`].
    pub fn open_root(&self, mode: Mode, progress: &mut dyn Progress) -> Result<Outcome, Error> {
        let target = self.root()?;
        let mut secrets = self.secrets();
        let mut token = None;
        let mut outcome = self.run(
            &target,
            mode,
            &mut secrets,
            progress,
            |observed| {
                token = token_of(observed);
                Ok(plan::root::open(observed, &target)?)
            },
            |_| {},
        );
        outcome.result = outcome.result.map_err(|error| of_root(error, token));
        Ok(outcome)
    }

    /// The root of the configuration.
    pub(super) fn root(&self) -> Result<Target, Error> {
        let root = self.config.root.as_ref().ok_or(Error::NoRoot)?;
        // A device, and so exactly one.
        let target = target::settle(self.host, root)?.into_iter().next();
        target.ok_or(Error::NoRoot)
    }
}

/// The number of the header's newest token of Kluis.
pub(super) fn token_of(observed: &Observed) -> Option<u32> {
    let header = observed.header.as_ref()?;
    header.token().map(|(id, _)| id)
}

/// What went wrong, with the advice that a root needs: it has no header backup of Kluis's.
pub(super) fn of_root(error: Error, token: Option<u32>) -> Error {
    match (error, token) {
        (Error::Mac { volume, place }, Some(token)) => Error::RootToken {
            place,
            name: volume,
            token,
        },
        (error, _) => error,
    }
}
