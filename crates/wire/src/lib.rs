//! AWS's wire: SigV4, AWS JSON, CBOR, Query, XML errors and the shapes of every operation. It never knows sockets, who owns an access key, or what
//! an operation does.
//!
//! Everything here is sans-IO: bytes and facts in, typed requests and bytes out. A request goes [`sigv4::parse`] and
//! [`sigv4::Presented::verify`] → [`protocol::detect`] → [`protocol::Protocol::decode`] (a codec, [`json`], [`cbor`] or [`query`], under the operation's [`shape`]) → `Operation::decode` of its service in
//! [`generated`], which validates with AWS's own words. An answer goes `Response::encode`, an error [`ApiError::encode`].

mod answer;
mod blob;
mod call;
pub mod cbor;
pub mod checksum;
pub mod chunked;
mod error;
pub mod generated;
mod head;
mod inflate;
pub mod json;
pub mod payload;
pub mod protocol;
pub mod query;
mod sensitive;
pub mod shape;
pub mod sigv4;
mod time;
mod uri;
pub mod validate;
pub mod xml;

pub use answer::{Answer, Scope};
pub use blob::Blob;
pub use error::{ApiError, Fault};
pub use generated::{SERVICES, cloudtrail, cloudwatch, iam, kms, service_quotas, sts};
pub use head::Head;
pub use sensitive::{SensitiveBlob, SensitiveString};
pub use time::EpochSeconds;
