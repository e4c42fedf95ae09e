//! `kluis check`: a doctor. What is missing or wrong here, and the command that mends it.

use super::Kluis;
use crate::binding::Token;
use crate::config::KeySource;
use crate::engine::Changed;
use crate::error::{Error, ExitCode};
use crate::observe::{Content, observe};
use crate::plan::{self, Wanted};
use crate::secrets::Secrets;
use crate::target::{self, Target};

mod mount_point;

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
        let mut secrets = self.secrets();
        for volume in self.config.volumes.values() {
            match target::settle(self.host, volume) {
                Ok(targets) => findings.extend(
                    targets
                        .iter()
                        .map(|target| self.check_volume(target, &mut secrets)),
                ),
                Err(error) => findings.push(Finding::bad(&volume.name, &error)),
            }
        }
        findings.extend(self.check_mount_points());
        if self.config.volumes.is_empty() {
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

    fn check_volume(&self, target: &Target, secrets: &mut Secrets<'_>) -> Finding {
        match self.examine(target, secrets) {
            Ok(message) => message,
            Err(error) => Finding::bad(&target.name, &error),
        }
    }

    fn examine(&self, target: &Target, secrets: &mut Secrets<'_>) -> Result<Finding, Error> {
        let observed = observe(self.host, target)?;
        let plan = plan::up(
            &observed,
            Wanted {
                target,
                wipe: false,
                root: self.root_of(target)?,
            },
        )?;
        let token: Option<Token> = match &observed.content {
            Content::Luks(facts) => facts.token.clone(),
            _ => None,
        };
        let secret = match &target.key {
            KeySource::Ephemeral => None,
            KeySource::Seed { key, secret } => Some(secrets.shared_secret(key, secret)?),
            KeySource::Token { key } => {
                match token.as_ref().and_then(|token| token.blob.as_ref()) {
                    Some(blob) => Some(secrets.machine_secret(&target.name, key, blob)?.secret),
                    None => None,
                }
            }
        };
        if let (Some(secret), Some(token), Some(header)) = (&secret, &token, &observed.header)
            && !header.verify(&target.name, secret, token)?
        {
            return Err(Error::mac(target, plan.device));
        }
        let name = &target.name;
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
            (Changed::Yes, None, _) => format!("not made yet; run: kluis up {name}"),
        };
        Ok(Finding::new(Level::Good, name, message))
    }
}
