//! `kluis rekey`: new wrapping, old keyslots destroyed, volumes in use. The volume key stays (design: Constructions).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crypto::SecretBytes;

use super::{Kluis, Mode, Outcome};
use crate::apply::{Adopt, Progress};
use crate::binding::VolumeSecret;
use crate::config::KeySource;
use crate::error::Error;
use crate::host::{BackingKind, HostError};
use crate::observe::Content;
use crate::plan;
use crate::ports::ObjectUri;
use crate::secrets::Secrets;
use crate::state::{Made, Place};
use crate::target::{self, Target};

/// Volumes that share a wrapping.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shared {
    Machine { key: String },
    Object { key: String, secret: ObjectUri },
}

impl Kluis<'_> {
    /// Wraps volumes anew, all of them if none is named, and with each every other one that shares its secret.
    /// `from` is the previous object of seed mode, which still opens the volumes.
    ///
    /// # Errors
    /// [`Error::UnknownVolume`]; [`Error::Misuse`] for `from` without a volume of seed mode, or a volume of seed mode
    /// without `from`; what fails for one volume is in its [`Outcome`].
    pub fn rekey(
        &self,
        names: &[String],
        from: Option<&ObjectUri>,
        mode: Mode,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Outcome>, Error> {
        let mut groups = BTreeSet::new();
        for (volume, _) in self.chosen(names)? {
            match (&volume.key, from) {
                (KeySource::Token { .. }, Some(_)) if !names.is_empty() => {
                    return Err(Error::Misuse(format!(
                        "--from is for volumes with `secret`; volume {} has none",
                        volume.name
                    )));
                }
                (KeySource::Token { key }, None) => {
                    groups.insert(Shared::Machine { key: key.clone() });
                }
                (KeySource::Seed { key, secret }, Some(from)) => {
                    if from == secret {
                        return Err(Error::Misuse(format!(
                            "--from names the object that volume {} is configured with; put the new secret at another place first (kluis seal), and --from is the old one",
                            volume.name
                        )));
                    }
                    groups.insert(Shared::Object {
                        key: key.clone(),
                        secret: secret.clone(),
                    });
                }
                (KeySource::Seed { .. }, None) if !names.is_empty() => {
                    return Err(Error::Misuse(format!(
                        "volume {0} has a shared secret: set `secret` to a new place, run kluis seal {0}, then kluis rekey --from s3://bucket/previous {0}",
                        volume.name
                    )));
                }
                (KeySource::Ephemeral, _) if !names.is_empty() => {
                    return Err(plan::Refusal::EphemeralHasNoKey {
                        volume: volume.name.clone(),
                    }
                    .into());
                }
                _ => {}
            }
        }
        let mut outcomes = Vec::new();
        for group in groups {
            outcomes.extend(self.rekey_group(&group, from, mode, progress));
        }
        Ok(outcomes)
    }

    /// Binds the header of one volume anew, after another program has given it a new volume key. The caller has asked before. `opener` is a
    /// passphrase for the case that the secret opens none of its keyslots any more.
    ///
    /// # Errors
    /// [`Error::UnknownVolume`]; the rest is in the [`Outcome`].
    pub fn rebind(
        &self,
        name: &str,
        opener: Option<SecretBytes>,
        mode: Mode,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, Error> {
        let target = self.one(name)?;
        let mut secrets = self.secrets();
        Ok(self.run(
            &target,
            mode,
            &mut secrets,
            progress,
            |observed| Ok(plan::rebind(observed, &target)?),
            |applier| applier.opener = opener,
        ))
    }

    fn rekey_group(
        &self,
        group: &Shared,
        from: Option<&ObjectUri>,
        mode: Mode,
        progress: &mut dyn Progress,
    ) -> Vec<Outcome> {
        let mut secrets = self.secrets();
        let targets = match self.sharing(group) {
            Ok(targets) => targets,
            Err(failed) => {
                let (volume, error) = *failed;
                return vec![Outcome::failed(&volume, error)];
            }
        };
        let mut outcomes = Vec::new();
        for target in &targets {
            let (adopt, previous) = match mode {
                Mode::DryRun => (None, None),
                Mode::Apply => match adopt(&mut secrets, group, from, &target.name) {
                    Ok((adopt, previous)) => (Some(adopt), previous),
                    Err(error) => {
                        outcomes.push(Outcome::failed(&target.name, error));
                        return outcomes;
                    }
                },
            };
            outcomes.push(self.run(
                target,
                mode,
                &mut secrets,
                progress,
                |observed| Ok(plan::rekey(observed, target)?),
                |applier| {
                    applier.adopt = adopt;
                    applier.previous = previous;
                },
            ));
        }
        // Only when every volume has moved is the old wrapping forgotten; until then running it again goes on.
        if let Shared::Machine { key } = group
            && mode == Mode::Apply
            && outcomes.iter().all(|outcome| outcome.result.is_ok())
            && let Err(error) = secrets.finish_rekey(key)
            && let Some(last) = outcomes.last_mut()
        {
            last.result = Err(error);
        }
        outcomes
    }

    /// Every volume of the configuration that shares a wrapping; all must be there, or some would be left behind.
    fn sharing(&self, group: &Shared) -> Result<Vec<Target>, Box<(String, Error)>> {
        let mut found = BTreeMap::new();
        for volume in self.config.volumes.values() {
            let shares = match (&volume.key, group) {
                (KeySource::Token { key }, Shared::Machine { key: wanted }) => key == wanted,
                (
                    KeySource::Seed { key, secret },
                    Shared::Object {
                        key: wanted,
                        secret: place,
                    },
                ) => key == wanted && secret == place,
                _ => false,
            };
            if !shares {
                continue;
            }
            for target in target::settle(self.host, volume)
                .map_err(|error| Box::new((volume.name.clone(), error)))?
            {
                let there = target
                    .backing
                    .identify(self.host)
                    .map_err(|error: HostError| Box::new((target.name.clone(), error.into())))?;
                if there.is_none() {
                    let made: Option<Made> = Place::made(&target.name)
                        .read(self.host)
                        .map_err(|error| Box::new((target.name.clone(), error)))?;
                    let refusal = match (target.backing.kind(), made) {
                        (BackingKind::File, None) => plan::Refusal::NoHeader {
                            volume: target.name.clone(),
                            device: target.backing.path().display().to_string(),
                            found: Content::Missing.to_string(),
                        },
                        (BackingKind::File, Some(_)) => plan::Refusal::FileGone {
                            volume: target.name.clone(),
                            file: target.backing.path().to_path_buf(),
                            is_blank: false,
                        },
                        (BackingKind::Device, _) => plan::Refusal::Missing {
                            volume: target.name.clone(),
                            device: target.backing.missing(self.host),
                        },
                    };
                    return Err(Box::new((target.name, refusal.into())));
                }
                found.insert(target.name.clone(), target);
            }
        }
        Ok(found.into_values().collect())
    }
}

type Adopted = (Adopt, Option<Rc<VolumeSecret>>);

fn adopt(
    secrets: &mut Secrets<'_>,
    group: &Shared,
    from: Option<&ObjectUri>,
    volume: &str,
) -> Result<Adopted, Error> {
    match group {
        Shared::Machine { key } => {
            let next = secrets.machine_secret_for_rekey(volume, key)?;
            Ok((
                Adopt {
                    secret: next.secret,
                    blob: Some(next.blob),
                },
                None,
            ))
        }
        Shared::Object { key, secret } => {
            let previous = from
                .map(|from| secrets.shared_secret(key, from))
                .transpose()?;
            let secret = secrets.shared_secret(key, secret)?;
            if previous
                .as_ref()
                .is_some_and(|previous| previous.ct_eq(&secret))
            {
                return Err(Error::Misuse("the previous object and the configured one hold the same secret; there is nothing to rekey".to_owned()));
            }
            Ok((Adopt { secret, blob: None }, previous))
        }
    }
}
