//! The two copies as they lie on the disk, and which one is used: the valid one with the higher sequence id, the
//! primary where they are equal (LUKS2 §2.4).

use super::header::Header;
use super::{Binary, MAGIC_PRIMARY, binary, json};
use crate::Error;
use crate::header::{Copy, Input, OtherCopy, Profile, Which};
use crate::limits::{BINARY_HEADER, HEADER_SIZES};
use crate::luks1::HEADER_LEN;

/// Reads both copies. `start` is the first [`HEADER_LEN`] bytes, or why they cannot be read.
///
/// The allow-list is applied to the copy that is chosen, and never makes the choice: a refused header is not passed
/// over for an older one.
pub(crate) fn read(
    input: &mut Input<'_, '_>,
    start: Result<Vec<u8>, Error>,
    profile: Profile,
) -> Result<(Header, Copy), Error> {
    let (header, copy) = choose(input, start)?;
    if profile == Profile::Strict {
        header.check_strict()?;
    }
    Ok((header, copy))
}

fn choose(
    input: &mut Input<'_, '_>,
    start: Result<Vec<u8>, Error>,
) -> Result<(Header, Copy), Error> {
    let claims_luks = start
        .as_ref()
        .is_ok_and(|start| start.starts_with(&MAGIC_PRIMARY));
    let primary = start.and_then(|start| read_primary(input, start));
    let secondary = match &primary {
        Ok(header) => read_secondary(input, header.binary().header_size),
        Err(_) => search_secondary(input),
    };
    match (primary, secondary) {
        (Ok(primary), Ok(secondary)) => Ok(newer(primary, secondary)),
        (Ok(primary), Err(damage)) => {
            let other = invalid(input, &primary, Which::Secondary, damage);
            Ok(used(primary, Which::Primary, other))
        }
        (Err(damage), Ok(secondary)) => {
            let other = invalid(input, &secondary, Which::Primary, damage);
            Ok(used(secondary, Which::Secondary, other))
        }
        // What could not be read may hold a header: it is never said to hold none.
        (Err(error @ Error::Read(_)), Err(_)) | (Err(_), Err(error @ Error::Read(_))) => Err(error),
        (Err(damage), Err(_)) if claims_luks => Err(damage),
        (Err(_), Err(damage)) => Err(damage),
    }
}

/// What the place of a copy that is not valid holds, `good` being the other one.
fn invalid(input: &mut Input<'_, '_>, good: &Header, which: Which, damage: Error) -> OtherCopy {
    let offset = match which {
        Which::Primary => 0,
        Which::Secondary => good.header_size(),
    };
    match input.bytes(offset, BINARY_HEADER) {
        Ok(start) if good.binary().may_have_torn(&start, which) => OtherCopy::Torn(damage),
        _ => OtherCopy::Damaged(damage),
    }
}

fn newer(primary: Header, secondary: Header) -> (Header, Copy) {
    // No write of one volume leaves another's header: whose that is, is not for a repair to decide.
    let other = if primary.uuid() == secondary.uuid() {
        OtherCopy::Stale
    } else {
        OtherCopy::Damaged(Error::corrupt("uuid", "another volume's"))
    };
    if secondary.sequence_id() > primary.sequence_id() {
        used(secondary, Which::Secondary, other)
    } else if primary.same_content(&secondary) {
        used(primary, Which::Primary, OtherCopy::Same)
    } else {
        used(primary, Which::Primary, other)
    }
}

fn used(mut header: Header, used: Which, other: OtherCopy) -> (Header, Copy) {
    header.used = used;
    (header, Copy { used, other })
}

fn read_primary(input: &mut Input<'_, '_>, mut start: Vec<u8>) -> Result<Header, Error> {
    if start.starts_with(&MAGIC_PRIMARY) {
        start.extend(input.bytes(HEADER_LEN, BINARY_HEADER - HEADER_LEN)?);
    }
    read_copy(input, &start, Which::Primary, 0)
}

fn read_secondary(input: &mut Input<'_, '_>, offset: u64) -> Result<Header, Error> {
    let start = input.bytes(offset, BINARY_HEADER)?;
    read_copy(input, &start, Which::Secondary, offset)
}

/// The first valid secondary at one of the nine places there are; else why the first that claims to be one, or that
/// cannot be read, is not; else [`Error::NotLuks`].
fn search_secondary(input: &mut Input<'_, '_>) -> Result<Header, Error> {
    let mut damage = Error::NotLuks;
    for offset in HEADER_SIZES {
        match read_secondary(input, offset) {
            Err(Error::Corrupt { field, .. }) if field == "magic" || field == "binary header" => {}
            Err(error) if matches!(damage, Error::NotLuks) => damage = error,
            Err(_) => {}
            found @ Ok(_) => return found,
        }
    }
    Err(damage)
}

fn read_copy(
    input: &mut Input<'_, '_>,
    start: &[u8],
    which: Which,
    offset: u64,
) -> Result<Header, Error> {
    let header = Binary::decode(start, which, offset)?;
    let area = input.bytes(offset + BINARY_HEADER, header.json_len())?;
    if area.len() as u64 != header.json_len() {
        return Err(Error::corrupt(
            "hdr_size",
            "the device ends before the JSON area does",
        ));
    }
    if !binary::verify(header.checksum, start, &area) {
        return Err(Error::corrupt("csum", "not the checksum of this copy"));
    }
    Header::checked(
        header,
        json::from_area(&area)?,
        which,
        input.device_len,
        Profile::Permissive,
    )
}
