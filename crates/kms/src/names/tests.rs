#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
use super::*;
use proptest::prelude::*;

const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

#[test]
fn each_way_to_name_a_key_is_told_apart() {
    let key_arn = format!("arn:aws:kms:us-east-1:111122223333:key/{ID}");
    assert!(matches!(ID.parse(), Ok(KeyName::Id(id)) if id.to_string() == ID));
    assert!(matches!(key_arn.parse(), Ok(KeyName::Arn(arn)) if arn.to_string() == key_arn));
    assert!(matches!("alias/a/b_c-D9".parse(), Ok(KeyName::Alias(_))));
    let alias_arn = "arn:aws:kms:us-east-1:111122223333:alias/x";
    assert!(
        matches!(alias_arn.parse(), Ok(KeyName::AliasArn(arn)) if arn.to_string() == alias_arn)
    );
}

#[test]
fn a_multi_region_id_has_its_own_spelling() {
    let id: KeyId = "mrk-1234abcd12ab34cd56ef1234567890ab".parse().unwrap();
    assert!(id.is_multi_region());
    assert_eq!(id.to_string(), "mrk-1234abcd12ab34cd56ef1234567890ab");
    assert!(
        "mrk-1234abcd-12ab-34cd-56ef-1234567890ab"
            .parse::<KeyId>()
            .is_err()
    );
    assert!("1234abcd12ab34cd56ef1234567890ab".parse::<KeyId>().is_err());
}

#[test]
fn a_name_that_is_not_canonical_is_no_name() {
    for text in [
        "",
        "foo",
        "1234ABCD-12ab-34cd-56ef-1234567890ab",
        " 1234abcd-12ab-34cd-56ef-1234567890ab",
        "alias/",
        "alias/white space",
        "alias/colon:colon",
        "Alias/x",
        "arn:aws:kms:us-east-1:111122223333:key/",
        "arn:aws:kms:us-east-1:111122223333:key/alias/x",
        "arn:aws:kms:us-east-1:11112222333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws:kms:us_east:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws:kms::111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws:s3:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws:kms:us-east-1:111122223333",
        "arn:",
    ] {
        assert_eq!(text.parse::<KeyName>(), Err(BadName), "{text:?}");
    }
}

#[test]
fn an_alias_name_ends_at_256_characters() {
    let longest = format!("alias/{}", "x".repeat(limits::ALIAS_CHARS - 6));
    assert!(longest.parse::<AliasName>().is_ok());
    assert!(format!("{longest}x").parse::<AliasName>().is_err());
}

#[test]
fn only_the_prefix_with_its_slash_is_reserved() {
    assert!("alias/aws/s3".parse::<AliasName>().unwrap().is_reserved());
    assert!(!"alias/aws-mine".parse::<AliasName>().unwrap().is_reserved());
}

#[test]
fn an_account_keeps_its_leading_zeros() {
    let account: AccountId = "000000000042".parse().unwrap();
    assert_eq!(
        (account.number(), account.to_string().as_str()),
        (42, "000000000042")
    );
    assert!(AccountId::from_number(ACCOUNT_MAX + 1).is_none());
    assert!("+00000000042".parse::<AccountId>().is_err());
}

proptest! {
    #[test]
    fn any_text_parses_or_is_refused_and_what_parses_prints_itself(text in "(arn:aws:kms:)?[a-z0-9:/-]{0,60}|\\PC{0,40}") {
        if let Ok(name) = text.parse::<KeyName>() {
            let printed = match name {
                KeyName::Id(id) => id.to_string(),
                KeyName::Arn(arn) => arn.to_string(),
                KeyName::Alias(alias) => alias.to_string(),
                KeyName::AliasArn(arn) => arn.to_string(),
            };
            prop_assert_eq!(printed, text);
        }
    }

    #[test]
    fn every_key_arn_survives_a_round_trip(bits: u128, mrk: bool, account in 0..=ACCOUNT_MAX, region in "[a-z]{2}-[a-z]{4,9}-[1-9]") {
        let uuid = Uuid::from_u128(bits);
        let id = if mrk { KeyId::multi_region(uuid) } else { KeyId::single_region(uuid) };
        let arn = KeyArn { region: region.parse().unwrap(), account: AccountId(account), id };
        prop_assert_eq!(arn.to_string().parse::<KeyArn>(), Ok(arn));
    }
}
