//! Quotas, metrics and alarms: request rates weighed as they happen, counted by the minute, listed as Service Quotas lists them, read and
//! watched as CloudWatch does.
//!
//! The core is pure: times and counts in, decisions out. [`Monitor`] puts it over a store and a port to where alarms are heard, [`Sinks`].
//!
//! The boundary: this crate knows neither keys nor HTTP. The key service says which quota a request counts to, by its name in AWS/Usage; the
//! gate asks [`Monitor::admit`], and carries requests of CloudWatch and Service Quotas to [`Monitor::execute`].
//!
//! | file | noun |
//! |---|---|
//! | `quota`, `applied` | the table of quotas, and what each is worth here |
//! | `meters` | request rates as they happen |
//! | `place`, `metric`, `series`, `metrics` | where and when; a metric; its points; all of them |
//! | `math`, `query` | expressions over metrics, and requests for them |
//! | `alarm`, `evaluate`, `reason`, `history`, `notice` | an alarm: its state, why, what happened, what it sends |
//! | `sinks` | the port to where alarms are heard |
//! | `book`, `record`, `load` | everything else in memory, and its form in the store |
//! | `operation`, `desk`, `service`, `tick` | the operations; a request's way through; what happens by itself |
//! | `data`, `put_alarm`, `alarms`, `listed`, `increases` | the operations, by family |
//! | `gauges` | what the operator's own monitoring is told |
//! | `faults`, `limits`, `page` | every refusal, every bound, pages |

mod alarm;
mod alarms;
mod applied;
mod book;
mod data;
mod desk;
mod evaluate;
mod faults;
mod gauges;
mod history;
mod increases;
pub mod limits;
mod listed;
mod load;
mod math;
mod meters;
mod metric;
mod metrics;
mod notice;
mod operation;
mod page;
mod place;
mod put_alarm;
mod query;
pub mod quota;
mod reason;
mod record;
mod series;
mod service;
mod sinks;
mod tick;

pub use applied::{SettingError, Settings};
pub use notice::Notice;
pub use operation::{Operation, Response};
pub use service::Monitor;
pub use sinks::{NoSinks, Sinks};
