//! `[quotas]`: a table whose keys are quotas, so that a name that is none is refused where it stands.

use std::fmt;

use monitor::Settings;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

/// The member that is no quota.
const CEILING: &str = "ceiling";

/// The operator's word on quotas.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Quotas(pub(crate) Settings);

impl<'de> Deserialize<'de> for Quotas {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Table)
    }
}

struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = Quotas;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of quotas")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Quotas, A::Error> {
        let mut settings = Settings::default();
        while let Some(name) = map.next_key::<String>()? {
            // Set while its value is read, since an error of that has the line.
            let settings = &mut settings;
            map.next_value_seed(Value { name, settings })?;
        }
        Ok(Quotas(settings))
    }
}

struct Value<'a> {
    name: String,
    settings: &'a mut Settings,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let value = f64::deserialize(deserializer)?;
        let set = if self.name == CEILING {
            self.settings.set_ceiling(value)
        } else {
            self.settings.set(&self.name, value)
        };
        set.map_err(D::Error::custom)
    }
}
