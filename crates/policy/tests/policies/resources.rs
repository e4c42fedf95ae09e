//! Resource patterns.

use policy::Ask;
use serde_json::json;

use crate::words::*;

fn reaches(pattern: &str, resource: &str) -> bool {
    let layers = identity(json!({"Effect": "Allow", "Action": "*", "Resource": pattern}));
    decide(&alice(), &Ask::new("s3:GetObject", resource), &layers).is_allowed()
}

/// A known failure of an evaluator in the field: it cut ARNs at the first slash.
#[test]
fn a_prefix_of_a_bucket_never_opens_the_bucket() {
    let prefix = "arn:aws:s3:::bucket/prefix/*";
    assert!(reaches(prefix, "arn:aws:s3:::bucket/prefix/object"));
    assert!(reaches(prefix, "arn:aws:s3:::bucket/prefix/deep/object"));
    for other in [
        "arn:aws:s3:::bucket",
        "arn:aws:s3:::bucket/",
        "arn:aws:s3:::bucket/object",
        "arn:aws:s3:::bucket/prefix",
        "arn:aws:s3:::bucket/prefixed/object",
        "arn:aws:s3:::bucket/other/prefix/object",
        "arn:aws:s3:::bucket2/prefix/object",
        "arn:aws:s3:::bucket//prefix/object",
    ] {
        assert!(!reaches(prefix, other), "{other}");
    }
}

#[test]
fn a_bucket_is_not_its_objects() {
    assert!(reaches("arn:aws:s3:::bucket", "arn:aws:s3:::bucket"));
    assert!(!reaches(
        "arn:aws:s3:::bucket",
        "arn:aws:s3:::bucket/object"
    ));
    assert!(!reaches("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket"));
    assert!(reaches(
        "arn:aws:s3:::bucket*",
        "arn:aws:s3:::bucket/object"
    ));
}

#[test]
fn wildcards_stay_in_their_segment_but_for_a_star_that_ends_one() {
    for (pattern, resource, wanted) in [
        (
            "arn:aws:kms:*:111122223333:key/1",
            "arn:aws:kms:eu-west-1:111122223333:key/1",
            true,
        ),
        (
            "arn:aws:kms:eu-*-1:111122223333:key/1",
            "arn:aws:kms:eu-west-1:111122223333:key/1",
            true,
        ),
        (
            "arn:aws:kms:eu-west-?:111122223333:key/1",
            "arn:aws:kms:eu-west-1:111122223333:key/1",
            true,
        ),
        (
            "arn:aws:k*s:eu-west-1:111122223333:key/1",
            "arn:aws:k:s:eu-west-1:111122223333:key/1",
            false,
        ),
        (
            "arn:aws:kms?eu-west-1:111122223333:key/1:x",
            "arn:aws:kms:eu-west-1:111122223333:key/1:x",
            false,
        ),
        (
            "arn:aws:kms:*",
            "arn:aws:kms:eu-west-1:111122223333:key/1",
            true,
        ),
        ("arn:aws:s3:::b/*.txt", "arn:aws:s3:::b/a:b.txt", true),
        ("arn:aws:s3:::b/?", "arn:aws:s3:::b/é", true),
        ("*", "*", true),
        ("arn:aws:kms:*", "*", false),
    ] {
        assert_eq!(
            reaches(pattern, resource),
            wanted,
            "{pattern} on {resource}"
        );
    }
}

#[test]
fn resources_compare_with_case() {
    assert!(!reaches(
        "arn:aws:s3:::Bucket/*",
        "arn:aws:s3:::bucket/object"
    ));
}

#[test]
fn not_resource_is_all_the_others() {
    let layers = identity(
        json!({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::bucket/private/*"}),
    );
    assert!(
        decide(
            &alice(),
            &Ask::new("s3:GetObject", "arn:aws:s3:::bucket/public"),
            &layers
        )
        .is_allowed()
    );
    assert!(
        !decide(
            &alice(),
            &Ask::new("s3:GetObject", "arn:aws:s3:::bucket/private/x"),
            &layers
        )
        .is_allowed()
    );
}

#[test]
fn a_pattern_made_to_be_slow_is_not() {
    let pattern = format!("arn:aws:s3:::{}b", "a*".repeat(1000));
    let resource = format!("arn:aws:s3:::{}", "a".repeat(1024));
    assert!(!reaches(&pattern, &resource));
}
