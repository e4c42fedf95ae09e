//! What quotas are worth here: AWS's value, or the operator's, or what was granted on request.

use std::collections::BTreeMap;

use crate::place::Place;
use crate::quota::{self, Kind, Quota};

/// How many times its default value a quota can be raised to on request, when the operator says nothing.
const DEFAULT_CEILING: f64 = 10.0;

/// The operator's word on quotas: `[quotas]` in the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    values: BTreeMap<&'static str, f64>,
    ceiling: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            values: BTreeMap::new(),
            ceiling: DEFAULT_CEILING,
        }
    }
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SettingError {
    /// No quota is called that.
    #[error(
        "there is no quota {0:?}; a quota goes by its code, such as L-6E3AF000, or its name in AWS/Usage, such as CryptographicOperationsSymmetric"
    )]
    Unknown(String),
    /// The key service has its own number.
    #[error("the quota {0:?} is fixed; only request rates can be set")]
    Fixed(String),
    /// Not a rate.
    #[error("the quota {0:?} is to be a number of requests a second, 0 or more")]
    Value(String),
    /// Not a factor.
    #[error("the ceiling is to be a factor of 1 or more")]
    Ceiling,
}

impl Settings {
    /// Sets a request rate, by its code or its name in AWS/Usage, everywhere.
    ///
    /// # Errors
    /// [`SettingError`] says what is wrong.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), SettingError> {
        let named = quota::by_code(name).or_else(|| Some(quota::by_resource(name)?.1));
        let quota = named.ok_or_else(|| SettingError::Unknown(name.to_owned()))?;
        if quota.kind == Kind::Resource {
            return Err(SettingError::Fixed(name.to_owned()));
        }
        if !value.is_finite() || value < 0.0 {
            return Err(SettingError::Value(name.to_owned()));
        }
        self.values.insert(quota.code, value);
        Ok(())
    }

    /// How many times AWS's default, or the operator's value where that is greater, a request is granted up to.
    ///
    /// # Errors
    /// [`SettingError::Ceiling`] for less than 1.
    pub fn set_ceiling(&mut self, factor: f64) -> Result<(), SettingError> {
        if !factor.is_finite() || factor < 1.0 {
            return Err(SettingError::Ceiling);
        }
        self.ceiling = factor;
        Ok(())
    }

    /// The value without requests.
    fn value(&self, quota: &Quota) -> f64 {
        self.values
            .get(quota.code)
            .copied()
            .unwrap_or(quota.default)
    }

    /// The greatest value that is granted on request.
    pub(crate) fn most(&self, quota: &Quota) -> f64 {
        self.value(quota).max(quota.default * self.ceiling)
    }
}

/// Every quota's value.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    pub(crate) settings: Settings,
    granted: BTreeMap<Place, BTreeMap<&'static str, f64>>,
}

impl Applied {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            granted: BTreeMap::new(),
        }
    }

    /// What a quota is worth in a place. What was granted never lowers it.
    pub(crate) fn value(&self, place: &Place, quota: &Quota) -> f64 {
        let granted = self.granted.get(place).and_then(|all| all.get(quota.code));
        let value = self.settings.value(quota);
        granted.map_or(value, |granted| granted.max(value))
    }

    pub(crate) fn grant(&mut self, place: &Place, quota: &'static Quota, value: f64) {
        let all = self.granted.entry(place.clone()).or_default();
        all.insert(quota.code, value);
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "values are kept as they are given")]
mod tests {
    use super::*;

    fn symmetric() -> &'static Quota {
        quota::by_code("L-6E3AF000").unwrap()
    }

    #[test]
    fn a_quota_is_worth_its_default_then_the_operators_value_then_what_was_granted() {
        let (here, there) = (Place::new("1", "a"), Place::new("1", "b"));
        let mut settings = Settings::default();
        let default = Applied::new(settings.clone());
        assert_eq!(default.value(&here, symmetric()), 10_000.0);
        settings
            .set("CryptographicOperationsSymmetric", 20_000.0)
            .unwrap();
        let mut applied = Applied::new(settings);
        applied.grant(&here, symmetric(), 30_000.0);
        applied.grant(&there, symmetric(), 15_000.0);
        assert_eq!(applied.value(&here, symmetric()), 30_000.0);
        assert_eq!(applied.value(&there, symmetric()), 20_000.0);
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        let mut settings = Settings::default();
        let unknown = SettingError::Unknown("Decrypt".to_owned());
        assert_eq!(settings.set("Decrypt", 1.0), Err(unknown));
        let fixed = SettingError::Fixed("L-C2F1777E".to_owned());
        assert_eq!(settings.set("L-C2F1777E", 1.0), Err(fixed));
        for value in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(settings.set("CreateKey", value).is_err());
        }
        assert_eq!(settings.set_ceiling(0.5), Err(SettingError::Ceiling));
        assert_eq!(settings, Settings::default());
    }
}
