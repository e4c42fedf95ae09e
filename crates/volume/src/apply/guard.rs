//! The steps that guard a mount point and give it back. Neither keeps a volume from what else is done to it: what fails is a note.

use std::path::Path;

use crate::engine::Changed;
use crate::mount_point;

use super::Applier;

impl Applier<'_, '_> {
    pub(super) fn guard_mount_point(&mut self, at: &Path) -> Changed {
        let volume = &self.target.name;
        let (changed, note) =
            mount_point::guard(self.host, volume, at, self.configuration.as_deref());
        self.notes.extend(note);
        changed
    }

    pub(super) fn release_mount_point(&mut self, at: &Path) -> Changed {
        let mut known = self
            .observed
            .bare
            .iter()
            .flat_map(|bare| bare.guard.iter().chain(&bare.left));
        let Some(guard) = known.find(|guard| guard.path == at) else {
            return Changed::No;
        };
        match mount_point::release(self.host, guard) {
            Ok(changed) => changed,
            Err(error) => {
                let volume = &self.target.name;
                let at = at.display();
                self.notes.push(format!(
                    "{at} is still protected: {error}; when that is mended, run: kluis release {volume}"
                ));
                Changed::No
            }
        }
    }
}
