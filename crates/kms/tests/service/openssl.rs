//! OpenSSL's command as an oracle: it knows nothing of this service but the bytes that it gives out.

use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder in which OpenSSL works.
pub struct OpenSsl(TempDir);

impl OpenSsl {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts a file into the folder.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    fn command(&self, line: &str) -> Output {
        Command::new("openssl")
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .unwrap_or_else(|error| panic!("openssl: {error}; run: make test"))
    }

    /// Runs a command that must succeed, and gives back what it printed.
    pub fn run(&self, line: &str) -> Vec<u8> {
        let output = self.command(line);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "openssl {line}: {said}");
        output.stdout
    }

    /// Whether a command succeeds.
    pub fn accepts(&self, line: &str) -> bool {
        self.command(line).status.success()
    }

    /// Puts a public half into the folder as `public.pem`.
    pub fn put_public(&self, spki: &[u8]) {
        self.put("public.der", spki);
        self.run("pkey -pubin -inform DER -in public.der -out public.pem");
    }

    /// The digest of some bytes.
    pub fn digest(&self, options: &str, message: &[u8]) -> Vec<u8> {
        self.put("digested", message);
        self.run(&format!("dgst {options} -binary digested"))
    }
}
