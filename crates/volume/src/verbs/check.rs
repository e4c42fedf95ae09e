//! `kluis check`: a doctor. What is missing or wrong here, and the command that mends it.

use super::{CHECK_PATIENCE, Kluis, root};
use crate::apply::kept;
use crate::binding::Token;
use crate::config::KeySource;
use crate::engine::Changed;
use crate::error::{Error, ExitCode};
use crate::host::Host;
use crate::observe::{Content, Observed, observe};
use crate::plan::{self, Plan, Wanted};
use crate::secrets::Secrets;
use crate::target::{self, BackingPath, Target};

mod mount_point;
mod room;

/// How many seconds the clocks may differ before it is said.
const CLOCK_TOLERATED: u64 = 30;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Good,
    /// Works, and could be better.
    Note,
    /// Does not work.
    Bad,
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at: `machine`, `engine`, or a volume's name.
    pub subject: String,
    /// What was found, and what mends it.
    pub message: String,
    /// The exit code that a verb would have ended with.
    #[serde(skip)]
    pub code: Option<ExitCode>,
}

impl Finding {
    fn new(level: Level, subject: &str, message: impl Into<String>) -> Self {
        Self {
            level,
            subject: subject.to_owned(),
            message: message.into(),
            code: None,
        }
    }

    fn bad(subject: &str, error: &Error) -> Self {
        Self {
            code: Some(error.exit_code()),
            ..Self::new(Level::Bad, subject, error.to_string())
        }
    }
}

impl Kluis<'_> {
    /// Looks at everything that `up` will need, the services included: each secret is fetched, and nothing is changed
    /// but what a first use pins.
    pub fn check(&self) -> Vec<Finding> {
        let mut findings = vec![self.check_machine()];
        findings.extend(self.check_engines());
        let patience = CHECK_PATIENCE.min(self.config.agent.deadline);
        let mut secrets = self.secrets_within(patience);
        let mut of_volumes = Vec::new();
        if self.config.root.is_some() {
            of_volumes.push(self.check_root(&mut secrets));
        }
        for volume in self.config.volumes.values() {
            match target::settle(self.host, volume) {
                Ok(targets) => {
                    for target in &targets {
                        of_volumes.extend(self.check_volume(target, &mut secrets));
                        of_volumes.extend(self.check_room(target));
                    }
                }
                Err(error) => {
                    of_volumes.push(Finding::bad(&volume.name, &error));
                    of_volumes.extend(ask(&volume.name, &volume.key, &mut secrets));
                }
            }
        }
        // Whom they asked comes before what they were told.
        findings.extend(self.check_services());
        findings.extend(of_volumes);
        findings.extend(self.check_mount_points());
        findings.extend(self.check_kept());
        if self.config.volumes.is_empty() && self.config.root.is_none() {
            findings.push(Finding::new(
                Level::Bad,
                "configuration",
                "there is no volume in it; add a [volume.NAME]",
            ));
        }
        findings
    }

    fn check_machine(&self) -> Finding {
        match &self.config.agent.machine {
            Some(machine) => Finding::new(
                Level::Good,
                "machine",
                format!("this machine is {machine} (from the configuration)"),
            ),
            None => match self.host.machine_id() {
                Ok(machine) => Finding::new(
                    Level::Good,
                    "machine",
                    format!(
                        "this machine is {machine}; a key policy ties it with kms:EncryptionContext:kluis:machine"
                    ),
                ),
                Err(error) => Finding::bad("machine", &error.into()),
            },
        }
    }

    /// Nobody but a person knows when what was kept before it was overwritten is needed no more.
    fn check_kept(&self) -> Option<Finding> {
        let count = kept::count(self.host).ok().filter(|&count| count > 0)?;
        let folder = self.config.agent.state.join(kept::FOLDER);
        Some(Finding::new(
            Level::Note,
            "machine",
            format!(
                "{count} of what was overwritten lie in {}, and a header among them opens its volume for whoever may use its key; remove what is needed no more (an erase of the volume does)",
                folder.display()
            ),
        ))
    }

    /// Where the services are, and whether their clock is ours. Who does not answer is told of by the volumes.
    fn check_services(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let [first, _, ..] = &self.config.agent.endpoints[..] {
            findings.push(Finding::new(
                Level::Note,
                "key service",
                format!("of `endpoints` only the first is used today: {first}"),
            ));
        }
        let Some(ahead) = self.keys.clock_ahead() else {
            return findings;
        };
        let place = self.keys.place();
        findings.push(Finding::new(
            Level::Good,
            "key service",
            format!("{place} answers"),
        ));
        if ahead.unsigned_abs() > CLOCK_TOLERATED {
            let which = if ahead > 0 { "behind" } else { "ahead of" };
            findings.push(Finding::new(
                Level::Note,
                "clock",
                format!(
                    "this machine's clock is {} s {which} that of {place}; requests are signed by the latter, and certificates judged by the former. Set it: timedatectl set-ntp true",
                    ahead.unsigned_abs()
                ),
            ));
        }
        findings
    }

    fn check_engines(&self) -> Vec<Finding> {
        let engines: Vec<Finding> = self
            .host
            .engines()
            .into_iter()
            .map(|engine| match engine.available() {
                Ok(()) => Finding::new(
                    Level::Good,
                    "engine",
                    format!("{} can run here", engine.kind()),
                ),
                Err(error) => Finding::new(Level::Note, "engine", error.to_string()),
            })
            .collect();
        if engines.iter().any(|finding| finding.level == Level::Good) {
            return engines;
        }
        engines
            .into_iter()
            .map(|finding| Finding {
                level: Level::Bad,
                code: Some(ExitCode::Parameters),
                ..finding
            })
            .collect()
    }

    /// The root is never made, and opened in the initramfs: whether it will be is what can be told now.
    fn check_root(&self, secrets: &mut Secrets<'_>) -> Finding {
        let examined = self
            .root()
            .and_then(|target| examine_root(self.host, &target, secrets));
        examined.unwrap_or_else(|error| Finding::bad("root", &error))
    }

    /// The volume on which this one's file lies, if it is not mounted.
    fn closed_around(&self, target: &Target) -> Result<Option<String>, Error> {
        let BackingPath::File { path, .. } = &target.backing else {
            return Ok(None);
        };
        let mounts = self.host.mounts()?;
        let around = self.config.volumes.values().find(|other| {
            let mount = other.mount.as_ref();
            other.name != target.name
                && mount.is_some_and(|mount| {
                    path.starts_with(mount) && !mounts.iter().any(|known| known.target == *mount)
                })
        });
        Ok(around.map(|other| other.name.clone()))
    }

    fn check_volume(&self, target: &Target, secrets: &mut Secrets<'_>) -> Vec<Finding> {
        let planned = observe(self.host, target).and_then(|observed| {
            let wanted = Wanted {
                target,
                wipe: false,
                another: None,
                repair: false,
                root: self.root_of(target)?,
            };
            Ok((plan::up(&observed, wanted)?, observed))
        });
        match planned {
            Ok((plan, observed)) => {
                let examined = examine(target, &observed, plan, secrets);
                vec![examined.unwrap_or_else(|error| Finding::bad(&target.name, &error))]
            }
            // What is wrong with the disk does not hide what is wrong with the key.
            Err(error) => {
                let lies_on = self.closed_around(target).ok().flatten();
                let disk = lies_on.map_or_else(
                    || Finding::bad(&target.name, &error),
                    |outer| {
                        let message = format!(
                            "its file lies on volume {outer}, which is not up: nothing can be told of it; kluis up, without a name, brings both up"
                        );
                        Finding::new(Level::Note, &target.name, message)
                    },
                );
                let mut findings = vec![disk];
                findings.extend(ask(&target.name, &target.key, secrets));
                findings
            }
        }
    }
}

/// Asks for a volume's key, whatever its disk is like; nothing where that goes well.
fn ask(volume: &str, key: &KeySource, secrets: &mut Secrets<'_>) -> Option<Finding> {
    let asked = match key {
        KeySource::Ephemeral => Ok(()),
        KeySource::Seed { key, secret } => secrets.shared_secret(key, secret).map(drop),
        KeySource::Token { key } => secrets.can_have_machine_secret(volume, key),
    };
    asked.err().map(|error| Finding::bad(volume, &error))
}

fn examine_root(
    host: &dyn Host,
    target: &Target,
    secrets: &mut Secrets<'_>,
) -> Result<Finding, Error> {
    let observed = observe(host, target)?;
    let facts = plan::root::enrolled(&observed, target)?;
    let token = facts.token.as_ref();
    if let (Some(key), Some(token), Some(header)) = (target.key.key(), token, &observed.header)
        && let Some(blob) = &token.blob
    {
        let secret = secrets.machine_secret(&target.name, key, blob)?.secret;
        if !header.verify(&target.name, &secret, token)? {
            let place = target.backing.path().display().to_string();
            return Err(root::of_root(
                Error::mac(target, place),
                root::token_of(&observed),
            ));
        }
    }
    Ok(Finding::new(
        Level::Good,
        "root",
        "enrolled, and its key is within reach; the initramfs opens it",
    ))
}

fn examine(
    target: &Target,
    observed: &Observed,
    plan: Plan,
    secrets: &mut Secrets<'_>,
) -> Result<Finding, Error> {
    let token: Option<Token> = match &observed.content {
        Content::Luks(facts) => facts.token.clone(),
        _ => None,
    };
    let secret = match &target.key {
        KeySource::Ephemeral => None,
        KeySource::Seed { key, secret } => Some(secrets.shared_secret(key, secret)?),
        KeySource::Token { key } => {
            if let Some(blob) = token.as_ref().and_then(|token| token.blob.as_ref()) {
                Some(secrets.machine_secret(&target.name, key, blob)?.secret)
            } else {
                secrets.can_have_machine_secret(&target.name, key)?;
                None
            }
        }
    };
    if let (Some(secret), Some(token), Some(header)) = (&secret, &token, &observed.header)
        && !header.verify(&target.name, secret, token)?
    {
        return Err(Error::mac(target, plan.device));
    }
    let name = &target.name;
    if secret.as_ref().is_some_and(|secret| secret.is_cut()) {
        return Ok(Finding::new(
            Level::Note,
            name,
            format!(
                "its shared secret has NULs, or bytes after its first line end, which are cut off: it opens what was made with the rest, and nothing new is made under it. Put a whole one in another place: set `secret`, kluis seal {name}, then kluis rekey --from s3://bucket/previous {name}"
            ),
        ));
    }
    let done = if plan.steps.is_empty() {
        Changed::No
    } else {
        Changed::Yes
    };
    let message = match (done, token, &observed.content) {
        (Changed::No, ..) => "up, and its key is within reach".to_owned(),
        (Changed::Yes, Some(_), _) => {
            format!("closed, and its key is within reach; run: kluis up {name}")
        }
        (Changed::Yes, None, Content::Luks(_)) => {
            return Ok(Finding::new(
                Level::Note,
                name,
                format!(
                    "its header is not bound to a key (another program made it); it opens, but a changed header would not be noticed. To bind it: kluis rekey --from s3://bucket/previous {name}"
                ),
            ));
        }
        (Changed::Yes, None, _) => {
            format!("not made yet, and its key is within reach; run: kluis up {name}")
        }
    };
    Ok(Finding::new(Level::Good, name, message))
}
