"""The AWS Encryption SDK under keyrings: one key, several, a multi-Region key in both of its regions; and what must not open."""

import logging

import boto3
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    CreateAwsKmsKeyringInput,
    CreateAwsKmsMrkKeyringInput,
    CreateMultiKeyringInput,
)
from aws_encryption_sdk import CommitmentPolicy, EncryptionSDKClient

from kluis_client import equal, trail

MESSAGE = b"the recipe" * 5000
CONTEXT = {"machine": "m-1", "purpose": "recipes"}

# It logs each refusal that it raises.
logging.getLogger("aws_encryption_sdk").setLevel(logging.CRITICAL + 1)
sdk = EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())


def kms(region="us-east-1"):
    return boto3.client("kms", region_name=region)


def keyring(key, client=None):
    return providers.create_aws_kms_keyring(input=CreateAwsKmsKeyringInput(kms_key_id=key, kms_client=client or kms()))


def mrk_keyring(key, region):
    return providers.create_aws_kms_mrk_keyring(input=CreateAwsKmsMrkKeyringInput(kms_key_id=key, kms_client=kms(region)))


def encrypt(ring):
    return sdk.encrypt(source=MESSAGE, keyring=ring, encryption_context=CONTEXT)[0]


def decrypt(ring, sealed, context=CONTEXT):
    return sdk.decrypt(source=sealed, keyring=ring, encryption_context=context)[0]


def does_not_open(ring, sealed, context=CONTEXT):
    try:
        decrypt(ring, sealed, context)
    except Exception as refusal:
        return refusal
    raise AssertionError("this must not open")


def last_decrypt():
    return [event for event in trail() if event["eventName"] == "Decrypt"][-1]


key, other = (kms().create_key()["KeyMetadata"]["Arn"] for _ in range(2))

# One key.
sealed = encrypt(keyring(key))
assert MESSAGE[:100] not in sealed
equal(decrypt(keyring(key), sealed), MESSAGE)
recorded = last_decrypt()["requestParameters"]["encryptionContext"]
equal({name: recorded[name] for name in CONTEXT}, CONTEXT)

# A context that does not match, a message that was changed, a key that did not seal it.
does_not_open(keyring(key), sealed, {**CONTEXT, "machine": "m-2"})
for at in (len(sealed) // 2, len(sealed) - 1):
    does_not_open(keyring(key), sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
does_not_open(keyring(other), sealed)

# Several keys: each of them opens it alone.
both = providers.create_multi_keyring(input=CreateMultiKeyringInput(generator=keyring(key), child_keyrings=[keyring(other)]))
sealed = encrypt(both)
equal(decrypt(keyring(key), sealed), MESSAGE)
equal(decrypt(keyring(other), sealed), MESSAGE)
kms().disable_key(KeyId=key)
does_not_open(keyring(key), sealed)
equal(last_decrypt()["errorCode"], "DisabledException")
equal(decrypt(keyring(other), sealed), MESSAGE)
kms().enable_key(KeyId=key)

# A multi-Region key: sealed in one region, opened in the other, with the related key there.
primary = kms().create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
replica = kms().replicate_key(KeyId=primary, ReplicaRegion="eu-west-1")["ReplicaKeyMetadata"]["Arn"]
equal(replica, primary.replace("us-east-1", "eu-west-1"))
sealed = encrypt(mrk_keyring(primary, "us-east-1"))
equal(decrypt(mrk_keyring(replica, "eu-west-1"), sealed), MESSAGE)
sealed = encrypt(mrk_keyring(replica, "eu-west-1"))
equal(decrypt(mrk_keyring(primary, "us-east-1"), sealed), MESSAGE)
does_not_open(mrk_keyring(key, "us-east-1"), sealed)
