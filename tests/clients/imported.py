"""Material that `cryptography` made and wrapped in every way that is offered, imported; what is done with it is what `cryptography` does with it."""

import os

from cryptography.hazmat.primitives import hashes, hmac, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from kluis_client import client, equal, refused

kms = client("kms")
MESSAGE = b"a message that both sides know"
FOR_EVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}


def make(spec, usage):
    return kms.create_key(KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL")["KeyMetadata"]["Arn"]


def wrapped(key, algorithm, material, spec="RSA_4096"):
    """The material as `cryptography` wraps it under the service's transport key, and the token."""
    given = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=spec)
    transport = serialization.load_der_public_key(given["PublicKey"])
    digest = hashes.SHA1 if algorithm.endswith("_1") else hashes.SHA256
    oaep = padding.OAEP(padding.MGF1(digest()), digest(), None)
    if algorithm.startswith("RSA_AES_KEY_WRAP"):
        kek = os.urandom(32)
        return transport.encrypt(kek, oaep) + keywrap.aes_key_wrap_with_padding(kek, material), given["ImportToken"]
    return transport.encrypt(material, oaep), given["ImportToken"]


def imported(spec, usage, algorithm, material):
    key = make(spec, usage)
    sealed, token = wrapped(key, algorithm, material)
    kms.import_key_material(KeyId=key, ImportToken=token, EncryptedKeyMaterial=sealed, **FOR_EVER)
    return key


# HMAC keys, whose material we know.
for size, algorithm in (("224", hashes.SHA224()), ("256", hashes.SHA256()), ("384", hashes.SHA384()), ("512", hashes.SHA512())):
    material = os.urandom(algorithm.digest_size)
    key = imported(f"HMAC_{size}", "GENERATE_VERIFY_MAC", "RSAES_OAEP_SHA_256", material)
    made = kms.generate_mac(KeyId=key, Message=MESSAGE, MacAlgorithm=f"HMAC_SHA_{size}")["Mac"]
    theirs = hmac.HMAC(material, algorithm)
    theirs.update(MESSAGE)
    equal(made, theirs.finalize())

# Symmetric keys: the same material opens what it sealed once it is imported again.
for algorithm in ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"):
    material = os.urandom(32)
    key = imported("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", algorithm, material)
    blob = kms.encrypt(KeyId=key, Plaintext=MESSAGE)["CiphertextBlob"]
    kms.delete_imported_key_material(KeyId=key)
    refused("KMSInvalidStateException", 400, kms.decrypt, CiphertextBlob=blob)
    sealed, token = wrapped(key, algorithm, os.urandom(32))
    refused("IncorrectKeyMaterialException", 400, kms.import_key_material, KeyId=key, ImportToken=token, EncryptedKeyMaterial=sealed, **FOR_EVER)
    sealed, token = wrapped(key, algorithm, material)
    kms.import_key_material(KeyId=key, ImportToken=token, EncryptedKeyMaterial=sealed, **FOR_EVER)
    equal(kms.decrypt(CiphertextBlob=blob)["Plaintext"], MESSAGE)

# Imported key pairs sign as the private half that stayed here.
def pkcs8(private):
    return private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


for spec, name, algorithm, private in (
    ("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256", "RSA_AES_KEY_WRAP_SHA_256", rsa.generate_private_key(65537, 2048)),
    ("ECC_NIST_P384", "ECDSA_SHA_384", "RSA_AES_KEY_WRAP_SHA_1", ec.generate_private_key(ec.SECP384R1())),
):
    key = imported(spec, "SIGN_VERIFY", algorithm, pkcs8(private))
    theirs = serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    equal(theirs.public_numbers(), private.public_key().public_numbers())
    made = kms.sign(KeyId=key, Message=MESSAGE, SigningAlgorithm=name)["Signature"]
    if isinstance(private, rsa.RSAPrivateKey):
        private.public_key().verify(made, MESSAGE, padding.PKCS1v15(), hashes.SHA256())
    else:
        private.public_key().verify(made, MESSAGE, ec.ECDSA(hashes.SHA384()))
