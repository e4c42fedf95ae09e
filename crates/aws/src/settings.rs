//! Where the services are and whose credentials are used, as far as the caller says so. What is not said comes from AWS's usual
//! variables and files.

use std::path::PathBuf;
use std::time::Duration;

/// What the caller says; it goes before everything that the environment says.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The URL of both services; behind it `AWS_ENDPOINT_URL[_KMS|_S3]`, the profile, AWS's own.
    pub endpoint: Option<String>,
    /// A PEM file of the authorities that are trusted *instead of* the system's; behind it `AWS_CA_BUNDLE`, the profile's `ca_bundle`.
    pub ca: Option<PathBuf>,
    /// The region that requests are signed for; behind it `AWS_REGION`, the profile, `us-east-1` with an endpoint, the instance's.
    pub region: Option<String>,
    /// Whose credentials; none: the SDK's chain. What is named here is used or is an error: nothing stands behind it.
    pub credentials: Option<CredentialSource>,
    /// How long a service that says nothing is waited for in one request, within bounds of this crate's own.
    pub patience: Duration,
}

/// Where credentials come from.
#[derive(Clone, Debug)]
pub enum CredentialSource {
    /// A profile of a file in AWS's shared format.
    Shared {
        /// The file; none: AWS's usual ones.
        file: Option<PathBuf>,
        /// The profile; none: `AWS_PROFILE`, or `default`.
        profile: Option<String>,
    },
    /// A program that prints them, as AWS's `credential_process`.
    Process(String),
}
