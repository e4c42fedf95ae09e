//! The shared profiles: in which files, and which one. They are found without `HOME`, which a system service does not have.

use std::borrow::Cow;
use std::path::PathBuf;

use aws_config::ConfigLoader;
use aws_config::profile::credentials::Builder;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_runtime::env_config::property::PropertiesKey;
use aws_runtime::env_config::section::EnvConfigSections;
use aws_types::os_shim_internal::{Env, Fs};

use crate::settings::{CredentialSource, Settings};

/// The variable that names a profile.
const VARIABLE: &str = "AWS_PROFILE";

/// A profile of the shared files.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    files: EnvConfigFiles,
    name: Option<String>,
}

impl Profile {
    /// The profile that the settings name, or AWS's usual one.
    pub(crate) fn of(settings: &Settings) -> Self {
        match &settings.credentials {
            Some(CredentialSource::Shared { file, profile }) => Self {
                files: file.clone().map_or_else(usual_files, |file| {
                    // Either way of writing a profile's title is understood: [profile NAME] and [NAME].
                    EnvConfigFiles::builder()
                        .with_file(EnvConfigFileKind::Config, file.clone())
                        .with_file(EnvConfigFileKind::Credentials, file)
                        .build()
                }),
                name: profile.clone(),
            },
            Some(CredentialSource::Process(_)) | None => Self {
                files: usual_files(),
                name: None,
            },
        }
    }

    /// All profiles; `None` where the files cannot be read, which the credentials' provider says in its time.
    pub(crate) async fn sections(&self) -> Option<EnvConfigSections> {
        let name = self.name.clone().map(Cow::Owned);
        aws_config::profile::load(&Fs::real(), &Env::real(), &self.files, name)
            .await
            .ok()
    }

    /// A setting of the profile.
    pub(crate) async fn get(&self, setting: &str) -> Option<String> {
        self.sections().await?.get(setting).map(str::to_owned)
    }

    /// A setting of one service (`services = NAME` in the profile, and `[services NAME]`).
    pub(crate) async fn get_of_service(&self, service: &str, setting: &str) -> Option<String> {
        let sections = self.sections().await?;
        let key = PropertiesKey::builder()
            .section_key("services")
            .section_name(sections.get("services")?)
            .property_name(service)
            .sub_property_name(setting)
            .build()
            .ok()?;
        sections.other_sections().get(&key).cloned()
    }

    /// The profile's name, if somebody named it and no file has it.
    pub(crate) async fn missing(&self) -> Option<String> {
        let is_named =
            self.name.is_some() || std::env::var_os(VARIABLE).is_some_and(|name| !name.is_empty());
        let sections = self.sections().await?;
        let name = sections.selected_profile();
        (is_named && sections.get_profile(name).is_none()).then(|| name.to_owned())
    }

    pub(crate) fn credentials(&self, provider: &ProviderConfig) -> ProfileFileCredentialsProvider {
        let builder = self.builder(provider);
        match &self.name {
            Some(name) => builder.profile_name(name.clone()),
            None => builder,
        }
        .build()
    }

    /// The credentials of another profile of the same files.
    pub(crate) fn credentials_of(
        &self,
        name: &str,
        provider: &ProviderConfig,
    ) -> ProfileFileCredentialsProvider {
        self.builder(provider).profile_name(name).build()
    }

    fn builder(&self, provider: &ProviderConfig) -> Builder {
        ProfileFileCredentialsProvider::builder()
            .configure(provider)
            .profile_files(self.files.clone())
    }

    pub(crate) fn region(&self, provider: &ProviderConfig) -> ProfileFileRegionProvider {
        let mut builder = ProfileFileRegionProvider::builder()
            .configure(provider)
            .profile_files(self.files.clone());
        if let Some(name) = &self.name {
            builder = builder.profile_name(name.clone());
        }
        builder.build()
    }

    /// Has everything else that a profile can say read from this one.
    pub(crate) fn configure(&self, loader: ConfigLoader) -> ConfigLoader {
        let loader = loader.profile_files(self.files.clone());
        match &self.name {
            Some(name) => loader.profile_name(name.clone()),
            None => loader,
        }
    }
}

/// `~/.aws/config` and `~/.aws/credentials`, or what the variables name instead.
fn usual_files() -> EnvConfigFiles {
    if std::env::var_os("HOME").is_some_and(|home| !home.is_empty()) {
        return EnvConfigFiles::default();
    }
    // The password database knows the folder; a file named here must be there, those by default need not.
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    let mut builder = EnvConfigFiles::builder();
    for (kind, variable, name) in [
        (EnvConfigFileKind::Config, "AWS_CONFIG_FILE", "config"),
        (
            EnvConfigFileKind::Credentials,
            "AWS_SHARED_CREDENTIALS_FILE",
            "credentials",
        ),
    ] {
        let known: Option<PathBuf> = home
            .as_ref()
            .map(|home| home.join(".aws").join(name))
            .filter(|path| std::env::var_os(variable).is_none() && path.exists());
        builder = match (known, kind) {
            (Some(path), kind) => builder.with_file(kind, path),
            (None, EnvConfigFileKind::Config) => builder.include_default_config_file(true),
            (None, EnvConfigFileKind::Credentials) => {
                builder.include_default_credentials_file(true)
            }
        };
    }
    builder.build()
}
