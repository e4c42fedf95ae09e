//! `kluis up --boot`: what systemd is told while a volume comes up. `systemctl status kluis@NAME` shows it.

use sd_notify::NotifyState;
use volume::Progress;
use volume::engine::Changed;
use volume::plan::Step;

/// Steps as they are taken, to systemd.
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
