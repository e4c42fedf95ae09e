//! Which certificate clients are shown, and how it changes while they are connected.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rcgen::{CertificateParams, CertifiedIssuer, DnType, KeyPair, date_time_ymd};
use rustls::crypto::aws_lc_rs::kx_group::X25519;

use crate::daemon::{Daemon, Folder, KLUISD, complaint, serve_configured, succeed};
use crate::tls::Client;

/// What stands for systemd: it hears when the service is ready, and when it has reloaded.
struct Systemd {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Systemd {
    fn new(folder: &Folder) -> Self {
        let path = folder.scratch("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        Self { socket, path }
    }

    fn start(&self, folder: &Folder, config: &str) -> Daemon {
        let mut command = serve_configured(folder, config);
        command.env("NOTIFY_SOCKET", &self.path);
        let daemon = Daemon::start(command, folder.data());
        assert_eq!(self.hears(), "READY=1\n");
        daemon
    }

    fn hears(&self) -> String {
        let mut text = [0; 4096];
        let len = self.socket.recv(&mut text).unwrap();
        String::from_utf8(text[..len].to_vec()).unwrap()
    }

    /// `systemctl reload`; the status afterwards.
    fn reload(&self, daemon: &Daemon) -> String {
        daemon.hang_up();
        let begun = self.hears();
        assert!(begun.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{begun}");
        let ended = self.hears();
        let status = ended.strip_prefix("READY=1\nSTATUS=");
        status.unwrap_or_else(|| panic!("{ended}")).to_owned()
    }
}

fn configure(folder: &Folder, config: &str) {
    fs::write(folder.scratch("kluisd.toml"), config).unwrap();
}

fn of_own_ca(daemon: &Daemon, name: &str) -> Result<Client, std::io::Error> {
    Client::connect(
        daemon.port(),
        &daemon.data.join("tls/ca.pem"),
        vec![X25519],
        name,
    )
}

/// An operator's own authority, and files of certificates that it has issued.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: PathBuf,
}

impl Authority {
    fn new(folder: &Folder) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, "an operator's authority");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = folder.scratch("");
        fs::write(dir.join("operators-ca.pem"), issuer.pem()).unwrap();
        Self { issuer, dir }
    }

    fn ca(&self) -> PathBuf {
        self.dir.join("operators-ca.pem")
    }

    /// Replaces `chain.pem` and `key.pem`.
    fn issue(&self, name: &str) {
        self.issue_until(name, 2100);
    }

    fn issue_until(&self, name: &str, year: i32) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.dir.join("chain.pem"), certificate.pem()).unwrap();
        self.write_key(&key, 0o600);
    }

    fn write_key(&self, key: &KeyPair, mode: u32) {
        let path = self.dir.join("key.pem");
        fs::write(&path, key.serialize_pem()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn config(&self) -> String {
        config(&self.dir.join("chain.pem"), &self.dir.join("key.pem"))
    }
}

fn config(chain: &Path, key: &Path) -> String {
    format!(
        "listen = [\"127.0.0.1:0\"]\n[tls]\ncertificate = {:?}\nkey = {:?}\n",
        chain.to_str().unwrap(),
        key.to_str().unwrap()
    )
}

#[test]
fn names_change_on_sighup_while_connections_go_on() {
    let folder = Folder::new();
    let systemd = Systemd::new(&folder);
    let with = |name: &str| format!("listen = [\"127.0.0.1:0\"]\n[tls]\nnames = [\"{name}\"]\n");
    let daemon = systemd.start(&folder, &with("one.example.com"));
    let mut open = of_own_ca(&daemon, "one.example.com").unwrap();
    open.is_answered().unwrap();
    assert!(of_own_ca(&daemon, "two.example.com").is_err());

    configure(&folder, &with("two.example.com"));
    assert_eq!(systemd.reload(&daemon), "Reloaded\n");
    of_own_ca(&daemon, "two.example.com")
        .unwrap()
        .is_answered()
        .unwrap();
    of_own_ca(&daemon, "localhost").unwrap();
    assert!(of_own_ca(&daemon, "one.example.com").is_err());
    open.is_answered().unwrap();
}

#[test]
fn a_configuration_that_is_wrong_keeps_the_certificate_and_is_told() {
    let folder = Folder::new();
    let systemd = Systemd::new(&folder);
    let mut daemon = systemd.start(
        &folder,
        "listen = [\"127.0.0.1:0\"]\n[tls]\nnames = [\"kms\"]\n",
    );
    let before = of_own_ca(&daemon, "kms").unwrap().certificate();

    configure(
        &folder,
        "listen = [\"127.0.0.1:0\"]\n[tls]\nname = [\"other\"]\n",
    );
    let status = systemd.reload(&daemon);
    assert!(
        status.starts_with("cannot reload, and the certificate stays as it was"),
        "{status}"
    );
    let log = fs::read_to_string(folder.scratch("log")).unwrap();
    assert!(log.contains("line 3"), "{log}");
    assert_eq!(of_own_ca(&daemon, "kms").unwrap().certificate(), before);

    // What only a start takes is told as well.
    configure(
        &folder,
        "listen = [\"127.0.0.1:1\"]\n[tls]\nnames = [\"kms\"]\n",
    );
    assert_eq!(systemd.reload(&daemon), "Reloaded\n");
    let log = fs::read_to_string(folder.scratch("log")).unwrap();
    assert!(
        log.contains("all but [tls] waits for the next start"),
        "{log}"
    );
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn without_tls_a_reload_changes_nothing_and_ends_nothing() {
    let folder = Folder::new();
    let systemd = Systemd::new(&folder);
    let mut daemon = systemd.start(&folder, "listen = [\"127.0.0.1:0\"]\nplain-http = true\n");
    assert_eq!(systemd.reload(&daemon), "Reloaded\n");
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn the_operators_certificate_is_shown_and_renewed_and_this_machine_keeps_its_own() {
    let folder = Folder::new();
    let systemd = Systemd::new(&folder);
    let authority = Authority::new(&folder);
    authority.issue("kms.example.com");
    let mut daemon = systemd.start(&folder, &authority.config());
    let by_name = || {
        Client::connect(
            daemon.port(),
            &authority.ca(),
            vec![X25519],
            "kms.example.com",
        )
    };
    let mut open = by_name().unwrap();
    open.is_answered().unwrap();

    // This machine's own clients: whoami.py has its CA and endpoint from the data folder.
    assert_eq!(
        daemon.endpoint,
        format!("https://localhost:{}", daemon.port())
    );
    daemon.run("whoami.py");
    let data = folder.data();
    let env = succeed(Command::new(KLUISD).args(["env", "--data-dir"]).arg(&data));
    assert!(env.contains("AWS_CA_BUNDLE="), "{env}");
    succeed(
        Command::new(KLUISD)
            .args(["health", "--data-dir"])
            .arg(&data),
    );

    let first = open.certificate();
    authority.issue("kms.example.com");
    assert_eq!(
        by_name().unwrap().certificate(),
        first,
        "it changed without a word"
    );
    assert_eq!(systemd.reload(&daemon), "Reloaded\n");
    assert_ne!(by_name().unwrap().certificate(), first);
    open.is_answered().unwrap();

    // And back to one of the service's own.
    configure(
        &folder,
        "listen = [\"127.0.0.1:0\"]\n[tls]\nnames = [\"kms.example.com\"]\n",
    );
    assert_eq!(systemd.reload(&daemon), "Reloaded\n");
    assert!(by_name().is_err());
    of_own_ca(&daemon, "kms.example.com").unwrap();
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_at_the_start_and_kept_out_by_a_reload() {
    let folder = Folder::new();
    let systemd = Systemd::new(&folder);
    let authority = Authority::new(&folder);
    authority.issue("kms.example.com");
    let daemon = systemd.start(&folder, &authority.config());
    let by_name = || {
        Client::connect(
            daemon.port(),
            &authority.ca(),
            vec![X25519],
            "kms.example.com",
        )
    };
    let first = by_name().unwrap().certificate();
    let (chain, key) = (folder.scratch("chain.pem"), folder.scratch("key.pem"));
    let other = Folder::new();
    let refused = |said: &str| {
        let status = systemd.reload(&daemon);
        assert!(status.contains(said), "{status}");
        assert_eq!(by_name().unwrap().certificate(), first, "{said}");
        let mut start = serve_configured(&other, &authority.config());
        start.stderr(Stdio::piped()).output().unwrap()
    };
    let refused_at_start = |said: &str| {
        let start = refused(said);
        assert_eq!(start.status.code(), Some(1), "{said}");
        assert!(complaint(&start).contains(said), "{}", complaint(&start));
    };

    authority.write_key(&KeyPair::generate().unwrap(), 0o600);
    refused_at_start("is not the key of the first certificate");
    authority.write_key(&KeyPair::generate().unwrap(), 0o644);
    refused_at_start("chmod o= ");
    fs::write(&key, "no key").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    refused_at_start("has no private key in PEM");
    fs::remove_file(&key).unwrap();
    refused_at_start("the service's own user has to be able to");
    fs::write(&chain, "no certificate").unwrap();
    refused_at_start("has no certificate");
    fs::write(
        &chain,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    refused_at_start("cannot be read");

    authority.issue_until("kms.example.com", 2021);
    let status = systemd.reload(&daemon);
    assert!(
        status.contains("has expired; renew it, then reload"),
        "{status}"
    );
    assert_eq!(by_name().unwrap().certificate(), first);
}

/// Clients refuse a chain that is too long, and say no more than that.
#[test]
fn more_names_than_clients_take_are_refused_at_the_start_and_kept_out_by_a_reload() {
    let folder = Folder::new();
    let systemd = Systemd::new(&folder);
    let with = |count: usize| {
        let names: Vec<String> = (0..count)
            .map(|n| format!("\"machine-{n}.example.com\""))
            .collect();
        format!(
            "listen = [\"127.0.0.1:0\"]\n[tls]\nnames = [{}]\n",
            names.join(", ")
        )
    };
    let mut daemon = systemd.start(&folder, &with(500));
    let before = of_own_ca(&daemon, "machine-499.example.com")
        .unwrap()
        .certificate();

    configure(&folder, &with(5000));
    let status = systemd.reload(&daemon);
    assert!(
        status.starts_with("cannot reload, and the certificate stays as it was"),
        "{status}"
    );
    assert!(status.contains("name fewer in [tls] names"), "{status}");
    let still = of_own_ca(&daemon, "machine-499.example.com").unwrap();
    assert_eq!(still.certificate(), before);
    assert_eq!(daemon.terminate(), Some(0));

    let mut start = serve_configured(&folder, &with(5000));
    let start = start.stderr(Stdio::piped()).output().unwrap();
    assert_eq!(start.status.code(), Some(1));
    assert!(
        complaint(&start).contains("name fewer in [tls] names"),
        "{}",
        complaint(&start)
    );
}

/// A clock that is not set yet must not keep the service from those whose clock is right.
#[test]
fn a_certificate_that_has_expired_is_told_at_the_start_and_served() {
    let folder = Folder::new();
    let systemd = Systemd::new(&folder);
    let authority = Authority::new(&folder);
    authority.issue_until("kms.example.com", 2021);
    let mut daemon = systemd.start(&folder, &authority.config());
    daemon.run("whoami.py");
    assert_eq!(daemon.terminate(), Some(0));
    let log = fs::read_to_string(folder.scratch("log")).unwrap();
    assert!(log.contains("has expired"), "{log}");
}
