//! Whether this machine is one that AWS gives credentials to: then it waits for them, and else it does not.

use std::path::Path;

/// What the firmware of an EC2 instance says.
const VENDOR: (&str, &str) = ("class/dmi/id/sys_vendor", "Amazon EC2");
/// The same on the older, Xen-based ones.
const XEN_UUID: (&str, &str) = ("hypervisor/uuid", "ec2");

/// Whether this is an EC2 instance, by what its firmware says (no request is made).
pub(crate) fn is_ec2() -> bool {
    is_ec2_by(Path::new("/sys"))
}

fn is_ec2_by(sys: &Path) -> bool {
    [VENDOR, XEN_UUID].iter().any(|(file, begins)| {
        std::fs::read_to_string(sys.join(file)).is_ok_and(|text| text.starts_with(begins))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(file: &str, text: &str) -> bool {
        let sys = tempfile::tempdir().unwrap();
        let path = sys.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        is_ec2_by(sys.path())
    }

    #[test]
    fn an_instance_is_known_by_its_firmware() {
        assert!(machine("class/dmi/id/sys_vendor", "Amazon EC2\n"));
        assert!(machine(
            "hypervisor/uuid",
            "ec2e1916-9099-7caf-fd21-012345abcdef\n"
        ));
        assert!(!machine("class/dmi/id/sys_vendor", "QEMU\n"));
        assert!(!machine("hypervisor/uuid", "00000000-0000\n"));
    }
}
