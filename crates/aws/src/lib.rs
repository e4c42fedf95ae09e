//! The volume's two ports over the official AWS SDK: its credential chain, profiles, endpoints and CA bundle. Nothing else of
//! volumes is known here.
//!
//! Whatever fails is sorted by whose fault it is and by whether it passes: what does not pass is told at the first call.
//!
//! One call is one HTTP request: the SDK's own retries are off, because `volume` retries to a deadline of its own.

mod clock;
mod credentials;
mod errors;
mod instance;
mod keys;
mod objects;
mod probe;
mod profile;
mod resolver;
mod role;
mod settings;
mod trust;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::ProvideRegion as _;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig, imds};
use aws_smithy_http_client::{Builder as HttpBuilder, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::service_config::ServiceConfigKey;
use tokio::runtime::Runtime;
use volume::ports::ReachError;

use crate::clock::Clock;
use crate::errors::Fault;
use crate::profile::Profile;
use crate::resolver::SystemResolver;
use crate::role::Roles;

pub use settings::{CredentialSource, Settings};
pub use trust::TrustError;

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one request may take in all, if the caller is patient.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// What a request is given however impatient the caller is.
const REQUEST_TIMEOUT_LEAST: Duration = Duration::from_secs(1);
/// How long to wait for an instance-metadata service: it is one hop away, or it is not there.
const METADATA_TIMEOUT: Duration = Duration::from_millis(500);
/// How often an instance-metadata service is asked where there is one.
const METADATA_ATTEMPTS: u32 = 2;
/// The region that a service of one's own signs for unless one is named: the AWS CLI's, and `kluisd`'s.
const REGION_DEFAULT: &str = "us-east-1";

/// By which variables a service of one's own is named.
const ENDPOINT_VARIABLES: [&str; 3] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_KMS",
    "AWS_ENDPOINT_URL_S3",
];

/// By which variable a service that gives out roles is named.
const STS_VARIABLE: &str = "AWS_ENDPOINT_URL_STS";

/// Both ports, over one set of credentials and one connection pool.
///
/// Nobody is called before the first request, so that work that needs no key service (a volume that is
/// mounted already, `status`, `down`) never waits for one.
pub struct Aws {
    runtime: Runtime,
    settings: Settings,
    profile: Profile,
    trust: tls::TrustStore,
    clock: Clock,
    /// Made at the first request; not before a region is known, which an instance may not tell at once.
    clients: Mutex<Option<Clients>>,
}

/// A client of each service, and what people call it.
#[derive(Clone)]
struct Clients {
    kms: aws_sdk_kms::Client,
    kms_place: String,
    s3: aws_sdk_s3::Client,
    s3_place: String,
}

impl Aws {
    /// Takes what `settings` says, and behind it the SDK's usual configuration: `AWS_PROFILE`, `AWS_REGION`,
    /// `AWS_ENDPOINT_URL[_KMS|_S3]`, `AWS_CA_BUNDLE`, shared files, `credential_process`, instance profile. Shared files are looked for
    /// in the user's folder also where `HOME` is not set.
    ///
    /// # Errors
    /// [`TrustError`] when the file of the authorities to trust is not a bundle of PEM certificates, or no I/O runtime can be had.
    pub fn new(settings: Settings) -> Result<Self, TrustError> {
        // One thread: the agent makes one request at a time.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(TrustError::Runtime)?;
        let profile = Profile::of(&settings);
        let trust = runtime.block_on(trust::store(&settings, &profile))?;
        Ok(Self {
            runtime,
            settings,
            profile,
            trust,
            clock: Clock::new(),
            clients: Mutex::new(None),
        })
    }

    fn clients(&self) -> Result<Clients, Fault> {
        let mut made = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(clients) = &*made {
            return Ok(clients.clone());
        }
        let clients = self.runtime.block_on(self.connect())?;
        *made = Some(clients.clone());
        Ok(clients)
    }

    /// What the services are called as far as that is known.
    fn place(&self, of: impl Fn(&Clients) -> &String, otherwise: &str) -> String {
        let made = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*made, &self.settings.endpoint) {
            (Some(clients), _) => of(clients).clone(),
            (None, Some(endpoint)) => endpoint.clone(),
            (None, None) => otherwise.to_owned(),
        }
    }

    async fn connect(&self) -> Result<Clients, Fault> {
        if self.settings.endpoint.is_none() {
            check_variables()?;
        }
        let config = self.sdk_config().await?;
        let kms_endpoint = endpoint(&config, "KMS");
        let s3_endpoint = endpoint(&config, "S3");
        for endpoint in [&kms_endpoint, &s3_endpoint].into_iter().flatten() {
            refuse_clear(endpoint)?;
            refuse_variants(&config, endpoint)?;
        }
        // Bucket names in the host name need DNS and certificates that only AWS has.
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(s3_endpoint.is_some())
            .interceptor(self.clock.clone());
        let kms = aws_sdk_kms::config::Builder::from(&config).interceptor(self.clock.clone());
        let region = config.region().map_or("", Region::as_ref);
        let usual = |service: &str| format!("https://{service}.{region}.amazonaws.com");
        Ok(Clients {
            kms: aws_sdk_kms::Client::from_conf(kms.build()),
            kms_place: kms_endpoint.unwrap_or_else(|| usual("kms")),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            s3_place: s3_endpoint.unwrap_or_else(|| usual("s3")),
        })
    }

    async fn sdk_config(&self) -> Result<SdkConfig, Fault> {
        let http = http_client(self.trust.clone());
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_timeout(
                self.settings
                    .patience
                    .clamp(REQUEST_TIMEOUT_LEAST, REQUEST_TIMEOUT),
            )
            .build();
        let provider = ProviderConfig::without_region()
            .with_http_client(http.clone())
            .with_retry_config(RetryConfig::disabled())
            .with_timeout_config(timeouts.clone());
        let metadata = imds::Client::builder()
            .configure(&provider)
            .connect_timeout(METADATA_TIMEOUT)
            .read_timeout(METADATA_TIMEOUT)
            .max_attempts(if instance::is_ec2() {
                METADATA_ATTEMPTS
            } else {
                1
            })
            .build();
        let region = self.region(&provider, &metadata).await?;
        let is_said = self.has_sts_endpoint().await?;
        let own = self.settings.endpoint.as_deref();
        let roles = own
            .filter(|endpoint| !is_said && !is_amazons(endpoint))
            .map(|endpoint| Roles::of(endpoint, http.clone(), region.clone(), timeouts.clone()));
        let credentials = credentials::Source {
            named: self.settings.credentials.clone(),
            profile: self.profile.clone(),
            provider: provider.with_region(Some(region.clone())),
            metadata,
            roles,
        };
        let mut loader = self
            .profile
            .configure(aws_config::defaults(BehaviorVersion::latest()))
            .http_client(http)
            .region(region)
            .credentials_provider(credentials)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .request_checksum_calculation(
                aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired,
            )
            .response_checksum_validation(
                aws_sdk_s3::config::ResponseChecksumValidation::WhenRequired,
            );
        if let Some(endpoint) = &self.settings.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        Ok(loader.load().await)
    }

    /// The SDK's own chain, piece by piece: as a whole it cannot be told which HTTP client to use, and it knows no default for a
    /// service of one's own.
    async fn region(
        &self,
        provider: &ProviderConfig,
        metadata: &imds::Client,
    ) -> Result<Region, Fault> {
        if let Some(region) = &self.settings.region {
            return Ok(Region::new(region.clone()));
        }
        // A variable that is set to nothing is not set.
        let is_named = |region: &Region| !region.as_ref().is_empty();
        let variable = EnvironmentVariableRegionProvider::new().region().await;
        if let Some(region) = variable.filter(is_named) {
            return Ok(region);
        }
        let profile = self.profile.region(provider).region().await;
        if let Some(region) = profile.filter(is_named) {
            return Ok(region);
        }
        if self.has_own_endpoint().await {
            return Ok(Region::from_static(REGION_DEFAULT));
        }
        let instance = ImdsRegionProvider::builder()
            .configure(provider)
            .imds_client(metadata.clone())
            .build();
        if let Some(region) = instance.region().await {
            return Ok(region);
        }
        if instance::is_ec2() {
            return Err(Fault::Unreachable(
                "this is an EC2 instance, and its metadata service does not tell its region"
                    .to_owned(),
            ));
        }
        Err(Fault::Reach(ReachError::Misconfigured(
            "it is not said where the key service is: set [agent] endpoint for one of your own (kluisd env prints it), or region for AWS's"
                .to_owned(),
        )))
    }

    /// Whether it is said where roles are asked for, as something of its own.
    async fn has_sts_endpoint(&self) -> Result<bool, Fault> {
        let variable = std::env::var(STS_VARIABLE)
            .ok()
            .filter(|url| !url.is_empty());
        let named = match variable {
            Some(url) => Some(url),
            None => self.profile.get_of_service("sts", "endpoint_url").await,
        };
        named.as_deref().map(refuse_clear).transpose()?;
        Ok(named.is_some())
    }

    /// Whether a service of one's own is named anywhere.
    async fn has_own_endpoint(&self) -> bool {
        self.settings.endpoint.is_some()
            || ENDPOINT_VARIABLES
                .iter()
                .any(|name| std::env::var_os(name).is_some_and(|url| !url.is_empty()))
            || self.profile.get("endpoint_url").await.is_some()
            || self.profile.get("services").await.is_some()
    }
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aws")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

fn http_client(trust: tls::TrustStore) -> SharedHttpClient {
    let context = tls::TlsContext::builder().with_trust_store(trust).build();
    let builder = HttpBuilder::new().tls_provider(tls::Provider::Rustls(
        tls::rustls_provider::CryptoMode::AwsLc,
    ));
    match context {
        Ok(context) => builder
            .tls_context(context)
            .build_with_resolver(SystemResolver),
        // A trust store that was parsed already cannot make this fail; the default is the system's roots, which trust less.
        Err(_) => builder.build_with_resolver(SystemResolver),
    }
}

/// The SDK asks AWS where `AWS_ENDPOINT_URL` is not a URL; whoever set it did not mean that.
fn check_variables() -> Result<(), Fault> {
    for name in ENDPOINT_VARIABLES {
        if let Some(url) = std::env::var_os(name).filter(|url| !url.is_empty())
            && !url
                .to_str()
                .is_some_and(|url| url.starts_with("https://") || url.starts_with("http://"))
        {
            return Err(Fault::Reach(ReachError::Misconfigured(format!(
                "{name} is {}, and that is not a URL; write it as https://HOST:PORT, or set [agent] endpoint",
                url.display()
            ))));
        }
    }
    Ok(())
}

/// The SDK refuses each request for a variant of a service that is at an address of its own.
fn refuse_variants(config: &SdkConfig, endpoint: &str) -> Result<(), Fault> {
    let (variant, variable, setting) = if config.use_fips() == Some(true) {
        ("FIPS", "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint")
    } else if config.use_dual_stack() == Some(true) {
        (
            "dual-stack",
            "AWS_USE_DUALSTACK_ENDPOINT",
            "use_dualstack_endpoint",
        )
    } else {
        return Ok(());
    };
    Err(Fault::Reach(ReachError::Misconfigured(format!(
        "{variable} (or {setting} in the AWS profile) asks for AWS's {variant} endpoint, and {endpoint} is asked instead, which has none; unset one of them"
    ))))
}

/// Whether an endpoint is one of AWS's, such as a VPC's: its other services are elsewhere.
fn is_amazons(endpoint: &str) -> bool {
    let host = host(endpoint).trim_end_matches('.').to_ascii_lowercase();
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"]
        .iter()
        .any(|domain| host.ends_with(domain))
}

/// The host of a URL, without port and brackets.
fn host(endpoint: &str) -> &str {
    let rest = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    match authority.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or(address),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

/// A key service answers with secrets: without TLS they may go over loopback alone, wherever its address was found.
fn refuse_clear(endpoint: &str) -> Result<(), Fault> {
    if !endpoint.starts_with("http://") {
        return Ok(());
    }
    let host = host(endpoint);
    let is_loopback = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    if is_loopback {
        return Ok(());
    }
    Err(Fault::Reach(ReachError::Misconfigured(format!(
        "{endpoint} would carry secrets over the network in the clear; use https, or a service on this machine's loopback"
    ))))
}

/// The endpoint of a service, if it is not AWS's own.
fn endpoint(config: &SdkConfig, service: &str) -> Option<String> {
    let of_all = || config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return of_all();
    }
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok();
    key.and_then(|key| config.service_config()?.load_config(key))
        .filter(|url| !url.is_empty())
        .or_else(of_all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amazons_endpoints_are_known_by_their_domain() {
        for (endpoint, is) in [
            ("https://kms.eu-central-1.amazonaws.com", true),
            (
                "https://vpce-1-2.kms.eu-central-1.vpce.amazonaws.com:443/",
                true,
            ),
            ("https://kms.cn-north-1.amazonaws.com.cn", true),
            ("https://kms.example.com", false),
            ("https://amazonaws.com.example.com", false),
            ("https://127.0.0.1:7600", false),
        ] {
            assert_eq!(is_amazons(endpoint), is, "{endpoint}");
        }
    }

    #[test]
    fn without_tls_nothing_leaves_the_machine() {
        for endpoint in [
            "https://kms.example.com",
            "http://localhost:7600",
            "http://127.0.0.1:7600/",
            "http://127.0.0.9",
            "http://[::1]:7600",
        ] {
            assert!(refuse_clear(endpoint).is_ok(), "{endpoint}");
        }
        for endpoint in [
            "http://kms.example.com",
            "http://10.77.0.1:7602",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1@example.com",
            "http://[fd00::1]:7600",
            "http://",
        ] {
            assert!(refuse_clear(endpoint).is_err(), "{endpoint}");
        }
    }
}
