//! The volumes whose mount points are protected, from the agent's own records. Where the configuration cannot be made out, these are
//! known all the same, and whoever needs such a mount does not start on the bare folder.

use std::path::Path;

use serde_json::Value;

use super::boot_volume::BootVolume;
use super::salvage;

/// The folder of the records within that of the agent's state.
const RECORDS: &str = "mount-points";

/// What is on record; what cannot be read is left out.
pub(super) fn volumes(state: &Path) -> Vec<BootVolume> {
    let Ok(records) = std::fs::read_dir(state.join(RECORDS)) else {
        return Vec::new();
    };
    let mut found: Vec<BootVolume> = records
        .filter_map(|record| {
            let record: Value =
                serde_json::from_slice(&std::fs::read(record.ok()?.path()).ok()?).ok()?;
            let name = record.get("volume")?.as_str()?;
            let mount = record.get("mount")?.as_str()?;
            let is_usable = salvage::is_name(name) && salvage::is_mount(mount);
            is_usable.then(|| salvage::volume(name.to_owned(), mount))
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_record_is_a_volume_and_the_rest_is_left_out() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join(RECORDS);
        std::fs::create_dir(&folder).unwrap();
        for (name, text) in [
            ("b", r#"{ "volume": "b", "mount": "/data/b", "mode": 493 }"#),
            ("a", r#"{ "volume": "a", "mount": "/data/a" }"#),
            ("no-name", r#"{ "mount": "/data/c" }"#),
            ("no-place", r#"{ "volume": "d", "mount": "data" }"#),
            ("bad-name", r#"{ "volume": "../d", "mount": "/data/d" }"#),
            ("no-json", "volume"),
        ] {
            std::fs::write(folder.join(name), text).unwrap();
        }

        let found = volumes(state.path());

        let seen: Vec<_> = found.iter().map(BootVolume::name_and_place).collect();
        assert_eq!(
            seen,
            [
                ("a", Some(Path::new("/data/a"))),
                ("b", Some(Path::new("/data/b")))
            ]
        );
        assert_eq!(volumes(Path::new("/nonexistent")), []);
    }
}
