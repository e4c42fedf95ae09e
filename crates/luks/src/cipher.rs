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

/// Whether a cipher name leaves data readable.
pub(crate) fn is_null(encryption: &str) -> bool {
    encryption
        .split(['-', ':', '(', ')'])
        .any(|part| part == "cipher_null" || part == "null")
        || encryption.contains("ecb(cipher_null)")
}
