//! What the verbs print: data on standard output, for people or as JSON; errors on standard error.

use bytesize::ByteSize;
use serde_json::{Value, json};
use volume::engine::Changed;
use volume::ports::Put;
use volume::verbs::{Binding, Finding, Level, Outcome, Sealed, Shown, Stage, Status};

use crate::cli::Output;

/// Which verb's outcomes are shown, for the words.
#[derive(Clone, Copy)]
pub(crate) enum Verb {
    Up,
    Down,
    Rekey,
    Erase,
    EnrollRoot,
    OpenRoot,
}

impl Verb {
    fn past(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Rekey => "rekeyed",
            Self::Erase => "erased",
            Self::EnrollRoot => "enrolled",
            Self::OpenRoot => "open",
        }
    }
}

/// A size as people read it.
pub(crate) fn bytes(count: u64) -> String {
    ByteSize(count).display().iec().to_string()
}

/// `kluis seal`.
pub(crate) fn sealed(sealed: &Sealed, quiet: bool, output: Output) -> u8 {
    let changed = sealed.put == Put::Created;
    if output.json {
        print(
            &json!({ "volume": sealed.volume, "key": sealed.key, "secret": sealed.uri.to_string(), "changed": changed }),
        );
    } else if quiet {
    } else if changed {
        println!(
            "{}: a new secret, wrapped by {}, is at {}",
            sealed.volume, sealed.key, sealed.uri
        );
    } else {
        println!(
            "{}: unchanged; there is a secret at {} already, and it is never overwritten",
            sealed.volume, sealed.uri
        );
    }
    0
}

/// What became of volumes. The exit code is that of the failure that needs a hand most: "try again" only if nothing else failed.
pub(crate) fn outcomes(
    outcomes: &[Outcome],
    verb: Verb,
    dry_run: bool,
    quiet: bool,
    output: Output,
) -> u8 {
    if output.json {
        print(&outcomes.iter().map(outcome_json).collect());
    } else {
        for outcome in outcomes {
            outcome_text(outcome, verb, dry_run, quiet);
        }
    }
    for outcome in outcomes {
        if let Err(error) = &outcome.result {
            eprintln!("kluis: {}: {error}", outcome.volume);
        }
    }
    let codes = || {
        outcomes
            .iter()
            .filter_map(|outcome| outcome.result.as_ref().err())
            .map(volume::Error::exit_code)
    };
    codes()
        .find(|code| *code != volume::ExitCode::Temporary)
        .or_else(|| codes().next())
        .map_or(0, |code| code as u8)
}

fn outcome_json(outcome: &Outcome) -> Value {
    let mut shown = json!({ "volume": outcome.volume });
    if let Some(plan) = &outcome.plan {
        shown["device"] = plan.device.as_str().into();
        shown["bytes"] = plan.size.into();
        shown["found"] = plan.found.as_str().into();
        shown["steps"] = plan.steps.iter().map(ToString::to_string).collect();
    }
    match &outcome.result {
        Ok(changed) => shown["changed"] = (*changed == Changed::Yes).into(),
        Err(error) => {
            shown["error"] = error.to_string().into();
            shown["exitCode"] = (error.exit_code() as u8).into();
        }
    }
    shown
}

fn outcome_text(outcome: &Outcome, verb: Verb, dry_run: bool, quiet: bool) {
    match (&outcome.result, &outcome.plan) {
        (Ok(_), Some(plan)) if dry_run => {
            println!(
                "{}: {} ({}), found: {}",
                plan.volume,
                plan.device,
                bytes(plan.size),
                plan.found
            );
            if plan.steps.is_empty() {
                println!("  nothing to do");
            }
            for (step, number) in plan.steps.iter().zip(1..) {
                println!("  {number}. {step}");
            }
        }
        (Ok(_), _) if quiet => {}
        (Ok(Changed::Yes), _) => println!("{}: {}", outcome.volume, verb.past()),
        (Ok(Changed::No), _) => println!("{}: unchanged", outcome.volume),
        (Err(_), _) => {}
    }
}

/// `kluis status`: as `cryptsetup status` has it, and what it does not know besides.
pub(crate) fn statuses(statuses: &[Status], output: Output) -> u8 {
    if output.json {
        match serde_json::to_value(statuses) {
            Ok(value) => print(&value),
            Err(error) => eprintln!("kluis: {error}"),
        }
        return 0;
    }
    for (status, number) in statuses.iter().zip(0..) {
        if number > 0 {
            println!();
        }
        status_text(status);
    }
    0
}

fn status_text(status: &Status) {
    let name = status.mapping.as_ref().map_or_else(
        || status.volume.clone(),
        |mapping| mapping.display().to_string(),
    );
    println!("{name} {}.", stage(status.stage));
    let text = |value: &Option<String>| value.clone();
    let mut lines: Vec<(&str, Option<String>)> = vec![
        ("type", text(&status.kind)),
        ("cipher", text(&status.cipher)),
        ("keysize", status.keysize.map(|bits| format!("{bits} bits"))),
        ("device", Some(status.device.display().to_string())),
        (
            "loop",
            status
                .loop_file
                .as_ref()
                .map(|file| file.display().to_string()),
        ),
        (
            "sector size",
            status.sector_size.map(|bytes| bytes.to_string()),
        ),
        (
            "offset",
            status.offset.map(|sectors| format!("{sectors} sectors")),
        ),
        (
            "size",
            status.size.map(|sectors| format!("{sectors} sectors")),
        ),
        ("mode", status.mode.map(str::to_owned)),
        ("engine", text(&status.engine)),
    ];
    let mount = match &status.file_system {
        Some(file_system) => format!("{} ({file_system})", status.mount.display()),
        None => format!("{} (not mounted)", status.mount.display()),
    };
    lines.push(("mount", Some(mount)));
    let size = status
        .backing_bytes
        .map_or_else(String::new, |count| format!(" ({})", bytes(count)));
    lines.push(("backing", Some(format!("{}{size}", status.backing))));
    lines.push((
        "key",
        Some(status.key.clone().unwrap_or_else(|| "ephemeral".to_owned())),
    ));
    lines.push(("key ARN", text(&status.key_arn)));
    lines.push(("secret", text(&status.secret)));
    lines.push(("binding", Some(binding(status.binding).to_owned())));
    lines.push((
        "generation",
        status.generation.map(|generation| generation.to_string()),
    ));
    lines.push(("note", text(&status.note)));
    for (label, value) in lines {
        if let Some(value) = value {
            println!("    {:<13}{value}", format!("{label}:"));
        }
    }
}

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Missing => "is inactive: its device is missing",
        Stage::Blank => "is inactive: its device is blank",
        Stage::Provisioning => "is inactive: being made, `up` goes on from here",
        Stage::Closed => "is inactive",
        Stage::Open => "is active",
        Stage::Mounted => "is active and is in use",
        Stage::Dead => "is active and has failed: `up` mends it",
        Stage::Erased => "is inactive: erased",
        Stage::Foreign => "is inactive: its device holds something else",
    }
}

fn binding(binding: Binding) -> &'static str {
    match binding {
        Binding::Machine => "this machine's own secret",
        Binding::Shared => "the shared secret",
        Binding::NotBound => {
            "none: the header was not made by kluis, and whoever has the disk may have changed it"
        }
        Binding::Ephemeral => "a key that is in memory only",
        Binding::Unknown => "unknown",
    }
}

/// `kluis check`. The exit code is that of the worst finding.
pub(crate) fn findings(findings: &[Finding], output: Output) -> u8 {
    if output.json {
        match serde_json::to_value(findings) {
            Ok(value) => print(&value),
            Err(error) => eprintln!("kluis: {error}"),
        }
    } else {
        for finding in findings {
            let mark = match finding.level {
                Level::Good => "ok  ",
                Level::Note => "note",
                Level::Bad => "BAD ",
            };
            println!("{mark} {}: {}", finding.subject, finding.message);
        }
    }
    let bad = findings
        .iter()
        .filter(|finding| finding.level == Level::Bad);
    bad.map(|finding| {
        finding
            .code
            .map_or(volume::ExitCode::Parameters as u8, |code| code as u8)
    })
    .next()
    .unwrap_or(0)
}

/// `kluis header show`.
pub(crate) fn header(shown: &Shown) -> u8 {
    print(&shown.json);
    if let Some(why) = &shown.refused {
        eprintln!(
            "kluis: {}: this header on {} would not be opened: {why}",
            shown.volume, shown.device
        );
    }
    0
}

fn print(value: &Value) {
    println!("{value:#}");
}
