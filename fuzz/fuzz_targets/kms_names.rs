//! No text makes the parser of key names panic, and whatever is a name is spelled in one way.
#![no_main]

use kms::names::KeyName;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let printed = match text.parse() {
        Ok(KeyName::Id(id)) => id.to_string(),
        Ok(KeyName::Arn(arn)) => arn.to_string(),
        Ok(KeyName::Alias(alias)) => alias.to_string(),
        Ok(KeyName::AliasArn(arn)) => arn.to_string(),
        Err(_) => return,
    };
    assert_eq!(printed, text);
});
