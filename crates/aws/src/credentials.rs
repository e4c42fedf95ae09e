//! Whose credentials are used, and why there are none.

use std::error::Error;

use aws_config::credential_process::CredentialProcessProvider;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds;
use aws_config::imds::client::error::{ImdsError, TokenError};
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::ProviderChainError;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use volume::ports::ReachError;

use crate::clock::Clock;
use crate::errors::{Fault, chain, connection, find, sort};
use crate::instance;
use crate::profile::Profile;
use crate::resolver::NameUnknown;
use crate::role::Roles;
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
    /// Who is asked for roles, where that is a service of one's own; none: whom AWS's variables and files say.
    pub(crate) roles: Option<Roles>,
}

impl Source {
    async fn find(&self) -> provider::Result {
        match &self.named {
            Some(CredentialSource::Process(command)) => {
                CredentialProcessProvider::new(command.clone())
                    .provide_credentials()
                    .await
            }
            Some(CredentialSource::Shared { .. }) => self.of_profile().provide_credentials().await,
            None => self.usual().provide_credentials().await,
        }
    }

    /// The SDK's own chain, link by link: as a whole it cannot be told which files to read.
    fn usual(&self) -> CredentialsProviderChain {
        CredentialsProviderChain::first_try(
            "Environment",
            EnvironmentVariableCredentialsProvider::new(),
        )
        .or_else("Profile", self.of_profile())
        .or_else("WebIdentityToken", self.of_web_identity())
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

impl Source {
    fn of_profile(&self) -> OfProfile {
        OfProfile {
            profile: self.profile.clone(),
            provider: self.provider.clone(),
            metadata: self.metadata.clone(),
            roles: self.roles.clone(),
        }
    }

    fn of_web_identity(&self) -> OfWebIdentity {
        match &self.roles {
            Some(roles) => OfWebIdentity::Own(Box::new(roles.clone())),
            None => OfWebIdentity::Sdk(
                WebIdentityTokenCredentialsProvider::builder()
                    .configure(&self.provider)
                    .build(),
            ),
        }
    }
}

/// The credentials of a profile.
#[derive(Debug)]
struct OfProfile {
    profile: Profile,
    provider: ProviderConfig,
    metadata: imds::Client,
    roles: Option<Roles>,
}

impl OfProfile {
    async fn find(&self) -> provider::Result {
        if let Some(name) = self.profile.missing().await {
            return Err(CredentialsError::invalid_configuration(format!(
                "there is no profile {name}"
            )));
        }
        if let Some(roles) = &self.roles
            && let Some(found) = roles
                .of_profile(&self.profile, &self.provider, &self.metadata)
                .await
        {
            return found;
        }
        self.profile
            .credentials(&self.provider)
            .provide_credentials()
            .await
    }
}

impl ProvideCredentials for OfProfile {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.find())
    }
}

/// The credentials of a token in a file that the variables name.
#[derive(Debug)]
enum OfWebIdentity {
    Sdk(WebIdentityTokenCredentialsProvider),
    Own(Box<Roles>),
}

impl ProvideCredentials for OfWebIdentity {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        match self {
            Self::Sdk(provider) => provider.provide_credentials(),
            Self::Own(roles) => future::ProvideCredentials::new(roles.of_environment()),
        }
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
pub(crate) fn fault(error: &CredentialsError, place: &str, clock: &Clock) -> Fault {
    if let Some(error) = find::<SdkError<AssumeRoleError, HttpResponse>>(error) {
        return refused_role(sort(error, ROLES, clock));
    }
    if let Some(error) = find::<SdkError<AssumeRoleWithWebIdentityError, HttpResponse>>(error) {
        return refused_role(sort(error, ROLES, clock));
    }
    if let Some(unknown) = find::<NameUnknown>(error) {
        return if unknown.is_temporary() {
            Fault::Unreachable(format!("credentials cannot be fetched: {unknown}"))
        } else {
            Fault::Reach(ReachError::CredentialsFailed(unknown.to_string()))
        };
    }
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
        _ if find::<ImdsError>(error).is_some() => {
            metadata(status_of_metadata(error), chain(error), instance::is_ec2())
        }
        _ => ReachError::CredentialsFailed(chain(error)),
    };
    Fault::Reach(reach)
}

/// Whoever gives out roles, to people.
const ROLES: &str = "the service that gives out roles (STS)";

/// What it comes to that a role cannot be had.
fn refused_role(fault: Fault) -> Fault {
    match fault {
        Fault::Reach(error) => Fault::Reach(error),
        Fault::Unreachable(text) | Fault::Throttled(text) => {
            Fault::Unreachable(format!("credentials cannot be fetched: {ROLES}: {text}"))
        }
        Fault::Denied(text)
        | Fault::NotFound(text)
        | Fault::Disabled(text)
        | Fault::PendingDeletion(text)
        | Fault::Unusable(text)
        | Fault::Invalid(text) => Fault::Reach(ReachError::CredentialsFailed(format!(
            "the role cannot be assumed: {text}"
        ))),
    }
}

/// The status that an instance-metadata service answered with, if it did.
fn status_of_metadata(error: &CredentialsError) -> Option<u16> {
    if let Some(error) = find::<SdkError<TokenError, HttpResponse>>(error) {
        return error
            .raw_response()
            .map(|response| response.status().as_u16());
    }
    match find::<ImdsError>(error)? {
        ImdsError::ErrorResponse(context) => Some(context.response().status().as_u16()),
        _ => None,
    }
}

/// An instance-metadata service that is asked and gives no credentials. On EC2 a role may be attached at any time; what answers 404
/// elsewhere is another cloud's, and 403 is one that is switched off.
fn metadata(status: Option<u16>, why: String, is_ec2: bool) -> ReachError {
    match status {
        None | Some(429 | 500..) => ReachError::CredentialsNotYet(why),
        Some(404) if is_ec2 => ReachError::CredentialsNotYet(
            "the instance-metadata service knows no role of this instance".to_owned(),
        ),
        Some(403) => ReachError::NoCredentials(
            "none in the environment or a profile, and the instance-metadata service answers \"forbidden\" (HTTP 403): it is switched off for this instance"
                .to_owned(),
        ),
        Some(status) => ReachError::NoCredentials(format!(
            "none in the environment or a profile, and the instance-metadata service has none (HTTP {status})"
        )),
    }
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
        // The SDK says so of nothing but a 404.
        return metadata(Some(404), String::new(), instance::is_ec2());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn is_waited_for(status: Option<u16>, is_ec2: bool) -> bool {
        metadata(status, "why".to_owned(), is_ec2).is_temporary()
    }

    #[test]
    fn a_role_is_waited_for_on_ec2_alone_and_silence_and_overload_everywhere() {
        for is_ec2 in [false, true] {
            assert_eq!(is_waited_for(Some(404), is_ec2), is_ec2);
            assert!(!is_waited_for(Some(403), is_ec2), "it is switched off");
            assert!(!is_waited_for(Some(200), is_ec2));
            for passing in [None, Some(429), Some(500), Some(503)] {
                assert!(is_waited_for(passing, is_ec2), "{passing:?}");
            }
        }
    }

    #[test]
    fn a_role_that_is_refused_is_the_credentials_fault_and_a_busy_service_is_waited_for() {
        let refused = refused_role(Fault::Denied("no".to_owned()));
        assert!(matches!(
            refused,
            Fault::Reach(ReachError::CredentialsFailed(_))
        ));
        let busy = refused_role(Fault::Throttled("slowly".to_owned()));
        assert!(matches!(busy, Fault::Unreachable(_)));
    }
}
