//! Whether a sparse file may still grow to its size where it lies.

use super::{Finding, Level};
use crate::error::{Error, ExitCode};
use crate::target::{BackingPath, Target};
use crate::verbs::Kluis;

impl Kluis<'_> {
    pub(super) fn check_room(&self, target: &Target) -> Option<Finding> {
        self.look_at_room(target)
            .unwrap_or_else(|error| Some(Finding::bad(&target.name, &error)))
    }

    fn look_at_room(&self, target: &Target) -> Result<Option<Finding>, Error> {
        let BackingPath::File { path, size } = &target.backing else {
            return Ok(None);
        };
        let room = self.host.room(path, *size)?;
        if !room.is_short() {
            return Ok(None);
        }
        let (name, file) = (&target.name, path.display());
        let (untaken, free) = (room.untaken, room.free);
        let message = format!(
            "{file} may still take {untaken} bytes, and the file system that it lies on has {free} left"
        );
        Ok(Some(if room.is_none() {
            Finding {
                code: Some(ExitCode::Device),
                ..Finding::new(
                    Level::Bad,
                    name,
                    format!("{message}: writes to the volume fail. Free some there"),
                )
            }
        } else {
            Finding::new(
                Level::Note,
                name,
                format!(
                    "{message}: writes to the volume fail once that is used up. Free some there, or move the file"
                ),
            )
        }))
    }
}
