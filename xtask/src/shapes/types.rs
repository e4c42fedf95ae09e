//! The Rust types of a service: a struct for each structure, an enum for each enumeration.

use std::{collections::BTreeSet, fmt::Write as _};

use anyhow::{Result, bail};

use super::{
    model::{Model, ModelShape},
    names,
};

/// Writes the types of the `reachable` shapes.
pub(super) struct Types<'m> {
    model: &'m Model,
    reachable: &'m BTreeSet<&'m str>,
}

impl<'m> Types<'m> {
    pub(super) fn new(model: &'m Model, reachable: &'m BTreeSet<&'m str>) -> Self {
        Self { model, reachable }
    }

    /// All types, in the order of their names.
    pub(super) fn emit(&self) -> Result<String> {
        let mut out = String::new();
        let mut taken = BTreeSet::new();
        for name in self.reachable {
            let shape = self.model.shape(name)?;
            let text = match shape.kind() {
                "structure" => self.structure(name, shape)?,
                "string" if !shape.allowed().is_empty() => enumeration(name, shape)?,
                _ => continue,
            };
            if !taken.insert(names::type_name(name)) {
                bail!("two shapes become the type {}", names::type_name(name));
            }
            out.push_str(&text);
        }
        Ok(out)
    }

    fn structure(&self, name: &str, shape: ModelShape<'_>) -> Result<String> {
        let mut derives = vec!["Debug", "Deserialize", "Serialize"];
        if !self.holds(name, is_sensitive)? {
            derives.extend(["Clone", "PartialEq"]);
        }
        if self.has_default(name)? {
            derives.push("Default");
        }
        derives.sort_unstable();
        let mut out = String::new();
        writeln!(out, "/// The model's structure `{name}`.")?;
        writeln!(out, "#[derive({})]", derives.join(", "))?;
        writeln!(out, "pub struct {} {{", names::type_name(name))?;
        for member in shape.members()? {
            let mut kind = self.rust_type(member.shape)?;
            if self.reaches(member.shape, name)? {
                kind = format!("Box<{kind}>");
            }
            writeln!(
                out,
                "/// `{}`{}.",
                member.name,
                if member.required { ", required" } else { "" }
            )?;
            if member.required {
                writeln!(out, "#[serde(rename = \"{}\")]", member.name)?;
            } else {
                kind = format!("Option<{kind}>");
                writeln!(
                    out,
                    "#[serde(rename = \"{}\", default, skip_serializing_if = \"Option::is_none\")]",
                    member.name
                )?;
            }
            writeln!(out, "pub {}: {kind},", names::field(member.name))?;
        }
        out.push_str("}\n\n");
        Ok(out)
    }

    fn rust_type(&self, name: &str) -> Result<String> {
        let shape = self.model.shape(name)?;
        let sensitive = shape.flag("sensitive");
        Ok(match shape.kind() {
            "structure" => names::type_name(name),
            "list" => format!("Vec<{}>", self.rust_type(shape.part("member")?.0)?),
            "map" => format!(
                "BTreeMap<{}, {}>",
                self.rust_type(shape.part("key")?.0)?,
                self.rust_type(shape.part("value")?.0)?
            ),
            "string" if !shape.allowed().is_empty() => names::type_name(name),
            "string" if sensitive => "SensitiveString".to_owned(),
            "string" => "String".to_owned(),
            "blob" if sensitive => "SensitiveBlob".to_owned(),
            "blob" => "Blob".to_owned(),
            "integer" => "i32".to_owned(),
            "long" => "i64".to_owned(),
            "float" | "double" => "f64".to_owned(),
            "boolean" => "bool".to_owned(),
            "timestamp" => "EpochSeconds".to_owned(),
            other => bail!("shape {name} is a {other}, which the generator does not know"),
        })
    }

    /// Whether a value of `from` can hold one of `to` without a list or a map between.
    fn reaches(&self, from: &str, to: &str) -> Result<bool> {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![from];
        while let Some(name) = waiting.pop() {
            if name == to {
                return Ok(true);
            }
            let shape = self.model.shape(name)?;
            if shape.kind() == "structure" && seen.insert(name) {
                waiting.extend(shape.members()?.iter().map(|member| member.shape));
            }
        }
        Ok(false)
    }

    /// Whether a value of `name` can hold, at any depth, a shape that `what` is true of.
    fn holds(&self, name: &str, what: fn(ModelShape<'_>) -> bool) -> Result<bool> {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![name];
        while let Some(name) = waiting.pop() {
            let shape = self.model.shape(name)?;
            if what(shape) {
                return Ok(true);
            }
            if seen.insert(name) {
                waiting.extend(shape.parts()?);
            }
        }
        Ok(false)
    }

    /// Whether nothing that the structure requires is without a neutral value (an enumeration, an instant).
    fn has_default(&self, name: &str) -> Result<bool> {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![name];
        while let Some(name) = waiting.pop() {
            let shape = self.model.shape(name)?;
            match shape.kind() {
                "timestamp" => return Ok(false),
                "string" if !shape.allowed().is_empty() => return Ok(false),
                "structure" if seen.insert(name) => {
                    let required = shape
                        .members()?
                        .into_iter()
                        .filter(|member| member.required);
                    waiting.extend(required.map(|member| member.shape));
                }
                _ => {}
            }
        }
        Ok(true)
    }
}

fn is_sensitive(shape: ModelShape<'_>) -> bool {
    shape.flag("sensitive")
}

fn enumeration(name: &str, shape: ModelShape<'_>) -> Result<String> {
    let type_name = names::type_name(name);
    let mut variants = BTreeSet::new();
    let (mut declared, mut all, mut shown) = (String::new(), String::new(), String::new());
    for value in shape.allowed() {
        let variant = names::variant(value);
        if !variants.insert(variant.clone()) {
            bail!("two values of {name} become {variant}");
        }
        writeln!(
            declared,
            "/// `{value}`.\n#[serde(rename = {value:?})]\n{variant},"
        )?;
        writeln!(all, "Self::{variant},")?;
        writeln!(shown, "Self::{variant} => {value:?},")?;
    }
    Ok(format!(
        "/// The model's enumeration `{name}`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum {type_name} {{
{declared}}}

impl {type_name} {{
/// Every value, in the model's order.
pub const ALL: &[Self] = &[{all}];

/// The value as it is on the wire.
pub const fn as_str(self) -> &'static str {{
match self {{ {shown} }}
}}
}}

"
    ))
}
