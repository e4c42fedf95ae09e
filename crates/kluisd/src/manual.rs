//! The manual pages: of the commands from the command line's types, of the configuration from the types that parse it.

use std::io;
use std::path::Path;

use clap::CommandFactory as _;
use reference::{Page, Reference};

use crate::cli::Cli;
use crate::config::{Config, DEFAULT_PATH};

/// Writes all pages into a folder.
pub(crate) fn write(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(Cli::command(), dir)?;
    let page = Page {
        name: "kluisd",
        about: "where the key service listens, which certificate it shows, its quotas, and where alarms are heard",
        source: concat!("kluisd ", env!("CARGO_PKG_VERSION")),
        file: DEFAULT_PATH,
        see_also: &["kluisd(1)", "kluis(1)", "kluis-volumes(5)"],
    };
    std::fs::write(dir.join("kluisd.5"), reference().man(&page))
}

/// What `kluisd.toml` may hold.
fn reference() -> Reference {
    Reference::of(&schemars::schema_for!(Config))
}

#[cfg(test)]
mod tests {
    use reference::Section;

    use super::*;

    #[test]
    fn the_documents_say_what_the_types_say() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
        Section("kluisd.toml")
            .hold(&path, &reference().markdown())
            .unwrap();
    }

    #[test]
    fn the_configurations_page_is_beside_the_commands() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path()).unwrap();
        let page = std::fs::read_to_string(dir.path().join("kluisd.5")).unwrap();
        for word in ["[tls]", "[quotas]", "[sinks.NAME]", "certificate", "listen"] {
            assert!(page.contains(word), "{word}: {page}");
        }
        assert!(dir.path().join("kluisd-serve.1").exists());
    }
}
