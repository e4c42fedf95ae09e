//! `mount.kluis NAME DIR`: what mount(8) and systemd's mount units call for the type `kluis`. It is `kluis up NAME`, after a look
//! whether that volume belongs there.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{CONFIG, Cli};
use crate::out::tell;
use crate::{run, settings};

/// The name that this program is called by as a mount helper.
pub(crate) const PROGRAM: &str = "mount.kluis";
/// mount(8): "incorrect invocation or permissions".
const WRONG_INVOCATION: u8 = 1;
/// mount(8): "mount failure".
const MOUNT_FAILURE: u8 = 32;

/// The arguments of mount(8)'s helpers.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the flags that mount(8) gives its helpers"
)]
#[derive(Debug, clap::Parser)]
#[command(name = PROGRAM, version, about = "Brings a volume of Kluis up; called by mount(8): mount -t kluis NAME DIR")]
struct Arguments {
    /// The volume
    name: String,
    /// Its mount point
    dir: std::path::PathBuf,
    /// Mount options; those of the configuration are used
    #[arg(short)]
    options: Option<String>,
    /// Only look whether it could be
    #[arg(short)]
    fake: bool,
    /// Tolerate options that are not known
    #[arg(short)]
    sloppy: bool,
    /// Write no mount table
    #[arg(short)]
    no_mtab: bool,
    /// Say more
    #[arg(short)]
    verbose: bool,
    /// Another mount namespace, which is refused
    #[arg(short = 'N')]
    namespace: Option<String>,
    /// The type, with a subtype
    #[arg(short)]
    types: Option<String>,
}

/// Runs the helper; its exit codes are mount(8)'s.
pub(crate) fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments =
        match Arguments::try_parse_from(std::iter::once(PROGRAM.into()).chain(arguments)) {
            Ok(arguments) => arguments,
            Err(error) => {
                let _ = error.print();
                return if error.use_stderr() {
                    WRONG_INVOCATION.into()
                } else {
                    ExitCode::SUCCESS
                };
            }
        };
    if let Err(message) = check(&arguments) {
        tell!("{PROGRAM}: {message}");
        return WRONG_INVOCATION.into();
    }
    if arguments.fake {
        return ExitCode::SUCCESS;
    }
    let command = ["kluis", "up", "--quiet", "--", &arguments.name];
    let brought_up = match Cli::try_parse_from(command) {
        Ok(cli) => run::run(cli),
        Err(error) => {
            let _ = error.print();
            return WRONG_INVOCATION.into();
        }
    };
    if brought_up == ExitCode::SUCCESS {
        ExitCode::SUCCESS
    } else {
        MOUNT_FAILURE.into()
    }
}

/// Whether that volume belongs there.
fn check(arguments: &Arguments) -> Result<(), String> {
    let Arguments { name, dir, .. } = arguments;
    if arguments.namespace.is_some() {
        return Err("volumes are mounted in the mount namespace of the caller alone".to_owned());
    }
    let config = settings::read(Path::new(CONFIG)).map_err(|error| error.to_string())?;
    let place = config
        .mount_of(name)
        .ok_or_else(|| format!("there is no volume {name} with a mount point in {CONFIG}"))?;
    let asked = arguments.options.iter().flat_map(|text| text.split(','));
    let (volume, _) = config
        .named(name)
        .ok_or_else(|| format!("there is no volume {name} in {CONFIG}"))?;
    if let Some(option) = asked.clone().find(|option| *option == "ro")
        && !volume.root.options.iter().any(|told| told == option)
    {
        return Err(format!(
            "volume {name} is mounted as {CONFIG} says, which is not {option}: put it into `options` there"
        ));
    }
    if place == *dir {
        Ok(())
    } else {
        Err(format!(
            "volume {name} is mounted at {}, not at {}: {CONFIG} says so",
            place.display(),
            dir.display()
        ))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn it_takes_what_mount_and_systemd_pass() {
        for line in [
            &["data", "/data"][..],
            &["data", "/data", "-o", "rw,_netdev,nofail"],
            &["data", "/data", "-sfnv", "-o", "rw", "-t", "kluis"],
        ] {
            let parsed = Arguments::try_parse_from([PROGRAM].iter().chain(line)).unwrap();
            assert_eq!(
                (parsed.name.as_str(), parsed.dir.as_path()),
                ("data", Path::new("/data"))
            );
        }
    }
}
