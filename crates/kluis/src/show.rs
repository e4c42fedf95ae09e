//! What the verbs print: data on standard output, for people or as JSON; errors on standard error.

use std::fmt::Write as _;

use bytesize::ByteSize;
use serde_json::{Value, json};
use volume::engine::Changed;
use volume::ports::Put;
use volume::verbs::{Binding, Finding, Level, Outcome, Released, Sealed, Shown, Stage, Status};

use crate::cli::Output;
use crate::out::{say, tell};

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
        say!(
            "{}: a new secret, wrapped by {}, is at {}",
            sealed.volume,
            sealed.key,
            sealed.uri
        );
    } else {
        say!(
            "{}: unchanged; there is a secret at {} already, and it is never overwritten",
            sealed.volume,
            sealed.uri
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
        for note in outcome.notes.iter().filter(|_| !quiet) {
            tell!("kluis: {}: note: {note}", outcome.volume);
        }
        if let Err(error) = &outcome.result {
            tell!("kluis: {}: {error}", outcome.volume);
        }
    }
    exit_code(
        outcomes
            .iter()
            .filter_map(|outcome| outcome.result.as_ref().err()),
    )
}

fn exit_code<'a>(errors: impl Iterator<Item = &'a volume::Error> + Clone) -> u8 {
    worst(errors.map(volume::Error::exit_code))
}

/// "Try again" only where nothing else is wrong.
fn worst(mut codes: impl Iterator<Item = volume::ExitCode> + Clone) -> u8 {
    let first = codes.clone().next();
    codes
        .find(|code| *code != volume::ExitCode::Temporary)
        .or(first)
        .map_or(0, |code| code as u8)
}

/// `kluis release`.
pub(crate) fn released(released: &[Released], dry_run: bool, quiet: bool, output: Output) -> u8 {
    if output.json {
        print(&released.iter().map(released_json).collect());
    } else if released.is_empty() && !quiet {
        say!("no mount point is protected");
    }
    for one in released {
        let at = one.mount_point.display();
        match &one.result {
            Err(error) => tell!("kluis: {}: {error}", one.volume),
            Ok(_) if quiet || output.json => {}
            Ok(_) if dry_run => say!("{}: {at} would be given back", one.volume),
            Ok(_) => say!("{}: {at} was given back", one.volume),
        }
    }
    exit_code(released.iter().filter_map(|one| one.result.as_ref().err()))
}

fn released_json(one: &Released) -> Value {
    let mut shown = json!({ "volume": one.volume, "mountPoint": one.mount_point });
    match &one.result {
        Ok(changed) => shown["changed"] = (*changed == Changed::Yes).into(),
        Err(error) => {
            shown["error"] = error.to_string().into();
            shown["exitCode"] = (error.exit_code() as u8).into();
        }
    }
    shown
}

fn outcome_json(outcome: &Outcome) -> Value {
    let mut shown = json!({ "volume": outcome.volume });
    if let Some(plan) = &outcome.plan {
        shown["device"] = plan.device.as_str().into();
        shown["bytes"] = plan.size.into();
        shown["found"] = plan.found.as_str().into();
        shown["steps"] = plan.steps.iter().map(ToString::to_string).collect();
    }
    if !outcome.notes.is_empty() {
        shown["notes"] = outcome.notes.clone().into();
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
            say!(
                "{}: {} ({}), found: {}",
                plan.volume,
                plan.device,
                bytes(plan.size),
                plan.found
            );
            if plan.steps.is_empty() {
                say!("  nothing to do");
            }
            for (step, number) in plan.steps.iter().zip(1..) {
                say!("  {number}. {step}");
            }
        }
        (Ok(_), _) if quiet => {}
        (Ok(Changed::Yes), _) => say!("{}: {}", outcome.volume, verb.past()),
        (Ok(Changed::No), _) => say!("{}: unchanged", outcome.volume),
        (Err(_), _) => {}
    }
}

/// `kluis status NAME`: as `cryptsetup status` has it, and what it does not know besides.
pub(crate) fn statuses(statuses: &[Status]) -> String {
    let mut text = String::new();
    for (status, number) in statuses.iter().zip(0..) {
        if number > 0 {
            text.push_str("\n\n");
        }
        status_text(&mut text, status);
    }
    text
}

/// The same for programs.
pub(crate) fn statuses_json(statuses: &[Status]) -> String {
    serde_json::to_value(statuses)
        .map_or_else(|error| error.to_string(), |json| format!("{json:#}"))
}

fn status_text(text: &mut String, status: &Status) {
    let name = status.mapping.as_ref().map_or_else(
        || status.volume.clone(),
        |mapping| mapping.display().to_string(),
    );
    let _ = write!(text, "{name} {}.", stage(status.stage));
    let told = |value: &Option<String>| value.clone();
    let mut lines: Vec<(&str, Option<String>)> = vec![
        ("type", told(&status.kind)),
        ("cipher", told(&status.cipher)),
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
        ("engine", told(&status.engine)),
    ];
    let mount = match (&status.mount, &status.file_system) {
        (Some(at), Some(file_system)) => Some(format!("{} ({file_system})", at.display())),
        (Some(at), None) => Some(format!("{} (not mounted)", at.display())),
        (None, Some(swap)) => Some(swap.clone()),
        (None, None) => None,
    };
    lines.push((
        "flags",
        status
            .discards
            .and_then(|does| does.then(|| "discards".to_owned())),
    ));
    lines.push(("mount", mount));
    lines.push(("options", told(&status.mount_options)));
    let bare = status.mount_point_protected.filter(|is| !is);
    lines.push((
        "mount point",
        bare.map(|_| "not protected; run: kluis up".to_owned()),
    ));
    let size = status
        .backing_bytes
        .map_or_else(String::new, |count| format!(" ({})", bytes(count)));
    if status.raid0.is_empty() {
        lines.push(("backing", Some(format!("{}{size}", status.backing))));
    } else {
        let count = status.raid0.len();
        lines.push(("backing", Some(format!("a stripe of {count} disks{size}"))));
        lines.extend(status.raid0.iter().map(|disk| ("disk", Some(disk.clone()))));
    }
    lines.push((
        "key",
        Some(status.key.clone().unwrap_or_else(|| "ephemeral".to_owned())),
    ));
    lines.push(("key ARN", told(&status.key_arn)));
    lines.push(("secret", told(&status.secret)));
    lines.push(("binding", Some(binding(status.binding).to_owned())));
    lines.push((
        "generation",
        status.generation.map(|generation| generation.to_string()),
    ));
    lines.push(("note", told(&status.note)));
    for (label, value) in lines {
        if let Some(value) = value {
            let _ = write!(text, "\n    {:<13}{value}", format!("{label}:"));
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
        Stage::Unknown => "cannot be looked at",
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
            Err(error) => tell!("kluis: {error}"),
        }
    } else {
        for finding in findings {
            let mark = match finding.level {
                Level::Good => "ok  ",
                Level::Note => "note",
                Level::Bad => "BAD ",
            };
            say!("{mark} {}: {}", finding.subject, finding.message);
        }
    }
    let bad = findings
        .iter()
        .filter(|finding| finding.level == Level::Bad);
    worst(bad.map(|finding| finding.code.unwrap_or(volume::ExitCode::Parameters)))
}

/// `kluis header show`.
pub(crate) fn header(shown: &Shown) -> u8 {
    print(&shown.json);
    if let Some(why) = &shown.refused {
        tell!(
            "kluis: {}: this header on {} would not be opened: {why}",
            shown.volume,
            shown.device
        );
    }
    0
}

fn print(value: &Value) {
    say!("{value:#}");
}
