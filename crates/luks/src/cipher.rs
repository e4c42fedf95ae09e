//! Cipher and digest names as LUKS headers spell them.

use crypto::HashAlgorithm;

/// The one cipher that is opened: AES-XTS with dm-crypt's `plain64` tweak.
pub(crate) const AES_XTS_PLAIN64: &str = "aes-xts-plain64";

/// The digest a header names, if it is one that is known here. cryptsetup writes lower case; qemu the same.
pub(crate) fn hash_from_name(name: &str) -> Option<HashAlgorithm> {
    match name {
        "sha1" => Some(HashAlgorithm::Sha1),
        "sha256" => Some(HashAlgorithm::Sha256),
        "sha384" => Some(HashAlgorithm::Sha384),
        "sha512" => Some(HashAlgorithm::Sha512),
        _ => None,
    }
}

/// The name a header has for a digest.
pub(crate) fn name_of_hash(hash: HashAlgorithm) -> &'static str {
    match hash {
        HashAlgorithm::Sha1 => "sha1",
        HashAlgorithm::Sha256 => "sha256",
        HashAlgorithm::Sha384 => "sha384",
        HashAlgorithm::Sha512 => "sha512",
    }
}

/// Why a cipher's name promises less than it seems to, if it does.
pub(crate) fn weakness(encryption: &str) -> Option<&'static str> {
    let mut parts = encryption.split(['-', ':', '(', ')']);
    if parts.any(|part| part == "cipher_null") || encryption.starts_with("null") {
        return Some("cipher_null encrypts nothing");
    }
    let iv = encryption.rsplit('-').next();
    (iv == Some("null")).then_some(
        "the initialization vector null is the same for every sector, and shows which of them are equal",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cipher_and_no_vector_are_told_apart() {
        for name in ["cipher_null-ecb", "capi:ecb(cipher_null)-plain", "null"] {
            assert!(
                weakness(name).unwrap().contains("encrypts nothing"),
                "{name}"
            );
        }
        assert!(
            weakness("aes-cbc-null")
                .unwrap()
                .contains("the same for every sector")
        );
        for name in [AES_XTS_PLAIN64, "aes-cbc-essiv:sha256", "aes-xts-plain"] {
            assert_eq!(weakness(name), None, "{name}");
        }
    }
}
