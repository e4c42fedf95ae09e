//! The command line.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::{files, serve};

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
    /// Print the lines that make `aws` and the SDKs talk to this service: eval "$(kluisd env --data-dir DIR)"
    Env(EnvArgs),
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

#[derive(Debug, Args)]
struct DataDir {
    /// The service's folder
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

/// `kluisd serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The folder of keys, objects, trail and certificates; made when it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// The address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7600")]
    pub(crate) listen: SocketAddr,
    /// HTTP without TLS; on loopback only
    #[arg(long)]
    pub(crate) plain_http: bool,
    /// An account (12 digits) to make where it is not there yet; may be repeated. The first ever made is the default
    /// one [default at the first start: 111122223333]
    #[arg(long = "account", value_name = "ID", value_parser = account)]
    pub(crate) accounts: Vec<String>,
    /// The configuration: quotas, and where alarms are heard (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
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
    data: DataDir,
    /// A folder of copied checkpoints to check against as well
    #[arg(long, value_name = "DIR")]
    checkpoints: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct EnvArgs {
    #[command(flatten)]
    data: DataDir,
    /// The region that clients use by default
    #[arg(long, default_value = DEFAULT_REGION)]
    region: String,
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an account is 12 digits".to_owned())
    }
}

impl Cli {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        match self.command {
            Command::Serve(args) => serve::run(&args),
            Command::Env(args) => env(&args),
            Command::Verify(args) => {
                serve::verify(&args.data.data_dir, args.checkpoints.as_deref())
            }
            Command::Completions { shell } => {
                clap_complete::generate(
                    shell,
                    &mut Self::command(),
                    "kluisd",
                    &mut std::io::stdout(),
                );
                Ok(())
            }
            Command::Man { dir } => {
                std::fs::create_dir_all(&dir)
                    .with_context(|| format!("cannot make {}", dir.display()))?;
                clap_mangen::generate_to(Self::command(), &dir)
                    .with_context(|| format!("cannot write man pages into {}", dir.display()))
            }
        }
    }
}

fn env(args: &EnvArgs) -> Result<()> {
    let dir = absolute(&args.data.data_dir)?;
    let Some(endpoint) = files::read_if_there(&dir.join(serve::ENDPOINT_FILE))? else {
        bail!(
            "no service has run in {}; start it first: kluisd serve --data-dir {}",
            dir.display(),
            dir.display()
        );
    };
    let endpoint = String::from_utf8(endpoint).context("the endpoint file is not text")?;
    let mut lines = vec![
        ("AWS_ENDPOINT_URL", endpoint.trim().to_owned()),
        (
            "AWS_SHARED_CREDENTIALS_FILE",
            text(&dir.join(serve::CREDENTIALS_FILE))?,
        ),
        ("AWS_REGION", args.region.clone()),
        ("AWS_DEFAULT_REGION", args.region.clone()),
    ];
    if endpoint.starts_with("https:") {
        lines.push(("AWS_CA_BUNDLE", text(&dir.join("tls/ca.pem"))?));
    }
    let mut out = std::io::stdout().lock();
    for (name, value) in lines {
        writeln!(out, "export {name}={}", quoted(&value))?;
    }
    Ok(())
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot tell where {} is", path.display()))
}

fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).with_context(|| {
        format!(
            "{} is not UTF-8, and an environment variable for AWS's clients has to be",
            path.display()
        )
    })
}

/// A word for a POSIX shell, whatever is in it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:._-+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
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
    fn a_word_with_a_quote_or_a_space_reaches_the_shell_whole() {
        for word in [
            "/var/lib/kluisd",
            "/with space/it's",
            "",
            "$(reboot)",
            "a\nb",
        ] {
            let out = std::process::Command::new("sh")
                .arg("-c")
                .arg(format!("printf %s {}", quoted(word)))
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), word);
        }
    }

    #[test]
    fn an_account_is_twelve_digits() {
        assert!(account("111122223333").is_ok());
        assert!(account("11112222333").is_err());
        assert!(account("11112222333x").is_err());
    }
}
