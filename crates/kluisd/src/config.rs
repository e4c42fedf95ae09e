//! The configuration file, `/etc/kluisd.toml`: every flag of `kluisd serve`, TLS, quotas, and where alarms are heard. A flag wins over
//! its key. What is not known is refused with its line.
//!
//! ```toml
//! listen = ["kms.example.com:7600"]
//!
//! [tls]
//! names = ["kms.example.com", "10.0.0.5"]     # beside this machine's own, in the certificate of the service's own CA
//!
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

mod quotas;
mod sinks;
mod tls;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::files;
use crate::listen::Listen;
use crate::sinks::Declared;

use quotas::Quotas;
use sinks::SinkTable;

pub(crate) use tls::{Certificate, Tls};

/// Where the configuration is when no other file is named.
pub(crate) const DEFAULT_PATH: &str = "/etc/kluisd.toml";

/// The configuration of `kluisd`. Every flag of `kluisd serve` is a key, and a flag wins over its key. But for `[tls]`, which
/// `systemctl reload kluisd` (SIGHUP) reads again, a change waits for the next start.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Config {
    /// The folder of keys, objects, trail and certificates; made when it is not there. Elsewhere than by default, the unit's
    /// `ReadWritePaths=` has to name it.
    #[schemars(with = "Option<String>", example = &"/srv/kluisd", extend("default" = "/var/lib/kluisd"))]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where to listen: names or addresses, each with its port. A name stands for all addresses that this machine knows for it; `[::]` is
    /// every address, of IPv4 as well. By default no other machine can reach the service.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["kms.example.com:7600"], ["[::]:7600"]], "default" = ["127.0.0.1:7600"]))]
    pub(crate) listen: Option<Vec<Listen>>,
    /// Accounts of 12 digits, to make where they are not there yet; none is ever dropped. The first ever made is the default one.
    #[schemars(with = "Option<Vec<String>>", extend("examples" = [["111122223333", "444455556666"]], "default" = "111122223333 at the first start"))]
    pub(crate) accounts: Option<Vec<Account>>,
    /// An address on loopback for the service's own metrics, in OpenMetrics under `/metrics`.
    #[schemars(with = "Option<String>", example = &"127.0.0.1:9100", extend("default" = "there are none"))]
    pub(crate) metrics: Option<SocketAddr>,
    /// A second folder for the trail's signed checkpoints, best on another disk or machine. It has to be there, and the unit's
    /// `ReadWritePaths=` has to name it.
    #[schemars(with = "Option<String>", example = &"/mnt/other/checkpoints", extend("default" = "there is none"))]
    pub(crate) checkpoints: Option<PathBuf>,
    /// HTTP without TLS: on loopback only, and without a `[tls]`.
    #[schemars(with = "Option<bool>", example = true, extend("default" = false))]
    pub(crate) plain_http: Option<bool>,
    /// The certificate that clients are shown: either `names`, for one of the service's own CA, or `certificate` and `key`. Read again on
    /// SIGHUP; connections that are open go on.
    #[schemars(with = "Option<tls::TlsTable>", extend("default" = "one of the service's own CA, for this machine's own names"))]
    pub(crate) tls: Option<Tls>,
    /// Request quotas, in requests a second for each account and region, by their code in Service Quotas (`L-32B67F4A = 50`) or their name in
    /// the metrics of AWS/Usage (`CreateKey = 50`); and `ceiling`, what a request for more is granted up to, as a multiple of AWS's default
    /// (default: 10).
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, f64>", extend("examples" = [{"CryptographicOperationsSymmetric": 20000, "ceiling": 2}], "default" = "AWS's own"))]
    pub(crate) quotas: Quotas,
    /// Where alarms are heard: a table for each name that alarms call `arn:aws:sns:REGION:ACCOUNT:NAME`, either a webhook or a mail.
    #[serde(default)]
    #[schemars(extend("default" = "nowhere"))]
    sinks: BTreeMap<String, SinkTable>,
}

/// The 12 digits of an account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Account(String);

impl TryFrom<String> for Account {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text))
        } else {
            Err("an account is 12 digits")
        }
    }
}

impl std::str::FromStr for Account {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_owned().try_into()
    }
}

impl Account {
    /// The digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Config {
    /// Reads the file that was named, or the usual one where it is there.
    ///
    /// # Errors
    /// A file that was named is missing, or what is wrong with the one that is there, and where.
    pub(crate) fn find(named: Option<&Path>) -> Result<Self> {
        match named {
            Some(path) => Self::read(path),
            None if Path::new(DEFAULT_PATH).exists() => Self::read(Path::new(DEFAULT_PATH)),
            None => Ok(Self::default()),
        }
    }

    fn read(path: &Path) -> Result<Self> {
        let bytes = files::read_if_there(path)?
            .with_context(|| format!("there is no {}", path.display()))?;
        let text = String::from_utf8(bytes)
            .with_context(|| format!("{} is not text in UTF-8", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not right", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(toml::from_str(text)?)
    }

    /// Whether nothing differs but `[tls]`, which a reload takes.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let beside_tls = |config: &Self| Self {
            tls: None,
            ..config.clone()
        };
        beside_tls(self) == beside_tls(other)
    }

    /// Opens what `[sinks]` names: authorities, passwords.
    ///
    /// # Errors
    /// Which of them is wrong, and why.
    pub(crate) fn sinks(&self) -> Result<Declared> {
        let mut declared = Declared::default();
        for (name, table) in &self.sinks {
            let sink = table
                .open(name)
                .with_context(|| format!("the sink {name}"))?;
            declared.declare(name.clone(), sink);
        }
        Ok(declared)
    }
}

#[cfg(test)]
mod tests {
    use monitor::Sinks as _;

    use super::*;

    const EXAMPLE: &str = r#"
data-dir = "/srv/kluisd"
listen = ["kms.example.com:7600", "[::]:7600"]
accounts = ["111122223333", "444455556666"]
metrics = "127.0.0.1:9100"
checkpoints = "/mnt/other/checkpoints"
plain-http = false

[tls]
names = ["kms.example.com", "10.0.0.5"]

[quotas]
CryptographicOperationsSymmetric = 20000
L-32B67F4A = 0.5
ceiling = 2

[sinks.SNS-Topic]
webhook = "http://127.0.0.1:9/hook"

[sinks.operators]
mail = { server = "smtp://127.0.0.1:25", from = "kluisd@example.com", to = ["ops@example.com"] }
"#;

    #[test]
    fn what_is_unknown_or_wrong_is_refused_with_its_place() {
        for (text, said) in [
            ("[quota]\n", "unknown field `quota`"),
            ("\nlisten-on = 5\n", "line 2"),
            ("data_dir = \"/srv\"\n", "unknown field `data_dir`"),
            ("listen = \"127.0.0.1:7600\"\n", "expected a sequence"),
            ("\nlisten = [\n\"7600\"]\n", "line 2"),
            ("listen = [\"7600\"]\n", "is not HOST:PORT"),
            ("accounts = [\"1\"]\n", "an account is 12 digits"),
            ("metrics = \"9100\"\n", "socket address"),
            ("plain-http = 1\n", "expected a boolean"),
            ("[tls]\n\nname = [\"kms\"]\n", "line 3"),
            (
                "[tls]\nnames = [\"https://kms\"]\n",
                "neither a host's name nor an address",
            ),
            ("[tls]\nnames = []\n", "names is empty"),
            ("[tls]\n", "either names, or certificate and key"),
            (
                "[tls]\ncertificate = \"/c.pem\"\n",
                "certificate and key go together",
            ),
            (
                "[tls]\nkey = \"/k.pem\"\n",
                "certificate and key go together",
            ),
            (
                "[tls]\nnames = [\"kms\"]\ncertificate = \"/c.pem\"\nkey = \"/k.pem\"\n",
                "either names, or certificate and key",
            ),
            ("[quotas]\nDecrypt = 5\n", "there is no quota \"Decrypt\""),
            ("[quotas]\n\nDecrypt = 5\n", "line 3"),
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
            let refused = Config::parse(text).and_then(|config| config.sinks());
            let refused = refused.err().map(|error| format!("{error:#}"));
            let refused = refused.unwrap_or_else(|| panic!("{text} is taken"));
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }

    #[test]
    fn the_example_is_taken() {
        let config = Config::parse(EXAMPLE).unwrap();
        assert_eq!(config.data_dir.as_deref(), Some(Path::new("/srv/kluisd")));
        let listen = config.listen.as_deref().unwrap();
        assert_eq!(listen[1].to_string(), "[::]:7600");
        let tls = config.tls.as_ref().unwrap();
        assert_eq!(
            *tls.certificate(),
            Certificate::Issued(vec!["kms.example.com".into(), "10.0.0.5".into()])
        );
        let sinks = config.sinks().unwrap();
        assert!(sinks.has("SNS-Topic") && sinks.has("operators") && !sinks.has("other"));
    }

    #[test]
    fn a_file_that_was_named_has_to_be_there() {
        let said = Config::find(Some(Path::new("/nowhere/kluisd.toml"))).unwrap_err();
        assert_eq!(format!("{said:#}"), "there is no /nowhere/kluisd.toml");
    }

    /// What the reference is printed from.
    #[test]
    fn every_key_has_a_text_a_default_or_need_and_an_example() {
        let schema = serde_json::to_value(schemars::schema_for!(Config)).unwrap();
        let definitions = schema["$defs"].as_object().unwrap();
        let tables = definitions.values().chain([&schema]);
        for table in tables.filter(|table| table.get("properties").is_some()) {
            for (key, about) in table["properties"].as_object().unwrap() {
                let has = |what: &str| about.get(what).is_some();
                assert!(has("description"), "{key} has no text");
                let is_needed = table["required"]
                    .as_array()
                    .is_some_and(|keys| keys.iter().any(|needed| needed == key));
                assert!(is_needed || has("default"), "{key} has no default");
                // A table's example is its keys'.
                let is_table = has("anyOf") || has("additionalProperties");
                assert!(is_table || has("examples"), "{key} has no example");
            }
        }
    }
}
