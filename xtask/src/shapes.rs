//! Generates `crates/wire/src/generated` from AWS's own service models, as botocore publishes them (Apache-2.0).
//!
//! The output depends only on the pinned version and the list of operations, both in `selection.rs`.

mod corrections;
mod emit;
mod fetch;
mod model;
mod names;
mod pattern;
mod schema;
mod selection;
mod types;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// Writes the generated files.
///
/// # Errors
///
/// When the models cannot be fetched or hold something that the generator does not know, or a file cannot be written.
pub(crate) fn write() -> Result<()> {
    for (path, text) in generate()? {
        if fs::read_to_string(&path).ok().as_deref() == Some(&text) {
            println!("unchanged  {}", path.display());
        } else {
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            println!("written    {}", path.display());
        }
    }
    Ok(())
}

/// Says whether the generated files are what [`write()`] would write.
///
/// # Errors
///
/// When they differ, and when the models cannot be fetched.
pub(crate) fn check() -> Result<()> {
    let mut stale = Vec::new();
    for (path, text) in generate()? {
        if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            stale.push(path.display().to_string());
        }
    }
    if !stale.is_empty() {
        bail!(
            "not what the models say: {}; run: cargo run -p xtask -- shapes",
            stale.join(", ")
        );
    }
    Ok(())
}

fn generate() -> Result<Vec<(PathBuf, String)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/wire/src/generated");
    let wheel = fetch::wheel()?;
    let mut files = Vec::new();
    for service in selection::SERVICES {
        let model = fetch::model(&wheel, service.name)
            .and_then(|text| model::Model::parse(&text))
            .with_context(|| format!("the model of {}", service.name))?;
        let text = emit::module(service, &model)
            .and_then(|text| emit::formatted(&text))
            .with_context(|| format!("the module of {}", service.name))?;
        files.push((folder.join(format!("{}.rs", service.module())), text));
    }
    files.push((folder.join("mod.rs"), emit::formatted(&emit::root())?));
    Ok(files)
}
