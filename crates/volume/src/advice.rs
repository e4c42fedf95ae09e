//! The page of every refusal: what it says, how a run ends with it, whether the boot tries again; and the rule that what can lose data is
//! recommended only where the program has proof that nothing readable is lost. A variant that is not on the page does not compile.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use reference::Section;

use crate::engine::{EngineError, EngineKind};
use crate::error::{Error, ExitCode};
use crate::host::{HostError, Use};
use crate::plan::{IfOurs, Refusal};
use crate::ports::{KeyServiceError, ObjectUri};

/// One of each kind, one after the other.
fn each<T>(first: T, after: impl Fn(&T) -> Option<T>) -> Vec<T> {
    let mut all = vec![first];
    while let Some(next) = all.last().and_then(&after) {
        all.push(next);
    }
    all
}

fn volume() -> String {
    "NAME".to_owned()
}

fn device() -> String {
    "DEVICE".to_owned()
}

fn path(text: &str) -> PathBuf {
    PathBuf::from(text)
}

fn why() -> String {
    "(why)".to_owned()
}

fn found() -> String {
    "(what is there)".to_owned()
}

fn first() -> Refusal {
    Refusal::Missing {
        volume: volume(),
        device: path("DEVICE"),
    }
}

#[expect(clippy::too_many_lines, reason = "a line or two for each")]
fn after(refusal: &Refusal) -> Option<Refusal> {
    let (volume, device, why, found) = (volume(), device(), why(), found());
    let (size, at) = (1 << 30, path("MOUNT"));
    Some(match refusal {
        Refusal::Missing { .. } => Refusal::MemberMissing {
            volume,
            member: path(&device),
            number: 2,
            count: 4,
        },
        Refusal::MemberMissing { .. } => Refusal::MemberTwice {
            volume,
            first: path(&device),
            second: path("OTHER"),
        },
        Refusal::MemberTwice { .. } => Refusal::OtherMembers { volume, why },
        Refusal::OtherMembers { .. } => Refusal::MembersUnknown { volume, device },
        Refusal::MembersUnknown { .. } => Refusal::OtherStripe {
            volume,
            path: path("/dev/mapper/NAME:raid0"),
            why: "it is not of kluis",
        },
        Refusal::OtherStripe { .. } => Refusal::NotBlank {
            volume,
            device,
            size,
            found,
            if_ours: IfOurs::HeaderLost,
        },
        Refusal::NotBlank { .. } => Refusal::MembersRefilled { volume, why },
        Refusal::MembersRefilled { .. } => Refusal::Ambiguous {
            volume,
            device,
            found,
        },
        Refusal::Ambiguous { .. } => Refusal::FileGone {
            volume,
            file: path("FILE"),
            is_blank: false,
        },
        Refusal::FileGone { .. } => Refusal::Erased { volume, device },
        Refusal::Erased { .. } => Refusal::BadHeader {
            volume,
            device,
            why,
            backups: vec![path("BACKUP")],
        },
        Refusal::BadHeader { .. } => Refusal::NotOpenedHere {
            volume,
            device,
            why,
        },
        Refusal::NotOpenedHere { .. } => Refusal::BadToken {
            volume,
            device,
            why,
        },
        Refusal::BadToken { .. } => Refusal::NotBound { volume, device },
        Refusal::NotBound { .. } => Refusal::KeyslotGone { volume, device },
        Refusal::KeyslotGone { .. } => Refusal::SealedWithSecret { volume, device },
        Refusal::SealedWithSecret { .. } => Refusal::SealedWithToken { volume, device },
        Refusal::SealedWithToken { .. } => Refusal::InUse {
            device,
            uses: vec![Use::Holder("md0".to_owned())],
        },
        Refusal::InUse { .. } => Refusal::ReadOnly { device },
        Refusal::ReadOnly { .. } => Refusal::TooSmall {
            device,
            size: 1 << 20,
            least: 32 << 20,
        },
        Refusal::TooSmall { .. } => Refusal::CutShort {
            volume,
            device,
            size: size / 2,
            wanted: size,
            had_it: false,
        },
        Refusal::CutShort { .. } => Refusal::HoldsAnother {
            volume,
            device,
            found,
        },
        Refusal::HoldsAnother { .. } => Refusal::NoEngine { reasons: vec![why] },
        Refusal::NoEngine { .. } => Refusal::NameTaken {
            volume,
            backing: path(&device),
        },
        Refusal::NameTaken { .. } => Refusal::OpenElsewhere {
            volume,
            backing: path("OLD"),
            wanted: path(&device),
        },
        Refusal::OpenElsewhere { .. } => Refusal::Stray {
            volume,
            device: path("/dev/loop0"),
            users: Some("PROGRAM (PID)".to_owned()),
        },
        Refusal::Stray { .. } => Refusal::DeadInUse {
            volume,
            device: path("/dev/loop0"),
            users: "PROGRAM (PID)".to_owned(),
        },
        Refusal::DeadInUse { .. } => Refusal::MountedTwice {
            volume,
            at,
            others: vec![path("ELSEWHERE")],
        },
        Refusal::MountedTwice { .. } => Refusal::MountTaken {
            volume,
            at,
            other: path("OTHER"),
        },
        Refusal::MountTaken { .. } => Refusal::MountedElsewhere {
            volume,
            at: path("ELSEWHERE"),
            wanted: at,
        },
        Refusal::MountedElsewhere { .. } => Refusal::OpenNotWiped { volume },
        Refusal::OpenNotWiped { .. } => Refusal::MountedNotReleased { volume, at },
        Refusal::MountedNotReleased { .. } => Refusal::OpenNotErased { volume },
        Refusal::OpenNotErased { .. } => Refusal::NothingToErase {
            volume,
            device,
            found,
        },
        Refusal::NothingToErase { .. } => Refusal::NoHeader {
            volume,
            device,
            found,
        },
        Refusal::NoHeader { .. } => Refusal::NotFinished { volume, device },
        Refusal::NotFinished { .. } => Refusal::Restoring {
            volume,
            file: path("FILE"),
        },
        Refusal::Restoring { .. } => Refusal::Reencrypting { volume, device },
        Refusal::Reencrypting { .. } => Refusal::Luks1NotRekeyed { volume, device },
        Refusal::Luks1NotRekeyed { .. } => Refusal::EphemeralHasNoKey { volume },
        Refusal::EphemeralHasNoKey { .. } => Refusal::SeveralDisks { volume, count: 2 },
        Refusal::SeveralDisks { .. } => Refusal::NoSuchDisk { volume, count: 1 },
        Refusal::NoSuchDisk { .. } => Refusal::OtherVolume {
            volume,
            device,
            label: "OTHER".to_owned(),
        },
        Refusal::OtherVolume { .. } => Refusal::UnfitRoot { device, why },
        Refusal::UnfitRoot { .. } => Refusal::NotEnrolled { device },
        Refusal::NotEnrolled { .. } => Refusal::NoInstanceStore { volume },
        Refusal::NoInstanceStore { .. } => return None,
    })
}

fn system() -> std::io::Error {
    std::io::Error::from_raw_os_error(5)
}

/// What the machine does not do; `WHAT` stands for what was tried, or on what.
fn after_host(error: &HostError) -> Option<HostError> {
    let (what, by, why) = ("WHAT".to_owned(), "(by whom)".to_owned(), why());
    Some(match error {
        HostError::NotFound { .. } => HostError::Exists { what },
        HostError::Exists { .. } => HostError::WrongKind {
            what,
            wanted: "(what it should be)",
        },
        HostError::WrongKind { .. } => HostError::Replaced { what },
        HostError::Replaced { .. } => HostError::Busy { what, by },
        HostError::Busy { .. } => HostError::SameUuid {
            what: device(),
            file_system: "xfs",
            other: "OTHER".to_owned(),
            at: "MOUNT".to_owned(),
        },
        HostError::SameUuid { .. } => HostError::Denied { what },
        HostError::Denied { .. } => HostError::Insecure { what },
        HostError::Insecure { .. } => HostError::ReadOnly { what },
        HostError::ReadOnly { .. } => HostError::Full { what },
        HostError::Full { .. } => HostError::TooLarge { what, max: 1 << 20 },
        HostError::TooLarge { .. } => HostError::Memory { what },
        HostError::Memory { .. } => HostError::Unsupported { what, why },
        HostError::Unsupported { .. } => HostError::MissingProgram {
            program: "mkfs.xfs",
            package: "xfsprogs",
        },
        HostError::MissingProgram { .. } => HostError::Program {
            program: "mkfs.xfs",
            words: why,
        },
        HostError::Program { .. } => HostError::Io {
            what,
            source: system(),
        },
        HostError::Io { .. } => return None,
    })
}

/// What an engine does not do.
fn after_engine(error: &EngineError) -> Option<EngineError> {
    let what = "WHAT".to_owned();
    Some(match error {
        EngineError::Unavailable { .. } => EngineError::Busy {
            what,
            by: "(by whom)".to_owned(),
        },
        EngineError::Busy { .. } => EngineError::Denied { what },
        EngineError::Denied { .. } => EngineError::Unsupported { what, why: why() },
        EngineError::Unsupported { .. } => EngineError::Memory { what },
        EngineError::Memory { .. } => EngineError::Failed {
            what,
            source: system(),
        },
        EngineError::Failed { .. } => return None,
    })
}

/// The machine's and the engines', with the name of their kind before their own.
fn of_the_machine() -> Vec<(String, Error)> {
    let host = each(
        HostError::NotFound {
            what: "WHAT".to_owned(),
        },
        after_host,
    );
    let engine = each(
        EngineError::Unavailable {
            engine: EngineKind::DmCrypt,
            missing: "(what is missing)".to_owned(),
        },
        after_engine,
    );
    let host = host
        .into_iter()
        .map(|error| (named("Host", &error), Error::from(error)));
    let engine = engine
        .into_iter()
        .map(|error| (named("Engine", &error), Error::from(error)));
    host.chain(engine).collect()
}

/// The name that it has in the code.
fn named(kind: &str, error: &impl std::fmt::Debug) -> String {
    let shown = format!("{error:?}");
    let name = shown.split([' ', '{', '(']).next().unwrap_or_default();
    if kind.is_empty() {
        name.to_owned()
    } else {
        format!("{kind}::{name}")
    }
}

/// The second form of those refusals that have two.
fn second_forms() -> Vec<Refusal> {
    let (volume, device, why, found) = (volume(), device(), why(), found());
    vec![
        Refusal::NotBlank {
            volume: volume.clone(),
            device: device.clone(),
            size: 1 << 30,
            found,
            if_ours: IfOurs::WrittenOver,
        },
        Refusal::FileGone {
            volume: volume.clone(),
            file: path("FILE"),
            is_blank: true,
        },
        Refusal::CutShort {
            volume: volume.clone(),
            device: device.clone(),
            size: 1 << 29,
            wanted: 1 << 30,
            had_it: true,
        },
        Refusal::BadHeader {
            volume: volume.clone(),
            device,
            why,
            backups: Vec::new(),
        },
        Refusal::Stray {
            volume,
            device: path("/dev/loop0"),
            users: Some("cat (4711)".to_owned()),
        },
    ]
}

/// The errors of the core's own, one after the other. Those that only pass on another's words end the row.
fn after_error(error: &Error) -> Option<Error> {
    let (volume, place) = (volume(), device());
    Some(match error {
        Error::UnknownVolume { .. } => Error::UnknownAccount {
            volume,
            key: "owner",
            name: "USER".to_owned(),
        },
        Error::UnknownAccount { .. } => Error::Misuse(why()),
        Error::Misuse(_) => Error::NotConfigured { device: place },
        Error::NotConfigured { .. } => Error::NoRoot,
        Error::NoRoot => Error::Header {
            place,
            source: luks::Error::NoKeyslot(0),
        },
        Error::Header { .. } => Error::Mac { volume, place },
        Error::Mac { .. } => Error::SharedMac {
            volume,
            place,
            secret: object(),
        },
        Error::SharedMac { .. } => Error::KeyMaterial {
            volume,
            place,
            is_alone: true,
        },
        Error::KeyMaterial { .. } => Error::WrongSecret { volume, place },
        Error::WrongSecret { .. } => Error::WrongPassphrase { place },
        Error::WrongPassphrase { .. } => Error::RootToken {
            place,
            name: "NAME".to_owned(),
            token: 0,
        },
        Error::RootToken { .. } => Error::NotRebound { volume, place },
        Error::NotRebound { .. } => Error::NoKeyslotOfOurs { volume, place },
        Error::NoKeyslotOfOurs { .. } => Error::NoFileSystem {
            volume,
            found: found(),
        },
        Error::NoFileSystem { .. } => Error::Unfinished { volume, place },
        Error::Unfinished { .. } => Error::ForeignBackup {
            volume,
            file: path("FILE"),
            why: why(),
        },
        Error::ForeignBackup { .. } => Error::OtherHeader { place },
        Error::OtherHeader { .. } => Error::ForeignBlob {
            volume,
            machine: "MACHINE".to_owned(),
            source: KeyServiceError::NotFound(why()),
        },
        Error::ForeignBlob { .. } => Error::Inconsistent,
        Error::Inconsistent => Error::State("volumes/NAME.made".to_owned()),
        Error::State(_) => Error::Remains {
            volume,
            remains: vec![why()],
        },
        Error::Remains { .. }
        | Error::Config(_)
        | Error::Refused(_)
        | Error::Token(_)
        | Error::Secret(_)
        | Error::KeyService(_)
        | Error::Object(_)
        | Error::Host(_)
        | Error::Engine(_)
        | Error::Crypto(_) => return None,
    })
}

fn first_error() -> Error {
    Error::UnknownVolume {
        name: volume(),
        known: "OTHER".to_owned(),
    }
}

fn object() -> ObjectUri {
    "s3://bucket/secret".parse().unwrap()
}

/// Each by the name that it has in the code.
fn all() -> Vec<(String, Error)> {
    let refusals = each(first(), after)
        .into_iter()
        .chain(second_forms())
        .map(|refusal| (named("", &refusal), Error::from(refusal)));
    let own = each(first_error(), after_error).into_iter();
    refusals
        .chain(own.map(|error| (named("", &error), error)))
        .chain(of_the_machine())
        .collect()
}

fn table() -> String {
    let mut out = "| refusal | exit | at boot | what it says |\n|---|---|---|---|\n".to_owned();
    for (name, error) in all() {
        let code = error.exit_code();
        let again = if code == ExitCode::Temporary {
            "tried again"
        } else {
            "left alone"
        };
        // What is said to root is another thing than what is said to anybody else.
        let denied = "(to root: what root is kept from here; to others: run this as root)";
        let said = error
            .to_string()
            .replace(crate::error::denied_advice(), denied)
            .replace('|', "\\|");
        let _ = writeln!(out, "| `{name}` | {} | {again} | {said} |", code as u8);
    }
    out
}

#[test]
fn the_documents_say_what_the_types_say() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/refusals.md");
    Section("refusals").hold(&page, &table()).unwrap();
}

#[test]
fn what_can_lose_data_is_recommended_only_with_proof() {
    let recommends = |words: &str| -> Vec<String> {
        let said = all().into_iter();
        said.filter(|(_, error)| error.to_string().contains(words))
            .map(|(name, _)| name)
            .collect()
    };
    // The header was destroyed by Kluis itself.
    assert_eq!(recommends("kluis up --wipe"), ["Erased"]);
    assert_eq!(recommends("kluis erase"), ["Erased"]);
    // A restore that was begun is finished. It refuses what is another volume's or another key's, and keeps what it writes over.
    assert_eq!(
        recommends("kluis header restore"),
        [
            "NotBlank",
            "MembersRefilled",
            "BadHeader",
            "BadToken",
            "NotBound",
            "Restoring",
            "BadHeader",
            "KeyMaterial"
        ]
    );
    // A repair keeps what it writes over.
    assert_eq!(recommends("--repair"), ["Ambiguous"]);
    for words in [
        "wipefs",
        "luksHeaderRestore",
        "luksFormat",
        "dd if",
        "run: mkfs",
    ] {
        assert_eq!(recommends(words), [""; 0], "{words}");
    }
    // Of the machine nobody knows what lies there: nothing is recommended that is not undone as easily.
    for (name, error) in of_the_machine() {
        let said = error.to_string();
        for words in ["wipe", "erase", "restore", "repair", "remove", "format"] {
            assert!(!said.contains(words), "{name}: {said}");
        }
    }
}
