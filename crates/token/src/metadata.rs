//! The token's JSON. Anybody with the disk can write it: here it is only looked at, and nothing is done that it says. The agent
//! reads the header itself, and believes it once its mac is verified.

use serde_json::Value;

/// The longest token that is looked at. A blob has at most 6144 bytes, 8192 in base64.
const TOKEN_MAX: usize = 16 << 10;
/// The longest text of a token that is printed.
const SHOWN_MAX: usize = 64;

/// Whether it is what Kluis writes: version 1, with at most one keyslot.
pub(crate) fn is_valid(json: &[u8]) -> bool {
    let Some(token) = parse(json) else {
        return false;
    };
    let names_few = |slots: &Vec<Value>| slots.len() <= 1 && slots.iter().all(Value::is_string);
    token["type"] == "kluis"
        && token["v"] == 1
        && token["gen"].is_u64()
        && token["state"].is_string()
        && token["keyslots"].as_array().is_some_and(names_few)
}

/// What `cryptsetup luksDump` shows of it, a line each.
pub(crate) fn describe(json: &[u8]) -> String {
    let Some(token) = parse(json) else {
        return "\tnot a token that kluis wrote\n".to_owned();
    };
    let number = |name: &str| token[name].as_u64().unwrap_or_default();
    let state: String = token["state"]
        .as_str()
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(SHOWN_MAX)
        .collect();
    let secret = if token["blob"].is_string() {
        "wrapped by a key service, in this token"
    } else {
        "wrapped by a key service, in an object store"
    };
    format!(
        "\tversion:    {}\n\tgeneration: {}\n\tstate:      {state}\n\tsecret:     {secret}\n",
        number("v"),
        number("gen")
    )
}

fn parse(json: &[u8]) -> Option<Value> {
    (json.len() <= TOKEN_MAX)
        .then(|| serde_json::from_slice::<Value>(json).ok())
        .flatten()
        .filter(Value::is_object)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = r#"{"type":"kluis","keyslots":["0"],"v":1,"blob":"AA==","gen":2,"state":"ready","mac":"AA=="}"#;

    #[test]
    fn what_kluis_writes_is_valid() {
        assert!(is_valid(TOKEN.as_bytes()));
        assert!(is_valid(TOKEN.replace(r#""blob":"AA==","#, "").as_bytes()));
    }

    #[test]
    fn what_it_does_not_write_is_not() {
        for (part, other) in [
            ("kluis", "kluis-recovery"),
            ("\"v\":1", "\"v\":2"),
            ("\"0\"", "\"0\",\"1\""),
            ("\"0\"", "0"),
            ("\"gen\":2", "\"gen\":-2"),
            ("\"ready\"", "true"),
            ("}", ""),
        ] {
            assert!(!is_valid(TOKEN.replace(part, other).as_bytes()), "{other}");
        }
    }

    #[test]
    fn hostile_json_is_no_token_and_harms_nobody() {
        let long = format!("{}{}", TOKEN, " ".repeat(TOKEN_MAX));
        let deep = "[".repeat(TOKEN_MAX);
        for json in [
            "",
            "{}",
            "[]",
            "null",
            "\"kluis\"",
            "{\"type\":",
            &long,
            &deep,
        ] {
            assert!(!is_valid(json.as_bytes()), "{json:.20}");
            assert!(describe(json.as_bytes()).len() < 400);
        }
        assert!(!is_valid(b"\xff\xfe{"));
    }

    #[test]
    fn what_is_shown_cannot_drive_a_terminal() {
        let shown = describe(
            TOKEN
                .replace("\"ready\"", "\"\\u001b[2Jready\\n\"")
                .as_bytes(),
        );
        assert!(shown.contains("\tstate:      2Jready\n"), "{shown:?}");
    }
}
