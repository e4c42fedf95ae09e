//! From a parsed command line to an exit code.

use std::process::ExitCode;

use anyhow::anyhow;
use aws::Aws;
use clap::CommandFactory as _;
use volume::config::{Agent, Config, Credentials};
use volume::fuse::Fuse;
use volume::linux::LinuxHost;
use volume::ports::{KeyService, ObjectSource};
use volume::verbs::{Mode, Outcome, Proof, UpOptions};
use volume::{Error, Kluis, Occasion, Waiting};

use crate::boot::Status;
use crate::cli::{Cli, DryRun, HeaderVerb, Output, Rekey, Verb};
use crate::out::{say, tell};
use crate::progress::Steps;
use crate::services::NoServices;
use crate::{
    ask, environment, generator, manual, out, passphrase, root_config, settings, show, table,
    token, watch,
};

const WRONG_PARAMETERS: u8 = volume::ExitCode::Parameters as u8;

/// Runs a command and reports what went wrong.
pub(crate) fn run(cli: Cli) -> ExitCode {
    log_to_stderr();
    match cli.verb {
        Verb::Completions { shell } => {
            return completions(shell);
        }
        Verb::Man { dir } => return man(&dir),
        _ => {}
    }
    if let Err(error) = crypto::harden() {
        return fail(
            &anyhow!("cannot keep this process's memory out of core dumps: {error}"),
            WRONG_PARAMETERS,
        );
    }
    let config = match settings::read(&cli.config) {
        Ok(config) => config,
        Err(error) => {
            if is_plugins(&cli.verb) {
                return token::refuse(WRONG_PARAMETERS, &error.to_string()).into();
            }
            tell!("kluis: {error}");
            return WRONG_PARAMETERS.into();
        }
    };
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            return fail(
                &anyhow!("cannot tell which program this is: {error}"),
                WRONG_PARAMETERS,
            );
        }
    };
    let engine = Fuse::new(program, volume::fuse::RUN_DIR);
    let host = LinuxHost::new(
        &config.agent.state,
        LinuxHost::RUN_FOLDER,
        vec![Box::new(engine)],
    );
    if asks_services(&cli.verb) {
        match Aws::new(aws_settings(&cli.verb, &config.agent)) {
            Ok(aws) => verb(&cli, &host, &aws, &aws, &config),
            Err(error) if is_plugins(&cli.verb) => {
                token::refuse(WRONG_PARAMETERS, &error.to_string()).into()
            }
            Err(error) => fail(&error.into(), WRONG_PARAMETERS),
        }
    } else {
        verb(&cli, &host, &NoServices, &NoServices, &config)
    }
}

/// The configuration as the crate that asks wants it.
fn aws_settings(verb: &Verb, agent: &Agent) -> aws::Settings {
    aws::Settings {
        endpoint: agent.endpoints.first().cloned(),
        ca: agent.ca.clone(),
        region: agent.region.clone(),
        credentials: agent
            .credentials
            .clone()
            .map(|credentials| match credentials {
                Credentials::Shared { file, profile } => {
                    aws::CredentialSource::Shared { file, profile }
                }
                Credentials::Process(command) => aws::CredentialSource::Process(command),
            }),
        patience: match verb {
            Verb::Check { .. } => volume::verbs::CHECK_PATIENCE,
            Verb::Up { boot: true, .. } => agent.boot_deadline,
            _ => agent.deadline,
        },
    }
}

/// Whether the token plugin is at the other end, which hears nothing but what is answered on its socket.
fn is_plugins(verb: &Verb) -> bool {
    matches!(verb, Verb::TokenOpen { socket: true, .. })
}

/// Whether a verb may have to ask the key service or the object store.
fn asks_services(verb: &Verb) -> bool {
    match verb {
        Verb::Seal { .. }
        | Verb::Up { .. }
        | Verb::Rekey(_)
        | Verb::Check { .. }
        | Verb::EnrollRoot { .. }
        | Verb::OpenRoot { .. }
        | Verb::TokenOpen { .. } => true,
        Verb::Header { verb } => matches!(verb, HeaderVerb::Restore { .. }),
        Verb::Down { .. }
        | Verb::RootConfig { .. }
        | Verb::Status { .. }
        | Verb::Erase { .. }
        | Verb::Release { .. }
        | Verb::Completions { .. }
        | Verb::Man { .. } => false,
    }
}

fn verb(
    cli: &Cli,
    host: &LinuxHost,
    keys: &dyn KeyService,
    objects: &dyn ObjectSource,
    config: &Config,
) -> ExitCode {
    let steps = Steps::new(cli.quiet);
    let (occasion, waiting): (_, &dyn Waiting) = match cli.verb {
        Verb::Up { boot: true, .. } => (Occasion::Boot, &Status),
        _ => (Occasion::ByHand, &steps),
    };
    let kluis = Kluis {
        host,
        keys,
        objects,
        config,
        occasion,
        waiting,
    };
    let done = perform(cli, &kluis, &steps);
    drop(steps);
    match done {
        Ok(code) => code.into(),
        Err(error) => {
            let code = error.exit_code() as u8;
            fail(&error.into(), code)
        }
    }
}

fn mode(plan: &DryRun) -> Mode {
    if plan.dry_run {
        Mode::DryRun
    } else {
        Mode::Apply
    }
}

/// Does what was asked, shows it, and gives the exit code.
fn perform(cli: &Cli, kluis: &Kluis<'_>, mut steps: &Steps) -> Result<u8, Error> {
    let shown = |outcomes: &[Outcome], verb, plan: &DryRun, output: &Output| {
        show::outcomes(outcomes, verb, plan.dry_run, cli.quiet, *output)
    };
    Ok(match &cli.verb {
        Verb::Seal { name, output } => show::sealed(&kluis.seal(name)?, cli.quiet, *output),
        Verb::Up {
            names,
            boot: true,
            plan,
            output,
            ..
        } => {
            let outcomes = kluis.up(names, &UpOptions::default(), &mut Status)?;
            if outcomes.iter().all(|outcome| outcome.result.is_ok()) {
                Status::ready();
            }
            shown(&outcomes, show::Verb::Up, plan, output)
        }
        Verb::Up {
            names,
            wipe,
            repair,
            boot: false,
            yes,
            plan,
            output,
        } => {
            let options = up_options(kluis, names, *wipe, *repair, yes.yes, mode(plan))?;
            let outcomes = kluis.up(names, &options, &mut steps)?;
            shown(&outcomes, show::Verb::Up, plan, output)
        }
        Verb::Down {
            names,
            plan,
            output,
        } => {
            let outcomes = kluis.down(names, mode(plan), &mut steps)?;
            shown(&outcomes, show::Verb::Down, plan, output)
        }
        Verb::Status {
            names,
            watch,
            output,
        } => status(kluis, names, *watch, *output)?,
        Verb::Rekey(asked) => {
            let outcomes = rekey(kluis, asked, &mut steps)?;
            shown(&outcomes, show::Verb::Rekey, &asked.plan, &asked.output)
        }
        Verb::Erase {
            name,
            yes,
            plan,
            output,
        } => {
            let outcome = erase(kluis, name, yes.yes, mode(plan), &mut steps)?;
            shown(&[outcome], show::Verb::Erase, plan, output)
        }
        Verb::Release {
            name, plan, output, ..
        } => {
            let released = kluis.release(name.as_deref(), mode(plan))?;
            show::released(&released, plan.dry_run, cli.quiet, *output)
        }
        Verb::EnrollRoot {
            key_file,
            plan,
            output,
        } => {
            let opener = || passphrase::existing(key_file.as_deref());
            let outcome = kluis.enroll_root(mode(plan), &mut steps, opener)?;
            shown(&[outcome], show::Verb::EnrollRoot, plan, output)
        }
        Verb::OpenRoot { plan, output } => {
            let outcome = kluis.open_root(mode(plan), &mut steps)?;
            shown(&[outcome], show::Verb::OpenRoot, plan, output)
        }
        Verb::RootConfig { dir } => root_config::write(kluis, dir)?,
        Verb::TokenOpen {
            device: Some(device),
            uuid,
            ..
        } => token::print(kluis, device, uuid.as_deref())?,
        Verb::TokenOpen { device: None, .. } => token::serve(kluis),
        Verb::Check { output } => {
            let mut findings = kluis.check();
            findings.extend(generator::findings(kluis.config));
            findings.extend(environment::findings());
            show::findings(&findings, *output)
        }
        Verb::Header { verb } => header(kluis, verb, cli.quiet)?,
        Verb::Completions { .. } | Verb::Man { .. } => 0,
    })
}

fn up_options(
    kluis: &Kluis<'_>,
    names: &[String],
    wipe: bool,
    repair: bool,
    yes: bool,
    mode: Mode,
) -> Result<UpOptions, Error> {
    let mut options = UpOptions {
        mode,
        ..UpOptions::default()
    };
    if repair {
        let name = one_name(names, "kluis up", "--repair")?;
        options.repair.insert(name.to_owned());
    }
    if wipe {
        let name = one_name(names, "kluis up", "--wipe")?;
        kluis.expect_known(name)?;
        if mode == Mode::Apply {
            ask::consent(
                yes,
                &format!("Everything on the device of {name} will be destroyed"),
            )?;
        }
        options.wipe.insert(name.to_owned());
    }
    Ok(options)
}

/// The one volume that a flag is for.
fn one_name<'n>(names: &'n [String], verb: &str, flag: &str) -> Result<&'n str, Error> {
    match names {
        [name] => Ok(name),
        _ => Err(Error::Misuse(format!(
            "{flag} is for one volume at a time; name it: {verb} NAME {flag}"
        ))),
    }
}

/// A volume that was named is shown whole, all of them in a table.
fn status(kluis: &Kluis<'_>, names: &[String], watch: bool, output: Output) -> Result<u8, Error> {
    let look = || {
        let statuses = kluis.status(names)?;
        Ok(if output.json {
            show::statuses_json(&statuses)
        } else if names.is_empty() {
            table::of(&statuses, out::width())
        } else {
            show::statuses(&statuses)
        })
    };
    if watch {
        watch::until_unread(look)?;
    } else {
        say!("{}", look()?);
    }
    Ok(0)
}

fn rekey(kluis: &Kluis<'_>, asked: &Rekey, steps: &mut &Steps) -> Result<Vec<Outcome>, Error> {
    let mode = mode(&asked.plan);
    if !asked.rebind {
        return kluis.rekey(&asked.names, asked.from.as_ref(), mode, steps);
    }
    let name = one_name(&asked.names, "kluis rekey", "--rebind")?;
    kluis.expect_known(name)?;
    let file = asked.key_file.as_deref();
    let opener = file.map(|file| passphrase::existing(Some(file)));
    if mode == Mode::Apply {
        ask::consent(
            asked.yes.yes,
            &format!(
                "The header of {name} will be trusted as it is now: it was you who gave it a new key"
            ),
        )?;
    }
    let outcome = kluis.rebind(name, opener.transpose()?, mode, steps)?;
    Ok(vec![outcome])
}

fn erase(
    kluis: &Kluis<'_>,
    name: &str,
    yes: bool,
    mode: Mode,
    steps: &mut &Steps,
) -> Result<Outcome, Error> {
    kluis.expect_known(name)?;
    if mode == Mode::Apply {
        ask::consent(
            yes,
            &format!("The key of {name} will be destroyed, and its data with it, for good"),
        )?;
    }
    kluis.erase(name, mode, steps)
}

fn header(kluis: &Kluis<'_>, verb: &HeaderVerb, quiet: bool) -> Result<u8, Error> {
    match verb {
        HeaderVerb::Show { name } => kluis.header_show(name).map(|shown| show::header(&shown)),
        HeaderVerb::Backup { name, file } => {
            let file = absolute(file)?;
            let bytes = kluis.header_backup(name, &file)?;
            if !quiet {
                say!(
                    "{name}: header and keyslots ({}) are in {}",
                    show::bytes(bytes),
                    file.display()
                );
            }
            Ok(0)
        }
        HeaderVerb::Restore {
            name,
            file,
            unproven,
            yes,
        } => {
            let file = absolute(file)?;
            kluis.expect_known(name)?;
            ask::consent(
                yes.yes,
                &format!(
                    "The header of {name} will be replaced with {}",
                    file.display()
                ),
            )?;
            let proof = if *unproven {
                Proof::Waived
            } else {
                Proof::Needed
            };
            let kept = kluis.header_restore(name, &file, proof)?;
            if !quiet {
                say!(
                    "{name}: header restored from {}; what was there is kept in {}",
                    file.display(),
                    kept.display()
                );
            }
            Ok(0)
        }
    }
}

fn absolute(file: &std::path::Path) -> Result<std::path::PathBuf, Error> {
    std::path::absolute(file).map_err(|error| Error::Misuse(format!("{}: {error}", file.display())))
}

fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "kluis", &mut script);
    out::data(format_args!("{}", String::from_utf8_lossy(&script)));
    ExitCode::SUCCESS
}

fn man(dir: &std::path::Path) -> ExitCode {
    match manual::write(dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(
            &anyhow!("cannot write man pages into {}: {error}", dir.display()),
            WRONG_PARAMETERS,
        ),
    }
}

/// For whoever looks into a fault: `KLUIS_LOG=debug`.
fn log_to_stderr() {
    if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_env("KLUIS_LOG") {
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .init();
    }
}

fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    tell!("kluis: {error:#}");
    code.into()
}
