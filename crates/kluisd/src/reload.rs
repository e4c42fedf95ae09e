//! SIGHUP: the certificate is read again. `systemctl reload` waits until it has been.

use std::path::PathBuf;

use anyhow::Result;
use sd_notify::NotifyState;
use tokio::signal::unix::Signal;
use tokio::sync::watch;

use crate::endpoint;
use crate::listen::Bound;
use crate::settings::{Settings, certificate};
use crate::tls::Tls;

/// What a reload can change, and what it needs for that.
pub(crate) struct Reload {
    pub(crate) settings: Settings,
    pub(crate) dir: PathBuf,
    pub(crate) bound: Vec<Bound>,
    /// `None` without TLS: then there is nothing to reload.
    pub(crate) tls: Option<Tls>,
}

impl Reload {
    /// Reloads at each hangup, until `stop` changes.
    pub(crate) async fn run(self, mut hangup: Signal, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! { _ = stop.changed() => return, _ = hangup.recv() => () }
            let mut begun = vec![NotifyState::Reloading];
            begun.extend(NotifyState::monotonic_usec_now());
            let _ = sd_notify::notify(&begun);
            let status = match self.once() {
                Ok(()) => {
                    tracing::info!("reloaded: new connections are shown the certificate of now");
                    "Reloaded".to_owned()
                }
                Err(error) => {
                    let said =
                        format!("cannot reload, and the certificate stays as it was: {error:#}");
                    tracing::error!("{said}");
                    // A status is one line.
                    said.replace('\n', " ")
                }
            };
            let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
        }
    }

    fn once(&self) -> Result<()> {
        let config = self.settings.config_again()?;
        if !config.is_like(&self.settings.config) {
            tracing::warn!(
                "of what has changed in the configuration, all but [tls] waits for the next start"
            );
        }
        if let Some(tls) = &self.tls {
            tls.change(&certificate(&config))?;
        }
        endpoint::publish(&self.dir, &self.bound, self.tls.as_ref())?;
        Ok(())
    }
}
