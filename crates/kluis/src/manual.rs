//! The manual pages: of the verbs from the command line's types, of the configuration from the types that parse it.

use std::io;
use std::path::Path;

use clap::CommandFactory as _;
use reference::{Page, Reference};
use volume::config::Config;

use crate::cli::Cli;

/// Writes all pages into a folder.
pub(crate) fn write(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(Cli::command(), dir)?;
    let page = Page {
        name: "kluis-volumes",
        about: "the encrypted volumes of a machine, and where their keys come from",
        source: concat!("kluis ", env!("CARGO_PKG_VERSION")),
        file: "/etc/kluis/volumes.toml",
        see_also: &["kluis(1)", "kluisd(1)", "cryptsetup(8)", "systemd.mount(5)"],
    };
    std::fs::write(dir.join("kluis-volumes.5"), reference().man(&page))
}

/// What `volumes.toml` may hold.
fn reference() -> Reference {
    Reference::of(&Config::schema())
}

#[cfg(test)]
mod tests {
    use reference::Section;

    use super::*;

    #[test]
    fn the_documents_say_what_the_types_say() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
        Section("volumes.toml")
            .hold(&path, &reference().markdown())
            .unwrap();
    }

    #[test]
    fn the_configurations_page_is_beside_the_verbs() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path()).unwrap();
        let page = std::fs::read_to_string(dir.path().join("kluis-volumes.5")).unwrap();
        assert!(
            page.contains("[volume.NAME]") && page.contains("boot_deadline"),
            "{page}"
        );
        assert!(dir.path().join("kluis-up.1").exists());
    }
}
