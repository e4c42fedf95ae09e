//! Where alarms are heard: the sinks that the configuration declares.

mod mail;
mod webhook;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use monitor::{Notice, Sinks};

pub(crate) use mail::Mail;
pub(crate) use webhook::Webhook;

/// How often a delivery is tried.
const ATTEMPTS: u32 = 4;
/// The pause after the first attempt; each later one is four times as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How long one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);

/// One place.
pub(crate) enum Sink {
    Webhook(Webhook),
    Mail(Mail),
}

/// All places, by name.
#[derive(Default)]
pub(crate) struct Declared(BTreeMap<String, Sink>);

impl Declared {
    pub(crate) fn declare(&mut self, name: String, sink: Sink) {
        self.0.insert(name, sink);
    }
}

impl Sink {
    async fn send(&self, notice: &Notice) -> Result<()> {
        match self {
            Self::Webhook(webhook) => webhook.send(notice).await,
            Self::Mail(mail) => mail.send(notice).await,
        }
    }

    async fn attempt(&self, notice: &Notice) -> Result<(), String> {
        match tokio::time::timeout(ATTEMPT_TIMEOUT, self.send(notice)).await {
            Ok(outcome) => outcome.map_err(|error| format!("{error:#}")),
            Err(_) => Err(format!("no answer in {} s", ATTEMPT_TIMEOUT.as_secs())),
        }
    }
}

#[async_trait]
impl Sinks for Declared {
    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    async fn deliver(&self, name: &str, notice: &Notice) -> Result<(), String> {
        let sink = self.0.get(name);
        let sink =
            sink.ok_or_else(|| format!("the configuration declares no sink {name} any more"))?;
        let (mut outcome, mut pause) = (sink.attempt(notice).await, FIRST_PAUSE);
        for _ in 1..ATTEMPTS {
            if outcome.is_ok() {
                break;
            }
            tokio::time::sleep(pause).await;
            pause *= 4;
            outcome = sink.attempt(notice).await;
        }
        if let Err(error) = &outcome {
            tracing::error!(sink = name, %error, "an alarm was not heard; its history says so as well");
        }
        outcome
    }
}
