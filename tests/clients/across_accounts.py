"""Each operation of KMS by one account on a key of another whose policy allows everything: it is carried out where the API reference says so, and nowhere else."""

import configparser
import json
import os
import re

from kluis_client import ACCOUNT, Login, attempt, client, equal, fact
from model import FITTING, sample

OTHER = "444455556666"
# What is said of a key that is not to be used from elsewhere.
KEPT_OUT = {"AccessDeniedException", "NotFoundException", "InvalidArnException"}

file = configparser.ConfigParser()
file.read(os.environ["AWS_SHARED_CREDENTIALS_FILE"])
visitor = client("kms", Login(file[OTHER]["aws_access_key_id"], file[OTHER]["aws_secret_access_key"]))
owner = client("kms")
model = owner.meta.service_model


def document(*accounts):
    allowed = [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"} for account in accounts]
    return json.dumps({"Version": "2012-10-17", "Statement": allowed})


def shared(spec="SYMMETRIC_DEFAULT", usage="ENCRYPT_DECRYPT", origin="AWS_KMS"):
    return owner.create_key(KeySpec=spec, KeyUsage=usage, Origin=origin, Policy=document(ACCOUNT, OTHER))["KeyMetadata"]["Arn"]


key = shared()
blob = owner.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
grants = [owner.create_grant(KeyId=key, GranteePrincipal=f"arn:aws:iam::{OTHER}:root", RetiringPrincipal=f"arn:aws:iam::{OTHER}:root", Operations=["Decrypt"], Name=name)["GrantId"] for name in "ab"]
signs = {"KeyId": shared("ECC_NIST_P256", "SIGN_VERIFY"), "Message": b"text", "SigningAlgorithm": "ECDSA_SHA_256"}
macs = {"KeyId": shared("HMAC_256", "GENERATE_VERIFY_MAC"), "Message": b"text", "MacAlgorithm": "HMAC_SHA_256"}
capsule = {"KeyId": shared("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"), "EncapsulationAlgorithm": "ML_KEM"}
agrees = shared("ECC_NIST_P256", "KEY_AGREEMENT")
# What a made-up request cannot be carried out with.
KNOWN = {
    "CreateGrant": {"KeyId": key, "GranteePrincipal": f"arn:aws:iam::{OTHER}:root", "Operations": ["Encrypt"]},
    "Decapsulate": {**capsule, "SharedSecretCiphertextBlob": owner.encapsulate(**capsule)["SharedSecretCiphertextBlob"]},
    "Decrypt": {"CiphertextBlob": blob},
    "DeriveSharedSecret": {"KeyId": agrees, "KeyAgreementAlgorithm": "ECDH", "PublicKey": owner.get_public_key(KeyId=shared("ECC_NIST_P256", "KEY_AGREEMENT"))["PublicKey"]},
    "Encapsulate": capsule,
    "GenerateDataKey": {"KeyId": key, "KeySpec": "AES_256"},
    "GenerateDataKeyPair": {"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"},
    "GenerateDataKeyPairWithoutPlaintext": {"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"},
    "GenerateDataKeyWithoutPlaintext": {"KeyId": key, "KeySpec": "AES_256"},
    "GenerateMac": macs,
    "GetPublicKey": {"KeyId": signs["KeyId"]},
    "PutKeyPolicy": {"KeyId": key, "Policy": document(OTHER)},
    "ReEncrypt": {"CiphertextBlob": blob, "DestinationKeyId": key},
    "RetireGrant": {"KeyId": key, "GrantId": grants[0]},
    "RevokeGrant": {"KeyId": key, "GrantId": grants[1]},
    "Sign": signs,
    "Verify": {**signs, "Signature": owner.sign(**signs)["Signature"]},
    "VerifyMac": {**macs, "Mac": owner.generate_mac(**macs)["Mac"]},
}
# They name no key of anybody's.
KEYLESS = {"CreateKey", "GenerateRandom", "ListAliases", "ListKeys", "ListRetirableGrants"}


def word(operation):
    said = re.search(r"<b>Cross-account use</b>:?\s*(\w+)", operation.documentation)
    return said.group(1).lower() if said else ""


def state():
    return [owner.describe_key(KeyId=key)["KeyMetadata"], owner.get_key_policy(KeyId=key)["Policy"], owner.list_aliases()["Aliases"], owner.list_resource_tags(KeyId=key)["Tags"]]


FITTING.update(KeyIdType=key, PolicyType=document(OTHER))
before, shown = state(), {}
for name in model.operation_names:
    operation = model.operation_model(name)
    if name in KEYLESS or "CustomKeyStore" in name:
        continue
    outcome = attempt(lambda **given: visitor._make_api_call(name, given), **KNOWN.get(name) or sample(operation.input_shape))
    if word(operation) == "yes":
        equal((name, outcome.code, outcome.message), (name, "", ""))
    else:
        assert outcome.code in KEPT_OUT, (name, outcome)
    shown[name] = word(operation)
equal(state(), before)

# What has no key in its request stays within its own account.
equal(visitor.list_keys()["Keys"], [])
equal(visitor.list_aliases()["Aliases"], [])
made = visitor.create_key()["KeyMetadata"]
equal(made["AWSAccountId"], OTHER)
for name in ("CreateKey", "ListAliases", "ListKeys"):
    shown[name] = "no"
fact("across-accounts", shown)
