//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// What belongs to every verb.
const AFTER_HELP: &str = "Endpoint, authorities, region and credentials come from [agent] of the configuration, and behind it from AWS's usual \
variables and files: AWS_ENDPOINT_URL, AWS_CA_BUNDLE, AWS_REGION, AWS_PROFILE, credential_process, instance profile.\n\n\
Exit codes: 1 wrong parameters, 2 no permission or bad key, 3 memory, 4 wrong device, 5 busy, 75 try again later.";

/// Where the configuration is, unless told otherwise.
pub(crate) const CONFIG: &str = "/etc/kluis/volumes.toml";

/// Encrypted volumes whose keys only a key service can unwrap.
#[derive(Debug, Parser)]
#[command(name = "kluis", version, propagate_version = true, about, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// What to do
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// The volumes of this machine
    #[arg(long, global = true, value_name = "FILE", default_value = CONFIG)]
    pub(crate) config: PathBuf,
    /// No progress, no notes: errors alone
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// What `rekey` is asked.
#[derive(Debug, Args)]
pub(crate) struct Rekey {
    /// The volumes; all of them if none is named
    pub(crate) names: Vec<String>,
    /// The previous object of volumes with `secret`; the configured one is adopted
    #[arg(long, value_name = "s3://BUCKET/KEY")]
    pub(crate) from: Option<volume::ports::ObjectUri>,
    /// Bind the one volume's header as it is now, after `cryptsetup reencrypt` has given it a new volume key
    #[arg(long, conflicts_with = "from")]
    pub(crate) rebind: bool,
    /// With --rebind: a file with a passphrase that opens the volume, all of its bytes, where the secret has no keyslot any more
    #[arg(long, value_name = "FILE", requires = "rebind")]
    pub(crate) key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) yes: Yes,
    #[command(flatten)]
    pub(crate) plan: DryRun,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a secret, have the key service wrap it, put it at the configured place; one that is there is never overwritten
    Seal {
        /// The volume
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Everything needed to have volumes mounted; at boot and ever after
    Up {
        /// The volumes; all of them if none is named
        names: Vec<String>,
        /// Format the one volume named, whatever is on its device but another volume of the configuration; a header that is there is kept in the
        /// state folder first
        #[arg(long)]
        wipe: bool,
        /// Write the damaged copy of the one volume's header anew, whatever lies there; that is kept in the state folder first
        #[arg(long, conflicts_with = "wipe")]
        repair: bool,
        /// Wait for the services as long as a boot may (`[agent] boot_deadline`), and tell systemd for whom; kluis@.service does
        #[arg(long, conflicts_with_all = ["wipe", "repair", "dry_run"])]
        boot: bool,
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        plan: DryRun,
        #[command(flatten)]
        output: Output,
    },
    /// Unmount, close, forget the key
    Down {
        /// The volumes; all of them if none is named
        names: Vec<String>,
        #[command(flatten)]
        plan: DryRun,
        #[command(flatten)]
        output: Output,
    },
    /// Cipher, key size, engine, backing device, size, mount, which key
    ///
    /// All volumes in a table; those that are named whole, under cryptsetup's names.
    Status {
        /// The volumes; all of them if none is named
        names: Vec<String>,
        /// Look every two seconds and print again what has changed, until Ctrl-C
        #[arg(long)]
        watch: bool,
        #[command(flatten)]
        output: Output,
    },
    /// A new wrapping; old keyslots are destroyed; volumes may be in use
    ///
    /// The volume key stays: whoever kept an old header, and may still unwrap its old secret, can open the volume. Against that, disable
    /// the KMS key, or re-encrypt the data.
    Rekey(Rekey),
    /// Crypto-erase: destroy every keyslot and the header, discard, read back; afterwards `up` needs --wipe
    Erase {
        /// The volume
        name: String,
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        plan: DryRun,
        #[command(flatten)]
        output: Output,
    },
    /// Make protected mount points ordinary folders again, for who takes Kluis away; `up` protects them anew
    #[command(group(clap::ArgGroup::new("which").required(true).args(["name", "all"])))]
    Release {
        /// The volume; it need not be in the configuration any more
        name: Option<String>,
        /// All mount points that Kluis protects on this machine
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        plan: DryRun,
        #[command(flatten)]
        output: Output,
    },
    /// What is missing or wrong here, and the command that mends it
    Check {
        #[command(flatten)]
        output: Output,
    },
    /// Add a keyslot and a token to the root's LUKS2 header, so that the initramfs opens it; nothing that is there is changed
    ///
    /// The root is the table `[root]` of the configuration. A passphrase that opens it is asked for, and goes on opening it: keep one.
    /// Then make the initramfs anew: update-initramfs -u, or dracut --force.
    EnrollRoot {
        /// Take the passphrase from a file, all of its bytes, instead of asking for it
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
        #[command(flatten)]
        plan: DryRun,
        #[command(flatten)]
        output: Output,
    },
    /// Open the root: what the initramfs runs before it mounts
    OpenRoot {
        #[command(flatten)]
        plan: DryRun,
        #[command(flatten)]
        output: Output,
    },
    /// Write what an initramfs needs to open the root below a folder: its own configuration, CA, credentials, pinned key
    ///
    /// It prints the path of a program that the initramfs needs as well, if there is one: that of credentials.process.
    RootConfig {
        /// The folder that becomes the initramfs
        dir: PathBuf,
    },
    /// Print the passphrase of a configured volume's keyslot into a pipe, once its header is verified; cryptsetup's token plugin asks for it
    TokenOpen {
        /// The device, or the file, that holds the volume
        #[arg(long, value_name = "DEVICE", required_unless_present = "socket")]
        device: Option<PathBuf>,
        /// The UUID that its header must have
        #[arg(long, conflicts_with = "socket")]
        uuid: Option<String>,
        /// Read the plugin's request from standard input and answer on standard output, as kluis-token@.service does
        #[arg(long, conflicts_with = "device")]
        socket: bool,
    },
    /// Show, back up or restore a volume's header
    Header {
        /// What to do with it
        #[command(subcommand)]
        verb: HeaderVerb,
    },
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

/// `kluis header …`.
#[derive(Debug, Subcommand)]
pub(crate) enum HeaderVerb {
    /// Print the header, also one that would not be opened
    Show {
        /// The volume
        name: String,
    },
    /// Write the header and its keyslots to a new file
    Backup {
        /// The volume
        name: String,
        /// The file
        file: PathBuf,
    },
    /// Write a backup back, if it is this volume's
    Restore {
        /// The volume
        name: String,
        /// The file
        file: PathBuf,
        /// Also where nothing shows that it belongs there: no header is left to compare it with, and under its key there is no file
        /// system; or something else lies there by now, which is kept in the state folder first
        #[arg(long)]
        unproven: bool,
        #[command(flatten)]
        yes: Yes,
    },
}

/// Consent to destroy.
#[derive(Debug, Args)]
pub(crate) struct Yes {
    /// Do not ask before something is destroyed
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Doing nothing.
#[derive(Debug, Args)]
pub(crate) struct DryRun {
    /// Print the exact plan and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// How to print.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Output {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    /// A message that recommends a command which is none sends its reader away with nothing.
    #[test]
    fn every_command_that_a_refusal_recommends_is_one() {
        let page = include_str!("../../../docs/refusals.md");
        let mut read = 0;
        for (at, _) in page.match_indices("kluis ") {
            // A command stands behind a colon or in parentheses; elsewhere the program speaks of itself.
            if !page[..at].ends_with(": ") && !page[..at].ends_with('(') {
                continue;
            }
            let text = page[at..].split([';', ',', '(', ')', '|', '\n']).next();
            let words: Vec<_> = text
                .unwrap_or_default()
                .split_whitespace()
                .map(|word| word.trim_end_matches('.'))
                .take_while(|word| *word != "and" && *word != "Or")
                .collect();
            read += 1;
            if let Err(error) = Cli::try_parse_from(&words) {
                assert_eq!(
                    error.kind(),
                    clap::error::ErrorKind::DisplayHelp,
                    "{words:?}: {error}"
                );
            }
        }
        assert!(
            read > 20,
            "only {read} were found: the page has changed its form"
        );
    }
}
