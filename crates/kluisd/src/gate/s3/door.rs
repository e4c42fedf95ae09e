//! The operations of S3 that this service has: from the types of `s3s` to those of `objects`, and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use objects::{
    ContentRange, DeleteObjects, GetObject, ListObjects, ListVersion, Listing, ObjectHead,
    Operation, PutObject, RangeRequest, Response,
};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{
    Bucket, BucketLocationConstraint, CreateBucketInput, CreateBucketOutput, DeleteBucketInput,
    DeleteBucketOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
    DeleteObjectsOutput, DeletedObject, GetBucketLocationInput, GetBucketLocationOutput,
    GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput,
    HeadObjectOutput, ListBucketsInput, ListBucketsOutput, ListObjectsInput, ListObjectsOutput,
    ListObjectsV2Input, ListObjectsV2Output, PutObjectInput, PutObjectOutput, StreamingBlob,
};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::call::Call;
use super::listing::{Encoding, object, prefixes};
use super::time::{http_date, time};

/// Headers that are kept with an object and come back with it.
const KEPT: &[&str] = &[
    "cache-control",
    "content-disposition",
    "content-language",
    "content-type",
    "expires",
];
/// What begins a header of an object's own metadata.
const METADATA: &str = "x-amz-meta-";

/// `s3s` asks for secrets only of signed requests, and none is signed any more when it gets there.
pub(super) struct Nobody;

#[async_trait]
impl S3Auth for Nobody {
    async fn get_secret_key(&self, _: &str) -> S3Result<SecretKey> {
        Err(S3Error::new(S3ErrorCode::InvalidAccessKeyId))
    }
}

/// Hears which operation `s3s` found, so that also one without a handler has its name in the trail.
pub(super) struct Names;

#[async_trait]
impl S3Access for Names {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let name = cx.s3_op().name().to_owned();
        if let Some(call) = cx.extensions_mut().get::<Arc<Call>>() {
            call.is_named(name);
        }
        Ok(())
    }
}

/// The operations. One that is not here is answered `NotImplemented`.
pub(super) struct Door;

/// The call that a request belongs to.
fn call<T>(request: &S3Request<T>) -> S3Result<Arc<Call>> {
    request
        .extensions
        .get::<Arc<Call>>()
        .cloned()
        .ok_or_else(unexpected)
}

fn unexpected() -> S3Error {
    S3Error::new(S3ErrorCode::InternalError)
}

#[async_trait]
impl S3 for Door {
    async fn list_buckets(
        &self,
        request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let Response::ListBuckets(buckets) =
            call(&request)?.carry_out(Operation::ListBuckets).await?
        else {
            return Err(unexpected());
        };
        let buckets = buckets.into_iter().map(|bucket| Bucket {
            name: Some(bucket.name),
            creation_date: Some(time(bucket.created)),
            bucket_region: Some(bucket.region),
        });
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(buckets.collect()),
            ..Default::default()
        }))
    }

    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let call = call(&request)?;
        let CreateBucketInput {
            bucket,
            create_bucket_configuration,
            ..
        } = request.input;
        let location = create_bucket_configuration
            .and_then(|configuration| configuration.location_constraint)
            .map(|location| location.as_str().to_owned());
        let Response::CreateBucket { location } = call
            .carry_out(Operation::CreateBucket { bucket, location })
            .await?
        else {
            return Err(unexpected());
        };
        Ok(S3Response::new(CreateBucketOutput {
            location: Some(location),
        }))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        let call = call(&request)?;
        let Response::HeadBucket { region } = call
            .carry_out(Operation::HeadBucket {
                bucket: request.input.bucket,
            })
            .await?
        else {
            return Err(unexpected());
        };
        Ok(S3Response::new(HeadBucketOutput {
            bucket_region: Some(region),
            ..Default::default()
        }))
    }

    async fn delete_bucket(
        &self,
        request: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        let call = call(&request)?;
        call.carry_out(Operation::DeleteBucket {
            bucket: request.input.bucket,
        })
        .await?;
        Ok(S3Response::with_status(
            DeleteBucketOutput::default(),
            StatusCode::NO_CONTENT,
        ))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        let call = call(&request)?;
        let Response::GetBucketLocation { location } = call
            .carry_out(Operation::GetBucketLocation {
                bucket: request.input.bucket,
            })
            .await?
        else {
            return Err(unexpected());
        };
        Ok(S3Response::new(GetBucketLocationOutput {
            location_constraint: location.map(BucketLocationConstraint::from),
        }))
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let call = call(&request)?;
        let (body, content_length) = call.take_body();
        let put = PutObject {
            bucket: request.input.bucket,
            key: request.input.key,
            body,
            content_length,
            content_md5: call
                .header("content-md5")
                .and_then(|text| STANDARD.decode(text).ok())
                .and_then(|bytes| bytes.try_into().ok()),
            headers: kept_headers(&call),
            metadata: call
                .headers()
                .filter_map(|(name, value)| {
                    Some((name.strip_prefix(METADATA)?.to_owned(), value.to_owned()))
                })
                .collect(),
            conditions: call.conditions(),
        };
        let Response::PutObject(done) = call.carry_out(Operation::PutObject(put)).await? else {
            return Err(unexpected());
        };
        let mut response = S3Response::new(PutObjectOutput::default());
        insert(&mut response.headers, "etag", &done.etag);
        if let Some(checksum) = &done.checksum {
            insert(
                &mut response.headers,
                checksum.header_name().unwrap_or_default(),
                &checksum.value,
            );
        }
        Ok(response)
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let call = call(&request)?;
        let get = get_of(&call, request.input.bucket, request.input.key);
        match call.carry_out(Operation::GetObject(get)).await? {
            Response::GetObject(got) => {
                let len = i64::try_from(got.body.remaining()).ok();
                let output = GetObjectOutput {
                    content_length: len,
                    body: Some(StreamingBlob::wrap(got.body.into_stream())),
                    ..Default::default()
                };
                let mut response = S3Response::new(output);
                describe(&mut response.headers, &got.head, got.range);
                Ok(response)
            }
            Response::NotModified(head) => Ok(not_modified(GetObjectOutput::default(), &head)),
            _ => Err(unexpected()),
        }
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let call = call(&request)?;
        let get = get_of(&call, request.input.bucket, request.input.key);
        match call.carry_out(Operation::HeadObject(get)).await? {
            Response::HeadObject(head, range) => {
                let len = range.map_or(head.size, |range| range.last - range.first + 1);
                let output = HeadObjectOutput {
                    content_length: i64::try_from(len).ok(),
                    ..Default::default()
                };
                let mut response = S3Response::new(output);
                describe(&mut response.headers, &head, range);
                Ok(response)
            }
            Response::NotModified(head) => Ok(not_modified(HeadObjectOutput::default(), &head)),
            _ => Err(unexpected()),
        }
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let call = call(&request)?;
        let DeleteObjectInput { bucket, key, .. } = request.input;
        call.carry_out(Operation::DeleteObject { bucket, key })
            .await?;
        Ok(S3Response::with_status(
            DeleteObjectOutput::default(),
            StatusCode::NO_CONTENT,
        ))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let call = call(&request)?;
        let DeleteObjectsInput { bucket, delete, .. } = request.input;
        let quiet = delete.quiet.unwrap_or_default();
        let keys = delete
            .objects
            .into_iter()
            .map(|object| object.key)
            .collect();
        let Response::DeleteObjects(done) = call
            .carry_out(Operation::DeleteObjects(DeleteObjects { bucket, keys }))
            .await?
        else {
            return Err(unexpected());
        };
        let (gone, failed): (Vec<_>, Vec<_>) = done
            .into_iter()
            .partition(|deleted| deleted.error.is_none());
        let deleted = gone
            .into_iter()
            .filter(|_| !quiet)
            .map(|deleted| DeletedObject {
                key: Some(deleted.key),
                ..Default::default()
            });
        let errors = failed.into_iter().map(|failed| {
            let (code, message) = failed
                .error
                .map(|error| (error.code.to_owned(), error.message))
                .unzip();
            s3s::dto::Error {
                key: Some(failed.key),
                code,
                message,
                ..Default::default()
            }
        });
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: Some(deleted.collect()),
            errors: Some(errors.collect()),
            ..Default::default()
        }))
    }

    async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        let call = call(&request)?;
        let ListObjectsInput {
            bucket,
            delimiter,
            marker,
            max_keys,
            prefix,
            encoding_type,
            ..
        } = request.input;
        let list = ListObjects {
            version: ListVersion::V1,
            bucket: bucket.clone(),
            prefix: prefix.clone(),
            delimiter: delimiter.clone(),
            max_keys: max_keys.and_then(|most| u32::try_from(most).ok()),
            start_after: marker.clone(),
            token: None,
        };
        let Response::ListObjects(listing) = call.carry_out(Operation::ListObjects(list)).await?
        else {
            return Err(unexpected());
        };
        let encode = Encoding::of(encoding_type.as_ref().map(s3s::dto::EncodingType::as_str));
        let Listing {
            objects,
            common_prefixes,
            is_truncated,
            next_marker,
            max_keys,
            ..
        } = listing;
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(bucket),
            prefix: Some(encode.text(prefix.unwrap_or_default())),
            marker: Some(encode.text(marker.unwrap_or_default())),
            delimiter: delimiter.map(|text| encode.text(text)),
            max_keys: i32::try_from(max_keys).ok(),
            is_truncated: Some(is_truncated),
            next_marker: next_marker.map(|text| encode.text(text)),
            contents: Some(
                objects
                    .into_iter()
                    .map(|listed| object(listed, encode))
                    .collect(),
            ),
            common_prefixes: Some(prefixes(common_prefixes, encode)),
            encoding_type,
            ..Default::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let call = call(&request)?;
        let ListObjectsV2Input {
            bucket,
            delimiter,
            start_after,
            max_keys,
            prefix,
            continuation_token,
            encoding_type,
            ..
        } = request.input;
        let list = ListObjects {
            version: ListVersion::V2,
            bucket: bucket.clone(),
            prefix: prefix.clone(),
            delimiter: delimiter.clone(),
            max_keys: max_keys.and_then(|most| u32::try_from(most).ok()),
            start_after: start_after.clone(),
            token: continuation_token.clone(),
        };
        let Response::ListObjects(listing) = call.carry_out(Operation::ListObjects(list)).await?
        else {
            return Err(unexpected());
        };
        let encode = Encoding::of(encoding_type.as_ref().map(s3s::dto::EncodingType::as_str));
        let Listing {
            objects,
            common_prefixes,
            is_truncated,
            next_token,
            max_keys,
            ..
        } = listing;
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(bucket),
            prefix: Some(encode.text(prefix.unwrap_or_default())),
            start_after: start_after.map(|text| encode.text(text)),
            delimiter: delimiter.map(|text| encode.text(text)),
            key_count: i32::try_from(objects.len() + common_prefixes.len()).ok(),
            max_keys: i32::try_from(max_keys).ok(),
            is_truncated: Some(is_truncated),
            continuation_token,
            next_continuation_token: next_token,
            contents: Some(
                objects
                    .into_iter()
                    .map(|listed| object(listed, encode))
                    .collect(),
            ),
            common_prefixes: Some(prefixes(common_prefixes, encode)),
            encoding_type,
            ..Default::default()
        }))
    }
}

fn get_of(call: &Call, bucket: String, key: String) -> GetObject {
    GetObject {
        bucket,
        key,
        range: call.header("range").and_then(RangeRequest::parse),
        conditions: call.conditions(),
        sees_absence: false,
    }
}

fn kept_headers(call: &Call) -> BTreeMap<String, String> {
    let mut kept: BTreeMap<_, _> = call
        .headers()
        .filter(|(name, _)| KEPT.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    // `aws-chunked` was the transfer's and not the object's.
    let encodings: Vec<_> = call
        .header("content-encoding")
        .into_iter()
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty() && *name != "aws-chunked")
        .collect();
    if !encodings.is_empty() {
        kept.insert("content-encoding".to_owned(), encodings.join(","));
    }
    kept
}

/// What an object says of itself, as headers.
fn describe(headers: &mut HeaderMap, head: &ObjectHead, range: Option<ContentRange>) {
    insert(headers, "etag", &head.etag);
    insert(headers, "last-modified", &http_date(head.last_modified));
    insert(headers, "accept-ranges", "bytes");
    for (name, value) in &head.headers {
        insert(headers, name, value);
    }
    for (name, value) in &head.metadata {
        insert(headers, &format!("{METADATA}{name}"), value);
    }
    match (&head.checksum, range) {
        (_, Some(range)) => insert(headers, "content-range", &range.header()),
        (Some(checksum), None) => insert(
            headers,
            checksum.header_name().unwrap_or_default(),
            &checksum.value,
        ),
        (None, None) => {}
    }
}

fn not_modified<T>(output: T, head: &ObjectHead) -> S3Response<T> {
    let mut response = S3Response::new(output);
    insert(&mut response.headers, "etag", &head.etag);
    insert(
        &mut response.headers,
        "last-modified",
        &http_date(head.last_modified),
    );
    response
}

/// A header that is none is left out: it was accepted with the object, and cannot be wrong but by a damaged record.
fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (
        HeaderName::from_bytes(name.as_bytes()),
        HeaderValue::from_str(value),
    ) {
        headers.insert(name, value);
    }
}
