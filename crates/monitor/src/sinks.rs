//! The port to where alarms are heard. Sinks are the operator's: they are declared in the configuration and nowhere else, for whoever could
//! make one through the API could have the service call any address.

use async_trait::async_trait;

use crate::notice::Notice;

/// Where an alarm's actions go.
#[async_trait]
pub trait Sinks: Send + Sync {
    /// Whether there is a sink of that name.
    fn has(&self, name: &str) -> bool;

    /// Delivers a notice to the sink of that name, trying again for a while when that may help.
    ///
    /// # Errors
    /// Why it was not delivered, for the alarm's history.
    async fn deliver(&self, name: &str, notice: &Notice) -> Result<(), String>;
}

/// No sinks at all.
#[derive(Debug, Default)]
pub struct NoSinks;

#[async_trait]
impl Sinks for NoSinks {
    fn has(&self, _: &str) -> bool {
        false
    }

    async fn deliver(&self, name: &str, _: &Notice) -> Result<(), String> {
        Err(format!("there is no sink {name}"))
    }
}
