//! `[sinks.NAME]`: a place where alarms are heard.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::sinks::{Mail, Sink, Webhook};

/// A place where alarms are heard: a webhook or a mail.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SinkTable {
    /// The address that an alarm is posted to, as JSON.
    #[schemars(with = "Option<String>", example = &"https://alerts.example.com/kluisd", extend("default" = "no webhook"))]
    webhook: Option<String>,
    /// A PEM file of authorities that the webhook's certificate may come from, beside the system's own.
    #[schemars(with = "Option<String>", example = &"/etc/kluisd/alerts-ca.pem", extend("default" = "the system's alone"))]
    ca: Option<PathBuf>,
    /// The mailboxes that an alarm is sent to.
    #[schemars(with = "Option<MailTable>", extend("default" = "no mail"))]
    mail: Option<MailTable>,
}

/// Mail by SMTP.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct MailTable {
    /// The server: `smtps://HOST`, or `smtp://HOST:PORT`.
    #[schemars(example = &"smtps://mail.example.com")]
    server: String,
    /// The sender's address.
    #[schemars(example = &"kluisd@example.com")]
    from: String,
    /// The receivers' addresses, at least one.
    #[schemars(extend("examples" = [["ops@example.com"]]))]
    to: Vec<String>,
    /// The name to log in with, together with `password-file`.
    #[schemars(with = "Option<String>", example = &"kluisd", extend("default" = "no login"))]
    username: Option<String>,
    /// The file that holds the password.
    #[schemars(with = "Option<String>", example = &"/etc/kluisd/mail-password", extend("default" = "no login"))]
    password_file: Option<PathBuf>,
}

impl SinkTable {
    /// Opens what it names.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn open(&self, name: &str) -> Result<Sink> {
        // What SNS takes for a topic's name; it becomes part of an ARN.
        let is_topic = (1..=256).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        ensure!(is_topic, "a name is of letters, digits, - and _");
        match (&self.webhook, &self.ca, &self.mail) {
            (Some(address), ca, None) => Webhook::open(address, ca.as_deref()).map(Sink::Webhook),
            (None, None, Some(mail)) => mail.open().map(Sink::Mail),
            _ => bail!("a sink is either a webhook, perhaps with a ca, or a mail"),
        }
    }
}

impl MailTable {
    fn open(&self) -> Result<Mail> {
        let login = match (&self.username, &self.password_file) {
            (Some(user), Some(file)) => {
                let password = std::fs::read_to_string(file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                Some((user.clone(), password.trim_end().to_owned()))
            }
            (None, None) => None,
            _ => bail!("username and password-file go together"),
        };
        Mail::open(&self.server, &self.from, &self.to, login)
    }
}
