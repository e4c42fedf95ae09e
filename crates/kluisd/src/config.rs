//! The configuration file: quotas, and where alarms are heard. Everything else is a flag.
//!
//! ```toml
//! [quotas]                                    # requests a second, by code or by name in AWS/Usage
//! CryptographicOperationsSymmetric = 20000
//! L-32B67F4A = 50                             # CreateKey
//! ceiling = 10                                # what a request is granted up to, as a multiple of AWS's default
//!
//! [sinks.SNS-Topic]                           # arn:aws:sns:REGION:ACCOUNT:SNS-Topic in an alarm's actions
//! webhook = "https://alerts.example.com/kluisd"
//! ca = "/etc/kluisd/alerts-ca.pem"            # beside the system's own authorities
//!
//! [sinks.operators]
//! mail = { server = "smtps://mail.example.com", from = "kluisd@example.com", to = ["ops@example.com"] }
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use monitor::Settings;
use serde::Deserialize;

use crate::sinks::{Declared, Mail, Sink, Webhook};

/// The member of `[quotas]` that is no quota.
const CEILING: &str = "ceiling";

/// What the operator has set.
#[derive(Default)]
pub(crate) struct Config {
    pub(crate) quotas: Settings,
    pub(crate) sinks: Declared,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    quotas: BTreeMap<String, f64>,
    #[serde(default)]
    sinks: BTreeMap<String, SinkTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SinkTable {
    webhook: Option<String>,
    ca: Option<PathBuf>,
    mail: Option<MailTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct MailTable {
    server: String,
    from: String,
    to: Vec<String>,
    username: Option<String>,
    password_file: Option<PathBuf>,
}

impl Config {
    /// Reads a file, and opens what it names.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not right", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let File { quotas, sinks } = toml::from_str(text)?;
        let mut config = Self::default();
        for (name, value) in quotas {
            if name == CEILING {
                config.quotas.set_ceiling(value)?;
            } else {
                config.quotas.set(&name, value)?;
            }
        }
        for (name, table) in sinks {
            let sink = sink(&name, table).with_context(|| format!("the sink {name}"))?;
            config.sinks.declare(name, sink);
        }
        Ok(config)
    }
}

fn sink(name: &str, table: SinkTable) -> Result<Sink> {
    // What SNS takes for a topic's name; it becomes part of an ARN.
    let is_topic = (1..=256).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    ensure!(is_topic, "a name is of letters, digits, - and _");
    match table {
        SinkTable {
            webhook: Some(address),
            ca,
            mail: None,
        } => Webhook::open(&address, ca.as_deref()).map(Sink::Webhook),
        SinkTable {
            webhook: None,
            ca: None,
            mail: Some(mail),
        } => open_mail(mail).map(Sink::Mail),
        _ => bail!("a sink is either a webhook, perhaps with a ca, or a mail"),
    }
}

fn open_mail(table: MailTable) -> Result<Mail> {
    let login = match (table.username, table.password_file) {
        (Some(user), Some(file)) => {
            let password = std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            Some((user, password.trim_end().to_owned()))
        }
        (None, None) => None,
        _ => bail!("username and password-file go together"),
    };
    Mail::open(&table.server, &table.from, &table.to, login)
}

#[cfg(test)]
mod tests {
    use monitor::Sinks as _;

    use super::*;

    #[test]
    fn what_is_unknown_or_wrong_is_refused_with_its_place() {
        for (text, said) in [
            ("[quota]\n", "unknown field `quota`"),
            ("[quotas]\nDecrypt = 5\n", "there is no quota \"Decrypt\""),
            ("[quotas]\nCreateKey = -5\n", "0 or more"),
            ("[quotas]\nCreateKey = \"5\"\n", "line 2"),
            ("[quotas]\nceiling = 0\n", "a factor of 1 or more"),
            ("[sinks.a]\n", "either a webhook"),
            (
                "[sinks.\"a:b\"]\nwebhook = \"http://127.0.0.1/\"\n",
                "letters, digits",
            ),
            ("[sinks.a]\nwebhook = \"ftp://127.0.0.1/\"\n", "http"),
            ("[sinks.a]\nwebhook = \"https:\"\n", "webhook"),
            (
                "[sinks.a]\nmail = { server = \"smtp://127.0.0.1\", from = \"x\", to = [\"a@b\"] }\n",
                "from",
            ),
            (
                "[sinks.a]\nmail = { server = \"smtp://127.0.0.1\", from = \"a@b\", to = [] }\n",
                "to",
            ),
            (
                "[sinks.a]\nmail = { server = \"smtp://127.0.0.1\", from = \"a@b\", to = [\"a@b\"], username = \"u\" }\n",
                "go together",
            ),
        ] {
            let refused = Config::parse(text).err().map(|error| format!("{error:#}"));
            let refused = refused.unwrap_or_else(|| panic!("{text} is taken"));
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }

    #[test]
    fn the_example_is_taken() {
        let config = Config::parse(
            "[quotas]\nCryptographicOperationsSymmetric = 20000\nL-32B67F4A = 0.5\nceiling = 2\n[sinks.SNS-Topic]\nwebhook = \"http://127.0.0.1:9/hook\"\n[sinks.operators]\nmail = { server = \"smtp://127.0.0.1:25\", from = \"kluisd@example.com\", to = [\"ops@example.com\"] }\n",
        );
        let sinks = config.unwrap().sinks;
        assert!(sinks.has("SNS-Topic") && sinks.has("operators") && !sinks.has("other"));
    }
}
