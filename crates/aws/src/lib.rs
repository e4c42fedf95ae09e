//! The volume's two ports over the official AWS SDK: its credential chain, profiles, endpoints and CA bundle. Nothing else of
//! volumes is known here.
//!
//! One call is one HTTP request: the SDK's own retries are off, because `volume` retries to a deadline of its own.

mod errors;
mod keys;
mod objects;
mod trust;

use std::sync::OnceLock;
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig, imds};
use aws_smithy_http_client::{Builder as HttpBuilder, tls};
use tokio::runtime::Runtime;

pub use trust::TrustError;

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one request may take in all, if the caller is patient.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// What a request is given however impatient the caller is.
const REQUEST_TIMEOUT_LEAST: Duration = Duration::from_secs(1);
/// How long to wait for an instance-metadata service: it is one hop away, or it is not there.
const METADATA_TIMEOUT: Duration = Duration::from_millis(500);
/// How often an instance-metadata service is asked.
const METADATA_ATTEMPTS: u32 = 2;

/// Both ports, over one set of credentials and one connection pool.
///
/// Nothing is read and nobody is called before the first request, so that work that needs no key service (a volume that is
/// mounted already, `status`, `down`) never waits for one.
pub struct Aws {
    runtime: Runtime,
    clients: OnceLock<Clients>,
    trust: tls::TrustStore,
    request_timeout: Duration,
}

struct Clients {
    kms: aws_sdk_kms::Client,
    s3: aws_sdk_s3::Client,
}

impl Aws {
    /// Takes the SDK's usual configuration from the environment: `AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL[_KMS|_S3]`,
    /// `AWS_CA_BUNDLE`, shared files, `credential_process`, instance profile. A service that says nothing is waited for no longer
    /// than `patience`, within bounds of this crate's own.
    ///
    /// # Errors
    /// [`TrustError`] when `AWS_CA_BUNDLE` names a file that is not a bundle of PEM certificates, or no I/O runtime can be had.
    pub fn from_env(patience: Duration) -> Result<Self, TrustError> {
        let trust = trust::from_env()?;
        // One thread: the agent makes one request at a time.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(TrustError::Runtime)?;
        Ok(Self {
            runtime,
            clients: OnceLock::new(),
            trust,
            request_timeout: patience.clamp(REQUEST_TIMEOUT_LEAST, REQUEST_TIMEOUT),
        })
    }

    fn clients(&self) -> &Clients {
        self.clients.get_or_init(|| {
            self.runtime
                .block_on(Clients::connect(self.trust.clone(), self.request_timeout))
        })
    }
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aws")
            .field("connected", &self.clients.get().is_some())
            .finish_non_exhaustive()
    }
}

impl Clients {
    async fn connect(trust: tls::TrustStore, request_timeout: Duration) -> Self {
        let config = sdk_config(trust, request_timeout).await;
        let mut s3 = aws_sdk_s3::config::Builder::from(&config);
        if has_custom_s3_endpoint(&config) {
            // Bucket names in the host name need DNS and certificates that only AWS has.
            s3 = s3.force_path_style(true);
        }
        Self {
            kms: aws_sdk_kms::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
        }
    }
}

async fn sdk_config(trust: tls::TrustStore, request_timeout: Duration) -> SdkConfig {
    let context = tls::TlsContext::builder().with_trust_store(trust).build();
    let builder = HttpBuilder::new().tls_provider(tls::Provider::Rustls(
        tls::rustls_provider::CryptoMode::AwsLc,
    ));
    let http = match context {
        Ok(context) => builder.tls_context(context).build_https(),
        // A trust store that was parsed already cannot make this fail; the default is the system's roots, which trust less.
        Err(_) => builder.build_https(),
    };
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_timeout(request_timeout)
        .build();
    let provider = ProviderConfig::without_region()
        .with_http_client(http.clone())
        .with_timeout_config(timeouts.clone());
    let metadata = imds::Client::builder()
        .configure(&provider)
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .max_attempts(METADATA_ATTEMPTS)
        .build();
    // The SDK's own chain, piece by piece: as a whole it cannot be told which HTTP client to use.
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(
            ProfileFileRegionProvider::builder()
                .configure(&provider)
                .build(),
        )
        .or_else(
            ImdsRegionProvider::builder()
                .configure(&provider)
                .imds_client(metadata.clone())
                .build(),
        )
        .region()
        .await;
    let provider = provider.with_region(region.clone());
    let credentials = DefaultCredentialsChain::builder()
        .configure(provider)
        .imds_client(metadata)
        .build()
        .await;
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .region(region)
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(aws_sdk_s3::config::ResponseChecksumValidation::WhenRequired)
        .load()
        .await
}

fn has_custom_s3_endpoint(config: &SdkConfig) -> bool {
    config.endpoint_url().is_some()
        || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some_and(|url| !url.is_empty())
}
