//! The fuse engine for `bench/fuse.sh`: opens and closes a mapping whose key is in a file, without a header or a key service.
//!
//! ```text
//! fuse open NAME IMAGE PAYLOAD_OFFSET SECTOR_SIZE KEY_FILE RUN_DIR     prints the block device
//! fuse close NAME RUN_DIR
//! ```

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use crypto::SecretBytes;
use luks::VolumeKey;
use uuid::Uuid;
use volume::engine::{Cipher, Engine, LuksKind, Mapping};
use volume::fuse::{DAEMON_ARGUMENT, Fuse, daemon_main};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [first, name] if first == DAEMON_ARGUMENT => return daemon_main(name),
        ["open", name, image, offset, sector_size, key, run_dir] => {
            open(name, image, offset, sector_size, key, run_dir)
        }
        ["close", name, run_dir] => close(name, run_dir),
        // As `cargo bench` calls it.
        _ => {
            println!("the fuse engine is measured by bench/fuse.sh, which calls this program");
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn open(
    name: &str,
    image: &str,
    offset: &str,
    sector_size: &str,
    key: &str,
    run_dir: &str,
) -> Result<(), Box<dyn Error>> {
    let image = Path::new(image);
    let sector_size: u32 = sector_size.parse()?;
    let start: u64 = offset.parse()?;
    let end = image.metadata()?.len();
    let key = VolumeKey::new(SecretBytes::copy_of(&std::fs::read(key)?)?)?;
    let device = Fuse::new(std::env::current_exe()?, run_dir).open(&Mapping {
        name,
        uuid: Uuid::nil(),
        luks: LuksKind::V1,
        backing: image,
        read_only: false,
        discards: false,
        payload: start..end - (end - start) % u64::from(sector_size),
        sector_size,
        iv_start: 0,
        cipher: Cipher::AesXtsPlain64,
        key: &key,
    })?;
    println!("{}", device.display());
    Ok(())
}

fn close(name: &str, run_dir: &str) -> Result<(), Box<dyn Error>> {
    let _ = Fuse::new(std::env::current_exe()?, run_dir).close(name)?;
    Ok(())
}
