//! File systems, made by the system's own programs. Nothing is zero-filled and nothing grows with the disk that can be
//! left for later, since making one stands between a fresh machine and its first work.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::host::{FileSystem, HostError};
use crate::linux::failure::about;

/// How much of what a program says is kept.
const WORDS_MAX: usize = 2000;
/// The longest labels: ext4 has 16 bytes, XFS 12.
const LABEL_MAX: [usize; 2] = [16, 12];

/// Makes a file system over whatever is there, and makes it durable.
pub(super) fn make(device: &Path, kind: FileSystem, label: &str) -> Result<(), HostError> {
    let (program, package) = match kind {
        FileSystem::Ext4 => ("mkfs.ext4", "e2fsprogs"),
        FileSystem::Xfs => ("mkfs.xfs", "xfsprogs"),
    };
    let mut command = Command::new(program);
    command.args(arguments(kind, label)).arg(device);
    run(command, program, package)?;
    File::open(device)
        .and_then(|file| file.sync_all())
        .map_err(about(device))
}

fn arguments(kind: FileSystem, label: &str) -> Vec<String> {
    let label = |max: usize| {
        label
            .char_indices()
            .take_while(|(at, c)| at + c.len_utf8() <= max)
            .map(|(_, c)| c)
            .collect::<String>()
    };
    let words: &[&str] = match kind {
        // Inode tables and the journal are cleared by the kernel later. A journal of fixed size and metadata packed at
        // the front keep what must be written now from growing with the disk.
        FileSystem::Ext4 => &[
            "-q",
            "-F",
            "-b",
            "4096",
            "-E",
            "lazy_itable_init=1,lazy_journal_init=1,packed_meta_blocks=1",
        ],
        FileSystem::Xfs => &["-q", "-f", "-b", "size=4096"],
    };
    let mut arguments: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let [ext4, xfs] = LABEL_MAX;
    arguments.extend([
        "-L".to_owned(),
        label(if kind == FileSystem::Ext4 { ext4 } else { xfs }),
    ]);
    arguments
}

/// Runs a program to its end, in no one's language, with nothing to read, and keeps what it says.
fn run(
    mut command: Command,
    program: &'static str,
    package: &'static str,
) -> Result<(), HostError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = format!("{}:/usr/sbin:/sbin:/usr/bin:/bin", path.to_string_lossy());
    command
        .env("PATH", path.trim_start_matches(':'))
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(HostError::MissingProgram { program, package });
        }
        Err(source) => {
            return Err(HostError::Io {
                what: format!("running {program}"),
                source,
            });
        }
    };
    if output.status.success() {
        return Ok(());
    }
    Err(HostError::Program {
        program,
        words: words(&output.stderr, &output.status.to_string()),
    })
}

/// What a program said, on one line and within bounds; how it ended if it said nothing.
fn words(said: &[u8], ended: &str) -> String {
    let said = &said[..said.len().min(WORDS_MAX)];
    let text = String::from_utf8_lossy(said);
    let text = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ");
    let text = text.replace(|c: char| c.is_control(), "?");
    if text.is_empty() {
        ended.to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_is_too_long_is_cut_between_characters() {
        assert_eq!(
            arguments(FileSystem::Xfs, "secretfs-of-mine")
                .last()
                .unwrap(),
            "secretfs-of-"
        );
        assert_eq!(
            arguments(FileSystem::Ext4, "éééééééééé").last().unwrap(),
            "éééééééé"
        );
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let error = run(
            Command::new("mkfs.nothing"),
            "mkfs.nothing",
            "nothing-tools",
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "mkfs.nothing is not installed; run: apt-get install nothing-tools"
        );
    }

    #[test]
    fn a_programs_words_are_one_bounded_line() {
        assert_eq!(words(b"one\n\n  two \x1b[0m\n", "exit 1"), "one; two ?[0m");
        assert_eq!(words(b"\n", "exit status: 1"), "exit status: 1");
        assert!(words(&[b'x'; 5000], "").len() <= WORDS_MAX);
    }
}
