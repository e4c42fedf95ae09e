//! The stripe as one device, read and written through its members.

use std::ops::Range;

use crate::engine::Changed;
use crate::host::{Access, Device, Host, HostError, Identity};

use super::Layout;

/// A member, where on it, and where in the range that was asked for.
type Piece<'a> = (&'a dyn Device, u64, Range<usize>);

/// Open members, as one device.
pub(crate) struct View {
    layout: Layout,
    members: Vec<Box<dyn Device>>,
}

impl View {
    pub(crate) fn boxed(
        host: &dyn Host,
        backing: &Identity,
        access: Access,
    ) -> Result<Box<dyn Device>, HostError> {
        let members: Result<_, _> = backing
            .members
            .iter()
            .map(|member| host.open(member, access))
            .collect();
        Ok(Box::new(Self::over(Layout::of(&backing.members), members?)))
    }

    pub(crate) fn over(layout: Layout, members: Vec<Box<dyn Device>>) -> Self {
        Self { layout, members }
    }

    /// Each piece of a range: its member, where it lies there, and where in the range it is.
    fn pieces(&self, offset: u64, len: usize) -> Result<Vec<Piece<'_>>, HostError> {
        if offset
            .checked_add(len as u64)
            .is_none_or(|end| end > self.layout.size())
        {
            return Err(HostError::Io {
                what: "reaching beyond the end of the stripe".to_owned(),
                source: std::io::ErrorKind::UnexpectedEof.into(),
            });
        }
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < len {
            let (member, place, rest) = self.layout.place(offset + at as u64);
            let piece = usize::try_from(rest).unwrap_or(len).min(len - at);
            pieces.push((&*self.members[member], place, at..at + piece));
            at += piece;
        }
        Ok(pieces)
    }

    fn each(&self, work: impl Fn(&dyn Device) -> Result<(), HostError>) -> Result<(), HostError> {
        self.members.iter().try_for_each(|member| work(&**member))
    }
}

impl Device for View {
    fn size(&self) -> u64 {
        self.layout.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), HostError> {
        self.pieces(offset, buf.len())?
            .into_iter()
            .try_for_each(|(member, place, range)| member.read_at(place, &mut buf[range]))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), HostError> {
        self.pieces(offset, bytes.len())?
            .into_iter()
            .try_for_each(|(member, place, range)| member.write_at(place, &bytes[range]))
    }

    fn flush(&self) -> Result<(), HostError> {
        self.each(|member| member.flush())
    }

    fn discard(&self, offset: u64, len: u64) -> Result<Changed, HostError> {
        let end = offset.saturating_add(len).min(self.layout.size());
        let mut changed = Changed::No;
        for (index, member) in self.members.iter().enumerate() {
            let start = self.layout.floor(index, offset);
            let len = self.layout.floor(index, end).saturating_sub(start);
            if len > 0 && member.discard(start, len)? == Changed::Yes {
                changed = Changed::Yes;
            }
        }
        Ok(changed)
    }

    fn drop_caches(&self) -> Result<(), HostError> {
        self.each(|member| member.drop_caches())
    }

    fn next_data(&self, from: u64) -> Option<u64> {
        self.members
            .iter()
            .enumerate()
            .filter_map(|(index, member)| {
                let data = member.next_data(self.layout.floor(index, from))?;
                self.layout.back(index, data)
            })
            .min()
    }
}
