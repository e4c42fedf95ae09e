//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::config::Account;
use crate::listen::Listen;
use crate::print::print;
use crate::{env, health, manual, serve};

/// The account that a first start makes when none is named.
pub(crate) const DEFAULT_ACCOUNT: &str = "111122223333";
/// The region that `kluisd env` prints when none is named.
const DEFAULT_REGION: &str = "us-east-1";

/// A key service, and what stands round it, on the AWS wire.
#[derive(Debug, Parser)]
#[command(name = "kluisd", version, about, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service; the first start makes everything that it needs
    Serve(ServeArgs),
    /// Print the lines that make `aws` and the SDKs talk to this service: eval "$(kluisd env)"
    Env(EnvArgs),
    /// Ask the service whether it answers: 0 if it does, 75 if not
    Health(DataDirArgs),
    /// Check the audit trail's hash chain and its signed checkpoints, offline
    Verify(VerifyArgs),
    /// Print a shell's completions
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a folder
    Man {
        /// The folder
        dir: PathBuf,
    },
}

// Not a doc comment: clap would take it for what the command does.
#[derive(Debug, Args)]
pub(crate) struct DataDirArgs {
    /// The folder of keys, objects, trail and certificates [default: the configuration's data-dir, or /var/lib/kluisd]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The configuration, which has a key for every flag: kluisd(5) [default: /etc/kluisd.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// `kluisd serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) data: DataDirArgs,
    /// A name or address, and the port, to listen on; may be repeated. Port 0 takes a free one [default: 127.0.0.1:7600]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Vec<Listen>,
    /// HTTP without TLS; on loopback only
    #[arg(long)]
    pub(crate) plain_http: bool,
    /// An account (12 digits) to make where it is not there yet; may be repeated. The first ever made is the default
    /// one [default at the first start: 111122223333]
    #[arg(long = "account", value_name = "ID")]
    pub(crate) accounts: Vec<Account>,
    /// An address on loopback for the service's own metrics, in OpenMetrics under /metrics; without it there are none
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<SocketAddr>,
    /// A second folder for the trail's signed checkpoints, best on another disk
    #[arg(long, value_name = "DIR")]
    pub(crate) checkpoints: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct VerifyArgs {
    #[command(flatten)]
    data: DataDirArgs,
    /// A folder of copied checkpoints to check against as well
    #[arg(long, value_name = "DIR")]
    checkpoints: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct EnvArgs {
    #[command(flatten)]
    data: DataDirArgs,
    /// The region that clients use by default
    #[arg(long, default_value = DEFAULT_REGION, value_parser = region)]
    region: String,
    /// What to paste on another machine instead: the `[agent]` of /etc/kluis/volumes.toml, and the service's CA. Nothing in it is secret
    #[arg(long)]
    for_machines: bool,
}

/// It becomes part of scripts and of TOML.
fn region(text: &str) -> Result<String, String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !text.is_empty() && text.chars().all(is_word) {
        Ok(text.to_owned())
    } else {
        Err("a region is letters, digits and hyphens, such as eu-west-1".to_owned())
    }
}

/// The service does not answer: it may later.
#[derive(Debug)]
pub(crate) struct Unhealthy(anyhow::Error);

impl std::fmt::Display for Unhealthy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for Unhealthy {}

impl Cli {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        match self.command {
            Command::Serve(args) => serve::run(&args),
            Command::Env(args) => {
                let dir = args.data.find()?;
                let text = if args.for_machines {
                    env::for_machines(&dir, &args.region)
                } else {
                    env::for_this_machine(&dir, &args.region)
                };
                print(text?.as_bytes())
            }
            Command::Health(data) => Ok(health::ask(&data.find()?).map_err(Unhealthy)?),
            Command::Verify(args) => {
                let found = serve::verify(&args.data.find()?, args.checkpoints.as_deref())?;
                print(found.as_bytes())
            }
            Command::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Self::command(), "kluisd", &mut script);
                print(&script)
            }
            Command::Man { dir } => manual::write(&dir)
                .with_context(|| format!("cannot write man pages into {}", dir.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_account_is_twelve_digits() {
        assert!("111122223333".parse::<Account>().is_ok());
        assert!("11112222333".parse::<Account>().is_err());
        assert!("11112222333x".parse::<Account>().is_err());
    }
}
