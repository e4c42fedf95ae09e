//! The table `[agent]`: the machine, and where its key service is.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::{
    BOOT_DEADLINE_DEFAULT, ConfigError, DEADLINE_DEFAULT, DEADLINE_MAX, STATE_DEFAULT,
    is_plain_absolute, units,
};

/// The table `[agent]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// The machine's name in encryption contexts; by default the application-specific machine id.
    pub machine: Option<String>,
    /// The folder of pinned ARNs, header backups' names and intents.
    pub state: PathBuf,
    /// How long temporary failures are retried when a verb is run by hand.
    pub deadline: Duration,
    /// How long temporary failures are retried at boot.
    pub boot_deadline: Duration,
    /// Where the services are, the first to be asked first; none: as AWS's variables and files say.
    pub endpoints: Vec<String>,
    /// The certificates of the authorities that are trusted, instead of the system's.
    pub ca: Option<PathBuf>,
    /// The region that requests are signed for.
    pub region: Option<String>,
    /// Whose credentials; none: the SDK's chain.
    pub credentials: Option<Credentials>,
}

/// Where credentials come from when the configuration says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// A profile of a file in AWS's shared format.
    Shared {
        /// The file; none: AWS's usual ones.
        file: Option<PathBuf>,
        /// The profile; none: AWS's usual one.
        profile: Option<String>,
    },
    /// A program that prints them, as AWS's `credential_process`.
    Process(String),
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            machine: None,
            state: PathBuf::from(STATE_DEFAULT),
            deadline: DEADLINE_DEFAULT,
            boot_deadline: BOOT_DEADLINE_DEFAULT,
            endpoints: Vec::new(),
            ca: None,
            region: None,
            credentials: None,
        }
    }
}

/// The machine, and where its key service is. What is not said here comes from AWS's usual variables and files
/// (`AWS_ENDPOINT_URL`, `AWS_CA_BUNDLE`, `AWS_REGION`, `AWS_PROFILE`, `~/.aws/config`), and on AWS from the instance.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAgent {
    /// The machine's name in encryption contexts, which key policies can tie to its credentials
    /// (`kms:EncryptionContext:kluis:machine`): 1 to 256 printable ASCII characters without spaces. A volume's secret is
    /// bound to it, so it stays what it was when the volume was made.
    #[schemars(with = "Option<String>", example = &"db-17", extend("default" = "an id of this machine for Kluis alone, derived from /etc/machine-id"))]
    machine: Option<Spanned<String>>,
    /// The folder of what Kluis remembers: pinned key ARNs, wrapped secrets, what it was doing. Root's alone.
    #[schemars(with = "Option<String>", example = &"/var/lib/kluis", extend("default" = "/var/lib/kluis"))]
    state: Option<Spanned<PathBuf>>,
    /// How long a key service that is silent or overloaded is waited for when a verb is run by hand: a number with `s`,
    /// `min` or `h`, at most `24h`. What waiting cannot mend is told at once.
    #[schemars(with = "Option<String>", example = &"90s", extend("default" = "2min"))]
    deadline: Option<Spanned<String>>,
    /// The same at boot, where nobody is there to try again: what waits for a volume waits as long. What gave up then is started with
    /// `systemctl start multi-user.target` once the volume is up.
    #[schemars(with = "Option<String>", example = &"1h", extend("default" = "24h"))]
    boot_deadline: Option<Spanned<String>>,
    /// Where the key service and the object store are. `http://` is taken for this machine alone (loopback), since
    /// secrets would cross the network in the clear.
    #[schemars(with = "Option<String>", example = &"https://kms.example.com:7600", extend("default" = "AWS's own, or AWS_ENDPOINT_URL"))]
    endpoint: Option<Spanned<String>>,
    /// Several of them, instead of `endpoint`. Today the first is asked, and `kluis check` says so.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["https://a.example.com:7600", "https://b.example.com:7600"]], "default" = "none"))]
    endpoints: Option<Spanned<Vec<String>>>,
    /// A PEM file of the authorities that the services' certificates may come from, instead of the system's.
    #[schemars(with = "Option<String>", example = &"/etc/kluis/ca.pem", extend("default" = "the system's, or AWS_CA_BUNDLE"))]
    ca: Option<Spanned<PathBuf>>,
    /// The region that requests are signed for.
    #[schemars(with = "Option<String>", example = &"eu-central-1", extend("default" = "AWS_REGION, the profile's, or the instance's; us-east-1 with an endpoint"))]
    region: Option<Spanned<String>>,
    /// Whose credentials are used: a profile, a file in AWS's shared format, or a program that prints them.
    #[schemars(with = "Option<RawCredentials>", extend("default" = "the SDK's chain: variables, files, the instance's role"))]
    credentials: Option<Spanned<RawCredentials>>,
}

/// Whose credentials are used; `process` stands alone.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawCredentials {
    /// The profile.
    #[schemars(with = "Option<String>", example = &"machine", extend("default" = "AWS_PROFILE, or default"))]
    profile: Option<String>,
    /// A file in AWS's shared-credentials format.
    #[schemars(with = "Option<String>", example = &"/etc/kluis/credentials", extend("default" = "~/.aws/credentials"))]
    file: Option<PathBuf>,
    /// A program and its arguments, which prints credentials as AWS's `credential_process` does.
    #[schemars(with = "Option<String>", example = &"/usr/local/bin/machine-credentials --json", extend("default" = "none"))]
    process: Option<String>,
}

impl RawAgent {
    pub(super) fn check(self) -> Result<Agent, ConfigError> {
        let defaults = Agent::default();
        if let Some(machine) = &self.machine {
            // KMS bounds a context value to 2048 characters; a name that could be mistaken is not worth having.
            let plain = machine.get_ref();
            if plain.is_empty()
                || plain.len() > 256
                || !plain.bytes().all(|byte| byte.is_ascii_graphic())
            {
                return Err(ConfigError::at(
                    machine,
                    "machine is 1 to 256 printable ASCII characters without spaces",
                ));
            }
        }
        Ok(Agent {
            machine: self.machine.map(Spanned::into_inner),
            state: path("state", self.state)?.unwrap_or(defaults.state),
            deadline: deadline("deadline", self.deadline)?.unwrap_or(defaults.deadline),
            boot_deadline: deadline("boot_deadline", self.boot_deadline)?
                .unwrap_or(defaults.boot_deadline),
            endpoints: endpoints(self.endpoint, self.endpoints)?,
            ca: path("ca", self.ca)?,
            region: self.region.map(region).transpose()?,
            credentials: self.credentials.as_ref().map(credentials).transpose()?,
        })
    }
}

fn path(key: &str, given: Option<Spanned<PathBuf>>) -> Result<Option<PathBuf>, ConfigError> {
    match given {
        Some(path) if !is_plain_absolute(path.get_ref()) => Err(ConfigError::at(
            &path,
            format!("{key} is an absolute path without \"..\""),
        )),
        given => Ok(given.map(Spanned::into_inner)),
    }
}

fn deadline(key: &str, given: Option<Spanned<String>>) -> Result<Option<Duration>, ConfigError> {
    given
        .map(|text| {
            units::duration(text.get_ref())
                .filter(|time| *time <= DEADLINE_MAX)
                .ok_or_else(|| {
                    ConfigError::at(
                        &text,
                        format!("{key} is a time of at most 24h, such as \"90s\" or \"5min\""),
                    )
                })
        })
        .transpose()
}

fn endpoints(
    one: Option<Spanned<String>>,
    several: Option<Spanned<Vec<String>>>,
) -> Result<Vec<String>, ConfigError> {
    let given = match (one, several) {
        (Some(one), Some(_)) => {
            return Err(ConfigError::at(
                &one,
                "endpoint names one service and endpoints several; give one of the two",
            ));
        }
        (Some(one), None) => {
            let span = one.span();
            Spanned::new(span, vec![one.into_inner()])
        }
        (None, Some(several)) if several.get_ref().is_empty() => {
            return Err(ConfigError::at(
                &several,
                "endpoints has no endpoint; name one, or leave it out",
            ));
        }
        (None, Some(several)) => several,
        (None, None) => return Ok(Vec::new()),
    };
    for endpoint in given.get_ref() {
        check_endpoint(endpoint).map_err(|message| ConfigError::at(&given, message))?;
    }
    Ok(given.into_inner())
}

/// `https://HOST[:PORT]`, or `http://` on loopback, and nothing after it.
fn check_endpoint(endpoint: &str) -> Result<(), String> {
    let wrong = || {
        format!(
            "{endpoint:?} is not an endpoint; write it as https://HOST:PORT, such as https://kms.example.com:7600"
        )
    };
    let (scheme, authority) = endpoint.split_once("://").ok_or_else(wrong)?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address are within brackets.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_host = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        }
    };
    if !is_host || port.is_some_and(|port| !is_port(port)) {
        return Err(wrong());
    }
    match scheme {
        "https" => Ok(()),
        "http" if matches!(host, "localhost" | "127.0.0.1" | "[::1]") => Ok(()),
        "http" => Err(format!(
            "{endpoint} would carry secrets over the network in the clear; use https, or a service on this machine's loopback"
        )),
        _ => Err(wrong()),
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

fn region(given: Spanned<String>) -> Result<String, ConfigError> {
    let plain = given.get_ref();
    let is_region = (1..=64).contains(&plain.len())
        && plain
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if is_region {
        Ok(given.into_inner())
    } else {
        Err(ConfigError::at(
            &given,
            "region is a name such as \"eu-central-1\"",
        ))
    }
}

fn credentials(given: &Spanned<RawCredentials>) -> Result<Credentials, ConfigError> {
    let wrong = |message: &str| Err(ConfigError::at(given, message));
    match given.get_ref().clone() {
        RawCredentials {
            profile: None,
            file: None,
            process: Some(process),
        } if !process.trim().is_empty() => Ok(Credentials::Process(process)),
        RawCredentials {
            process: Some(_), ..
        } => wrong(
            "process is a program that prints the credentials; it stands alone, without profile and file",
        ),
        RawCredentials {
            profile: None,
            file: None,
            process: None,
        } => wrong(
            "credentials names a profile, a file or a process; for the SDK's own chain leave it out",
        ),
        RawCredentials {
            file: Some(file), ..
        } if !is_plain_absolute(&file) => wrong("file is an absolute path without \"..\""),
        RawCredentials {
            profile: Some(profile),
            ..
        } if profile.trim().is_empty() => wrong("profile is the name of a profile"),
        RawCredentials { profile, file, .. } => Ok(Credentials::Shared { file, profile }),
    }
}
