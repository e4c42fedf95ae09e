//! The static tables of a service: shapes, patterns, errors, operations.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use anyhow::{Result, bail};

use super::{
    model::{Model, ModelShape, Operation},
    names, pattern,
};

/// The modules `shapes`, `errors` and `operations` of a service.
pub(super) fn emit(
    model: &Model,
    operations: &[Operation<'_>],
    reachable: &BTreeSet<&str>,
) -> Result<String> {
    let mut out = String::new();
    shapes(&mut out, model, operations, reachable)?;
    errors(&mut out, model, operations)?;
    operation_tables(&mut out, operations)?;
    Ok(out)
}

fn shapes(
    out: &mut String,
    model: &Model,
    operations: &[Operation<'_>],
    reachable: &BTreeSet<&str>,
) -> Result<()> {
    let mut tables = String::new();
    let mut taken = BTreeSet::new();
    let mut patterns: BTreeMap<&str, usize> = BTreeMap::new();
    for name in reachable {
        let constant = names::constant(name);
        if !taken.insert(constant.clone()) {
            bail!("two shapes become the static {constant}");
        }
        let shape = model.shape(name)?;
        let kind = kind(shape, &mut patterns)?;
        table(&mut tables, name, &constant, shape.flag("sensitive"), &kind)?;
    }
    for operation in operations
        .iter()
        .filter(|operation| operation.input.is_none())
    {
        let name = format!("{}Request", operation.name);
        table(
            &mut tables,
            &name,
            &names::constant(&name),
            false,
            "Kind::Structure(&[])",
        )?;
    }
    for (shown, number) in &patterns {
        writeln!(
            tables,
            "static PATTERN_{number}: Pattern = Pattern::new({}, {});\n",
            raw(shown),
            raw(&pattern::translated(shown)?)
        )?;
    }
    let pattern = if patterns.is_empty() { "" } else { "Pattern, " };
    writeln!(
        out,
        "/// The shapes of the model.\npub mod shapes {{\nuse crate::shape::{{Bounds, Kind, Member, {pattern}Shape}};\n\n{tables}}}\n"
    )?;
    Ok(())
}

fn table(out: &mut String, name: &str, constant: &str, sensitive: bool, kind: &str) -> Result<()> {
    writeln!(
        out,
        "/// `{name}`.\npub static {constant}: Shape = Shape {{ name: {name:?}, sensitive: {sensitive}, kind: {kind} }};\n"
    )?;
    Ok(())
}

fn kind<'m>(shape: ModelShape<'m>, patterns: &mut BTreeMap<&'m str, usize>) -> Result<String> {
    let bounds = bounds(shape);
    Ok(match shape.kind() {
        "structure" => {
            let mut members = String::new();
            for member in shape.members()? {
                write!(
                    members,
                    "Member {{ name: {:?}, query_name: {:?}, required: {}, shape: &{} }},",
                    member.name,
                    member.location_name.unwrap_or(member.name),
                    member.required,
                    names::constant(member.shape),
                )?;
            }
            format!("Kind::Structure(&[{members}])")
        }
        "list" => {
            let (member, name) = shape.part("member")?;
            format!(
                "Kind::List {{ member: &{}, member_name: {:?}, flattened: {}, length: {bounds} }}",
                names::constant(member),
                name.unwrap_or("member"),
                shape.flag("flattened"),
            )
        }
        "map" => format!(
            "Kind::Map {{ key: &{}, value: &{}, flattened: {}, length: {bounds} }}",
            names::constant(shape.part("key")?.0),
            names::constant(shape.part("value")?.0),
            shape.flag("flattened"),
        ),
        "string" => {
            let next = patterns.len() + 1;
            let pattern = shape.text("pattern").map_or("None".to_owned(), |pattern| {
                format!("Some(&PATTERN_{})", patterns.entry(pattern).or_insert(next))
            });
            format!(
                "Kind::String {{ length: {bounds}, pattern: {pattern}, allowed: &{:?} }}",
                shape.allowed()
            )
        }
        "blob" => format!("Kind::Blob {{ length: {bounds} }}"),
        "integer" => format!("Kind::Integer {{ range: {bounds} }}"),
        "long" => format!("Kind::Long {{ range: {bounds} }}"),
        "float" | "double" => "Kind::Double".to_owned(),
        "boolean" => "Kind::Boolean".to_owned(),
        "timestamp" => "Kind::Timestamp".to_owned(),
        other => bail!("a shape is a {other}, which the generator does not know"),
    })
}

fn bounds(shape: ModelShape<'_>) -> String {
    let (min, max) = (shape.integer("min"), shape.integer("max"));
    if min.is_none() && max.is_none() {
        return "Bounds::NONE".to_owned();
    }
    format!("Bounds {{ min: {min:?}, max: {max:?} }}")
}

/// A raw string literal.
fn raw(text: &str) -> String {
    let hashes = if text.contains('"') { "#" } else { "" };
    format!("r{hashes}\"{text}\"{hashes}")
}

fn errors(out: &mut String, model: &Model, operations: &[Operation<'_>]) -> Result<()> {
    out.push_str("/// The errors that the model declares.\npub mod errors {\n");
    let errors = model.errors(operations)?;
    if !errors.is_empty() {
        out.push_str("use crate::{error::Fault, shape::ErrorShape};\n\n");
    }
    for (name, shape) in errors {
        let error = shape.error();
        let receiver = shape.flag("fault") || error["httpStatusCode"].as_u64() >= Some(500);
        let status = error["httpStatusCode"]
            .as_u64()
            .unwrap_or(if receiver { 500 } else { 400 });
        let code = error["code"].as_str().unwrap_or(name);
        let fault = if receiver { "Receiver" } else { "Sender" };
        writeln!(
            out,
            "/// `{name}`.\npub static {}: ErrorShape = ErrorShape {{ name: {name:?}, code: {code:?}, status: {status}, fault: Fault::{fault} }};\n",
            names::constant(name)
        )?;
    }
    out.push_str("}\n\n");
    Ok(())
}

fn operation_tables(out: &mut String, operations: &[Operation<'_>]) -> Result<()> {
    out.push_str(
        "/// The operations of the model.\npub mod operations {\nuse crate::shape::OperationShape;\n\nuse super::{errors, shapes};\n\n",
    );
    for operation in operations {
        let name = &operation.name;
        let input = operation
            .input
            .map_or_else(|| format!("{name}Request"), str::to_owned);
        let output = operation.output.map_or("None".to_owned(), |output| {
            format!("Some(&shapes::{})", names::constant(output))
        });
        let errors: Vec<String> = operation
            .errors
            .iter()
            .map(|error| format!("&errors::{}", names::constant(error)))
            .collect();
        writeln!(
            out,
            "/// `{name}`.\npub static {}: OperationShape = OperationShape {{ name: {name:?}, input: &shapes::{}, output: {output}, result_wrapper: {:?}, errors: &[{}] }};\n",
            names::constant(name),
            names::constant(&input),
            operation.result_wrapper,
            errors.join(", "),
        )?;
    }
    out.push_str("}\n\n");
    Ok(())
}
