//! What leave an operation needs: IAM actions on ARNs, with S3's condition keys.

use policy::{Ask, Context};
use wire::{ApiError, Scope};

use crate::operation::{ListObjects, Operation};
use crate::{faults, names};

/// The most keys in one `DeleteObjects`.
pub(crate) const MAX_DELETES: usize = 1000;

/// What leave `operation` needs; also refuses names that cannot be.
pub(crate) fn asks(operation: &Operation, scope: &Scope) -> Result<Vec<Ask>, ApiError> {
    if let Some(bucket) = operation.bucket() {
        names::check_bucket(bucket)?;
    }
    if let Some(key) = operation.key() {
        names::check_key(key)?;
    }
    let owned = || Context::new().with("s3:ResourceAccount", scope.account.as_str());
    let ask = |action: &str, resource: String| Ask::new(action, resource).with_context(owned());
    Ok(match operation {
        Operation::ListBuckets => vec![Ask::new("s3:ListAllMyBuckets", "*")],
        Operation::CreateBucket { bucket, location } => {
            let mut context = Context::new();
            if let Some(location) = location {
                context.set("s3:locationconstraint", location.as_str());
            }
            vec![Ask::new("s3:CreateBucket", names::bucket_arn(bucket)).with_context(context)]
        }
        Operation::HeadBucket { bucket } => vec![ask("s3:ListBucket", names::bucket_arn(bucket))],
        Operation::DeleteBucket { bucket } => {
            vec![ask("s3:DeleteBucket", names::bucket_arn(bucket))]
        }
        Operation::GetBucketLocation { bucket } => {
            vec![ask("s3:GetBucketLocation", names::bucket_arn(bucket))]
        }
        Operation::PutObject(put) => {
            let mut context = owned();
            if let Some(condition) = &put.conditions.if_none_match {
                context.set("s3:if-none-match", condition.header());
            }
            if let Some(condition) = &put.conditions.if_match {
                context.set("s3:if-match", condition.header());
            }
            vec![
                Ask::new("s3:PutObject", names::object_arn(&put.bucket, &put.key))
                    .with_context(context),
            ]
        }
        Operation::GetObject(get) | Operation::HeadObject(get) => {
            vec![ask(
                "s3:GetObject",
                names::object_arn(&get.bucket, &get.key),
            )]
        }
        Operation::DeleteObject { bucket, key } => {
            vec![ask("s3:DeleteObject", names::object_arn(bucket, key))]
        }
        Operation::DeleteObjects(delete) => {
            if delete.keys.is_empty() || delete.keys.len() > MAX_DELETES {
                let message = "The XML you provided was not well-formed or did not validate against our published schema";
                return Err(faults::malformed_delete(message));
            }
            delete
                .keys
                .iter()
                .try_for_each(|key| names::check_key(key))?;
            let one = |key: &String| ask("s3:DeleteObject", names::object_arn(&delete.bucket, key));
            delete.keys.iter().map(one).collect()
        }
        Operation::ListObjects(list) => {
            vec![
                Ask::new("s3:ListBucket", names::bucket_arn(&list.bucket))
                    .with_context(list_context(list, owned())),
            ]
        }
    })
}

fn list_context(list: &ListObjects, mut context: Context) -> Context {
    if let Some(prefix) = &list.prefix {
        context.set("s3:prefix", prefix.as_str());
    }
    if let Some(delimiter) = &list.delimiter {
        context.set("s3:delimiter", delimiter.as_str());
    }
    if let Some(max_keys) = list.max_keys {
        context.set("s3:max-keys", max_keys.to_string());
    }
    context
}

/// The leave that lets a caller know that an object is not there, for the operations that could say so.
pub(crate) fn listing_ask(operation: &Operation, scope: &Scope) -> Option<Ask> {
    match operation {
        Operation::GetObject(get) | Operation::HeadObject(get) => {
            let context = Context::new().with("s3:ResourceAccount", scope.account.as_str());
            Some(Ask::new("s3:ListBucket", names::bucket_arn(&get.bucket)).with_context(context))
        }
        _ => None,
    }
}
