//! A service model as botocore has it, and what is reachable from the selected operations.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use super::corrections;

/// A parsed service model.
pub(super) struct Model {
    root: Value,
}

/// An operation of a model.
pub(super) struct Operation<'m> {
    pub(super) name: String,
    /// The name of the input shape; some operations have none.
    pub(super) input: Option<&'m str>,
    pub(super) output: Option<&'m str>,
    pub(super) result_wrapper: Option<&'m str>,
    pub(super) errors: Vec<&'m str>,
}

/// A shape of a model.
#[derive(Clone, Copy)]
pub(super) struct ModelShape<'m> {
    object: &'m Map<String, Value>,
}

/// A member of a structure.
pub(super) struct ModelMember<'m> {
    pub(super) name: &'m str,
    pub(super) shape: &'m str,
    pub(super) location_name: Option<&'m str>,
    pub(super) required: bool,
}

impl Model {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut root = serde_json::from_str(text)?;
        corrections::apply(&mut root);
        Ok(Self { root })
    }

    pub(super) fn metadata(&self, name: &str) -> Option<&str> {
        self.root["metadata"][name].as_str()
    }

    /// The protocols that the service speaks, by botocore's names.
    pub(super) fn protocols(&self) -> Vec<&str> {
        let all = self.root["metadata"]["protocols"].as_array();
        all.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// Whether the service spoke Query alone once, and keeps its error codes.
    pub(super) fn is_query_compatible(&self) -> bool {
        self.root["metadata"].get("awsQueryCompatible").is_some()
    }

    pub(super) fn operation(&self, name: &str) -> Result<Operation<'_>> {
        let operation = self.root["operations"]
            .get(name)
            .with_context(|| format!("no operation {name}"))?;
        let errors = operation["errors"].as_array().into_iter().flatten();
        Ok(Operation {
            name: name.to_owned(),
            input: operation["input"]["shape"].as_str(),
            output: operation["output"]["shape"].as_str(),
            result_wrapper: operation["output"]["resultWrapper"].as_str(),
            errors: errors.filter_map(|error| error["shape"].as_str()).collect(),
        })
    }

    pub(super) fn shape(&self, name: &str) -> Result<ModelShape<'_>> {
        let object = self.root["shapes"][name]
            .as_object()
            .with_context(|| format!("no shape {name}"))?;
        Ok(ModelShape { object })
    }

    /// Every shape that values of the operations' inputs and outputs can hold.
    pub(super) fn reachable(&self, operations: &[Operation<'_>]) -> Result<BTreeSet<&str>> {
        let mut found = BTreeSet::new();
        let mut waiting: Vec<String> = operations
            .iter()
            .flat_map(|operation| [operation.input, operation.output])
            .flatten()
            .map(str::to_owned)
            .collect();
        while let Some(name) = waiting.pop() {
            let (name, shape) = self.root["shapes"]
                .as_object()
                .and_then(|shapes| shapes.get_key_value(&name))
                .with_context(|| format!("no shape {name}"))?;
            if found.insert(name.as_str()) {
                let shape = ModelShape {
                    object: shape.as_object().context("a shape is an object")?,
                };
                waiting.extend(shape.parts()?.into_iter().map(str::to_owned));
            }
        }
        Ok(found)
    }

    /// The declared errors of the operations, by the name of their shapes.
    pub(super) fn errors<'m>(
        &'m self,
        operations: &[Operation<'m>],
    ) -> Result<BTreeMap<&'m str, ModelShape<'m>>> {
        operations
            .iter()
            .flat_map(|operation| operation.errors.iter())
            .map(|name| Ok((*name, self.shape(name)?)))
            .collect()
    }
}

impl<'m> ModelShape<'m> {
    pub(super) fn kind(self) -> &'m str {
        self.text("type").unwrap_or_default()
    }

    pub(super) fn text(self, name: &str) -> Option<&'m str> {
        self.object.get(name)?.as_str()
    }

    pub(super) fn integer(self, name: &str) -> Option<i64> {
        let number = self.object.get(name)?;
        // Some models write bounds as 1.0.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "bounds in the models are small"
        )]
        number
            .as_i64()
            .or_else(|| number.as_f64().map(|float| float as i64))
    }

    pub(super) fn flag(self, name: &str) -> bool {
        self.object.get(name).and_then(Value::as_bool) == Some(true)
    }

    pub(super) fn error(self) -> &'m Value {
        self.object.get("error").unwrap_or(&Value::Null)
    }

    pub(super) fn allowed(self) -> Vec<&'m str> {
        let values = self.object.get("enum").and_then(Value::as_array);
        values
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// The shape under `member`, `key` or `value`, and its name on the wire.
    pub(super) fn part(self, name: &str) -> Result<(&'m str, Option<&'m str>)> {
        let part = self.object.get(name).unwrap_or(&Value::Null);
        let shape = part["shape"]
            .as_str()
            .with_context(|| format!("no {name} in {:?}", self.object))?;
        Ok((shape, part["locationName"].as_str()))
    }

    pub(super) fn members(self) -> Result<Vec<ModelMember<'m>>> {
        let required: BTreeSet<&str> = self
            .object
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let members = self.object.get("members").and_then(Value::as_object);
        let mut found = Vec::new();
        for (name, member) in members.into_iter().flatten() {
            if member.get("location").is_some() {
                bail!("member {name} is not in the body: the protocols here have only bodies");
            }
            found.push(ModelMember {
                name,
                shape: member["shape"].as_str().context("a member has a shape")?,
                location_name: member["locationName"].as_str(),
                required: required.contains(name.as_str()),
            });
        }
        Ok(found)
    }

    /// The names of all shapes that this one is made of.
    pub(super) fn parts(self) -> Result<Vec<&'m str>> {
        match self.kind() {
            "structure" => Ok(self.members()?.iter().map(|member| member.shape).collect()),
            "list" => Ok(vec![self.part("member")?.0]),
            "map" => Ok(vec![self.part("key")?.0, self.part("value")?.0]),
            _ => Ok(Vec::new()),
        }
    }
}
