//! Tokens, label and subsystem: what others keep in a header.

use serde_json::Value;

use super::keyslot::member;
use super::{Binary, Header};
use crate::Error;
use crate::limits::MAX_OBJECTS;

impl Header {
    /// Puts a token at `id`, in place of one that is there.
    ///
    /// # Errors
    /// [`Error::Misuse`] naming the member when it is no token (a `type`, and `keyslots` that exist), and for a number
    /// beyond 31; [`Error::Full`] when the JSON area cannot hold it.
    pub fn set_token(&mut self, id: u32, token: Value) -> Result<(), Error> {
        if id >= MAX_OBJECTS {
            return Err(Error::misuse("token", "numbers go from 0 to 31"));
        }
        self.edit(|json| {
            member(json, "tokens")?.insert(id.to_string(), token);
            Ok(())
        })
    }

    /// Adds a token at the first free number.
    ///
    /// # Errors
    /// As [`Self::set_token`], and [`Error::Full`] when there are 32.
    pub fn add_token(&mut self, token: Value) -> Result<u32, Error> {
        let id = (0..MAX_OBJECTS)
            .find(|id| !self.metadata().tokens.contains_key(id))
            .ok_or(Error::Full("another token"))?;
        self.set_token(id, token)?;
        Ok(id)
    }

    /// Removes a token.
    ///
    /// # Errors
    /// [`Error::NoToken`] where there is none.
    pub fn remove_token(&mut self, id: u32) -> Result<(), Error> {
        self.edit(|json| {
            member(json, "tokens")?
                .shift_remove(&id.to_string())
                .map(drop)
                .ok_or(Error::NoToken(id))
        })
    }

    /// Sets label and subsystem.
    ///
    /// # Errors
    /// [`Error::Misuse`] for more than 47 bytes or a NUL.
    pub fn set_labels(&mut self, label: &str, subsystem: &str) -> Result<(), Error> {
        if !Binary::is_label(label) || !Binary::is_label(subsystem) {
            return Err(Error::misuse(
                "label",
                "label and subsystem have up to 47 bytes and no NUL",
            ));
        }
        label.clone_into(&mut self.binary_mut().label);
        subsystem.clone_into(&mut self.binary_mut().subsystem);
        Ok(())
    }
}
