//! What the service runs with: flags, then the configuration file, then defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::cli::{DataDirArgs, ServeArgs};
use crate::config::{Certificate, Config};
use crate::listen::Listen;

/// Where the data folder is when nothing says otherwise; packages make it.
const DEFAULT_DATA_DIR: &str = "/var/lib/kluisd";
/// Where the service listens when nothing says otherwise.
const DEFAULT_LISTEN: &str = "127.0.0.1:7600";

/// What the service runs with.
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    /// Where to listen, and the addresses that each stands for; none before [`Settings::resolve`].
    pub(crate) listen: Vec<(Listen, Vec<SocketAddr>)>,
    pub(crate) accounts: Vec<String>,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) checkpoints: Option<PathBuf>,
    pub(crate) plain_http: bool,
    /// The file, of which the rest is taken.
    pub(crate) config: Config,
    /// The file that was named, if one was.
    config_file: Option<PathBuf>,
}

impl Settings {
    /// Puts flags and file together. Nothing is made yet.
    ///
    /// # Errors
    /// What is wrong with either, or with both together.
    pub(crate) fn new(args: &ServeArgs) -> Result<Self> {
        let config_file = args.data.config.clone();
        let config = Config::find(config_file.as_deref())?;
        let listen = match (&args.listen[..], &config.listen) {
            ([], Some(listen)) => {
                ensure!(
                    !listen.is_empty(),
                    "listen is empty; leave it out for {DEFAULT_LISTEN}"
                );
                listen.clone()
            }
            ([], None) => vec![DEFAULT_LISTEN.parse()?],
            (flags, _) => flags.to_vec(),
        };
        let accounts = match (&args.accounts[..], &config.accounts) {
            ([], Some(accounts)) => accounts,
            (flags, _) => flags,
        };
        let settings = Self {
            data_dir: data_dir(args.data.data_dir.as_deref(), &config),
            accounts: accounts.iter().map(|a| a.as_str().to_owned()).collect(),
            metrics: args.metrics.or(config.metrics),
            checkpoints: args
                .checkpoints
                .clone()
                .or_else(|| config.checkpoints.clone()),
            plain_http: args.plain_http || config.plain_http.unwrap_or_default(),
            listen: listen
                .into_iter()
                .map(|listen| (listen, Vec::new()))
                .collect(),
            config,
            config_file,
        };
        settings.check()?;
        Ok(settings)
    }

    /// Finds the addresses that names stand for.
    ///
    /// # Errors
    /// A name that nobody knows, which may be known later; or one that stands for more than `--plain-http` may be seen at.
    pub(crate) fn resolve(mut self) -> Result<Self> {
        for (listen, addresses) in &mut self.listen {
            *addresses = listen.resolve()?;
            ensure!(
                !self.plain_http || addresses.iter().all(|address| address.ip().is_loopback()),
                "{}",
                plainly_reachable(listen)
            );
        }
        Ok(self)
    }

    fn check(&self) -> Result<()> {
        if self.plain_http {
            for (listen, _) in &self.listen {
                ensure!(
                    listen.ip().is_none_or(|ip| ip.is_loopback()),
                    "{}",
                    plainly_reachable(listen)
                );
            }
            ensure!(
                self.config.tls.is_none(),
                "--plain-http is without TLS, and the configuration has a [tls]; take one of them away"
            );
        }
        if let Some(metrics) = self.metrics {
            ensure!(
                metrics.ip().is_loopback(),
                "--metrics asks for no login and is for loopback only; {metrics} can be reached from elsewhere"
            );
        }
        Ok(())
    }

    /// Reads the configuration again. Only its `[tls]` can change while the service runs.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn config_again(&self) -> Result<Config> {
        Config::find(self.config_file.as_deref())
    }
}

/// The certificate that a configuration asks for.
pub(crate) fn certificate(config: &Config) -> Certificate {
    config.tls.as_ref().map_or_else(
        || Certificate::Issued(Vec::new()),
        |tls| tls.certificate().clone(),
    )
}

fn plainly_reachable(listen: &Listen) -> String {
    format!("--plain-http is for loopback only; {listen} can be reached from elsewhere")
}

fn data_dir(flag: Option<&Path>, config: &Config) -> PathBuf {
    flag.or(config.data_dir.as_deref())
        .unwrap_or(Path::new(DEFAULT_DATA_DIR))
        .to_owned()
}

impl DataDirArgs {
    /// The folder of the service that runs with this configuration, without links to where the program was called.
    ///
    /// # Errors
    /// The configuration cannot be read, and no flag made that unnecessary.
    pub(crate) fn find(&self) -> Result<PathBuf> {
        let dir = match &self.data_dir {
            Some(dir) => dir.clone(),
            None => data_dir(None, &Config::find(self.config.as_deref())?),
        };
        Ok(std::path::absolute(dir)?)
    }
}
