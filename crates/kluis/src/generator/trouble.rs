//! What keeps a volume's units from being what people expect of them. The generator says it in the kernel's log, where few look;
//! `kluis check` says it to whoever asks.

use std::fmt;
use std::path::{Path, PathBuf};

use volume::ExitCode;
use volume::config::Config;
use volume::verbs::{Finding, Level};

use super::boot_volume::{self, BootVolume};
use super::fstab::{self, Line};

/// Something that is wrong with one volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A line of fstab mounts something else in its place.
    Fstab {
        /// The line's number.
        line: usize,
        /// What it mounts.
        source: PathBuf,
        /// Where.
        at: PathBuf,
    },
    /// The path of its mount point has a link in it.
    Link {
        /// The path.
        mount: PathBuf,
        /// Where it leads.
        to: PathBuf,
    },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fstab { line, source, at } => write!(
                f,
                "line {line} of /etc/fstab mounts {} at {}, where this volume is to be mounted: a boot would do both, so the volume gets a service and no mount unit, and what needs {1} may start without it; take the line out (the volume's units stand for it), or mount one of them elsewhere, then run: systemctl daemon-reload",
                source.display(),
                at.display()
            ),
            Self::Link { mount, to } => write!(
                f,
                "{} leads over a link to {1}, and systemd knows a mount by the path without links: what needs {0} would never start; write mount = \"{1}\", then run: systemctl daemon-reload",
                mount.display(),
                to.display()
            ),
        }
    }
}

/// What is wrong with a volume, by what can be seen of it now.
pub(super) fn of(volume: &BootVolume, table: &[Line]) -> Vec<Trouble> {
    let mut found = Vec::new();
    let Some(mount) = &volume.mount else {
        return found;
    };
    let to = without_links(mount);
    // systemd takes a line's links out.
    let place = |mount: &Path| BootVolume {
        mount: Some(mount.to_owned()),
        ..volume.clone()
    };
    let line = table
        .iter()
        .find(|line| line.contradicts(volume) || line.contradicts(&place(&to)));
    if let Some(line) = line {
        found.push(Trouble::Fstab {
            line: line.number,
            source: line.source.clone(),
            at: line.at.clone(),
        });
    }
    if to != *mount {
        found.push(Trouble::Link {
            mount: mount.clone(),
            to,
        });
    }
    found
}

/// A path with the links taken out of as much of it as is there.
fn without_links(path: &Path) -> PathBuf {
    let known = path
        .ancestors()
        .find_map(|above| Some((above, std::fs::canonicalize(above).ok()?)));
    match known {
        Some((above, found)) => match path.strip_prefix(above) {
            Ok(rest) if !rest.as_os_str().is_empty() => found.join(rest),
            _ => found,
        },
        None => path.to_owned(),
    }
}

/// What `kluis check` has to say of the units of a configuration.
pub(crate) fn findings(config: &Config) -> Vec<Finding> {
    let table = fstab::read();
    let mut findings: Vec<Finding> = boot_volume::all(config)
        .iter()
        .flat_map(|volume| {
            of(volume, &table).into_iter().map(|trouble| Finding {
                level: Level::Bad,
                subject: volume.name.clone(),
                message: trouble.to_string(),
                code: Some(ExitCode::Parameters),
            })
        })
        .collect();
    for volume in config.volumes.values() {
        if volume.is_numbered() && volume.disks.is_none() {
            findings.push(Finding {
                level: Level::Note,
                subject: volume.name.clone(),
                message: format!(
                    "{{n}} in mount and no `disks`: at boot kluis@{}.service brings up as many disks as there are, and none of them has a mount unit; what needs one (RequiresMountsFor=) does not wait for it. Say how many there are: disks = N",
                    volume.name
                ),
                code: None,
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::salvage;
    use super::*;

    #[test]
    fn a_link_on_the_way_to_a_mount_point_is_told_with_where_it_leads() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        std::fs::create_dir(dir.join("real")).unwrap();
        symlink("real", dir.join("link")).unwrap();
        let at = |path: &str| {
            let mount = dir.join(path).display().to_string();
            of(&salvage::volume("a".to_owned(), &mount), &[])
        };

        for path in ["real", "real/not/there", "absent"] {
            assert_eq!(at(path), [], "{path}");
        }
        for (path, to) in [("link", "real"), ("link/not/there", "real/not/there")] {
            let told = at(path);
            let [Trouble::Link { to: led, .. }] = &told[..] else {
                panic!("{told:?}")
            };
            assert_eq!(*led, dir.join(to));
            assert!(told[0].to_string().contains("mount = \""), "{}", told[0]);
        }
    }
}
