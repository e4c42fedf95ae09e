//! Whose credentials are used, and why there are none.

use std::error::Error;

use aws_config::credential_process::CredentialProcessProvider;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds;
use aws_config::imds::client::error::ImdsError;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::ProviderChainError;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_smithy_runtime_api::client::result::ConnectorError;
use volume::ports::ReachError;

use crate::errors::{Fault, chain, connection, find};
use crate::instance;
use crate::profile::Profile;
use crate::settings::CredentialSource;

/// The name of the last link of the chain.
const INSTANCE: &str = "Ec2InstanceMetadata";
/// The variable by which an administrator says that there is no instance-metadata service.
const INSTANCE_DISABLED: &str = "AWS_EC2_METADATA_DISABLED";

/// Where credentials come from. Built anew for every try: the SDK's own providers remember a failure for good, and a file that is
/// missing while the machine boots may be there a minute later. What was found is kept by the client's cache.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) named: Option<CredentialSource>,
    pub(crate) profile: Profile,
    pub(crate) provider: ProviderConfig,
    pub(crate) metadata: imds::Client,
}

impl Source {
    async fn find(&self) -> provider::Result {
        match &self.named {
            Some(CredentialSource::Process(command)) => {
                CredentialProcessProvider::new(command.clone())
                    .provide_credentials()
                    .await
            }
            Some(CredentialSource::Shared { .. }) => {
                self.profile
                    .credentials(&self.provider)
                    .provide_credentials()
                    .await
            }
            None => self.usual().provide_credentials().await,
        }
    }

    /// The SDK's own chain, link by link: as a whole it cannot be told which files to read.
    fn usual(&self) -> CredentialsProviderChain {
        CredentialsProviderChain::first_try(
            "Environment",
            EnvironmentVariableCredentialsProvider::new(),
        )
        .or_else("Profile", self.profile.credentials(&self.provider))
        .or_else(
            "WebIdentityToken",
            WebIdentityTokenCredentialsProvider::builder()
                .configure(&self.provider)
                .build(),
        )
        .or_else(
            "EcsContainer",
            EcsCredentialsProvider::builder()
                .configure(&self.provider)
                .build(),
        )
        .or_else(
            INSTANCE,
            ImdsCredentialsProvider::builder()
                .configure(&self.provider)
                .imds_client(self.metadata.clone())
                .build(),
        )
    }
}

impl ProvideCredentials for Source {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.find())
    }
}

/// What having no credentials comes to.
pub(crate) fn fault(error: &CredentialsError, place: &str) -> Fault {
    // Whoever gives them out is asked over a network, too.
    if let Some(connector) = find::<ConnectorError>(error)
        && !matches!(error, CredentialsError::CredentialsNotLoaded(_))
    {
        return match connection(connector, "the credentials' source") {
            Fault::Unreachable(text) => {
                Fault::Unreachable(format!("credentials cannot be fetched: {text}"))
            }
            other => other,
        };
    }
    let reach = match error {
        CredentialsError::CredentialsNotLoaded(_) => none(error),
        CredentialsError::ProviderTimedOut(_) => {
            return Fault::Unreachable(format!("credentials for {place}: {}", chain(error)));
        }
        // An instance-metadata service that answers, and not with credentials.
        _ if find::<ImdsError>(error).is_some() => ReachError::CredentialsNotYet(chain(error)),
        _ => ReachError::CredentialsFailed(chain(error)),
    };
    Fault::Reach(reach)
}

/// Nobody in the chain has any.
fn none(error: &CredentialsError) -> ReachError {
    let attempts = error
        .source()
        .and_then(|source| source.downcast_ref::<ProviderChainError<CredentialsError>>())
        .map(ProviderChainError::attempts)
        .unwrap_or_default();
    let Some(instance) = attempts.iter().find(|attempt| attempt.name() == INSTANCE) else {
        // A profile that the configuration names, without credentials in it.
        return ReachError::NoCredentials(chain(error));
    };
    let is_disabled =
        std::env::var_os(INSTANCE_DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let is_silent = find::<ConnectorError>(instance.error()).is_some();
    if !is_disabled && !is_silent {
        return ReachError::CredentialsNotYet(
            "the instance-metadata service knows no role of this instance".to_owned(),
        );
    }
    if !is_disabled && instance::is_ec2() {
        return ReachError::CredentialsNotYet(format!(
            "this is an EC2 instance, and its metadata service does not answer ({})",
            chain(instance.error())
        ));
    }
    // What the profile's link says names the profile; the others say only that they are not in use.
    let profile = attempts
        .iter()
        .find(|attempt| attempt.name() == "Profile")
        .and_then(|attempt| attempt.error().source())
        .map(|source| format!(" ({source})"))
        .unwrap_or_default();
    ReachError::NoCredentials(format!(
        "no credentials found in chain: none in the environment, none in a profile{profile}, no instance-metadata service"
    ))
}
