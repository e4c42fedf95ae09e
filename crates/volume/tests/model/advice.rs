//! The commands in a message of the program, read as a person reads them.

use crate::schedule::Volume;

/// What a message tells a person to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Up {
        volume: Volume,
        wipe: bool,
        repair: bool,
    },
    Down(Volume),
    /// Of a backup that the message names, or of one that he has.
    Restore(Volume, Option<String>),
    Rebind(Volume),
    Erase(Volume),
    Unmount(String),
}

/// The commands of a message, in its order. Those that only show something are left out.
///
/// # Errors
/// A command that no person could run: of another volume's name, or one that this reader does not know.
pub(crate) fn commands(message: &str) -> Result<Vec<Command>, String> {
    let mut found = Vec::new();
    for program in ["kluis", "umount"] {
        let starts = message.match_indices(program).map(|(at, _)| at);
        for at in starts.filter(|&at| is_told(message, at)) {
            // A command ends with its sentence, its clause or the line.
            let text: &str = message[at..]
                .split([';', ',', ')', '(', '\n'])
                .next()
                .unwrap_or_default();
            let words = text
                .split_whitespace()
                .skip(1)
                .map(|word| word.trim_end_matches('.'));
            let command = match program {
                "kluis" => of_kluis(&words.collect::<Vec<_>>()),
                _ => Ok(words
                    .filter(|word| word.starts_with('/'))
                    .map(|at| Command::Unmount(at.to_owned()))
                    .next()),
            };
            found.extend(
                command
                    .map_err(|why| format!("{why}: {message}"))?
                    .map(|command| (at, command)),
            );
        }
    }
    found.sort_by_key(|(at, _)| *at);
    Ok(found.into_iter().map(|(_, command)| command).collect())
}

/// A command stands behind a colon, in parentheses, or behind another one; elsewhere the program speaks of itself.
fn is_told(message: &str, at: usize) -> bool {
    let before = &message[..at];
    before.ends_with(": ")
        || before.ends_with('(')
        || before
            .strip_suffix(" and ")
            .and_then(|before| before.rsplit_once(": "))
            .is_some_and(|(_, command)| {
                command.starts_with("kluis ") && !command.contains(['.', ';'])
            })
}

fn of_kluis(words: &[&str]) -> Result<Option<Command>, String> {
    let volume =
        |name: &str| Volume::named(name).ok_or_else(|| format!("no volume is called {name:?}"));
    Ok(Some(match words {
        ["up", "--wipe", name, ..] => Command::Up {
            volume: volume(name)?,
            wipe: true,
            repair: false,
        },
        ["up", "--repair", name, ..] => Command::Up {
            volume: volume(name)?,
            wipe: false,
            repair: true,
        },
        ["up", name, ..] if !name.starts_with('-') => Command::Up {
            volume: volume(name)?,
            wipe: false,
            repair: false,
        },
        ["down", name, ..] => Command::Down(volume(name)?),
        ["header", "restore", name, file, ..] => Command::Restore(
            volume(name)?,
            file.starts_with('/').then(|| (*file).to_owned()),
        ),
        ["rekey", "--rebind", "--key-file", _, name, ..] | ["rekey", "--rebind", name, ..] => {
            Command::Rebind(volume(name)?)
        }
        ["erase", name, ..] => Command::Erase(volume(name)?),
        ["header", "show", ..] | ["help" | "check" | "status", ..] => return Ok(None),
        words => return Err(format!("a command that nobody knows ({words:?})")),
    }))
}

#[test]
fn commands_are_read_from_messages() {
    let read = |text| commands(text).unwrap();
    assert_eq!(
        read("was erased; finish it with: kluis erase v, or begin anew with: kluis up --wipe v"),
        [
            Command::Erase(Volume::V),
            Command::Up {
                volume: Volume::V,
                wipe: true,
                repair: false
            }
        ]
    );
    assert_eq!(
        read("Stop what uses it, then: kluis down w and kluis up w"),
        [
            Command::Down(Volume::W),
            Command::Up {
                volume: Volume::W,
                wipe: false,
                repair: false
            }
        ]
    );
    assert_eq!(
        read(
            "it is on record: kluis header restore v /root/v.1. Or run: umount /mnt/else (kluis help up)"
        ),
        [
            Command::Restore(Volume::V, Some("/root/v.1".to_owned())),
            Command::Unmount("/mnt/else".to_owned())
        ]
    );
    assert_eq!(read("one copy is torn; kluis up repairs it"), []);
    assert!(commands("run: kluis frobnicate v").is_err());
    assert!(commands("run: kluis up --wipe NAME").is_err());
}
