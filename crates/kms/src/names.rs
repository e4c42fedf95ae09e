//! The names of keys and aliases: ids, ARNs, alias names and alias ARNs, parsed once, at the edge,
//! and canonical ever after. Nothing here knows whether a named thing exists.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;

use crate::limits;

/// How a key id that may exist in several regions begins.
const MULTI_REGION_PREFIX: &str = "mrk-";
/// How every alias name begins.
const ALIAS_PREFIX: &str = "alias/";
/// How the aliases that only the service itself may make begin.
const RESERVED_ALIAS_PREFIX: &str = "alias/aws/";
/// The largest account number: twelve digits.
const ACCOUNT_MAX: u64 = 999_999_999_999;

/// The text is no name of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed name")]
pub struct BadName;

/// A region, `us-east-1`: 1 to [`limits::REGION_BYTES`] lower-case letters, digits and hyphens.
///
/// Cheap to clone; every key of a region shares one allocation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(Arc<str>);

impl Region {
    /// The region's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let fits = (1..=limits::REGION_BYTES).contains(&text.len());
        let spelled = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits && spelled {
            Ok(Self(text.into()))
        } else {
            Err(BadName)
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An account's number, always written with twelve digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(u64);

impl AccountId {
    /// The number, which fits in 40 bits.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The account with this number, if it has at most twelve digits.
    pub const fn from_number(number: u64) -> Option<Self> {
        if number <= ACCOUNT_MAX {
            Some(Self(number))
        } else {
            None
        }
    }
}

impl FromStr for AccountId {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        if text.len() != 12 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadName);
        }
        text.parse().map(Self).map_err(|_| BadName)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

/// Where keys and aliases live: an account's part of a region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Home {
    /// Whose they are.
    pub account: AccountId,
    /// Where.
    pub region: Region,
}

impl Home {
    /// The ARN of a key that lives here.
    pub fn key(&self, id: KeyId) -> KeyArn {
        KeyArn {
            region: self.region.clone(),
            account: self.account,
            id,
        }
    }

    /// The ARN of an alias that lives here.
    pub fn alias(&self, name: &AliasName) -> AliasArn {
        AliasArn {
            region: self.region.clone(),
            account: self.account,
            name: name.clone(),
        }
    }
}

/// A key's id: a UUID in canonical lower case, or `mrk-` and 32 hexadecimal digits for a key made for several regions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId {
    multi_region: bool,
    uuid: Uuid,
}

impl KeyId {
    /// The id of a key of one region.
    pub const fn single_region(uuid: Uuid) -> Self {
        Self {
            multi_region: false,
            uuid,
        }
    }

    /// The id of a key made for several regions.
    pub const fn multi_region(uuid: Uuid) -> Self {
        Self {
            multi_region: true,
            uuid,
        }
    }

    /// Whether the key was made for several regions.
    pub const fn is_multi_region(self) -> bool {
        self.multi_region
    }

    /// The 16 bytes that make the id unique.
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

impl FromStr for KeyId {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let (multi_region, digits) = match text.strip_prefix(MULTI_REGION_PREFIX) {
            Some(digits) if digits.len() == 32 => (true, digits),
            None if text.len() == 36 => (false, text),
            _ => return Err(BadName),
        };
        // Only the canonical spelling names a key: "A" and "a" must not be two ways to one resource. Of the spellings of
        // a UUID, each has a length of its own.
        if digits.bytes().any(|digit| digit.is_ascii_uppercase()) {
            return Err(BadName);
        }
        let uuid = Uuid::try_parse(digits).map_err(|_| BadName)?;
        Ok(Self { multi_region, uuid })
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.multi_region {
            write!(f, "{MULTI_REGION_PREFIX}{}", self.uuid.simple())
        } else {
            write!(f, "{}", self.uuid.hyphenated())
        }
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `arn:aws:kms:REGION:ACCOUNT:key/ID`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyArn {
    /// Where the key lives.
    pub region: Region,
    /// Whose it is.
    pub account: AccountId,
    /// Which it is.
    pub id: KeyId,
}

impl KeyArn {
    /// Whether what one of the two encrypts the other decrypts: they are one key, or one multi-Region key's.
    pub fn is_kin(&self, other: &Self) -> bool {
        let same = self.account == other.account && self.id == other.id;
        same && (self.region == other.region || self.id.is_multi_region())
    }

    /// The key of the same account and id in another region.
    #[must_use]
    pub fn in_region(&self, region: &Region) -> Self {
        Self {
            region: region.clone(),
            ..self.clone()
        }
    }

    /// Where the key lives.
    pub fn home(&self) -> Home {
        Home {
            account: self.account,
            region: self.region.clone(),
        }
    }
}

impl FromStr for KeyArn {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let (region, account, resource) = split_arn(text)?;
        let id = resource.strip_prefix("key/").ok_or(BadName)?.parse()?;
        Ok(Self {
            region,
            account,
            id,
        })
    }
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:aws:kms:{}:{}:key/{}",
            self.region, self.account, self.id
        )
    }
}

impl fmt::Debug for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An alias's name, `alias/` included: letters, digits, `/`, `_` and `-` after the prefix.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AliasName(Arc<str>);

impl AliasName {
    /// The name, `alias/` included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether only the service itself may make, move or delete it: `alias/aws/…`.
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with(RESERVED_ALIAS_PREFIX)
    }
}

impl FromStr for AliasName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let rest = text.strip_prefix(ALIAS_PREFIX).ok_or(BadName)?;
        let spelled = rest
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-'));
        if rest.is_empty() || !spelled || text.len() > limits::ALIAS_CHARS {
            return Err(BadName);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for AliasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AliasName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `arn:aws:kms:REGION:ACCOUNT:alias/NAME`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AliasArn {
    /// Where the alias lives.
    pub region: Region,
    /// Whose it is.
    pub account: AccountId,
    /// Its name, `alias/` included.
    pub name: AliasName,
}

impl AliasArn {
    /// Where the alias lives.
    pub fn home(&self) -> Home {
        Home {
            account: self.account,
            region: self.region.clone(),
        }
    }
}

impl FromStr for AliasArn {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let (region, account, resource) = split_arn(text)?;
        Ok(Self {
            region,
            account,
            name: resource.parse()?,
        })
    }
}

impl fmt::Display for AliasArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:aws:kms:{}:{}:{}",
            self.region, self.account, self.name
        )
    }
}

impl fmt::Debug for AliasArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a caller may write where a key is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyName {
    /// `1234abcd-…`: a key of the request's region.
    Id(KeyId),
    /// The key's full name.
    Arn(KeyArn),
    /// `alias/…`: an alias of the request's region.
    Alias(AliasName),
    /// An alias's full name.
    AliasArn(AliasArn),
}

impl FromStr for KeyName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        if text.starts_with("arn:") {
            return text
                .parse()
                .map(Self::Arn)
                .or_else(|BadName| text.parse().map(Self::AliasArn));
        }
        if text.starts_with(ALIAS_PREFIX) {
            return text.parse().map(Self::Alias);
        }
        text.parse().map(Self::Id)
    }
}

/// The three parts of a KMS ARN that differ.
fn split_arn(text: &str) -> Result<(Region, AccountId, &str), BadName> {
    let rest = text.strip_prefix("arn:aws:kms:").ok_or(BadName)?;
    let mut parts = rest.splitn(3, ':');
    let (Some(region), Some(account), Some(resource)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(BadName);
    };
    Ok((region.parse()?, account.parse()?, resource))
}

#[cfg(test)]
#[path = "names/tests.rs"]
mod tests;
