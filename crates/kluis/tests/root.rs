//! The initramfs of an enrolled root: images made by initramfs-tools and dracut in a Debian of their own, and looked at. Whole boots from
//! them take minutes: `make root-test` names them in `KLUIS_ROOT_TEST`.

mod stage;

use std::path::Path;
use std::process::Command;

#[test]
fn an_initramfs_has_what_opens_the_root() {
    let programs = Path::new(env!("CARGO_BIN_EXE_kluis")).parent().unwrap();
    let boots = std::env::var("KLUIS_ROOT_TEST").unwrap_or_default();

    let output = Command::new(stage::workspace().join("tests/root/run"))
        .arg(programs)
        .arg(stage::template())
        .arg("images")
        .args(boots.split_whitespace())
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(
        output.status.success() && said.contains("ok: dracut: has its script"),
        "{}\n{said}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
