//! `kluisd serve`: opens every room in order, listens, and on SIGTERM or SIGINT closes them again.

use std::fmt;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use crypto::Ed25519Key;
use identity::{Identity, RootKey};
use jiff::Timestamp;
use kms::Kms;
use monitor::Monitor;
use objects::Objects;

use store::{Sqlite, Store};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use trail::{CheckpointOptions, Node, PublicKey, Trail};

use crate::cli::{DEFAULT_ACCOUNT, ServeArgs};
use crate::gate::{Auditor, Gate, accept};
use crate::gauges::Gauges;
use crate::listen::Bound;
use crate::print::print;
use crate::reload::Reload;
use crate::roots::Roots;
use crate::scrape::{self, Scrape};
use crate::settings::{Settings, certificate};
use crate::sinks::Declared;
use crate::tls::Tls;
use crate::{endpoint, files};

/// Where the service's own metrics are.
const METRICS_FILE: &str = "metrics";
/// The root users' access keys, a profile each, in the format of AWS's shared credentials.
pub(crate) const CREDENTIALS_FILE: &str = "credentials";
/// The public half of the key that signs the trail's checkpoints.
const CHECKPOINT_KEY_FILE: &str = "checkpoint.pub";
/// The folder of the audit trail.
const TRAIL_DIR: &str = "trail";
/// This node's name in the trail's chain.
const NODE: &str = "kluisd";
/// The region of the trail's own notices.
const HOME_REGION: &str = "us-east-1";
/// What a folder of the format with one account has in it.
const EARLIER_FILE: &str = "account";
/// The profile of the first account's root user; those of the others have the account's name.
const FIRST_PROFILE: &str = "default";
/// How often alarms are looked at: a minute is told of so long after its end, at most.
const TICK_INTERVAL: Duration = Duration::from_secs(3);
/// How often keys whose waiting time is over are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// A failure that somebody has to mend: the next start will fail as this one did.
#[derive(Debug)]
struct Permanent(anyhow::Error);

/// Any other failure: an address that is taken or not there yet, a disk that is full. Every machine's boot waits for its keys, so the
/// service is started again as long as it may help.
#[derive(Debug)]
pub(crate) struct Passing(anyhow::Error);

/// Sorts a failure of what only its owner can mend: what the disk is in the way of may pass.
fn permanent(error: anyhow::Error) -> anyhow::Error {
    let is_the_disks = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| {
            use io::ErrorKind::{
                InvalidData, InvalidInput, NotFound, Other, PermissionDenied, UnexpectedEof,
            };
            !matches!(
                error.kind(),
                InvalidData | InvalidInput | NotFound | Other | PermissionDenied | UnexpectedEof
            )
        });
    let is_the_stores = matches!(
        error.downcast_ref::<identity::Error>(),
        Some(identity::Error::Store(_))
    ) || matches!(
        error.downcast_ref::<kms::OpenError>(),
        Some(kms::OpenError::Store(_))
    );
    if is_the_disks || is_the_stores {
        error
    } else {
        Permanent(error).into()
    }
}

impl fmt::Display for Permanent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl fmt::Display for Passing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for Permanent {}
impl std::error::Error for Passing {}

/// Runs the service until it is told to stop.
///
/// # Errors
/// [`Passing`], or what somebody has to mend.
pub(crate) fn run(args: &ServeArgs) -> Result<()> {
    start(args).map_err(|error| match error.downcast::<Permanent>() {
        Ok(Permanent(error)) => error,
        Err(error) => Passing(error).into(),
    })
}

fn start(args: &ServeArgs) -> Result<()> {
    let settings = Settings::new(args).map_err(permanent)?.resolve()?;
    crypto::harden().context("cannot keep this process's memory out of core dumps")?;
    log_to_stderr();
    if !crypto::locked() {
        tracing::warn!(
            "secrets cannot be locked in memory and may reach swap; raise the limit on locked memory (LimitMEMLOCK=infinity)"
        );
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(settings))
}

fn log_to_stderr() {
    use std::io::IsTerminal as _;
    let filter = tracing_subscriber::EnvFilter::try_from_env("KLUISD_LOG")
        .unwrap_or_else(|_| "info,s3s=off".into());
    let ansi = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .init();
}

async fn serve(settings: Settings) -> Result<()> {
    let sinks = settings
        .config
        .sinks()
        .context("the configuration is not right")
        .map_err(permanent)?;
    // From here on: whoever reloads what is just starting should not end it.
    let hangup = signal(SignalKind::hangup())?;
    let dir = std::path::absolute(&settings.data_dir)?;
    files::private_dir(&dir)?;
    let _lock = lock(&dir)?;
    refuse_earlier(&dir).map_err(permanent)?;
    let database = dir.join("kluisd.db");
    let roots = Roots::open(&dir.join("root.key"), !database.exists()).map_err(permanent)?;
    let store: Arc<dyn Store> = Arc::new(
        Sqlite::open(&database).with_context(|| format!("cannot open {}", database.display()))?,
    );

    let identity = Arc::new(
        Identity::open(Arc::clone(&store), roots.sealing)
            .await
            .context("cannot open identities")
            .map_err(permanent)?,
    );
    let accounts = accounts(&identity, &settings.accounts).await?;
    let home = accounts.first().context("there is no account")?;

    let trail = open_trail(&dir, home, roots.checkpoints, settings.checkpoints.clone())?;
    let gauges = Arc::new(Gauges::new(&dir));
    let auditor = Auditor::start(trail, Arc::clone(&store), &dir, Arc::clone(&gauges)).await?;
    let auditor = Arc::new(auditor);

    let kms = Arc::new(
        Kms::open(Arc::clone(&store), roots.keys, Arc::clone(&identity) as _)
            .await
            .context("cannot open keys")
            .map_err(permanent)?,
    );
    for record in kms.damaged() {
        tracing::error!(
            record,
            "this key cannot be read and is unavailable; restore it from a backup"
        );
    }
    let objects = Arc::new(
        Objects::open(Arc::clone(&store), &dir.join("objects"))
            .await
            .context("cannot open objects")?,
    );
    let monitor = open_monitor(&store, settings.config.quotas.0.clone(), sinks).await?;
    credentials(&dir, &identity, &accounts)?;

    let tls = open_tls(&dir, &settings).map_err(permanent)?;
    let tls_config = tls.as_ref().map(|tls| Arc::clone(&tls.config));
    let mut bound = Vec::new();
    for (listen, addresses) in &settings.listen {
        bound.push(listen.bind(addresses).await?);
    }
    let endpoint = endpoint::publish(&dir, &bound, tls.as_ref())?;
    let listeners = bound.iter_mut().flat_map(Bound::take).collect();

    let gate = Arc::new(Gate::new(
        identity,
        Arc::clone(&kms),
        objects,
        monitor.clone(),
        Arc::clone(&gauges),
        Arc::clone(&auditor),
    ));
    let stop = stop_signal()?;
    if let Some(address) = settings.metrics {
        let scrape = Scrape {
            gauges,
            kms: Arc::clone(&kms),
            monitor: monitor.clone(),
        };
        offer_metrics(address, &dir, scrape, stop.clone()).await?;
    }
    let sweeper = tokio::spawn(sweep(kms, Arc::clone(&auditor), stop.clone()));
    let watcher = tokio::spawn(watch_alarms(monitor, stop.clone()));
    let reload = Reload {
        settings,
        dir,
        bound,
        tls,
    };
    let reloader = tokio::spawn(reload.run(hangup, stop.clone()));
    print(format!("kluisd: listening on {endpoint}\n").as_bytes())?;
    // Only systemd hears this; without it there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    accept::serve(listeners, tls_config, gate, stop).await?;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    reloader.await.context("the reloader ended badly")?;
    sweeper.await.context("the sweeper ended badly")?;
    watcher.await.context("the watch over alarms ended badly")?;
    if let Some(auditor) = Arc::into_inner(auditor) {
        auditor.close().await;
    } else {
        // A request that was cut off still holds it; what is recorded is durable, and the next start clears the outbox.
        tracing::warn!("requests were cut off; the trail has no last checkpoint");
    }
    Ok(())
}

/// Opens the trail, and leaves the public key that its checkpoints are verified by.
fn open_trail(dir: &Path, home: &str, key: Ed25519Key, copies: Option<PathBuf>) -> Result<Trail> {
    if let Some(folder) = &copies {
        ensure!(
            folder.is_dir(),
            "there is no folder {} for the trail's checkpoints; make it, best on another disk, for the service's own user",
            folder.display()
        );
    }
    let public = key.public_key();
    let mut options = trail::Options::new(Node::new(NODE)?, home, HOME_REGION);
    let mut checkpoints = CheckpointOptions::new(key);
    checkpoints.copies = copies;
    options.checkpoints = Some(checkpoints);
    let trail = Trail::open(dir.join(TRAIL_DIR), options).context("cannot open the audit trail")?;
    files::write_public(
        &dir.join(CHECKPOINT_KEY_FILE),
        hex::encode(public).as_bytes(),
    )?;
    Ok(trail)
}

fn open_tls(dir: &Path, settings: &Settings) -> Result<Option<Tls>> {
    if settings.plain_http {
        return Ok(None);
    }
    let hosts: Vec<String> = settings
        .listen
        .iter()
        // "Any address" is none that a certificate could be good for.
        .filter(|(listen, _)| listen.ip().is_none_or(|ip| !ip.is_unspecified()))
        .map(|(listen, _)| listen.host().to_owned())
        .collect();
    Tls::open(&dir.join("tls"), &hosts, &certificate(&settings.config)).map(Some)
}

async fn open_monitor(
    store: &Arc<dyn Store>,
    quotas: monitor::Settings,
    sinks: Declared,
) -> Result<Monitor> {
    let monitor = Monitor::open(Arc::clone(store), quotas, Arc::new(sinks))
        .await
        .context("cannot open metrics and alarms")?;
    for record in monitor.damaged() {
        tracing::error!(record, "this record of a metric or an alarm cannot be read");
    }
    Ok(monitor)
}

/// Listens for the operator's monitoring, and leaves the address in the data folder: port 0 takes a free one.
async fn offer_metrics(
    address: SocketAddr,
    dir: &Path,
    scrape: Scrape,
    stop: watch::Receiver<bool>,
) -> Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} for metrics"))?;
    let text = format!("http://{}/metrics\n", listener.local_addr()?);
    files::write_public(&dir.join(METRICS_FILE), text.as_bytes())?;
    tokio::spawn(scrape::serve(listener, scrape, stop));
    Ok(())
}

/// One service a folder: two would each believe their own memory.
fn lock(dir: &Path) -> Result<File> {
    let path = dir.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => bail!("another kluisd runs in {}", dir.display()),
        Err(error) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// A folder that an earlier Kluis wrote, for one account, has other names in its store.
fn refuse_earlier(dir: &Path) -> Result<()> {
    ensure!(
        !dir.join(EARLIER_FILE).exists(),
        "{} was written by an earlier kluisd, for one account, and nothing of it was changed; go on with the kluisd that wrote it, or name another folder",
        dir.display()
    );
    Ok(())
}

/// Makes the accounts that are wanted and not there, and the default one where there would be none. All that there are,
/// the first made first: a start that does not name one goes on serving it.
async fn accounts(identity: &Identity, wanted: &[String]) -> Result<Vec<String>> {
    let default = [DEFAULT_ACCOUNT.to_owned()];
    let is_first_start = identity.accounts().is_empty();
    let wanted = if is_first_start && wanted.is_empty() {
        &default
    } else {
        wanted
    };
    for account in wanted {
        let is_new = identity
            .add_account(account, Timestamp::now())
            .await
            .with_context(|| format!("cannot make the account {account}"))?;
        if is_new {
            tracing::info!(account, "made an account");
        }
    }
    Ok(identity.accounts())
}

/// The root users' access keys, each written once; a profile that is removed is written again by the next start.
fn credentials(dir: &Path, identity: &Identity, accounts: &[String]) -> Result<()> {
    let path = dir.join(CREDENTIALS_FILE);
    let known = files::read_if_there(&path)?.unwrap_or_default();
    let mut text = String::from_utf8(known)
        .with_context(|| format!("{} is not text; move it away", path.display()))?;
    let before = text.len();
    for (at, account) in accounts.iter().enumerate() {
        let name = if at == 0 { FIRST_PROFILE } else { account };
        let title = format!("[{name}]");
        if text.lines().any(|line| line.trim() == title) {
            continue;
        }
        let key = identity
            .root_key(account)
            .with_context(|| format!("cannot read the root user's access key of {account}"))?;
        if let Some(key) = key {
            let gap = if text.is_empty() { "" } else { "\n" };
            text.extend([gap, &profile(&title, &key)]);
        }
    }
    if text.len() == before {
        return Ok(());
    }
    files::write_private(&path, text.as_bytes())
}

/// The one place where a secret is written in the clear: it is the operator's to keep.
fn profile(title: &str, key: &RootKey) -> String {
    let secret = String::from_utf8_lossy(key.secret.danger_expose());
    format!(
        "{title}\naws_access_key_id = {}\naws_secret_access_key = {secret}\n",
        key.access_key_id
    )
}

fn stop_signal() -> Result<watch::Receiver<bool>> {
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let (tell, told) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => (), _ = interrupt.recv() => () }
        let _ = tell.send(true);
    });
    Ok(told)
}

/// Does to keys what is due: deletions, expiries, rotations.
async fn sweep(kms: Arc<Kms>, auditor: Arc<Auditor>, mut stop: watch::Receiver<bool>) {
    let mut every = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        tokio::select! { _ = stop.changed() => return, _ = every.tick() => () }
        let swept = kms.sweep(Timestamp::now()).await;
        for (key, error) in swept.failures {
            tracing::error!(%key, %error, "what is due to a key was not done; trying again in {} s", SWEEP_INTERVAL.as_secs());
        }
        if let Some(error) = swept.unwritten {
            tracing::warn!(%error, "when keys were last used was not written down; trying again in {} s", SWEEP_INTERVAL.as_secs());
        }
        for entry in swept.entries {
            if let Err(error) = auditor.record(entry).await {
                tracing::error!(%error, "the record of what was done to a key waits in the store until the next start");
            }
        }
    }
}

/// Looks at alarms every few seconds, and writes the last points when the service stops.
async fn watch_alarms(monitor: Monitor, mut stop: watch::Receiver<bool>) {
    let mut every = tokio::time::interval(TICK_INTERVAL);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! { _ = stop.changed() => break, _ = every.tick() => () }
        if let Err(error) = monitor.tick(Timestamp::now()).await {
            tracing::error!(%error, "metrics or alarms were not written; trying again in {} s", TICK_INTERVAL.as_secs());
        }
    }
    if let Err(error) = monitor.flush(Timestamp::now()).await {
        tracing::error!(%error, "the last minute's metrics were not written");
    }
}

/// `kluisd verify`: what there is to say of a trail that is whole.
pub(crate) fn verify(dir: &Path, copies: Option<&Path>) -> Result<String> {
    if let Some(folder) = copies {
        let mut held = std::fs::read_dir(folder)
            .with_context(|| format!("cannot look into {}", folder.display()))?;
        ensure!(
            held.next().is_some(),
            "{} is empty: there are no copied checkpoints to check against",
            folder.display()
        );
    }
    let path = dir.join(CHECKPOINT_KEY_FILE);
    let key = files::read_if_there(&path)?
        .with_context(|| format!("{} is missing; is this a kluisd's folder?", path.display()))?;
    let key = hex::decode(String::from_utf8_lossy(&key).trim())
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    let key =
        PublicKey(key.with_context(|| format!("{} is not a public key in hex", path.display()))?);
    let report = trail::verify::verify(&dir.join(TRAIL_DIR), &key, copies)
        .context("the audit trail is not what was written")?;
    Ok(format!(
        "the trail is whole: {} records, {} checkpoints; a checkpoint vouches for the first {}\n",
        report.records, report.checkpoints, report.vouched_for
    ))
}
