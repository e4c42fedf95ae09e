//! The tables and keys that a schema describes, in the order of the types' fields.

use schemars::Schema;
use serde_json::{Map, Value};

/// What a file may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// What the file is: paragraphs.
    pub about: Vec<String>,
    /// Its tables.
    pub tables: Vec<Table>,
}

/// A table, or the keys outside every table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// As it is written: `[agent]`, `[volume.NAME]`; empty for the keys outside every table.
    pub heading: String,
    /// What it is for: paragraphs.
    pub about: Vec<String>,
    /// Its keys.
    pub keys: Vec<Key>,
}

/// A key of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name; of a table within the table, `credentials.profile`.
    pub name: String,
    /// What it takes: `text`, `true or false`, `one of a, b`.
    pub kind: String,
    /// What holds without it; `None` where it has to be there.
    pub default: Option<String>,
    /// An example of its value, in TOML.
    pub example: Option<String>,
    /// What it is: paragraphs.
    pub about: Vec<String>,
}

/// The name that stands for whatever a table of tables calls its members.
const ANY_NAME: &str = "NAME";

impl Reference {
    /// Reads a schema. What is no object has no tables.
    pub fn of(schema: &Schema) -> Self {
        let root = schema.as_value();
        let definitions = Definitions(root);
        let mut reference = Self {
            about: paragraphs(root),
            tables: Vec::new(),
        };
        let mut outside = Table {
            heading: String::new(),
            about: Vec::new(),
            keys: Vec::new(),
        };
        for (name, member) in members(root) {
            match definitions.shape(member) {
                Shape::Table(table) => reference.push(&definitions, name, table),
                Shape::Named(table) => {
                    reference.push(&definitions, &format!("{name}.{ANY_NAME}"), table);
                }
                Shape::Values(of) => reference.tables.push(Table {
                    heading: format!("[{name}]"),
                    about: paragraphs(member),
                    keys: vec![Key {
                        name: ANY_NAME.to_owned(),
                        kind: definitions.kind(of),
                        default: default(member),
                        example: example(member),
                        about: paragraphs(of),
                    }],
                }),
                Shape::Value => outside.keys.push(definitions.key(root, name, name, member)),
            }
        }
        if !outside.keys.is_empty() {
            reference.tables.insert(0, outside);
        }
        reference
    }

    fn push(&mut self, definitions: &Definitions<'_>, heading: &str, table: &Value) {
        let mut keys = Vec::new();
        definitions.keys("", table, &mut keys);
        self.tables.push(Table {
            heading: format!("[{heading}]"),
            about: paragraphs(table),
            keys,
        });
    }
}

/// What a member of an object is.
enum Shape<'a> {
    /// A table of known keys.
    Table(&'a Value),
    /// Tables of known keys under names of the operator's.
    Named(&'a Value),
    /// Values under names of the operator's.
    Values(&'a Value),
    /// A value.
    Value,
}

/// The root of a schema, where references lead.
struct Definitions<'a>(&'a Value);

impl<'a> Definitions<'a> {
    /// What a schema says once references are followed and "or nothing" is left out.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        if let Some(pointer) = schema.get("$ref").and_then(Value::as_str) {
            let target = pointer
                .strip_prefix('#')
                .and_then(|pointer| self.0.pointer(pointer));
            return target.map_or(schema, |target| self.resolve(target));
        }
        let alternatives = schema.get("anyOf").and_then(Value::as_array);
        let mut something = alternatives
            .into_iter()
            .flatten()
            .filter(|one| one.get("type").and_then(Value::as_str) != Some("null"));
        match (something.next(), something.next()) {
            (Some(one), None) => self.resolve(one),
            _ => schema,
        }
    }

    fn shape(&self, member: &'a Value) -> Shape<'a> {
        let schema = self.resolve(member);
        if schema.get("properties").is_some() {
            return Shape::Table(schema);
        }
        match schema
            .get("additionalProperties")
            .filter(|of| of.is_object())
        {
            Some(of) => {
                let of = self.resolve(of);
                if of.get("properties").is_some() {
                    Shape::Named(of)
                } else {
                    Shape::Values(of)
                }
            }
            None => Shape::Value,
        }
    }

    /// The keys of a table; those of tables within it under their path.
    fn keys(&self, prefix: &str, table: &'a Value, keys: &mut Vec<Key>) {
        for (name, member) in members(table) {
            let path = format!("{prefix}{name}");
            match self.shape(member) {
                Shape::Table(inner) => self.keys(&format!("{path}."), inner, keys),
                _ => keys.push(self.key(table, name, &path, member)),
            }
        }
    }

    fn key(&self, table: &'a Value, name: &str, path: &str, member: &'a Value) -> Key {
        let is_required = table
            .get("required")
            .and_then(Value::as_array)
            .is_some_and(|required| required.iter().any(|one| one == name));
        Key {
            name: path.to_owned(),
            kind: self.kind(member),
            default: default(member).filter(|_| !is_required),
            example: example(member),
            about: paragraphs(member),
        }
    }

    fn kind(&self, schema: &'a Value) -> String {
        let schema = self.resolve(schema);
        let choices: Vec<&str> = choices(schema);
        if !choices.is_empty() {
            return format!("one of {}", choices.join(", "));
        }
        match type_of(schema) {
            Some("string") => "text".to_owned(),
            Some("boolean") => "true or false".to_owned(),
            Some("integer") => "a whole number".to_owned(),
            Some("number") => "a number".to_owned(),
            Some("array") => schema.get("items").map_or_else(
                || "a list".to_owned(),
                |of| format!("a list of {}", self.kind(of)),
            ),
            _ => "a value".to_owned(),
        }
    }
}

/// The type that is not "nothing".
fn type_of(schema: &Value) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => Some(one),
        Some(Value::Array(several)) => several
            .iter()
            .filter_map(Value::as_str)
            .find(|one| *one != "null"),
        _ => None,
    }
}

/// The texts that an enumeration takes, with or without a description of each.
fn choices(schema: &Value) -> Vec<&str> {
    let listed = |key: &str| {
        schema
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    listed("enum")
        .chain(listed("oneOf").flat_map(|one| {
            one.get("const").into_iter().chain(
                one.get("enum")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten(),
            )
        }))
        .filter_map(Value::as_str)
        .collect()
}

fn members(table: &Value) -> impl Iterator<Item = (&str, &Value)> {
    table
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
        .map(|(name, member)| (name.as_str(), member))
}

/// A default that is said in words, or a value in TOML.
fn default(member: &Value) -> Option<String> {
    match member.get("default")? {
        Value::String(words) => Some(words.clone()),
        Value::Null => None,
        Value::Array(none) if none.is_empty() => Some("none".to_owned()),
        Value::Object(none) if none.is_empty() => Some("none".to_owned()),
        value => Some(toml(value)),
    }
}

fn example(member: &Value) -> Option<String> {
    member.get("examples")?.as_array()?.first().map(toml)
}

/// A value as it stands in a file. JSON's texts, numbers and lists are TOML's; a table is written in one line.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{name} = {}", toml(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        value => value.to_string(),
    }
}

/// A description's paragraphs, each one line.
fn paragraphs(schema: &Value) -> Vec<String> {
    schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|paragraph| !paragraph.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use schemars::{JsonSchema, schema_for};
    use serde::Deserialize;

    use super::*;

    /// A file.
    ///
    /// Of two
    /// paragraphs.
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "its schema is what matters")]
    struct File {
        /// Outside.
        #[schemars(example = 5)]
        loose: Option<u32>,
        inner: Inner,
        named: BTreeMap<String, Inner>,
        /// Rates.
        #[schemars(extend("examples" = [{"a": 1.5}]))]
        rates: BTreeMap<String, f64>,
    }

    /// Inside.
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "its schema is what matters")]
    struct Inner {
        /// Has to be there.
        must: String,
        /// May.
        #[schemars(extend("default" = "what was there"))]
        may: Option<Choice>,
        #[serde(default)]
        flag: bool,
        list: Vec<String>,
        deep: Option<Deep>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    enum Choice {
        /// The first.
        OneThing,
        /// The second.
        Other,
    }

    /// Deeper.
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "its schema is what matters")]
    struct Deep {
        /// The bottom.
        bottom: f64,
    }

    fn reference() -> Reference {
        Reference::of(&schema_for!(File))
    }

    #[test]
    fn a_file_has_its_tables_in_the_order_of_its_fields() {
        let reference = reference();
        assert_eq!(reference.about, ["A file.", "Of two paragraphs."]);
        let headings: Vec<&str> = reference
            .tables
            .iter()
            .map(|table| table.heading.as_str())
            .collect();
        assert_eq!(headings, ["", "[inner]", "[named.NAME]", "[rates]"]);
        assert_eq!(reference.tables[1].about, ["Inside."]);
    }

    #[test]
    fn a_key_says_what_it_takes_and_what_holds_without_it() {
        let table = &reference().tables[1];
        let key = |name: &str| table.keys.iter().find(|key| key.name == name).unwrap();
        assert_eq!(key("must").default, None);
        assert_eq!(key("must").kind, "text");
        assert_eq!(key("may").default.as_deref(), Some("what was there"));
        assert_eq!(key("may").kind, "one of one-thing, other");
        assert_eq!(key("flag").default.as_deref(), Some("false"));
        assert_eq!(key("list").kind, "a list of text");
        assert_eq!(key("deep.bottom").about, ["The bottom."]);
    }

    #[test]
    fn a_table_of_values_has_one_key_for_all() {
        let reference = reference();
        let rates = &reference.tables[3].keys[0];
        assert_eq!(
            (rates.name.as_str(), rates.kind.as_str()),
            ("NAME", "a number")
        );
        assert_eq!(rates.example.as_deref(), Some("{ a = 1.5 }"));
    }
}
