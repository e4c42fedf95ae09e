//! The models' names as Rust's: types in camel case, fields in snake case, statics in capitals.

/// The words of a name: cut at what is not alphanumeric, and where the case says so (`AWSAccountId`: AWS, Account, Id).
fn words(name: &str) -> Vec<String> {
    let characters: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for (at, &character) in characters.iter().enumerate() {
        if !character.is_ascii_alphanumeric() {
            words.push(std::mem::take(&mut word));
            continue;
        }
        let after_lower = at > 0 && !characters[at - 1].is_ascii_uppercase();
        let before_lower = characters.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if character.is_ascii_uppercase() && (after_lower || before_lower) {
            words.push(std::mem::take(&mut word));
        }
        word.push(character);
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// A field's name.
pub(super) fn field(name: &str) -> String {
    let snake = words(name).join("_").to_ascii_lowercase();
    match snake.as_str() {
        "type" | "match" | "ref" | "use" | "move" | "in" | "where" | "enum" | "struct" => {
            format!("r#{snake}")
        }
        _ => snake,
    }
}

/// A static's name.
pub(super) fn constant(name: &str) -> String {
    words(name).join("_").to_ascii_uppercase()
}

/// A structure's or an enumeration's name: the model's own, beginning with a capital, clear of the names that every module has.
pub(super) fn type_name(name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    let name: String = first.into_iter().chain(characters).collect();
    match name.as_str() {
        "Operation" | "Response" | "String" | "Option" | "Vec" | "Box" | "Blob" => {
            format!("{name}Shape")
        }
        _ => name,
    }
}

/// An enumeration value's name.
pub(super) fn variant(value: &str) -> String {
    let name: String = value
        .split(|character: char| !character.is_ascii_alphanumeric())
        .map(capitalized)
        .collect();
    match name.as_str() {
        "Self" => "SelfValue".to_owned(),
        _ if name.starts_with(|first: char| first.is_ascii_digit()) => format!("Value{name}"),
        _ => name,
    }
}

fn capitalized(word: &str) -> String {
    let shouted = !word.contains(|character: char| character.is_ascii_lowercase());
    let mut characters = word.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    let rest = characters.map(|character| {
        if shouted {
            character.to_ascii_lowercase()
        } else {
            character
        }
    });
    first.into_iter().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::{constant, field, type_name, variant};

    #[test]
    fn a_field_is_cut_where_the_case_changes() {
        assert_eq!(field("KeyId"), "key_id");
        assert_eq!(field("AWSAccountId"), "aws_account_id");
        assert_eq!(field("arn"), "arn");
        assert_eq!(field("Type"), "r#type");
    }

    #[test]
    fn a_static_is_in_capitals() {
        assert_eq!(
            constant("KMSInvalidStateException"),
            "KMS_INVALID_STATE_EXCEPTION"
        );
        assert_eq!(constant("roleNameType"), "ROLE_NAME_TYPE");
    }

    #[test]
    fn an_enumeration_value_is_in_camel_case() {
        assert_eq!(variant("SYMMETRIC_DEFAULT"), "SymmetricDefault");
        assert_eq!(variant("RSA_2048"), "Rsa2048");
        assert_eq!(variant("PendingDeletion"), "PendingDeletion");
        assert_eq!(variant("aws:kms"), "AwsKms");
        assert_eq!(variant("SELF"), "SelfValue");
    }

    #[test]
    fn a_type_keeps_clear_of_the_names_of_its_module() {
        assert_eq!(type_name("policyType"), "PolicyType");
        assert_eq!(type_name("Operation"), "OperationShape");
    }
}
