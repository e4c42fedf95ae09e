//! What is written is what is read, and what is in the image.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::process::Command;

use super::fixture::{Fixture, pattern, read, read_direct, run, text, write_synced};
use crate::{Test, tests};
use volume::engine::{Engine, Health};

pub(crate) const TESTS: &[Test] = &{
    use super::content;
    tests![content:
        the_image_holds_what_was_written_under_its_key,
        an_image_on_a_disk_is_as_good_as_one_in_memory,
        the_disk_has_the_volumes_size_and_sectors,
        ext4_and_xfs_survive_closing_and_opening,
        unaligned_writes_to_the_view_change_their_bytes_and_no_others,
        writes_past_the_end_are_refused_and_reads_are_short,
        zeroing_a_range_makes_it_read_as_zeros,
        discards_are_ignored,
        a_read_only_volume_is_read_and_not_written,
    ]
};

const LEN: usize = 3 << 20;

pub(crate) fn the_image_holds_what_was_written_under_its_key() {
    for sector_size in [512, 4096] {
        let fixture = Fixture::new(sector_size, 8);
        let before = read(&fixture.image(), 0, 1 << 20).unwrap();
        let device = fixture.opened();
        let data = pattern(LEN, 1);
        write_synced(&device, 1 << 20, &data).unwrap();
        assert_eq!(read_direct(&device, 1 << 20, LEN).unwrap(), data);
        assert_eq!(fixture.decrypted(1 << 20, LEN), data);
        fixture.close();
        assert_eq!(fixture.health(), None);
        assert!(
            !fixture.view().exists(),
            "nothing is left in the run directory"
        );
        let device = fixture.opened();
        assert_eq!(read(&device, 1 << 20, LEN).unwrap(), data);
        assert_eq!(
            read(&fixture.image(), 0, 1 << 20).unwrap(),
            before,
            "what is not the payload"
        );
    }
}

pub(crate) fn an_image_on_a_disk_is_as_good_as_one_in_memory() {
    let fixture = Fixture::in_folder("/var/tmp", 512, 8);
    let device = fixture.opened();
    let data = pattern(LEN, 2);
    write_synced(&device, 512, &data).unwrap();
    assert_eq!(
        read_direct(&device, 0, LEN + 4096).unwrap()[512..512 + LEN],
        data
    );
    assert_eq!(fixture.decrypted(512, LEN), data);
}

pub(crate) fn the_disk_has_the_volumes_size_and_sectors() {
    for sector_size in [512, 4096] {
        let fixture = Fixture::new(sector_size, 8);
        let device = fixture.opened();
        let ask = |question| {
            String::from_utf8(run("blockdev", &[question, text(&device)]).stdout)
                .unwrap()
                .trim()
                .to_owned()
        };
        assert_eq!(ask("--getsize64"), (8 << 20).to_string());
        assert_eq!(ask("--getss"), sector_size.to_string());
        let name = device.file_name().unwrap().to_str().unwrap();
        assert_eq!(
            fs::read_to_string(format!("/sys/block/{name}/loop/dio"))
                .unwrap()
                .trim(),
            "1",
            "direct I/O"
        );
        let active = fixture.engine.find(super::fixture::NAME).unwrap().unwrap();
        assert_eq!(
            (active.sector_size, active.key_bits, active.payload),
            (sector_size, 512, fixture.payload.clone())
        );
        assert_eq!(
            (active.cipher.as_str(), active.device, active.backing),
            ("aes-xts-plain64", device, fixture.image())
        );
        assert_eq!(active.health, Health::Serving);
    }
}

pub(crate) fn ext4_and_xfs_survive_closing_and_opening() {
    for (make, arguments, check, check_arguments, mib) in [
        ("mkfs.ext4", ["-q", "-F"], "e2fsck", &["-f", "-n"][..], 32),
        ("mkfs.xfs", ["-q", "-f"], "xfs_repair", &["-n"][..], 304),
    ] {
        let fixture = Fixture::new(4096, mib);
        let device = fixture.opened();
        let point = fixture.path("mnt");
        fs::create_dir(&point).unwrap();
        run(make, &[arguments[0], arguments[1], text(&device)]);
        run("mount", &[text(&device), text(&point)]);
        let data = pattern(LEN, 3);
        fs::write(point.join("file"), &data).unwrap();
        run("umount", &[text(&point)]);
        fixture.close();

        let device = fixture.opened();
        run(check, &[check_arguments, &[text(&device)]].concat());
        run("mount", &[text(&device), text(&point)]);
        assert!(fs::read(point.join("file")).unwrap() == data, "{make}");
        run("umount", &[text(&point)]);
    }
}

pub(crate) fn unaligned_writes_to_the_view_change_their_bytes_and_no_others() {
    let fixture = Fixture::new(4096, 2);
    let _device = fixture.opened();
    let mut model = fixture.decrypted(0, 2 << 20);
    let view = OpenOptions::new()
        .read(true)
        .write(true)
        .open(fixture.view())
        .unwrap();
    for (at, len) in [
        (1, 1),
        (4095, 2),
        (4096, 4096),
        (5000, 100_000),
        (0, 4097),
        ((2 << 20) - 5, 5),
        (70_000, (1 << 20) + 9),
    ] {
        let data = pattern(len, at as u64);
        view.write_all_at(&data, at as u64).unwrap();
        model[at..at + len].copy_from_slice(&data);
        let mut seen = vec![0; len];
        view.read_exact_at(&mut seen, at as u64).unwrap();
        assert!(seen == data, "{len} bytes at {at}");
    }
    assert!(fixture.decrypted(0, 2 << 20) == model);
}

pub(crate) fn writes_past_the_end_are_refused_and_reads_are_short() {
    let fixture = Fixture::new(4096, 2);
    let _device = fixture.opened();
    let image = fs::metadata(fixture.image()).unwrap().len();
    let view = OpenOptions::new()
        .read(true)
        .write(true)
        .open(fixture.view())
        .unwrap();
    assert!(view.write_at(&[1; 512], 2 << 20).is_err());
    assert!(view.set_len(4 << 20).is_err());
    assert_eq!(view.read_at(&mut [0; 4096], (2 << 20) - 100).unwrap(), 100);
    assert_eq!(view.read_at(&mut [0; 4096], 2 << 20).unwrap(), 0);
    assert_eq!(fs::metadata(fixture.image()).unwrap().len(), image);
}

pub(crate) fn zeroing_a_range_makes_it_read_as_zeros() {
    let fixture = Fixture::new(4096, 8);
    let device = fixture.opened();
    write_synced(&device, 0, &pattern(LEN, 4)).unwrap();
    // With and without leave to unmap: the loop device makes a hole punch of the one and a zero range of the other.
    run(
        "blkdiscard",
        &[
            "--zeroout",
            "--offset",
            "0",
            "--length",
            "1048576",
            text(&device),
        ],
    );
    run(
        "fallocate",
        &[
            "--zero-range",
            "--keep-size",
            "--offset",
            "1048576",
            "--length",
            "1048576",
            text(&device),
        ],
    );
    assert_eq!(read_direct(&device, 0, 2 << 20).unwrap(), vec![0; 2 << 20]);
    assert_eq!(
        fixture.decrypted(0, 2 << 20),
        vec![0; 2 << 20],
        "zeros under the key, not a hole"
    );
    assert_eq!(
        read_direct(&device, 2 << 20, 1 << 20).unwrap(),
        pattern(LEN, 4)[2 << 20..]
    );
}

pub(crate) fn discards_are_ignored() {
    let fixture = Fixture::new(4096, 8);
    let device = fixture.opened();
    write_synced(&device, 0, &pattern(LEN, 5)).unwrap();
    // Whether this "succeeds" is up to the kernel, which may take a discard for a hint.
    let _ = Command::new("blkdiscard")
        .args(["-f", text(&device)])
        .output()
        .unwrap();
    assert_eq!(read_direct(&device, 0, LEN).unwrap(), pattern(LEN, 5));
}

pub(crate) fn a_read_only_volume_is_read_and_not_written() {
    let mut fixture = Fixture::new(4096, 8);
    let device = fixture.opened();
    write_synced(&device, 0, &pattern(LEN, 6)).unwrap();
    fixture.close();
    fixture.read_only = true;
    let before = fs::read(fixture.image()).unwrap();
    let device = fixture.opened();
    assert_eq!(read(&device, 0, LEN).unwrap(), pattern(LEN, 6));
    assert!(write_synced(&device, 0, &[1; 4096]).is_err());
    assert!(
        File::options()
            .write(true)
            .open(fixture.view())
            .and_then(|view| view.write_at(&[1; 4096], 0))
            .is_err()
    );
    assert!(
        fixture
            .engine
            .find(super::fixture::NAME)
            .unwrap()
            .unwrap()
            .read_only
    );
    fixture.close();
    assert!(fs::read(fixture.image()).unwrap() == before);
}
