//! `kluis up --boot`: what systemd is told while a volume comes up. `systemctl status kluis@NAME` shows it.

use sd_notify::NotifyState;
use volume::engine::Changed;
use volume::plan::Step;
use volume::{Progress, Wait, Waiting};

use crate::progress::clock;

/// Steps as they are taken, and services as they are waited for, to systemd.
pub(crate) struct Status;

impl Status {
    /// Says what is being done. A socket that is not there, or whose reader has gone, takes nothing from what is being done.
    pub(crate) fn tell(text: &str) {
        let _ = sd_notify::notify(&[NotifyState::Status(text)]);
    }

    /// The volume is up.
    pub(crate) fn ready() {
        let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status("up")]);
    }
}

impl Progress for Status {
    fn begin(&mut self, _volume: &str, step: &Step) {
        Self::tell(&step.to_string());
    }

    fn done(&mut self, _volume: &str, _step: &Step, _changed: Changed) {}
}

impl Waiting for Status {
    fn waiting(&self, wait: &Wait<'_>) {
        Self::tell(&wait.text(&clock(wait.left)));
    }

    fn over(&self) {
        Self::tell("no longer waiting");
    }
}
