use super::*;
use crate::host::{FileSystem, Purpose};

const SEED: &str = r#"
[volume.secretfs]
file = "/var/lib/kluis/secretfs.img"
size = "2GiB"
mount = "/mnt/secretfs"
filesystem = "ext4"
key = "alias/EncFSForEC2InternalStorageKey"
secret = "s3://bucket/LuksInternalStorageKey"
engine = "auto"
"#;

fn volume(lines: &str) -> Result<VolumeConfig, ConfigError> {
    let config = Config::parse(&format!("[volume.v]\n{lines}\n"))?;
    Ok(config.volumes["v"].clone())
}

#[test]
fn the_designs_example_is_read() {
    let config = Config::parse(SEED).unwrap();
    let volume = &config.volumes["secretfs"];
    assert_eq!(
        volume.backing,
        Backing::File {
            path: "/var/lib/kluis/secretfs.img".into(),
            size: 2 << 30
        }
    );
    assert_eq!(
        volume.key.key(),
        Some("alias/EncFSForEC2InternalStorageKey")
    );
    assert_eq!(volume.engine, EngineChoice::Auto);
    assert_eq!(config.agent, Agent::default());
}

#[test]
fn a_typo_is_an_error_at_its_line() {
    let text = SEED.replace("mount =", "muont =");
    let error = Config::parse(&text).unwrap_err();
    assert!(error.message.contains("muont"), "{error}");
    assert_eq!(error.line(&text), Some(5));
    let text = SEED.replace("\"ext4\"", "\"ext5\"");
    let error = Config::parse(&text).unwrap_err();
    assert!(
        error.message.contains("ext5") && error.message.contains("xfs"),
        "{error}"
    );
    assert_eq!(error.line(&text), Some(6));
    let text = SEED.replace("[volume.", "[volumes.");
    assert_eq!(Config::parse(&text).unwrap_err().line(&text), Some(2));
}

#[test]
fn a_wrong_value_points_at_the_value() {
    let text = SEED.replace("2GiB", "2 gigs");
    let error = Config::parse(&text).unwrap_err();
    assert_eq!(&text[error.span.clone().unwrap()], "\"2 gigs\"");
    assert!(error.message.contains("2GiB"));
}

#[test]
fn each_contradiction_says_what_is_right() {
    let file = "file = \"/a\"\nsize = \"1GiB\"\n";
    for (lines, words) in [
        (
            "mount = \"/m\"\nkey = \"k\"".to_owned(),
            "file = \"/path\" with size",
        ),
        (
            "file = \"/a\"\nmount = \"/m\"\nkey = \"k\"".to_owned(),
            "needs a size",
        ),
        (
            "device = \"/dev/disk/by-id/x\"\nsize = \"1GiB\"\nmount = \"/m\"\nkey = \"k\""
                .to_owned(),
            "a device has its own",
        ),
        (
            format!("{file}device = \"/dev/disk/by-id/x\"\nmount = \"/m\"\nkey = \"k\""),
            "not both",
        ),
        (
            "device = \"/dev/nvme1n1\"\nmount = \"/m\"\nkey = \"k\"".to_owned(),
            "/dev/disk/by-id",
        ),
        (
            "device = \"/dev/sdb\"\nmount = \"/m\"\nkey = \"k\"".to_owned(),
            "/dev/disk/by-id",
        ),
        (
            "device = \"/etc/passwd\"\nmount = \"/m\"\nkey = \"k\"".to_owned(),
            "a path in /dev",
        ),
        (format!("{file}mount = \"m\"\nkey = \"k\""), "absolute path"),
        (format!("{file}mount = \"/\"\nkey = \"k\""), "below /"),
        (
            format!("{file}mount = \"/m/../etc\"\nkey = \"k\""),
            "absolute path",
        ),
        (
            format!("{file}mount = \"/m/{{n}}\"\nkey = \"k\""),
            "instance-store",
        ),
        (
            format!("{file}mount = \"/var/log\"\nkey = \"k\""),
            "before there is a network",
        ),
        (format!("{file}mount = \"/m\"\nkey = \"\""), "alias"),
        (
            format!("{file}mount = \"/m\"\nkey = \"ephemeral\"\nsecret = \"s3://bucket/k\""),
            "never stored",
        ),
        (
            format!("{file}mount = \"/m\"\nkey = \"k\"\nsecret = \"https://x/y\""),
            "s3://bucket/key",
        ),
        (
            "file = \"/a\"\nsize = \"1MiB\"\nmount = \"/m\"\nkey = \"k\"".to_owned(),
            "at least 32MiB",
        ),
        (
            "file = \"/a\"\nsize = \"64MiB\"\nfilesystem = \"xfs\"\nmount = \"/m\"\nkey = \"k\""
                .to_owned(),
            "at least 320MiB",
        ),
        (
            "file = \"/a\"\nsize = \"100000001\"\nmount = \"/m\"\nkey = \"k\"".to_owned(),
            "multiple of 4096",
        ),
    ] {
        let error = volume(&lines).unwrap_err();
        assert!(error.message.contains(words), "{lines}\n→ {error}");
        assert!(error.span.is_some(), "{lines}");
    }
}

#[test]
fn two_volumes_share_nothing() {
    let one = "[volume.a]\nfile = \"/a\"\nsize = \"1GiB\"\nmount = \"/m\"\nkey = \"k\"\n";
    let same_mount = "[volume.b]\nfile = \"/b\"\nsize = \"1GiB\"\nmount = \"/m\"\nkey = \"k\"\n";
    let same_file = "[volume.b]\nfile = \"/a\"\nsize = \"1GiB\"\nmount = \"/n\"\nkey = \"k\"\n";
    assert!(
        Config::parse(&format!("{one}{same_mount}"))
            .unwrap_err()
            .message
            .contains("volume a is mounted at /m")
    );
    assert!(
        Config::parse(&format!("{one}{same_file}"))
            .unwrap_err()
            .message
            .contains("volume a lies on /a")
    );
}

#[test]
fn a_name_is_a_plain_name() {
    for name in [
        "\"a/b\"",
        "\"..\"",
        "\"-a\"",
        "\"\"",
        "\"a b\"",
        &format!("\"{}\"", "x".repeat(41)),
    ] {
        let text = format!(
            "[volume.{name}]\nfile = \"/a\"\nsize = \"1GiB\"\nmount = \"/m\"\nkey = \"k\"\n"
        );
        assert!(
            Config::parse(&text)
                .unwrap_err()
                .message
                .contains("cannot name a volume"),
            "{name}"
        );
    }
}

#[test]
fn the_agent_can_be_told() {
    let config = Config::parse(
        "[agent]\nmachine = \"i-0abc\"\nstate = \"/srv/kluis\"\ndeadline = \"5min\"\n",
    )
    .unwrap();
    assert_eq!(config.agent.machine.as_deref(), Some("i-0abc"));
    assert_eq!(config.agent.deadline, Duration::from_mins(5));
    assert!(Config::parse("[agent]\ndeadline = \"2d\"\n").is_err());
    assert!(Config::parse("[agent]\nmachine = \"\"\n").is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = Config::parse(&text);
    }
}

fn agent(lines: &str) -> Result<Agent, ConfigError> {
    Ok(Config::parse(&format!("[agent]\n{lines}\n"))?.agent)
}

#[test]
fn the_agent_is_told_where_the_service_is() {
    let told = agent(
        "endpoint = \"https://kms.example.com:7600\"\nca = \"/etc/kluis/ca.pem\"\nregion = \"eu-central-1\"\nboot_deadline = \"1h\"\ncredentials = { profile = \"machine\", file = \"/etc/kluis/credentials\" }",
    )
    .unwrap();
    assert_eq!(told.endpoints, ["https://kms.example.com:7600"]);
    assert_eq!(told.ca.as_deref(), Some(Path::new("/etc/kluis/ca.pem")));
    assert_eq!(told.region.as_deref(), Some("eu-central-1"));
    assert_eq!(told.boot_deadline, Duration::from_hours(1));
    assert_eq!(
        told.credentials,
        Some(Credentials::Shared {
            file: Some("/etc/kluis/credentials".into()),
            profile: Some("machine".to_owned())
        })
    );
    let process = agent("credentials = { process = \"/usr/local/bin/creds --json\" }").unwrap();
    assert_eq!(
        process.credentials,
        Some(Credentials::Process(
            "/usr/local/bin/creds --json".to_owned()
        ))
    );
    let several = agent("endpoints = [\"https://a\", \"https://[fd00::1]:7600\"]").unwrap();
    assert_eq!(several.endpoints.len(), 2);
    assert!(agent("endpoint = \"http://127.0.0.1:7600\"").is_ok());
}

#[test]
fn each_mistake_about_the_service_says_what_is_right() {
    for (lines, words) in [
        ("endpoint = \"kms.example.com\"", "https://HOST:PORT"),
        (
            "endpoint = \"https://kms.example.com/path\"",
            "https://HOST:PORT",
        ),
        (
            "endpoint = \"https://kms.example.com:70000\"",
            "https://HOST:PORT",
        ),
        ("endpoint = \"https://\"", "https://HOST:PORT"),
        ("endpoint = \"https://kms:+9\"", "https://HOST:PORT"),
        ("endpoint = \"ftp://kms.example.com\"", "https://HOST:PORT"),
        ("endpoint = \"http://kms.example.com\"", "in the clear"),
        (
            "endpoint = \"https://a\"\nendpoints = [\"https://b\"]",
            "one of the two",
        ),
        ("endpoints = []", "no endpoint"),
        ("ca = \"ca.pem\"", "ca is an absolute path"),
        ("region = \"Frankfurt am Main\"", "eu-central-1"),
        ("boot_deadline = \"2d\"", "boot_deadline is a time"),
        ("credentials = {}", "leave it out"),
        (
            "credentials = { process = \"/bin/x\", profile = \"p\" }",
            "stands alone",
        ),
        ("credentials = { process = \" \" }", "a program"),
        ("credentials = { file = \"creds\" }", "absolute path"),
        ("credentials = { profile = \"\" }", "name of a profile"),
    ] {
        let error = agent(lines).unwrap_err();
        assert!(error.message.contains(words), "{lines}\n→ {error}");
        assert!(error.span.is_some(), "{lines}");
    }
}

#[test]
fn a_volume_is_told_how_it_is_mounted() {
    let told = volume(
        "file = \"/a\"\nsize = \"1GiB\"\nmount = \"/m\"\nkey = \"k\"\nrequired = true\noptions = [\"noatime\", \"data=ordered\"]\nowner = \"kafka\"\ngroup = \"1000\"\nmode = \"0750\"\ndiscard = \"allow\"",
    )
    .unwrap();
    assert!(told.required && told.discard);
    assert_eq!(told.root.options, ["noatime", "data=ordered"]);
    assert_eq!(told.root.owner.as_deref(), Some("kafka"));
    assert_eq!(told.root.group.as_deref(), Some("1000"));
    assert_eq!(told.root.mode, Some(0o750));
    assert_eq!(told.root.sorted.data, ["data=ordered"]);
    let plain = volume("file = \"/a\"\nsize = \"1GiB\"\nmount = \"/m\"\nkey = \"k\"").unwrap();
    assert!(!plain.required && !plain.discard);
    assert_eq!(plain.root, MountRoot::default());
}

/// Its units would be missing, and only the kernel's log would say so.
#[test]
fn a_mount_point_that_no_unit_can_be_named_by_is_refused() {
    let at = |mount: &str, more: &str| {
        volume(&format!(
            "device = \"instance-store\"\nmount = \"{mount}\"\nkey = \"k\"\n{more}"
        ))
    };
    let long = format!("/{}", "d-".repeat(50));
    for (mount, words) in [
        (long.as_str(), "too long for the name of a unit"),
        ("/data ", "ends with a blank"),
        ("/data\\\\", "a backslash"),
    ] {
        let error = at(mount, "").unwrap_err();
        assert!(error.message.contains(words), "{mount}: {error}");
        assert!(error.span.is_some());
    }
    // It counts what stands there for the last of the disks.
    let nearly = format!("/{}{{n}}", "d".repeat(248));
    assert!(at(&nearly, "disks = 10").is_ok());
    assert!(at(&nearly, "disks = 11").is_err());
}

#[test]
fn a_mount_that_cannot_be_is_refused() {
    let file = "file = \"/a\"\nsize = \"1GiB\"\nmount = \"/m\"\nkey = \"k\"\n";
    let disks = "device = \"instance-store\"\nmount = \"/m/{n}\"\nkey = \"k\"\n";
    for (lines, words) in [
        (
            format!("{file}options = [\"noatime,nodev\"]"),
            "a text of its own",
        ),
        (format!("{file}options = [\"\"]"), "a text of its own"),
        (format!("{file}owner = \"-x\""), "a name or a number"),
        (format!("{file}group = \"a b\""), "a name or a number"),
        (format!("{file}mode = \"rwx\""), "in octal"),
        (format!("{file}mode = \"17777\""), "in octal"),
        (format!("{file}mode = \"+750\""), "in octal"),
        (format!("{file}discard = \"always\""), "allow"),
        (format!("{file}disks = 2"), "put {n} there"),
        (format!("{disks}disks = 0"), "1 to 100"),
        (format!("{disks}disks = 101"), "1 to 100"),
    ] {
        let error = volume(&lines).unwrap_err();
        assert!(error.message.contains(words), "{lines}\n→ {error}");
        assert!(error.span.is_some(), "{lines}");
    }
    assert_eq!(volume(&format!("{disks}disks = 4")).unwrap().disks, Some(4));
}

/// The surroundings in which an example of the reference may make sense: the key's table, and what stands beside it there.
const SURROUNDINGS: [(&str, &str); 9] = [
    ("[root]", "device = \"/dev/disk/by-uuid/x\"\nkey = \"k\"\n"),
    (
        "[volume.NAME]",
        "device = \"/dev/disk/by-id/x\"\nkey = \"ephemeral\"\n",
    ),
    ("[agent]", ""),
    (
        "[volume.NAME]",
        "file = \"/a\"\nsize = \"2GiB\"\nmount = \"/m\"\nkey = \"k\"\n",
    ),
    (
        "[volume.NAME]",
        "device = \"/dev/disk/by-id/x\"\nmount = \"/m\"\nkey = \"k\"\n",
    ),
    (
        "[volume.NAME]",
        "device = \"instance-store\"\nmount = \"/m/{n}\"\nkey = \"k\"\n",
    ),
    (
        "[volume.NAME]",
        "device = \"instance-store\"\nmount = \"/m\"\nkey = \"k\"\n",
    ),
    (
        "[volume.NAME]",
        "device = \"instance-store\"\nmount = \"/m\"\nkey = \"ephemeral\"\n",
    ),
    ("[volume.NAME]", "mount = \"/m\"\nkey = \"k\"\n"),
];

#[test]
fn every_key_of_the_reference_has_text_and_an_example_that_is_taken() {
    let reference = reference::Reference::of(&Config::schema());
    assert_eq!(reference.tables.len(), 3);
    for table in &reference.tables {
        assert!(!table.about.is_empty(), "{} says nothing", table.heading);
        for key in &table.keys {
            let name = key.name.as_str();
            assert!(
                !key.about.is_empty(),
                "{} {name} says nothing",
                table.heading
            );
            let example = key
                .example
                .as_deref()
                .unwrap_or_else(|| panic!("{} {name} has no example", table.heading));
            let taken = SURROUNDINGS
                .iter()
                .filter(|(heading, _)| *heading == table.heading)
                .any(|(heading, beside)| {
                    let beside: Vec<&str> = beside
                        .lines()
                        .filter(|line| line.split(" = ").next() != Some(name))
                        .collect();
                    let beside = beside.join("\n");
                    let heading = heading.replace("NAME", "v");
                    Config::parse(&format!("{heading}\n{beside}\n{name} = {example}\n")).is_ok()
                });
            assert!(taken, "{} {name} = {example} is not taken", table.heading);
        }
    }
}

#[test]
fn mount_options_that_contradict_or_do_harm_are_refused_by_name() {
    let file = "file = \"/a\"\nsize = \"1GiB\"\nmount = \"/m\"\nkey = \"k\"\n";
    for (lines, words) in [
        ("options = [\"rw\", \"ro\"]", "rw and ro contradict"),
        ("options = [\"noatime\", \"relatime\"]", "contradict"),
        ("options = [\"suid\", \"nosuid\"]", "contradict"),
        ("options = [\"loop\"]", "loop is about a loop device"),
        (
            "options = [\"offset=4096\"]",
            "offset is about a loop device",
        ),
        ("options = [\"remount\"]", "mounts no device"),
        ("options = [\"noauto\"]", "kluis up"),
        ("options = [\"x-systemd.automount\"]", "from fstab alone"),
        ("options = [\"users\"]", "as root alone"),
        ("required = true\noptions = [\"nofail\"]", "required = true"),
        ("options = [\"discard\"]", "discard = \"allow\""),
        ("options = [\"ro\"]\nowner = \"kafka\"", "mounted ro"),
        ("options = [\"ro\"]\nmode = \"0750\"", "mounted ro"),
        ("engine = \"fuse\"\ndiscard = \"allow\"", "reads as noise"),
    ] {
        let error = volume(&format!("{file}{lines}")).unwrap_err();
        assert!(error.message.contains(words), "{lines}\n→ {error}");
        assert!(error.span.is_some(), "{lines}");
    }
    let small =
        "file = \"/a\"\nsize = \"128MiB\"\nmount = \"/m\"\nkey = \"k\"\nfilesystem = \"btrfs\"";
    assert!(
        volume(small)
            .unwrap_err()
            .message
            .contains("at least 144MiB")
    );
}

#[test]
fn mount_options_go_to_the_kernel_the_file_system_or_the_unit() {
    use crate::host::MountFlag;
    let told = volume(
        "file = \"/a\"\nsize = \"1GiB\"\nmount = \"/m\"\nkey = \"k\"\noptions = [\"defaults\", \"noatime\", \"noatime\", \"ro\", \"nodev\", \"barrier=0\", \"_netdev\", \"nofail\", \"x-mine\", \"lazytime\"]",
    )
    .unwrap();
    let flags: Vec<MountFlag> = told.root.sorted.flags.into_iter().collect();
    assert_eq!(
        flags,
        [MountFlag::ReadOnly, MountFlag::NoAtime, MountFlag::LazyTime]
    );
    assert_eq!(told.root.sorted.data, ["barrier=0"]);
}

#[test]
fn a_volume_may_be_swap_or_a_raw_device() {
    let device = "device = \"/dev/disk/by-id/x\"\n";
    let swap = volume(&format!("{device}key = \"ephemeral\"\nswap = true")).unwrap();
    assert_eq!((swap.purpose, &swap.mount), (Purpose::Swap, &None));
    assert_eq!(swap.engine, EngineChoice::DmCrypt);
    let raw = volume(&format!("{device}key = \"k\"\nfilesystem = \"none\"")).unwrap();
    assert_eq!((raw.purpose, &raw.mount), (Purpose::Raw, &None));
    let files = volume(&format!(
        "{device}key = \"k\"\nmount = \"/m\"\nswap = false"
    ))
    .unwrap();
    assert_eq!(files.purpose, Purpose::Files(FileSystem::Ext4));
}

#[test]
fn swap_and_raw_devices_are_not_mounted_and_everything_else_is() {
    let device = "device = \"/dev/disk/by-id/x\"\n";
    let swap = format!("{device}swap = true\nkey = \"ephemeral\"\n");
    let raw = format!("{device}filesystem = \"none\"\nkey = \"k\"\n");
    for (lines, words) in [
        (format!("{device}key = \"k\""), "needs mount"),
        (format!("{swap}mount = \"/m\""), "is not mounted"),
        (format!("{raw}mount = \"/m\""), "is not mounted"),
        (format!("{raw}options = [\"noatime\"]"), "is not mounted"),
        (format!("{raw}owner = \"kafka\""), "is not mounted"),
        (format!("{swap}mode = \"0700\""), "is not mounted"),
        (format!("{swap}filesystem = \"ext4\""), "no file system"),
        (format!("{swap}engine = \"fuse\""), "wait for itself"),
        (
            format!("{device}swap = true\nkey = \"alias/k\""),
            "ephemeral",
        ),
        (
            "file = \"/a\"\nsize = \"1GiB\"\nswap = true\nkey = \"ephemeral\"".to_owned(),
            "use device",
        ),
    ] {
        let error = volume(&lines).unwrap_err();
        assert!(error.message.contains(words), "{lines}\n→ {error}");
        assert!(error.span.is_some(), "{lines}");
    }
}

#[test]
fn one_of_several_disks_has_one_name_and_one_place() {
    let config = Config::parse(
        "[volume.s]\ndevice = \"instance-store\"\nmount = \"/m/{n}/x\"\nkey = \"k\"\n\
         [volume.a-1]\nfile = \"/a\"\nsize = \"1GiB\"\nmount = \"/a-1\"\nkey = \"k\"\n",
    )
    .unwrap();
    let named = |name| {
        let (volume, disk) = config.named(name)?;
        Some((volume.name.as_str(), disk, config.mount_of(name)))
    };
    assert_eq!(named("s"), Some(("s", None, None)));
    assert_eq!(named("s-7"), Some(("s", Some(7), Some("/m/7/x".into()))));
    assert_eq!(named("a-1"), Some(("a-1", None, Some("/a-1".into()))));
    for none in ["s-07", "s-+7", "s-", "s-100", "a-1-0", "b", "s-1-1"] {
        assert_eq!(named(none), None, "{none}");
    }
}

#[test]
fn only_what_the_parser_wants_has_to_be_given() {
    let reference = reference::Reference::of(&Config::schema());
    let wanted: Vec<String> = reference
        .tables
        .iter()
        .flat_map(|table| {
            let keys = table.keys.iter().filter(|key| key.default.is_none());
            keys.map(|key| format!("{} {}", table.heading, key.name))
        })
        .collect();

    assert_eq!(wanted, ["[volume.NAME] key", "[root] device", "[root] key"]);
    assert!(Config::parse("[agent]\n").is_ok());
    assert!(volume("file = \"/a\"\nsize = \"1GiB\"\nmount = \"/m\"").is_err());
    assert!(Config::parse("[root]\nkey = \"k\"\n").is_err());
    assert!(Config::parse("[root]\ndevice = \"/dev/disk/by-uuid/x\"\n").is_err());
}

#[test]
fn what_a_boot_needs_before_the_network_is_no_place_for_a_fetched_key() {
    for place in [
        "/var",
        "/var/log",
        "/var/lib",
        "/var/tmp",
        "/tmp",
        "/usr",
        "/etc",
        "/bin",
        "/sbin",
        "/lib",
        "/run",
        "/dev",
        "/proc",
        "/sys",
        "/boot",
        "/var/lib/kluis",
    ] {
        let at = |key: &str| {
            volume(&format!(
                "device = \"/dev/disk/by-id/x\"\nmount = \"{place}\"\nkey = \"{key}\""
            ))
        };
        let error = at("alias/k").unwrap_err();
        assert!(
            error.message.contains("before there is a network"),
            "{place}: {error}"
        );
        assert!(at("ephemeral").is_ok(), "{place}");
    }
    assert!(
        volume("device = \"/dev/disk/by-id/x\"\nmount = \"/var/lib/kafka\"\nkey = \"k\"").is_ok()
    );
}

fn striped(raid0: &str, more: &str) -> Result<VolumeConfig, ConfigError> {
    volume(&format!(
        "raid0 = {raid0}\nmount = \"/v\"\nkey = \"alias/k\"\n{more}"
    ))
}

#[test]
fn several_disks_are_striped_in_their_order_by_device_mapper_alone() {
    let volume = striped("[\"/dev/disk/by-id/b\", \"/dev/disk/by-id/a\"]", "").unwrap();
    let members = ["/dev/disk/by-id/b", "/dev/disk/by-id/a"].map(PathBuf::from);
    assert_eq!(volume.backing, Backing::Raid0(members.to_vec()));
    assert_eq!(volume.engine, EngineChoice::DmCrypt);
}

#[test]
fn what_does_not_go_with_several_disks_is_refused_at_its_place() {
    let disks = "[\"/dev/disk/by-id/a\", \"/dev/disk/by-id/b\"]";
    let many: Vec<String> = (0..33).map(|n| format!("/dev/disk/by-id/{n}")).collect();
    for (raid0, more, word) in [
        (disks, "engine = \"fuse\"", "dm-crypt"),
        (
            disks,
            "device = \"/dev/disk/by-id/c\"",
            "leave file, device and size out",
        ),
        (disks, "file = \"/img\"", "leave file, device and size out"),
        (disks, "size = \"1GiB\"", "leave file, device and size out"),
        (disks, "disks = 2", "leave disks out"),
        ("[]", "", "2 to 32"),
        ("[\"/dev/disk/by-id/a\"]", "", "device ="),
        (&format!("{many:?}"), "", "2 to 32"),
        (
            "[\"/dev/disk/by-id/a\", \"/dev/disk/by-id/a\"]",
            "",
            "twice",
        ),
        ("[\"/dev/disk/by-id/a\", \"/dev/nvme1n1\"]", "", "by-id"),
        ("[\"/dev/disk/by-id/a\", \"/img\"]", "", "paths in /dev"),
        (
            "[\"/dev/disk/by-id/a\", \"instance-store\"]",
            "",
            "each disk",
        ),
    ] {
        let error = striped(raid0, more).unwrap_err();
        assert!(error.message.contains(word), "{raid0} {more}: {error}");
        assert!(error.span.is_some());
    }
    let error = striped(disks, "").map(|_| ());
    assert_eq!(error, Ok(()));
    let numbered = volume(&format!(
        "raid0 = {disks}\nmount = \"/v/{{n}}\"\nkey = \"alias/k\""
    ));
    assert!(numbered.unwrap_err().message.contains("{n}"));
}

#[test]
fn a_disk_belongs_to_one_volume_also_among_several() {
    let text = "[volume.v]\nraid0 = [\"/dev/disk/by-id/a\", \"/dev/disk/by-id/b\"]\nmount = \"/v\"\nkey = \"alias/k\"\n";
    for other in [
        "[volume.w]\ndevice = \"/dev/disk/by-id/b\"\nmount = \"/w\"\nkey = \"alias/k\"\n",
        "[volume.w]\nraid0 = [\"/dev/disk/by-id/c\", \"/dev/disk/by-id/b\"]\nmount = \"/w\"\nkey = \"alias/k\"\n",
        "[root]\ndevice = \"/dev/disk/by-id/b\"\nkey = \"alias/k\"\n",
    ] {
        let error = Config::parse(&format!("{text}{other}")).unwrap_err();
        assert!(error.message.contains("cannot share"), "{error}");
    }
}
