//! What is a policy document and what is not.

use policy::{MAX_DOCUMENT_LEN, Policy, PolicyKind};
use serde_json::{Value, json};

fn refusal(document: &Value, kind: PolicyKind) -> (String, String) {
    let error = Policy::compile(&document.to_string(), kind).expect_err("the document is refused");
    (error.text().to_owned(), error.place().to_owned())
}

fn with_statement(change: impl FnOnce(&mut Value)) -> Value {
    let mut statement = json!({"Sid": "One", "Effect": "Allow", "Action": "s3:*", "Resource": "*"});
    change(&mut statement);
    json!({"Version": "2012-10-17", "Id": "x", "Statement": [statement]})
}

#[test]
fn a_statement_may_stand_alone_or_in_a_list() {
    let one = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
    for statement in [one.clone(), json!([one.clone()]), json!([one.clone(), one])] {
        Policy::compile(
            &json!({"Statement": statement}).to_string(),
            PolicyKind::Identity,
        )
        .unwrap();
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place_in_awss_words() {
    let member = |name: &'static str, value: Value| with_statement(move |s| s[name] = value);
    let without =
        |name: &'static str| with_statement(move |s| drop(s.as_object_mut().unwrap().remove(name)));
    for (document, text, place) in [
        (
            json!([]),
            "Syntax errors in policy: a policy is an object.",
            "",
        ),
        (json!({}), "Missing required field Statement", ""),
        (
            json!({"Statement": []}),
            "Policy document must contain at least one statement.",
            "Statement",
        ),
        (
            json!({"Statement": [7]}),
            "Syntax errors in policy: a statement is an object.",
            "Statement[0]",
        ),
        (
            json!({"Version": "2020-01-01", "Statement": []}),
            "Syntax errors in policy: a Version is \"2012-10-17\" or \"2008-10-17\".",
            "Version",
        ),
        (
            json!({"Statements": []}),
            "Syntax errors in policy: Statements is no element of a policy.",
            "",
        ),
        (
            without("Effect"),
            "Missing required field Effect",
            "Statement[0]",
        ),
        (
            without("Action"),
            "Policy statement must contain actions.",
            "Statement[0]",
        ),
        (
            without("Resource"),
            "Policy statement must contain resources.",
            "Statement[0]",
        ),
        (
            member("Effect", json!("allow")),
            "Syntax errors in policy: an Effect is \"Allow\" or \"Deny\".",
            "Statement[0].Effect",
        ),
        (
            member("Action", json!("GetObject")),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
            "Statement[0].Action",
        ),
        (
            member("Action", json!("s*:Get")),
            "Vendor s* is not valid",
            "Statement[0].Action",
        ),
        (
            member("Action", json!([])),
            "Policy statement must contain actions.",
            "Statement[0].Action",
        ),
        (
            member("Action", json!([1])),
            "Syntax errors in policy: a string or a list of strings is wanted.",
            "Statement[0].Action",
        ),
        (
            member("Resource", json!("bucket")),
            "Resource bucket must be in ARN format or \"*\".",
            "Statement[0].Resource",
        ),
        (
            member("Resource", json!("arn:aws:s3:::${aws:username")),
            "Syntax errors in policy: a variable is not closed.",
            "Statement[0].Resource",
        ),
        (
            member("Resource", json!("arn:aws:s3:::${aws:username, x}")),
            "Syntax errors in policy: a default value is not in quotes.",
            "Statement[0].Resource",
        ),
        (
            member("NotAction", json!("s3:*")),
            "Syntax errors in policy: Action and NotAction exclude each other.",
            "Statement[0]",
        ),
        (
            member("NotResource", json!("*")),
            "Syntax errors in policy: Resource and NotResource exclude each other.",
            "Statement[0]",
        ),
        (
            member("Principal", json!("*")),
            "Policy document should not specify a principal.",
            "Statement[0]",
        ),
        (
            member("Conditions", json!({})),
            "Syntax errors in policy: Conditions is no element of a statement.",
            "Statement[0]",
        ),
        (
            member("Condition", json!({"StringEqualz": {}})),
            "Invalid Condition type : StringEqualz.",
            "Statement[0].Condition.StringEqualz",
        ),
        (
            member("Condition", json!({"NullIfExists": {"aws:x": true}})),
            "Invalid Condition type : NullIfExists.",
            "Statement[0].Condition.NullIfExists",
        ),
        (
            member("Condition", json!({"Bool": {"mfa": true}})),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
            "Statement[0].Condition.Bool.mfa",
        ),
        (
            member("Sid", json!(1)),
            "Syntax errors in policy: a Sid is a string.",
            "Statement[0]",
        ),
    ] {
        assert_eq!(
            refusal(&document, PolicyKind::Identity),
            (text.to_owned(), place.to_owned()),
            "{document}"
        );
    }
}

#[test]
fn a_sid_is_used_once() {
    let one = json!({"Sid": "One", "Effect": "Allow", "Action": "s3:*", "Resource": "*"});
    let (text, place) = refusal(&json!({"Statement": [one, one]}), PolicyKind::Identity);
    assert_eq!(
        text,
        "Statement IDs (SID) in a single policy must be unique: One."
    );
    assert_eq!(place, "Statement[1]");
}

#[test]
fn only_key_and_bucket_policies_have_sids_with_spaces() {
    let spaced = |principal: Option<&str>| {
        with_statement(|s| {
            s["Sid"] = json!("Enable IAM policies");
            if let Some(principal) = principal {
                s["Principal"] = json!(principal);
            }
        })
    };
    assert!(Policy::compile(&spaced(Some("*")).to_string(), PolicyKind::Resource).is_ok());
    assert!(
        refusal(&spaced(None), PolicyKind::Identity)
            .0
            .starts_with("Statement IDs (SID) must be alpha-numeric.")
    );
}

/// A reader that keeps the first of two members and one that keeps the last would see different policies.
#[test]
fn a_member_that_is_there_twice_is_refused() {
    let twice =
        r#"{"Statement": {"Effect": "Deny", "Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let error = Policy::compile(twice, PolicyKind::Identity).expect_err("it is refused");
    assert_eq!(error.text(), "Syntax errors in policy.");
    assert!(error.place().starts_with("line 1 column"), "{error}");
}

#[test]
fn a_resource_policy_names_principals() {
    let with = |principal: Value| with_statement(|s| s["Principal"] = principal);
    for good in [
        json!("*"),
        json!({"AWS": "*"}),
        json!({"AWS": ["111122223333", "arn:aws:iam::111122223333:root"]}),
        json!({"AWS": "arn:aws:iam::111122223333:user/path/to/alice"}),
        json!({"AWS": "arn:aws:iam::111122223333:role/Machine", "Service": ["ec2.amazonaws.com"]}),
        json!({"AWS": "arn:aws:sts::111122223333:assumed-role/Machine/i-0abc"}),
    ] {
        Policy::compile(&with(good).to_string(), PolicyKind::Resource).unwrap();
    }
    for (bad, text, place) in [
        (
            json!({"AWS": "alice"}),
            "Invalid principal in policy: \"AWS\":\"alice\"",
            "Statement[0].Principal.AWS",
        ),
        (
            json!({"AWS": "11112222333"}),
            "Invalid principal in policy: \"AWS\":\"11112222333\"",
            "Statement[0].Principal.AWS",
        ),
        (
            json!({"AWS": "arn:aws:iam::111122223333:user/*"}),
            "Invalid principal in policy: \"AWS\":\"arn:aws:iam::111122223333:user/*\"",
            "Statement[0].Principal.AWS",
        ),
        (
            json!({"AWS": "arn:aws:iam::111122223333:group/x"}),
            "Invalid principal in policy: \"AWS\":\"arn:aws:iam::111122223333:group/x\"",
            "Statement[0].Principal.AWS",
        ),
        (
            json!({"CanonicalUser": "79a5"}),
            "Invalid principal in policy: \"CANONICALUSER\":\"79a5\"",
            "Statement[0].Principal.CanonicalUser",
        ),
        (
            json!({"Federated": "accounts.google.com"}),
            "Invalid principal in policy: \"FEDERATED\":\"accounts.google.com\"",
            "Statement[0].Principal.Federated",
        ),
        (
            json!({"Service": "EC2"}),
            "Invalid principal in policy: \"SERVICE\":\"EC2\"",
            "Statement[0].Principal.Service",
        ),
        (
            json!({"aws": "*"}),
            "Syntax errors in policy: aws is no kind of principal.",
            "Statement[0].Principal.aws",
        ),
        (
            json!("alice"),
            "Syntax errors in policy: \"*\" or an object of principals is wanted.",
            "Statement[0].Principal",
        ),
    ] {
        assert_eq!(
            refusal(&with(bad), PolicyKind::Resource),
            (text.to_owned(), place.to_owned())
        );
    }
    assert_eq!(
        refusal(&with_statement(|_| ()), PolicyKind::Resource).0,
        "Missing required field Principal"
    );
    let not_principal = with_statement(|s| s["NotPrincipal"] = json!({"AWS": "111122223333"}));
    assert_eq!(
        refusal(&not_principal, PolicyKind::Resource).0,
        "Allow with NotPrincipal is not allowed."
    );
}

#[test]
fn a_trust_policy_is_about_sts_and_names_no_resource() {
    let trust = |action: &str| json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": action}});
    Policy::compile(&trust("sts:AssumeRole").to_string(), PolicyKind::Trust).unwrap();
    assert_eq!(
        refusal(&trust("s3:GetObject"), PolicyKind::Trust).0,
        "AssumeRole policy may only specify STS AssumeRole actions."
    );
    let with_resource = with_statement(|s| {
        s["Principal"] = json!("*");
        s["Action"] = json!("sts:AssumeRole");
    });
    assert_eq!(
        refusal(&with_resource, PolicyKind::Trust).0,
        "Has prohibited field Resource"
    );
}

#[test]
fn each_kind_has_its_size_and_white_space_is_free() {
    for (kind, limit) in [
        (PolicyKind::Identity, 10_240),
        (PolicyKind::Session, 2_048),
        (PolicyKind::Trust, 2_048),
        (PolicyKind::Resource, 32_768),
    ] {
        let document = |padding: usize| {
            with_statement(|s| {
                s["Sid"] = json!("x".repeat(padding));
                if !matches!(kind, PolicyKind::Identity | PolicyKind::Session) {
                    s["Principal"] = json!("*");
                }
                if kind == PolicyKind::Trust {
                    s["Action"] = json!("sts:AssumeRole");
                    s.as_object_mut().unwrap().remove("Resource");
                }
            })
            .to_string()
        };
        let bare = document(0).len();
        let largest = document(limit - bare);
        Policy::compile(&largest, kind).unwrap();
        let error = Policy::compile(&document(limit - bare + 1), kind).expect_err("one too many");
        assert_eq!(
            error.text(),
            format!("Maximum policy size of {limit} bytes exceeded.")
        );
        if kind != PolicyKind::Resource {
            Policy::compile(&format!("{largest}{}", " ".repeat(5_000)), kind).unwrap();
        }
    }
    let blank = " ".repeat(MAX_DOCUMENT_LEN + 1);
    assert!(Policy::compile(&blank, PolicyKind::Identity).is_err());
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    let deep = "[".repeat(10_000);
    assert!(Policy::compile(&deep, PolicyKind::Identity).is_err());
}

#[test]
fn a_policy_says_whom_it_names() {
    let named = [
        "arn:aws:iam::111122223333:user/a",
        "arn:aws:sts::111122223333:assumed-role/b/c",
    ];
    let document = with_statement(|s| {
        s["Principal"] =
            json!({"AWS": [named[0], "111122223333", named[1]], "Service": "ec2.amazonaws.com"});
    });
    let policy = Policy::compile(&document.to_string(), PolicyKind::Resource).unwrap();
    assert_eq!(policy.named_principals().collect::<Vec<_>>(), named);
}

/// The fuzzer starts from documents that are policies.
#[test]
fn the_fuzzers_corpus_compiles() {
    for (document, kind) in [
        (
            include_str!("../../../../fuzz/corpus/policy_compile/identity-with-conditions"),
            PolicyKind::Identity,
        ),
        (
            include_str!("../../../../fuzz/corpus/policy_compile/key-policy"),
            PolicyKind::Resource,
        ),
        (
            include_str!("../../../../fuzz/corpus/policy_compile/trust-policy"),
            PolicyKind::Trust,
        ),
    ] {
        Policy::compile(document, kind).unwrap();
    }
}

#[test]
fn a_policy_keeps_its_document() {
    let document = with_statement(|_| ()).to_string();
    let policy = Policy::compile(&document, PolicyKind::Identity).unwrap();
    assert_eq!(policy.document(), document);
    assert_eq!(policy.kind(), PolicyKind::Identity);
}
