//! Roles (`role_arn`) of a service of one's own. The SDK's own providers ask whom AWS's variables and files say, and AWS where those say
//! nothing: whoever has a service of their own would send it their credentials.
//!
//! What a profile can say of roles is understood as the SDK does: `source_profile`, `credential_source`, `external_id`,
//! `role_session_name`, `duration_seconds`, `web_identity_token_file`, over several profiles.

use std::time::{Duration, SystemTime};

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider};
use aws_runtime::env_config::section::Profile as Section;
use aws_sdk_sts::types::Credentials as Given;
use aws_smithy_async::rt::sleep::default_async_sleep;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::profile::Profile;

/// How many profiles may stand behind each other; more are a loop.
const ROLES_MAX: usize = 10;
/// What a session is called where nobody says so.
const SESSION: &str = "kluis";
/// As other SDKs have them for a token in a file.
const TOKEN_VARIABLE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const ROLE_VARIABLE: &str = "AWS_ROLE_ARN";
const SESSION_VARIABLE: &str = "AWS_ROLE_SESSION_NAME";

/// Asks one service for roles.
#[derive(Clone, Debug)]
pub(crate) struct Roles {
    config: SdkConfig,
}

/// A role of a profile.
struct Role {
    arn: String,
    session: String,
    external_id: Option<String>,
    duration: Option<Duration>,
}

/// Whose credentials the first role is asked for with.
enum Base {
    /// Those of a profile without a role.
    Profile(String),
    /// A profile's own keys, which has a role besides.
    Keys(Credentials),
    /// `credential_source`.
    Named(String),
    /// Nobody's: a token speaks for itself.
    Token { file: String, role: Role },
}

impl Roles {
    /// Roles of the service at `endpoint`, asked over the same HTTP client as everything else.
    pub(crate) fn of(
        endpoint: &str,
        http: SharedHttpClient,
        region: Region,
        timeouts: TimeoutConfig,
    ) -> Self {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .http_client(http)
            .region(region)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        config.set_sleep_impl(default_async_sleep());
        Self {
            config: config.build(),
        }
    }

    /// The credentials of a profile that has a role; `None` of one that has none, or is not there.
    pub(crate) async fn of_profile(
        &self,
        profile: &Profile,
        provider: &ProviderConfig,
        metadata: &imds::Client,
    ) -> Option<provider::Result> {
        let sections = profile.sections().await?;
        let first = sections.selected_profile();
        sections.get_profile(first)?.get("role_arn")?;
        let (roles, base) = match trace(first, |name| sections.get_profile(name)) {
            Ok(found) => found,
            Err(why) => return Some(Err(CredentialsError::invalid_configuration(why))),
        };
        Some(
            self.assume_all(roles, base, profile, provider, metadata)
                .await,
        )
    }

    async fn assume_all(
        &self,
        roles: Vec<Role>,
        base: Base,
        profile: &Profile,
        provider: &ProviderConfig,
        metadata: &imds::Client,
    ) -> provider::Result {
        let mut held = match base {
            Base::Keys(keys) => keys,
            Base::Profile(name) => {
                profile
                    .credentials_of(&name, provider)
                    .provide_credentials()
                    .await?
            }
            Base::Token { file, role } => self.assume_by_token(&file, &role).await?,
            Base::Named(source) => named(&source, provider, metadata).await?,
        };
        // The last one that was found is the first to be asked for.
        for role in roles.iter().rev() {
            held = self.assume(role, held).await?;
        }
        Ok(held)
    }

    /// The credentials that the variables for a token in a file stand for.
    pub(crate) async fn of_environment(&self) -> provider::Result {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let Some(file) = variable(TOKEN_VARIABLE) else {
            return Err(CredentialsError::not_loaded(format!(
                "{TOKEN_VARIABLE} is not set"
            )));
        };
        let Some(arn) = variable(ROLE_VARIABLE) else {
            return Err(CredentialsError::invalid_configuration(format!(
                "{TOKEN_VARIABLE} is set and {ROLE_VARIABLE} is not"
            )));
        };
        let role = Role {
            arn,
            session: variable(SESSION_VARIABLE).unwrap_or_else(|| SESSION.to_owned()),
            external_id: None,
            duration: None,
        };
        self.assume_by_token(&file, &role).await
    }

    async fn assume(&self, role: &Role, held: Credentials) -> provider::Result {
        let config = self
            .config
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(held))
            .build();
        let answer = aws_sdk_sts::Client::new(&config)
            .assume_role()
            .role_arn(&role.arn)
            .role_session_name(&role.session)
            .set_external_id(role.external_id.clone())
            .set_duration_seconds(role.seconds())
            .send()
            .await
            .map_err(CredentialsError::provider_error)?;
        kept(answer.credentials)
    }

    async fn assume_by_token(&self, file: &str, role: &Role) -> provider::Result {
        let token = std::fs::read_to_string(file).map_err(|error| {
            CredentialsError::invalid_configuration(format!(
                "cannot read the token {file}: {error}"
            ))
        })?;
        let answer = aws_sdk_sts::Client::new(&self.config)
            .assume_role_with_web_identity()
            .role_arn(&role.arn)
            .role_session_name(&role.session)
            .web_identity_token(token.trim())
            .set_duration_seconds(role.seconds())
            .send()
            .await
            .map_err(CredentialsError::provider_error)?;
        kept(answer.credentials)
    }
}

impl Role {
    fn of(profile: &Section) -> Result<Option<Self>, String> {
        let Some(arn) = profile.get("role_arn") else {
            return Ok(None);
        };
        let duration = match profile.get("duration_seconds") {
            Some(text) => Some(text.trim().parse().map(Duration::from_secs).map_err(|_| {
                format!(
                    "profile {} has duration_seconds = {text}, which is no number",
                    profile.name()
                )
            })?),
            None => None,
        };
        Ok(Some(Self {
            arn: arn.to_owned(),
            session: profile
                .get("role_session_name")
                .unwrap_or(SESSION)
                .to_owned(),
            external_id: profile.get("external_id").map(str::to_owned),
            duration,
        }))
    }

    fn seconds(&self) -> Option<i32> {
        self.duration
            .and_then(|duration| i32::try_from(duration.as_secs()).ok())
    }
}

/// Follows a profile's roles to whose credentials they begin with.
fn trace<'a>(
    first: &str,
    profile_of: impl Fn(&str) -> Option<&'a Section>,
) -> Result<(Vec<Role>, Base), String> {
    let mut roles = Vec::new();
    let mut name = first.to_owned();
    loop {
        let profile = profile_of(&name).ok_or_else(|| format!("there is no profile {name}"))?;
        let Some(role) = Role::of(profile)? else {
            return Ok((roles, Base::Profile(name)));
        };
        if let Some(file) = profile.get("web_identity_token_file") {
            let file = file.to_owned();
            return Ok((roles, Base::Token { file, role }));
        }
        roles.push(role);
        if roles.len() > ROLES_MAX {
            return Err(format!(
                "the source_profile of {first} leads round in a circle"
            ));
        }
        match (
            profile.get("source_profile"),
            profile.get("credential_source"),
        ) {
            (Some(next), None) if next == name => {
                return Ok((roles, Base::Keys(keys(profile)?)));
            }
            (Some(next), None) => next.clone_into(&mut name),
            (None, Some(source)) => return Ok((roles, Base::Named(source.to_owned()))),
            _ => {
                return Err(format!(
                    "profile {name} has a role_arn, and needs either source_profile or credential_source beside it"
                ));
            }
        }
    }
}

/// The keys that stand in a profile.
fn keys(profile: &Section) -> Result<Credentials, String> {
    let get = |name: &str| {
        profile
            .get(name)
            .ok_or_else(|| format!("profile {} has no {name}", profile.name()))
    };
    Ok(Credentials::new(
        get("aws_access_key_id")?,
        get("aws_secret_access_key")?,
        profile.get("aws_session_token").map(str::to_owned),
        None,
        SESSION,
    ))
}

/// `credential_source`, by AWS's names.
async fn named(
    source: &str,
    provider: &ProviderConfig,
    metadata: &imds::Client,
) -> provider::Result {
    match source {
        "Environment" => {
            EnvironmentVariableCredentialsProvider::new()
                .provide_credentials()
                .await
        }
        "Ec2InstanceMetadata" => {
            ImdsCredentialsProvider::builder()
                .configure(provider)
                .imds_client(metadata.clone())
                .build()
                .provide_credentials()
                .await
        }
        "EcsContainer" => {
            EcsCredentialsProvider::builder()
                .configure(provider)
                .build()
                .provide_credentials()
                .await
        }
        other => Err(CredentialsError::invalid_configuration(format!(
            "credential_source is {other}, and not Environment, Ec2InstanceMetadata or EcsContainer"
        ))),
    }
}

fn kept(given: Option<Given>) -> provider::Result {
    let given = given.ok_or_else(|| {
        CredentialsError::provider_error("the answer has no credentials: it is no STS that answers")
    })?;
    let until = SystemTime::try_from(given.expiration).map_err(CredentialsError::provider_error)?;
    Ok(Credentials::new(
        given.access_key_id,
        given.secret_access_key,
        Some(given.session_token),
        Some(until),
        SESSION,
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_runtime::env_config::property::Property;

    use super::*;

    fn traced(profiles: &[(&str, &[(&str, &str)])]) -> Result<String, String> {
        let sections: HashMap<&str, Section> = profiles
            .iter()
            .map(|(name, settings)| {
                let settings = settings.iter().map(|(key, value)| {
                    let property = Property::new((*key).to_owned(), (*value).to_owned());
                    ((*key).to_owned(), property)
                });
                (*name, Section::new(*name, settings.collect()))
            })
            .collect();
        let (roles, base) = trace(profiles[0].0, |name| sections.get(name))?;
        let roles: Vec<&str> = roles.iter().map(|role| role.arn.as_str()).collect();
        let base = match base {
            Base::Profile(name) => format!("profile {name}"),
            Base::Keys(keys) => format!("keys {}", keys.access_key_id()),
            Base::Named(source) => source,
            Base::Token { file, role } => format!("{file} for {}", role.arn),
        };
        Ok(format!("{} from {base}", roles.join(" ")))
    }

    #[test]
    fn roles_are_followed_to_whose_credentials_they_begin_with() {
        let keys = [
            ("aws_access_key_id", "AKIA"),
            ("aws_secret_access_key", "x"),
        ];
        let of = |arn, source| [("role_arn", arn), ("source_profile", source)];
        assert_eq!(
            traced(&[("a", &of("A", "b")), ("b", &of("B", "c")), ("c", &keys)]),
            Ok("A B from profile c".to_owned())
        );
        let itself = [&of("A", "a")[..], &keys].concat();
        assert_eq!(traced(&[("a", &itself)]), Ok("A from keys AKIA".to_owned()));
        let named = [("role_arn", "A"), ("credential_source", "Environment")];
        assert_eq!(
            traced(&[("a", &named)]),
            Ok("A from Environment".to_owned())
        );
        let token = [("role_arn", "B"), ("web_identity_token_file", "/t")];
        assert_eq!(
            traced(&[("a", &of("A", "b")), ("b", &token)]),
            Ok("A from /t for B".to_owned())
        );
    }

    #[test]
    fn what_leads_nowhere_is_told() {
        let of = |arn, source| [("role_arn", arn), ("source_profile", source)];
        for (profiles, said) in [
            (&[("a", &of("A", "b")[..])][..], "no profile b"),
            (&[("a", &of("A", "b")), ("b", &of("B", "a"))], "circle"),
            (&[("a", &[("role_arn", "A")])], "needs either"),
            (&[("a", &of("A", "a"))], "aws_access_key_id"),
            (
                &[("a", &[("role_arn", "A"), ("duration_seconds", "1h")])],
                "no number",
            ),
        ] {
            let error = traced(profiles).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
