//! `kluis root-config`: what an initramfs needs to open the root. Its own configuration, since the machine's names volumes, files and an
//! id that do not belong on a boot partition that anybody can read.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::Kluis;
use crate::config::{Agent, Backing, Config, Credentials, VolumeConfig};
use crate::error::Error;
use crate::state::{KeyRecord, Place};

/// What goes into an initramfs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootConfig {
    /// The text of its `volumes.toml`: the root and the key service, and the machine's name spelled out.
    pub text: String,
    /// Files that are needed at the same places, where they are there.
    pub files: Vec<PathBuf>,
    /// A program that is run for credentials.
    pub program: Option<PathBuf>,
}

impl Kluis<'_> {
    /// What an initramfs needs to open the root.
    ///
    /// # Errors
    /// [`Error::NoRoot`]; [`Error::Misuse`] for a root that was never enrolled here; the machine's.
    pub fn root_config(&self) -> Result<RootConfig, Error> {
        let root = self.config.root.as_ref().ok_or(Error::NoRoot)?;
        let agent = &self.config.agent;
        let key = root.key.key().ok_or(Error::NoRoot)?;
        let place = Place::key(key);
        let record: Option<KeyRecord> = place.read(self.host)?;
        if record.is_none() {
            return Err(Error::Misuse(
                "the root was never enrolled here; run: kluis enroll-root".to_owned(),
            ));
        }
        let machine = match &agent.machine {
            Some(machine) => machine.clone(),
            None => self.host.machine_id()?,
        };
        let mut files = vec![agent.state.join(place.name())];
        files.extend(agent.ca.clone());
        let mut program = None;
        match &agent.credentials {
            Some(Credentials::Shared { file, .. }) => files.extend(file.clone()),
            Some(Credentials::Process(line)) => {
                program = line.split_whitespace().next().map(PathBuf::from);
            }
            None => {}
        }
        let text = text(agent, &machine, root);
        // What is written is read back here, and not at a boot.
        Config::parse(&text)?;
        Ok(RootConfig {
            text,
            files,
            program,
        })
    }
}

fn text(agent: &Agent, machine: &str, root: &VolumeConfig) -> String {
    // Each member by name, so that a new one is not left out of the initramfs without a thought.
    let Agent {
        machine: _,
        state,
        deadline,
        boot_deadline: _,
        endpoints,
        ca,
        region,
        credentials,
    } = agent;
    let mut out = Lines(String::new());
    out.line("# What the initramfs opens the root with; kluis root-config makes it from the machine's own.");
    out.line("[agent]");
    out.text("machine", machine);
    out.text("state", &state.to_string_lossy());
    out.text("deadline", &format!("{}s", deadline.as_secs().max(1)));
    if !endpoints.is_empty() {
        let all: Vec<String> = endpoints.iter().map(|text| quoted(text)).collect();
        out.line(&format!("endpoints = [{}]", all.join(", ")));
    }
    if let Some(ca) = ca {
        out.text("ca", &ca.to_string_lossy());
    }
    if let Some(region) = region {
        out.text("region", region);
    }
    if let Some(credentials) = credentials {
        let members: Vec<String> = match credentials {
            Credentials::Process(process) => vec![format!("process = {}", quoted(process))],
            Credentials::Shared { file, profile } => profile
                .iter()
                .map(|profile| format!("profile = {}", quoted(profile)))
                .chain(
                    file.iter()
                        .map(|file| format!("file = {}", quoted(&file.to_string_lossy()))),
                )
                .collect(),
        };
        out.line(&format!("credentials = {{ {} }}", members.join(", ")));
    }
    out.line("\n[root]");
    if let Backing::Device(device) = &root.backing {
        out.text("device", &device.to_string_lossy());
    }
    out.text("name", &root.name);
    out.text("key", root.key.key().unwrap_or_default());
    if root.discard {
        out.text("discard", "allow");
    }
    out.0
}

struct Lines(String);

impl Lines {
    fn line(&mut self, line: &str) {
        // Writing to a String does not fail.
        let _ = writeln!(self.0, "{line}");
    }

    fn text(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {}", quoted(value)));
    }
}

/// A basic string of TOML: JSON's escapes are among its own.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_says_what_was_read() {
        let given = "[agent]\nmachine = \"db-17\"\nstate = \"/var/lib/kluis\"\ndeadline = \"90s\"\nendpoints = [\"https://a:7600\"]\nca = \"/etc/kluis/a \\\"ca\\\".pem\"\nregion = \"eu-central-1\"\ncredentials = { profile = \"m\", file = \"/etc/kluis/credentials\" }\n[root]\ndevice = \"/dev/disk/by-uuid/x\"\nkey = \"alias/k\"\nname = \"vda2_crypt\"\ndiscard = \"allow\"\n";
        let config = Config::parse(given).unwrap_or_else(|error| unreachable!("{error}"));
        let Some(root) = &config.root else {
            unreachable!("there is a root");
        };
        let again = Config::parse(&text(&config.agent, "db-17", root));
        assert_eq!(again, Ok(config));
    }

    #[test]
    fn a_process_for_credentials_stands_alone() {
        let given = "[agent]\ncredentials = { process = \"/bin/get --json\" }\n[root]\ndevice = \"/dev/disk/by-uuid/x\"\nkey = \"k\"\n";
        let config = Config::parse(given).unwrap_or_else(|error| unreachable!("{error}"));
        let Some(root) = &config.root else {
            unreachable!("there is a root");
        };
        let again = Config::parse(&text(&config.agent, "m", root));
        assert_eq!(
            again.map(|config| config.agent.credentials),
            Ok(config.agent.credentials)
        );
    }
}
