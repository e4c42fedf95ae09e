//! Gets the models: botocore's wheel from the Python package index, pinned by version and hash, kept in the target folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::selection::{BOTOCORE, BOTOCORE_SHA256};

/// Prints the newest `service-2.json` of a service in a wheel.
const READ_MODEL: &str = r#"
import gzip, re, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
found = re.compile("botocore/data/" + re.escape(sys.argv[2]) + r"/[0-9-]+/service-2\.json(\.gz)?$")
name = max(n for n in wheel.namelist() if found.match(n))
data = wheel.read(name)
sys.stdout.buffer.write(gzip.decompress(data) if name.endswith(".gz") else data)
"#;

/// The path of the pinned wheel, downloaded if it is not there.
pub(super) fn wheel() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/shapes");
    let wheel = folder.join(format!("botocore-{BOTOCORE}-py3-none-any.whl"));
    if !wheel.exists() {
        fs::create_dir_all(&folder)?;
        let requirements = folder.join("requirements.txt");
        fs::write(
            &requirements,
            format!("botocore=={BOTOCORE} --hash=sha256:{BOTOCORE_SHA256}\n"),
        )?;
        run(Command::new("python3")
            .args(
                "-m pip download --quiet --no-deps --only-binary :all: --require-hashes".split(' '),
            )
            .arg("--dest")
            .arg(&folder)
            .arg("--requirement")
            .arg(&requirements))
        .context("cannot download botocore's wheel")?;
    }
    Ok(wheel)
}

/// The text of a service's model.
pub(super) fn model(wheel: &Path, service: &str) -> Result<String> {
    let output = run(Command::new("python3")
        .arg("-c")
        .arg(READ_MODEL)
        .arg(wheel)
        .arg(service))?;
    Ok(String::from_utf8(output)?)
}

fn run(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}
