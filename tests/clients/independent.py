"""What the service makes, held against an implementation that it does not share a line with: Python's `cryptography`, over OpenSSL."""

import itertools
import os

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, padding, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kluis_client import client, equal, refused

kms = client("kms")
MESSAGE = b"a message that both sides know"
SHA2 = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def make(spec, usage):
    return kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]


def public(key):
    return serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])


def digest(algorithm, data):
    hasher = hashes.Hash(algorithm)
    hasher.update(data)
    return hasher.finalize()


def never(call, *words):
    try:
        call(*words)
    except InvalidSignature:
        return
    raise AssertionError("a wrong signature verifies")


# RSA signatures: both paddings, three hashes, messages and digests; PSS salts as long as the hash.
for bits in (2048, 3072, 4096):
    key = make(f"RSA_{bits}", "SIGN_VERIFY")
    theirs = public(key)
    equal((theirs.key_size, theirs.public_numbers().e), (bits, 65537))
    for (size, algorithm), scheme in itertools.product(SHA2.items(), ("PKCS1_V1_5", "PSS")):
        pad = padding.PKCS1v15() if scheme == "PKCS1_V1_5" else padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
        name = f"RSASSA_{scheme}_SHA_{size}"
        for kind, message in (("RAW", MESSAGE), ("DIGEST", digest(algorithm, MESSAGE))):
            made = kms.sign(KeyId=key, Message=message, MessageType=kind, SigningAlgorithm=name)["Signature"]
            theirs.verify(made, MESSAGE, pad, algorithm)
            never(theirs.verify, made, MESSAGE + b"!", pad, algorithm)

# ECDSA on each curve.
CURVES = {"ECC_NIST_P256": ("secp256r1", "256"), "ECC_NIST_P384": ("secp384r1", "384"), "ECC_NIST_P521": ("secp521r1", "512"), "ECC_SECG_P256K1": ("secp256k1", "256")}
for spec, (curve, size) in CURVES.items():
    key = make(spec, "SIGN_VERIFY")
    theirs, algorithm, name = public(key), SHA2[size], f"ECDSA_SHA_{size}"
    equal(theirs.curve.name, curve)
    for kind, message in (("RAW", MESSAGE), ("DIGEST", digest(algorithm, MESSAGE))):
        made = kms.sign(KeyId=key, Message=message, MessageType=kind, SigningAlgorithm=name)["Signature"]
        theirs.verify(made, MESSAGE, ec.ECDSA(algorithm))
        never(theirs.verify, made, MESSAGE + b"!", ec.ECDSA(algorithm))
    # DER whose halves are changed for others is a signature of something else.
    r, s = utils.decode_dss_signature(made)
    refused("KMSInvalidSignatureException", 400, kms.verify, KeyId=key, Message=MESSAGE, SigningAlgorithm=name, Signature=utils.encode_dss_signature(s, r))

# Ed25519, pure and of a digest.
key = make("ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
theirs = public(key)
assert isinstance(theirs, ed25519.Ed25519PublicKey)
made = kms.sign(KeyId=key, Message=MESSAGE, MessageType="RAW", SigningAlgorithm="ED25519_SHA_512")["Signature"]
theirs.verify(made, MESSAGE)
never(theirs.verify, made, MESSAGE + b"!")

# ML-DSA: of a message, and of the message representative that its caller made (mu).
for level, kind in (("44", mldsa.MLDSA44PublicKey), ("65", mldsa.MLDSA65PublicKey), ("87", mldsa.MLDSA87PublicKey)):
    key = make(f"ML_DSA_{level}", "SIGN_VERIFY")
    theirs = public(key)
    assert isinstance(theirs, kind), theirs
    made = kms.sign(KeyId=key, Message=MESSAGE, MessageType="RAW", SigningAlgorithm="ML_DSA_SHAKE_256")["Signature"]
    theirs.verify(made, MESSAGE)
    never(theirs.verify, made, MESSAGE + b"!")
    hasher = hashes.Hash(hashes.SHAKE256(64))
    hasher.update(digest(hashes.SHAKE256(64), theirs.public_bytes_raw()) + b"\0\0" + MESSAGE)
    made = kms.sign(KeyId=key, Message=hasher.finalize(), MessageType="EXTERNAL_MU", SigningAlgorithm="ML_DSA_SHAKE_256")["Signature"]
    theirs.verify(made, MESSAGE)

# RSA encryption: what is encrypted here opens there.
for bits, (name, algorithm) in itertools.product((2048, 3072, 4096), (("SHA_1", hashes.SHA1()), ("SHA_256", hashes.SHA256()))):
    key = make(f"RSA_{bits}", "ENCRYPT_DECRYPT")
    longest = bits // 8 - 2 * algorithm.digest_size - 2
    for text in (b"x", os.urandom(longest)):
        sealed = public(key).encrypt(text, padding.OAEP(padding.MGF1(algorithm), algorithm, None))
        opened = kms.decrypt(KeyId=key, CiphertextBlob=sealed, EncryptionAlgorithm=f"RSAES_OAEP_{name}")
        equal(opened["Plaintext"], text)
    refused("InvalidCiphertextException", 400, kms.decrypt, KeyId=key, CiphertextBlob=os.urandom(bits // 8), EncryptionAlgorithm=f"RSAES_OAEP_{name}")

# Key agreement: both sides come to the same secret.
for spec, curve in (("ECC_NIST_P256", ec.SECP256R1()), ("ECC_NIST_P384", ec.SECP384R1()), ("ECC_NIST_P521", ec.SECP521R1())):
    key = make(spec, "KEY_AGREEMENT")
    ours = ec.generate_private_key(curve)
    spki = ours.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    derived = kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=spki)["SharedSecret"]
    equal(derived, ours.exchange(ec.ECDH(), public(key)))

# Data key pairs: the private half that is given in the clear is the public half's, and the sealed one opens to it.
wrapping = make("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
for spec in ("RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"):
    pair = kms.generate_data_key_pair(KeyId=wrapping, KeyPairSpec=spec, EncryptionContext={"a": "b"})
    private = serialization.load_der_private_key(pair["PrivateKeyPlaintext"], None)
    equal(private.public_key(), serialization.load_der_public_key(pair["PublicKey"]))
    equal(kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"], EncryptionContext={"a": "b"})["Plaintext"], pair["PrivateKeyPlaintext"])
    without = kms.generate_data_key_pair_without_plaintext(KeyId=wrapping, KeyPairSpec=spec)
    private = serialization.load_der_private_key(kms.decrypt(CiphertextBlob=without["PrivateKeyCiphertextBlob"])["Plaintext"], None)
    equal(private.public_key(), serialization.load_der_public_key(without["PublicKey"]))

# ML-KEM: what is encapsulated here is decapsulated there, and the other way round by a pair whose private half is here.
for level, kind, private_kind in (("768", mlkem.MLKEM768PublicKey, mlkem.MLKEM768PrivateKey), ("1024", mlkem.MLKEM1024PublicKey, mlkem.MLKEM1024PrivateKey)):
    key = make(f"ML_KEM_{level}", "ENCAPSULATE_DECAPSULATE")
    theirs = public(key)
    assert isinstance(theirs, kind), theirs
    secret, sealed = theirs.encapsulate()
    opened = kms.decapsulate(KeyId=key, SharedSecretCiphertextBlob=sealed, EncapsulationAlgorithm="ML_KEM")
    equal(opened["SharedSecret"], secret)

# A data key is an AES key like any other.
data = kms.generate_data_key(KeyId=wrapping, KeySpec="AES_256")
sealed = AESGCM(data["Plaintext"]).encrypt(b"\0" * 12, MESSAGE, None)
opened = AESGCM(kms.decrypt(CiphertextBlob=data["CiphertextBlob"])["Plaintext"])
equal(opened.decrypt(b"\0" * 12, sealed, None), MESSAGE)
