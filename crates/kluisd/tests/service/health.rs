//! `kluisd health`.

use std::net::TcpListener;
use std::process::Output;

use crate::daemon::{Daemon, Folder, Transport, complaint, kluisd, serve_configured};

fn health(folder: &Folder) -> Output {
    kluisd(["health", "--data-dir", folder.data().to_str().unwrap()])
}

#[test]
fn health_is_0_while_the_service_answers_and_75_when_it_does_not() {
    for transport in [Transport::Tls, Transport::Plain] {
        let folder = Folder::new();
        let before = health(&folder);
        assert_eq!(before.status.code(), Some(75));
        assert!(complaint(&before).contains("no service has run in"));

        let mut daemon = folder.serve(transport);
        let during = health(&folder);
        assert_eq!(during.status.code(), Some(0), "{}", complaint(&during));
        assert!(during.stdout.is_empty() && during.stderr.is_empty());

        let endpoint = daemon.endpoint.clone();
        assert_eq!(daemon.terminate(), Some(0));
        let after = health(&folder);
        assert_eq!(after.status.code(), Some(75));
        let said = format!("kluisd: the service does not answer at {endpoint}: ");
        assert!(
            complaint(&after).starts_with(&said),
            "{}",
            complaint(&after)
        );
    }
}

#[test]
fn a_service_on_every_address_is_asked_too() {
    let folder = Folder::new();
    let command = serve_configured(&folder, "listen = [\"0.0.0.0:0\"]\n");
    let _daemon = Daemon::start(command, folder.data());
    let asked = health(&folder);
    assert_eq!(asked.status.code(), Some(0), "{}", complaint(&asked));
}

#[test]
fn another_program_on_the_port_is_not_the_service() {
    let folder = Folder::new();
    let mut daemon = folder.serve(Transport::Tls);
    let port = daemon.port();
    assert_eq!(daemon.terminate(), Some(0));
    let other = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let stranger = std::thread::spawn(move || drop(other.accept()));
    assert_eq!(health(&folder).status.code(), Some(75));
    stranger.join().unwrap();
}
