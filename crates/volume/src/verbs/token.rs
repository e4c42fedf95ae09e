//! `kluis token-open`: the passphrase of a volume's keyslot, for a program that has the header and wants to open it: cryptsetup
//! and systemd-cryptsetup, by their token plugin. The order is that of `up`: the header is read once and held to the allow-list →
//! the secret is unwrapped → the mac is verified → the keyslot is opened → its digest is compared → and only then is anything told.

use std::path::Path;

use crypto::SecretBytes;
use uuid::Uuid;

use super::{Kluis, root};
use crate::apply::{Applier, Silent};
use crate::error::Error;
use crate::host::{BackingKind, Identity};
use crate::observe::observe;
use crate::plan;
use crate::target::{self, Target};

/// What a plugin says of the volume that it opens. None of it is believed: it only has to agree with what is found.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The device, or the file, or the loop device over it.
    pub device: &'a Path,
    /// The UUID of the header that it read.
    pub uuid: Option<&'a str>,
    /// The JSON of that header. With it, what is opened is what was verified: the header on the disk may have been another for
    /// the one that reads it first.
    pub header: Option<&'a [u8]>,
}

impl Kluis<'_> {
    /// The passphrase of the keyslot of the configured volume, or root, on a device.
    ///
    /// # Errors
    /// [`Error::NotConfigured`]; [`Error::OtherHeader`] when what was asked for is not what is there; everything that `up` would
    /// fail with on the way to an open keyslot.
    pub fn token_open(&self, asked: Asked<'_>) -> Result<SecretBytes, Error> {
        let target = self.on(asked.device)?;
        let observed = observe(self.host, &target)?;
        let plan = plan::token(&observed, &target)?;
        let mut secrets = self.secrets();
        let token = root::token_of(&observed);
        let mut applier = Applier::new(self.host, &mut secrets, &target, observed);
        // Before the key service is asked: whoever reads another header is not worth a call.
        let agrees = applier.header().is_some_and(|header| {
            let same_uuid = asked
                .uuid
                .is_none_or(|uuid| Uuid::parse_str(uuid) == Ok(header.uuid()));
            same_uuid && asked.header.is_none_or(|json| header.has_metadata(json))
        });
        if !agrees {
            return Err(Error::OtherHeader { place: plan.device });
        }
        let opened = applier.run(&plan, &mut Silent);
        opened.map_err(|error| {
            if self.root().is_ok_and(|root| root == target) {
                root::of_root(error, token)
            } else {
                error
            }
        })?;
        applier.passphrase()
    }

    /// The configured volume on a device.
    fn on(&self, device: &Path) -> Result<Target, Error> {
        let not_configured = || Error::NotConfigured {
            device: device.display().to_string(),
        };
        let asked = self.host.identify(device)?.ok_or_else(not_configured)?;
        let volumes = self.config.volumes.values().chain(&self.config.root);
        for volume in volumes {
            // A volume whose disk is missing is no reason to keep another's shut.
            let Ok(targets) = target::settle(self.host, volume) else {
                continue;
            };
            for target in targets {
                if self.is_on(&target, &asked) {
                    return Ok(target);
                }
            }
        }
        Err(not_configured())
    }

    /// A volume whose backing cannot be looked at is on no device: it is no reason to keep another's shut.
    fn is_on(&self, target: &Target, asked: &Identity) -> bool {
        let Ok(Some(identity)) = self.host.identify(target.backing.path()) else {
            return false;
        };
        let is_over_file = || {
            let over = self.host.find_loop(&identity.path).ok().flatten();
            identity.kind == BackingKind::File && over.as_ref() == Some(&asked.path)
        };
        identity.token == asked.token || is_over_file()
    }
}
