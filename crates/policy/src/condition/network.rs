//! Addresses and CIDR blocks.

use std::net::IpAddr;

/// A CIDR block; a lone address is a block of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    base: IpAddr,
    prefix_len: u32,
}

/// An address in its plain form: IPv4 in IPv6's clothes is IPv4, so that neither form slips past the other's rule.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>()
        .ok()
        .map(|address| address.to_canonical())
}

impl Network {
    /// `203.0.113.0/24`, `2001:db8::/32`, `192.0.2.7`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Some((base, length)) = text.split_once('/') else {
            let base = address(text)?;
            return Some(Self {
                base,
                prefix_len: width(base),
            });
        };
        let base: IpAddr = base.parse().ok()?;
        let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let prefix_len = length
            .parse()
            .ok()
            .filter(|length| digits && *length <= width(base))?;
        Some(Self { base, prefix_len })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(other)) => shared_prefix(
                u128::from(base.to_bits() ^ other.to_bits()),
                32,
                self.prefix_len,
            ),
            (IpAddr::V6(base), IpAddr::V6(other)) => {
                shared_prefix(base.to_bits() ^ other.to_bits(), 128, self.prefix_len)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether two addresses of `width` bits that differ by `difference` agree in their first `prefix_len` bits.
fn shared_prefix(difference: u128, width: u32, prefix_len: u32) -> bool {
    difference.checked_shr(width - prefix_len).unwrap_or(0) == 0
}
