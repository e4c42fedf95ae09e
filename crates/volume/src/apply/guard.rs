//! The steps that guard a mount point and give it back. Neither keeps a volume from what else is done to it: what fails is a note.

use std::path::Path;

use crate::engine::Changed;
use crate::mount_point;
use crate::target::Target;

use super::Applier;

impl Applier<'_, '_> {
    pub(super) fn guard_mount_point(&mut self) -> Changed {
        let Target { name, mount, .. } = self.target;
        let (changed, note) =
            mount_point::guard(self.host, name, mount, self.configuration.as_deref());
        self.notes.extend(note);
        changed
    }

    pub(super) fn release_mount_point(&mut self, at: &Path) -> Changed {
        let bare = &self.observed.bare;
        let known = bare.guard.iter().chain(&bare.left);
        let Some(guard) = known.into_iter().find(|guard| guard.path == at) else {
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
