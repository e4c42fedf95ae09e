//! `GetObject` and `HeadObject`.

use std::io::SeekFrom;

use tokio::fs::File;
use tokio::io::AsyncSeekExt;
use wire::ApiError;

use crate::conditions::ReadOutcome;
use crate::record::ObjectRecord;
use crate::service::{Call, Done, MAX_ATTEMPTS, Shared};
use crate::{ContentRange, GetObject, GotObject, ObjectBody, RangeRequest, Response, faults};

impl Shared {
    pub(crate) async fn get_object(
        &self,
        get: &GetObject,
        call: &Call<'_>,
    ) -> Result<Done, ApiError> {
        let (object, file) = self.open_object(get, call).await?;
        if get.conditions.for_read(&object.head)? == ReadOutcome::NotModified {
            return Ok(Done::read(Response::NotModified(Box::new(object.head))));
        }
        let range = resolve(get.range, object.head.size)?;
        let body = match range {
            Some(range) => {
                let mut file = file;
                file.seek(SeekFrom::Start(range.first))
                    .await
                    .map_err(|error| faults::io(&error))?;
                ObjectBody::new(file, range.len(), None)
            }
            None => ObjectBody::new(file, object.head.size, Some(object.sha256()?)),
        };
        Ok(Done::read(Response::GetObject(Box::new(GotObject {
            head: object.head,
            range,
            body,
        }))))
    }

    pub(crate) async fn head_object(
        &self,
        get: &GetObject,
        call: &Call<'_>,
    ) -> Result<Done, ApiError> {
        let object = self.visible(get, call).await?;
        if get.conditions.for_read(&object.head)? == ReadOutcome::NotModified {
            return Ok(Done::read(Response::NotModified(Box::new(object.head))));
        }
        let range = resolve(get.range, object.head.size)?;
        Ok(Done::read(Response::HeadObject(
            Box::new(object.head),
            range,
        )))
    }

    /// The object with its body open. When the body is gone, the object was replaced or removed between the look at
    /// the record and the opening: then the record is another.
    async fn open_object(
        &self,
        get: &GetObject,
        call: &Call<'_>,
    ) -> Result<(ObjectRecord, File), ApiError> {
        let mut missing = None;
        for _ in 0..MAX_ATTEMPTS {
            let object = self.visible(get, call).await?;
            if missing == Some(object.body) {
                break;
            }
            match self
                .content
                .read(object.body)
                .await
                .map_err(|error| faults::io(&error))?
            {
                Some(file) => return Ok((object, file)),
                None => missing = Some(object.body),
            }
        }
        tracing::error!(
            bucket = get.bucket,
            key = get.key,
            "the body of an object is missing"
        );
        Err(faults::internal())
    }

    /// The object; what is missing is denied to whoever may not list the bucket, as S3 does.
    async fn visible(&self, get: &GetObject, call: &Call<'_>) -> Result<ObjectRecord, ApiError> {
        self.bucket(&get.bucket, call.scope).await?;
        match self.object(&get.bucket, &get.key).await? {
            Some((object, _)) => Ok(object),
            None if get.sees_absence => Err(faults::no_such_key(&get.key)),
            None => Err(faults::denied()),
        }
    }
}

/// The bytes that a range means in an object of `size` bytes.
fn resolve(range: Option<RangeRequest>, size: u64) -> Result<Option<ContentRange>, ApiError> {
    let Some(range) = range else { return Ok(None) };
    let (first, last) = match range {
        RangeRequest::From { first, last } => (first, last.unwrap_or(u64::MAX)),
        RangeRequest::Last { length: 0 } => return Err(faults::invalid_range(size)),
        RangeRequest::Last { length } => (size.saturating_sub(length), u64::MAX),
    };
    if first >= size {
        return Err(faults::invalid_range(size));
    }
    Ok(Some(ContentRange {
        first,
        last: last.min(size - 1),
        total: size,
    }))
}
