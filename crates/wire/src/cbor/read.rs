//! From bytes to a value, under a shape. Every item takes at least a byte of the body, so that no length in it can cost more than the
//! body itself.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ciborium_ll::{Decoder, Header, simple};
use serde_json::{Map, Number, Value};

use crate::{
    error::ApiError,
    json::{self, DEPTH_MAX},
    shape::{Kind, Shape},
    time,
};

/// The tag of an instant in seconds since 1970.
pub(super) const EPOCH: u64 = 1;

/// Reads the whole of `body`, and nothing after it.
pub(super) fn whole(body: &[u8], shape: &Shape) -> Result<Value, ApiError> {
    let mut reader = Reader { rest: body };
    let header = reader.header()?;
    let value = reader.value(header, shape, 0)?;
    if reader.rest.is_empty() {
        Ok(value)
    } else {
        Err(malformed())
    }
}

/// Nothing of the body is quoted: it may hold a secret.
fn malformed() -> ApiError {
    ApiError::serialization("The request body is not valid CBOR")
}

struct Reader<'b> {
    rest: &'b [u8],
}

/// How many items a list or a map has, or that a break ends it.
#[derive(Clone, Copy)]
enum Count {
    Left(usize),
    UntilBreak,
}

impl From<Option<usize>> for Count {
    fn from(length: Option<usize>) -> Self {
        length.map_or(Self::UntilBreak, Self::Left)
    }
}

impl<'b> Reader<'b> {
    fn header(&mut self) -> Result<Header, ApiError> {
        let mut decoder = Decoder::from(self.rest);
        let header = decoder.pull().map_err(|_| malformed())?;
        self.rest = self.rest.get(decoder.offset()..).unwrap_or_default();
        Ok(header)
    }

    fn take(&mut self, length: usize) -> Result<&'b [u8], ApiError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The header of the next item of a list or a map; `None` after the last.
    fn next(&mut self, count: &mut Count) -> Result<Option<Header>, ApiError> {
        match count {
            Count::Left(0) => Ok(None),
            Count::Left(left) => {
                *left -= 1;
                self.header().map(Some)
            }
            Count::UntilBreak => match self.header()? {
                Header::Break => Ok(None),
                header => Ok(Some(header)),
            },
        }
    }

    /// The bytes of a string, which may come in pieces: of the same kind, each with its length.
    fn bytes(
        &mut self,
        length: Option<usize>,
        piece: fn(Header) -> Option<usize>,
    ) -> Result<Vec<u8>, ApiError> {
        if let Some(length) = length {
            return self.take(length).map(<[u8]>::to_vec);
        }
        let mut whole = Vec::new();
        loop {
            match self.header()? {
                Header::Break => return Ok(whole),
                header => {
                    let length = piece(header).ok_or_else(malformed)?;
                    whole.extend_from_slice(self.take(length)?);
                }
            }
        }
    }

    fn byte_string(&mut self, length: Option<usize>) -> Result<Vec<u8>, ApiError> {
        self.bytes(length, |header| match header {
            Header::Bytes(length) => length,
            _ => None,
        })
    }

    fn text(&mut self, length: Option<usize>) -> Result<String, ApiError> {
        let bytes = self.bytes(length, |header| match header {
            Header::Text(length) => length,
            _ => None,
        })?;
        String::from_utf8(bytes).map_err(|_| malformed())
    }

    fn name(&mut self, header: Header) -> Result<String, ApiError> {
        match header {
            Header::Text(length) => self.text(length),
            _ => Err(malformed()),
        }
    }

    fn value(&mut self, header: Header, shape: &Shape, depth: usize) -> Result<Value, ApiError> {
        if depth > DEPTH_MAX {
            return Err(malformed());
        }
        match (&shape.kind, header) {
            (Kind::Structure(_), Header::Map(length)) => self.members(length, shape, depth),
            (Kind::List { member, .. }, Header::Array(length)) => self.items(length, member, depth),
            (Kind::Map { value, .. }, Header::Map(length)) => self.entries(length, value, depth),
            (Kind::String { .. }, Header::Text(length)) => self.text(length).map(Value::String),
            (Kind::Blob { .. }, Header::Bytes(length)) => {
                let mut bytes = self.byte_string(length)?;
                let text = STANDARD.encode(&bytes);
                zeroize::Zeroize::zeroize(&mut bytes);
                Ok(Value::String(text))
            }
            (Kind::Boolean, Header::Simple(simple::TRUE)) => Ok(Value::Bool(true)),
            (Kind::Boolean, Header::Simple(simple::FALSE)) => Ok(Value::Bool(false)),
            (Kind::Timestamp, Header::Tag(EPOCH)) => {
                let seconds = self.header()?;
                instant(seconds)
            }
            (kind, header) => number(kind, header)?.ok_or_else(|| mismatch(kind, header)),
        }
    }

    fn members(
        &mut self,
        length: Option<usize>,
        shape: &Shape,
        depth: usize,
    ) -> Result<Value, ApiError> {
        let (mut count, mut values, mut seen) = (Count::from(length), Map::new(), Vec::new());
        while let Some(header) = self.next(&mut count)? {
            let name = self.name(header)?;
            let header = self.header()?;
            let member = shape.members().iter().find(|member| member.name == name);
            let Some(member) = member else {
                self.skip(header, depth + 1)?;
                continue;
            };
            if seen.contains(&member.name) {
                return Err(malformed());
            }
            seen.push(member.name);
            if !is_null(header) {
                let value = self.value(header, member.shape, depth + 1)?;
                values.insert(name, value);
            }
        }
        Ok(Value::Object(in_order(values, shape)))
    }

    fn items(
        &mut self,
        length: Option<usize>,
        member: &Shape,
        depth: usize,
    ) -> Result<Value, ApiError> {
        let (mut count, mut items) = (Count::from(length), Vec::new());
        while let Some(header) = self.next(&mut count)? {
            items.push(self.present_or_null(header, member, depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    fn entries(
        &mut self,
        length: Option<usize>,
        item: &Shape,
        depth: usize,
    ) -> Result<Value, ApiError> {
        let (mut count, mut entries) = (Count::from(length), Map::new());
        while let Some(header) = self.next(&mut count)? {
            let name = self.name(header)?;
            let header = self.header()?;
            let value = self.present_or_null(header, item, depth + 1)?;
            if entries.insert(name, value).is_some() {
                return Err(malformed());
            }
        }
        Ok(Value::Object(entries))
    }

    /// Nulls within lists and maps stay, for the validator to name.
    fn present_or_null(
        &mut self,
        header: Header,
        shape: &Shape,
        depth: usize,
    ) -> Result<Value, ApiError> {
        if is_null(header) {
            Ok(Value::Null)
        } else {
            self.value(header, shape, depth)
        }
    }

    /// Passes over an item that the shape has no member for.
    fn skip(&mut self, header: Header, depth: usize) -> Result<(), ApiError> {
        if depth > DEPTH_MAX {
            return Err(malformed());
        }
        match header {
            Header::Positive(_) | Header::Negative(_) | Header::Float(_) | Header::Simple(_) => {
                Ok(())
            }
            Header::Break => Err(malformed()),
            Header::Tag(_) => {
                let inner = self.header()?;
                self.skip(inner, depth + 1)
            }
            Header::Bytes(length) => self.byte_string(length).map(drop),
            Header::Text(length) => self.text(length).map(drop),
            Header::Array(length) => {
                let mut count = Count::from(length);
                while let Some(header) = self.next(&mut count)? {
                    self.skip(header, depth + 1)?;
                }
                Ok(())
            }
            Header::Map(length) => {
                let mut count = Count::from(length);
                while let Some(header) = self.next(&mut count)? {
                    self.skip(header, depth + 1)?;
                    let header = self.header()?;
                    self.skip(header, depth + 1)?;
                }
                Ok(())
            }
        }
    }
}

/// The members as the shape has them, whatever order they came in: as from the other codecs.
fn in_order(mut values: Map<String, Value>, shape: &Shape) -> Map<String, Value> {
    let names = shape.members().iter().map(|member| member.name);
    names.filter_map(|name| values.remove_entry(name)).collect()
}

fn is_null(header: Header) -> bool {
    matches!(header, Header::Simple(simple::NULL | simple::UNDEFINED))
}

/// A number of JSON, if the item is one that JSON can write.
fn plain_number(header: Header) -> Option<Number> {
    match header {
        Header::Positive(number) => Some(number.into()),
        // -1 - n, which is !n in two's complement.
        Header::Negative(number) => i64::try_from(number).ok().map(|number| (!number).into()),
        Header::Float(number) => Number::from_f64(number),
        _ => None,
    }
}

fn number(kind: &Kind, header: Header) -> Result<Option<Value>, ApiError> {
    let Some(number) = plain_number(header) else {
        return Ok(None);
    };
    match kind {
        Kind::Integer { .. } => json::whole(&number, i32::MIN.into(), i32::MAX.into()).map(Some),
        Kind::Long { .. } => json::whole(&number, i64::MIN, i64::MAX).map(Some),
        Kind::Double => Ok(Some(Value::Number(number))),
        _ => Ok(None),
    }
}

fn instant(header: Header) -> Result<Value, ApiError> {
    let seconds = plain_number(header).ok_or_else(malformed)?;
    time::from_number(&seconds)
        .map(time::to_number)
        .ok_or_else(|| ApiError::serialization("The instant is outside the calendar"))
}

/// The words of the JSON codec for an item of another type; what JSON has no type for is not valid here.
fn mismatch(kind: &Kind, header: Header) -> ApiError {
    let found = match header {
        Header::Array(_) => Value::Array(Vec::new()),
        Header::Map(_) => Value::Object(Map::new()),
        Header::Text(_) => Value::String(String::new()),
        Header::Simple(simple::TRUE) => Value::Bool(true),
        Header::Simple(simple::FALSE) => Value::Bool(false),
        Header::Simple(simple::NULL | simple::UNDEFINED) => Value::Null,
        _ => match plain_number(header) {
            Some(number) => Value::Number(number),
            None => return malformed(),
        },
    };
    json::mismatch(kind, &found)
}
