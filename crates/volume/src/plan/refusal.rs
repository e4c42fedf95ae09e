//! Why a plan is not made: nothing was changed, and the message says what would let it.

use std::path::PathBuf;

use crate::error::ExitCode;
use crate::host::Use;

/// Why a plan is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The device is not there.
    #[error("the device of volume {volume} is not there: {}; attach it, or correct `device` in the configuration (ls -l /dev/disk/by-id)", device.display())]
    Missing {
        /// The volume.
        volume: String,
        /// What the configuration names.
        device: PathBuf,
    },
    /// One of several disks is not there.
    #[error("disk {number} of {count} of volume {volume} is not there: {}; attach it, or correct `raid0` in the configuration (ls -l /dev/disk/by-id). Without it none of the volume can be read", member.display())]
    MemberMissing {
        /// The volume.
        volume: String,
        /// What the configuration names.
        member: PathBuf,
        /// Which it is, from 1 on.
        number: usize,
        /// Of how many.
        count: usize,
    },
    /// Two names of one disk.
    #[error("{} and {} are the same disk, and volume {volume} has each once; correct `raid0` in the configuration (ls -l /dev/disk/by-id)", first.display(), second.display())]
    MemberTwice {
        /// The volume.
        volume: String,
        /// One name.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Not the disks that the volume was made on, or in another order.
    #[error(
        "volume {volume} is not on these disks, or not in this order: {why}; nothing was written. Bring its own disks back, in their order in `raid0`; disks whose content may go for ever are given up with --wipe (kluis help up)"
    )]
    OtherMembers {
        /// The volume.
        volume: String,
        /// What differs.
        why: String,
    },
    /// A volume whose disks nobody has written down.
    #[error(
        "the first disk of volume {volume}, {device}, has its header, and this machine has no record of which disks are its others, in which order; a wrong one would destroy it, so it was not opened. Bring volumes/{volume}.raid0 in `[agent] state` back from a backup of this machine; disks whose content may go for ever are given up with --wipe (kluis help up)"
    )]
    MembersUnknown {
        /// The volume.
        volume: String,
        /// The first disk.
        device: String,
    },
    /// The name of its stripe is taken.
    #[error(
        "{} is there already, and is not what volume {volume} needs: {why}; nothing was written. If it is an old one, close it: kluis down {volume} (or dmsetup remove {volume}:raid0)", path.display()
    )]
    OtherStripe {
        /// The volume.
        volume: String,
        /// The device.
        path: PathBuf,
        /// What it is.
        why: &'static str,
    },
    /// There is something on it.
    #[error(
        "{device} ({size} bytes) is not blank: it holds {found}; nothing was written. Look at what it is (lsblk -f), or name another device; one whose content may go for ever is given up with --wipe (kluis help up){}", if_ours.advice(volume)
    )]
    NotBlank {
        /// The volume.
        volume: String,
        /// The device.
        device: String,
        /// Its size.
        size: u64,
        /// What was found.
        found: String,
        /// What it may be of this volume's.
        if_ours: IfOurs,
    },
    /// The disks by name and order, and not by what is on them.
    #[error(
        "volume {volume} is not on these disks as it was: {why}; nothing was written. If it was you who re-encrypted it (cryptsetup reencrypt), run: kluis rekey --rebind {volume}; if a part of its header was lost: kluis header restore {volume} FILE; if the disk was exchanged, bring its own back"
    )]
    MembersRefilled {
        /// The volume.
        volume: String,
        /// What shows it.
        why: String,
    },
    /// Two things at once.
    #[error(
        "{device} holds two things at once: {found}; which of them is the truth cannot be told from here, and nothing was written. If it is volume {volume}, run: kluis up --repair {volume} (what is overwritten is kept in the state folder first); if it is the other, name another device for {volume}"
    )]
    Ambiguous {
        /// The volume.
        volume: String,
        /// The device.
        device: String,
        /// Both.
        found: String,
    },
    /// A volume's file that was there.
    #[error(
        "volume {volume} was in the file {}, which {}; nothing was made. Mount what holds it, or bring it back; how a volume is given up and begun anew: kluis help up", file.display(), if *is_blank { "is blank now" } else { "is not there" }
    )]
    FileGone {
        /// The volume.
        volume: String,
        /// Its file.
        file: PathBuf,
        /// Whether there is one, with nothing in it.
        is_blank: bool,
    },
    /// It was erased.
    #[error(
        "volume {volume} on {device} was erased, or an erase was interrupted; finish it with: kluis erase {volume}, or begin anew with: kluis up --wipe {volume}"
    )]
    Erased {
        /// The volume.
        volume: String,
        /// The device.
        device: String,
    },
    /// There is a LUKS header that is damaged, or none any more.
    #[error(
        "the header on {device} cannot be used: {why}; nothing was written. {}",
        restore(volume, backups)
    )]
    BadHeader {
        /// The volume.
        volume: String,
        /// The device.
        device: String,
        /// What is wrong with it.
        why: String,
        /// Where backups of it were written.
        backups: Vec<PathBuf>,
    },
    /// There is a LUKS header that is whole, and another program's or a later version's.
    #[error(
        "the header on {device} is not one that kluis opens: {why}; nothing was written. It is whole: another program or a later version made it so, or somebody has changed it. Look at it (kluis header show {volume}), or name another device for volume {volume}"
    )]
    NotOpenedHere {
        /// The volume.
        volume: String,
        /// The device.
        device: String,
        /// What it asks for.
        why: String,
    },
    /// There is a token of Kluis that cannot be used.
    #[error(
        "the header on {device} cannot be used: {why}; nothing was written. If there is a backup of it: kluis header restore {volume} FILE"
    )]
    BadToken {
        /// The volume.
        volume: String,
        /// The device.
        device: String,
        /// What is wrong with it.
        why: String,
    },
    /// Token mode, and the header carries no token or no mac.
    #[error(
        "the header on {device} is not bound to a key (no kluis token with a mac), and volume {volume} asks for that; it was not opened. If another program made it, give its secret as `secret`; if the header was tampered with, restore a backup: kluis header restore {volume} FILE"
    )]
    NotBound {
        /// The volume.
        volume: String,
        /// The device.
        device: String,
    },
    /// The token is there, and the keyslot that it was for is not.
    #[error(
        "the header on {device} has lost the keyslot of volume {volume}'s secret; it was not opened. cryptsetup reencrypt keeps only keyslots whose passphrases it was given: if it was you who ran it, give one that opens the volume: kluis rekey --rebind --key-file FILE {volume}"
    )]
    KeyslotGone {
        /// The volume.
        volume: String,
        /// The device.
        device: String,
    },
    /// Configured for token mode, made in seed mode.
    #[error(
        "volume {volume} on {device} was made with a shared secret; set `secret` in the configuration to its object"
    )]
    SealedWithSecret {
        /// The volume.
        volume: String,
        /// The device.
        device: String,
    },
    /// Configured for seed mode, made in token mode.
    #[error(
        "volume {volume} on {device} was made with the machine's own secret; remove `secret` from the configuration"
    )]
    SealedWithToken {
        /// The volume.
        volume: String,
        /// The device.
        device: String,
    },
    /// Somebody uses it.
    #[error("{device} is in use: {}; nothing was written. Stop that first", uses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    InUse {
        /// The device.
        device: String,
        /// By whom.
        uses: Vec<Use>,
    },
    /// It refuses writes.
    #[error(
        "{device} is read-only; make it writable (blockdev --setrw, or the file's or hypervisor's own setting) and run this again"
    )]
    ReadOnly {
        /// The device.
        device: String,
    },
    /// Too small for what is wanted.
    #[error("{device} has {size} bytes; a volume needs at least {least}")]
    TooSmall {
        /// The device.
        device: String,
        /// What it has.
        size: u64,
        /// What it needs.
        least: u64,
    },
    /// A file that is shorter than the volume in it was made.
    #[error(
        "{device} has {size} bytes and volume {volume} {}", if *had_it { format!("had {wanted}: its end was cut off; nothing was written. Bring the whole file back") } else { format!("is configured with {wanted}: its end was cut off, or `size` was raised; nothing was written. Bring the whole file back, or set `size` to what it has (a volume does not grow)") }
    )]
    CutShort {
        /// The volume.
        volume: String,
        /// The file.
        device: String,
        /// What it has.
        size: u64,
        /// What it had, or is configured with.
        wanted: u64,
        /// Whether this machine has seen it that long.
        had_it: bool,
    },
    /// A header backup would be written over something of another kind.
    #[error(
        "{device} holds {found}, and no damaged header of volume {volume}; nothing was written. Name the device that the backup is of; if it is this one all the same, and what it holds may go: kluis help header restore"
    )]
    HoldsAnother {
        /// The volume.
        volume: String,
        /// The device.
        device: String,
        /// What was found.
        found: String,
    },
    /// No engine can run.
    #[error("no engine can run here: {}", reasons.join("; "))]
    NoEngine {
        /// Why each cannot.
        reasons: Vec<String>,
    },
    /// A mapping of this name is over something else.
    #[error("there is a mapping named {volume} already, over {}; close it (cryptsetup close {volume}) or rename the volume", backing.display())]
    NameTaken {
        /// The volume.
        volume: String,
        /// What the mapping is over.
        backing: PathBuf,
    },
    /// The volume is open over a backing that is gone, or that the configuration names no more.
    #[error("volume {volume} is open over {}, and not over {}, which the configuration names: the disk is gone, or the configuration was changed; nothing was done. Close it first: kluis down {volume}", backing.display(), wanted.display())]
    OpenElsewhere {
        /// The volume.
        volume: String,
        /// What it is open over.
        backing: PathBuf,
        /// What the configuration names.
        wanted: PathBuf,
    },
    /// It is served by a process that this machine has lost sight of.
    #[error("volume {volume} is open at {}, what this machine had written down of it is lost, and nothing proves that it shows what the configuration names; it goes on serving{}, and nothing was done. Stop what uses it, then: kluis down {volume} and kluis up {volume}", device.display(), for_whom(users.as_ref()))]
    Stray {
        /// The volume.
        volume: String,
        /// Its decrypted device.
        device: PathBuf,
        /// Who uses it, where that can be told.
        users: Option<String>,
    },
    /// What serves it has died, and somebody has it open still.
    #[error("volume {volume} has failed at {} and is in use still, by {users}; nothing was done, since what is detached from those could not be put back. End them, then: kluis up {volume}", device.display())]
    DeadInUse {
        /// The volume.
        volume: String,
        /// Its decrypted device.
        device: PathBuf,
        /// Who uses it.
        users: String,
    },
    /// It is mounted more than once.
    #[error("volume {volume} is mounted at {} and at {also} as well; nothing was done. Unmount that first: umount {also}", at.display(), also = places(others))]
    MountedTwice {
        /// The volume.
        volume: String,
        /// Where.
        at: PathBuf,
        /// Where else.
        others: Vec<PathBuf>,
    },
    /// Something else is mounted there.
    #[error("{} is mounted at {} already; unmount it or give volume {volume} another place", other.display(), at.display())]
    MountTaken {
        /// The volume.
        volume: String,
        /// The mount point.
        at: PathBuf,
        /// What is mounted there.
        other: PathBuf,
    },
    /// The volume is mounted at another place.
    #[error("volume {volume} is mounted at {}, not at {}; run: umount {}", at.display(), wanted.display(), at.display())]
    MountedElsewhere {
        /// The volume.
        volume: String,
        /// Where it is.
        at: PathBuf,
        /// Where it should be.
        wanted: PathBuf,
    },
    /// `--wipe` of what is open.
    #[error("volume {volume} is open; nothing was written. Close it first: kluis down {volume}")]
    OpenNotWiped {
        /// The volume.
        volume: String,
    },
    /// `release` of what is mounted.
    #[error("volume {volume} is mounted at {}; its mount point stays protected. Close it first: kluis down {volume}", at.display())]
    MountedNotReleased {
        /// The volume.
        volume: String,
        /// Where.
        at: PathBuf,
    },
    /// `erase` of what is open.
    #[error("volume {volume} is open; nothing was erased. Close it first: kluis down {volume}")]
    OpenNotErased {
        /// The volume.
        volume: String,
    },
    /// Nothing that `erase` is for.
    #[error("there is no volume {volume} on {device} to erase; it holds {found}")]
    NothingToErase {
        /// The volume.
        volume: String,
        /// The device.
        device: String,
        /// What is there.
        found: String,
    },
    /// No header where one is needed.
    #[error(
        "there is no volume {volume} on {device}; it holds {found}. Make it first: kluis up {volume}"
    )]
    NoHeader {
        /// The volume.
        volume: String,
        /// The device.
        device: String,
        /// What is there.
        found: String,
    },
    /// A backup of a header that says that it is not finished.
    #[error(
        "volume {volume} on {device} is not finished: a backup of its header would say so for ever. Finish it first: kluis up {volume}"
    )]
    NotFinished {
        /// The volume.
        volume: String,
        /// The device.
        device: String,
    },
    /// A restore that has not ended.
    #[error(
        "a header was being written back to volume {volume}, and that was interrupted: what is there may be half of it; nothing was done. Finish it: kluis header restore {volume} {}", file.display()
    )]
    Restoring {
        /// The volume.
        volume: String,
        /// The backup.
        file: PathBuf,
    },
    /// A re-encryption that has not ended.
    #[error(
        "a re-encryption of {device} has not ended: its header is the only copy of the new key, and nothing was written. Let it end first: cryptsetup reencrypt --resume-only {device}, then run: kluis rekey --rebind {volume}"
    )]
    Reencrypting {
        /// The volume.
        volume: String,
        /// The device.
        device: String,
    },
    /// LUKS1 headers are read, not written.
    #[error(
        "{device} has a LUKS1 header, which kluis opens but does not change; convert it first: cryptsetup convert --type luks2 {device}"
    )]
    Luks1NotRekeyed {
        /// The volume.
        volume: String,
        /// The device.
        device: String,
    },
    /// An ephemeral volume has nothing to wrap anew.
    #[error(
        "volume {volume} is ephemeral: its key is never stored, so there is nothing to do; kluis down and kluis up give it a new one, and no data"
    )]
    EphemeralHasNoKey {
        /// The volume.
        volume: String,
    },
    /// Several disks for one volume.
    #[error(
        "volume {volume} stands for the machine's instance store, and there are {count} of them; write {{n}} into its `mount`, so that each gets a volume of its own"
    )]
    SeveralDisks {
        /// The volume.
        volume: String,
        /// How many.
        count: usize,
    },
    /// Fewer disks than the configuration names.
    #[error(
        "there is no disk for volume {volume}: this machine has {count} instance-store disks, and they have other numbers. A disk that is gone stays away with its volume; if this machine never had as many, set `disks` to {count}"
    )]
    NoSuchDisk {
        /// The volume, with its number.
        volume: String,
        /// How many there are.
        count: usize,
    },
    /// What would be erased is another volume.
    #[error(
        "{device} holds the volume labelled {label:?}, not {volume}: erasing it would destroy that one, and nothing was changed. If disks were exchanged, set `device` of both right; if the volume was renamed, erase it under its old name"
    )]
    OtherVolume {
        /// The volume that was named.
        volume: String,
        /// The device.
        device: String,
        /// Whose header it is, as its label says.
        label: String,
    },
    /// A root that cannot be enrolled or opened, whatever is wrong with it. It is nobody's to format.
    #[error("{device} cannot be the root of a machine here: {why}; nothing was written")]
    UnfitRoot {
        /// The device.
        device: String,
        /// What is wrong, and what mends it.
        why: String,
    },
    /// A root without a token.
    #[error(
        "the root on {device} is not enrolled: its header has no kluis token; boot with its passphrase and run: kluis enroll-root"
    )]
    NotEnrolled {
        /// The device.
        device: String,
    },
    /// No instance store.
    #[error("this machine has no instance-store disk for volume {volume}")]
    NoInstanceStore {
        /// The volume.
        volume: String,
    },
}

fn for_whom(users: Option<&String>) -> String {
    users.map_or_else(String::new, |users| format!(" {users}"))
}

fn places(at: &[PathBuf]) -> String {
    let shown: Vec<String> = at.iter().map(|at| at.display().to_string()).collect();
    shown.join(" ")
}

/// A restore checks that the backup is this volume's and of its key, and keeps what it writes over: so it may be recommended.
fn restore(volume: &str, backups: &[PathBuf]) -> String {
    match backups.last() {
        Some(file) => format!(
            "A backup of it is on record: kluis header restore {volume} {}",
            file.display()
        ),
        None => format!("If there is a backup of it: kluis header restore {volume} FILE"),
    }
}

/// What a disk that is not blank may be of the volume's that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfOurs {
    /// Nothing.
    Nothing,
    /// The volume, without its header.
    HeaderLost,
    /// The volume, of which there is a backup, and over which something else was written.
    WrittenOver,
}

impl IfOurs {
    fn advice(self, volume: &str) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::HeaderLost => format!(
                ". If it is the volume, whose header was lost: kluis header restore {volume} FILE"
            ),
            Self::WrittenOver => format!(
                ". If it is volume {volume}, of which there is a backup, and this was written over it: kluis help header restore"
            ),
        }
    }
}

impl Refusal {
    /// The exit code.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoEngine { .. }
            | Self::EphemeralHasNoKey { .. }
            | Self::SeveralDisks { .. }
            | Self::MemberTwice { .. }
            | Self::SealedWithSecret { .. }
            | Self::SealedWithToken { .. } => ExitCode::Parameters,
            Self::NotBound { .. } | Self::KeyslotGone { .. } | Self::NotEnrolled { .. } => {
                ExitCode::Key
            }
            Self::InUse { .. }
            | Self::NameTaken { .. }
            | Self::OpenElsewhere { .. }
            | Self::Stray { .. }
            | Self::DeadInUse { .. }
            | Self::MountedTwice { .. }
            | Self::OtherStripe { .. }
            | Self::MountTaken { .. }
            | Self::MountedElsewhere { .. }
            | Self::OpenNotWiped { .. }
            | Self::MountedNotReleased { .. }
            | Self::OpenNotErased { .. } => ExitCode::Busy,
            Self::Missing { .. }
            | Self::MemberMissing { .. }
            | Self::OtherMembers { .. }
            | Self::MembersUnknown { .. }
            | Self::NotBlank { .. }
            | Self::MembersRefilled { .. }
            | Self::Ambiguous { .. }
            | Self::FileGone { .. }
            | Self::Erased { .. }
            | Self::BadHeader { .. }
            | Self::NotOpenedHere { .. }
            | Self::BadToken { .. }
            | Self::ReadOnly { .. }
            | Self::TooSmall { .. }
            | Self::CutShort { .. }
            | Self::HoldsAnother { .. }
            | Self::NothingToErase { .. }
            | Self::NoHeader { .. }
            | Self::NotFinished { .. }
            | Self::Restoring { .. }
            | Self::Reencrypting { .. }
            | Self::Luks1NotRekeyed { .. }
            | Self::OtherVolume { .. }
            | Self::UnfitRoot { .. }
            | Self::NoInstanceStore { .. }
            | Self::NoSuchDisk { .. } => ExitCode::Device,
        }
    }
}
