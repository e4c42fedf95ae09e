"""boto3 calls every operation of KMS's model that is served, once as a dry run where it can be, and once for good; the others say that they are not served."""

import os

import boto3

from kluis_client import ACCOUNT, attempt, equal, refused

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

MESSAGE = b"text"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
FOR_EVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
STORE = {"CustomKeyStoreId": "cks-1234567890abcdef0"}
NOT_SERVED = {
    "ConnectCustomKeyStore": STORE,
    "CreateCustomKeyStore": {"CustomKeyStoreName": "store"},
    "DeleteCustomKeyStore": STORE,
    "DescribeCustomKeyStores": {},
    "DisconnectCustomKeyStore": STORE,
    "UpdateCustomKeyStore": STORE,
}

clients = {region: boto3.client("kms", region_name=region) for region in ("us-east-1", "eu-west-1")}
model = clients["us-east-1"].meta.service_model
called = set()


def call(name, region="us-east-1", **parameters):
    """The operation's answer; before it, the refusal of the dry run."""
    method = lambda **given: clients[region]._make_api_call(name, given)
    if "DryRun" in model.operation_model(name).input_shape.members:
        refused("DryRunOperationException", 400, method, **parameters, DryRun=True)
    answer = method(**parameters)
    called.add(name)
    known = model.operation_model(name).output_shape
    assert set(answer) - {"ResponseMetadata"} <= set(known.members if known else ()), (name, answer)
    return answer


def make(**parameters):
    return call("CreateKey", **parameters)["KeyMetadata"]["Arn"]


# A key's life.
key = make(Description="one", Tags=[{"TagKey": "a", "TagValue": "b"}])
other = make()
equal(call("DescribeKey", KeyId=key)["KeyMetadata"]["Description"], "one")
call("UpdateKeyDescription", KeyId=key, Description="two")
equal(call("DescribeKey", KeyId=key)["KeyMetadata"]["Description"], "two")
call("TagResource", KeyId=key, Tags=[{"TagKey": "c", "TagValue": "d"}])
call("UntagResource", KeyId=key, TagKeys=["a"])
equal(call("ListResourceTags", KeyId=key)["Tags"], [{"TagKey": "c", "TagValue": "d"}])
call("DisableKey", KeyId=key)
equal(call("DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"], "Disabled")
call("EnableKey", KeyId=key)
equal({k["KeyArn"] for k in call("ListKeys")["Keys"]}, {key, other})
call("CreateAlias", AliasName="alias/one", TargetKeyId=key)
call("UpdateAlias", AliasName="alias/one", TargetKeyId=other)
equal(call("ListAliases", KeyId=other)["Aliases"][0]["AliasName"], "alias/one")
call("DeleteAlias", AliasName="alias/one")
policy = call("GetKeyPolicy", KeyId=key, PolicyName="default")["Policy"]
call("PutKeyPolicy", KeyId=key, PolicyName="default", Policy=policy)
equal(call("ListKeyPolicies", KeyId=key)["PolicyNames"], ["default"])
call("EnableKeyRotation", KeyId=key, RotationPeriodInDays=90)
equal(call("GetKeyRotationStatus", KeyId=key)["RotationPeriodInDays"], 90)
call("DisableKeyRotation", KeyId=key)

# Encryption, before and after a rotation.
blob = call("Encrypt", KeyId=key, Plaintext=MESSAGE)["CiphertextBlob"]
assert key.endswith(call("RotateKeyOnDemand", KeyId=key)["KeyId"])
assert call("ListKeyRotations", KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
equal(call("Decrypt", CiphertextBlob=blob)["Plaintext"], MESSAGE)
again = call("ReEncrypt", CiphertextBlob=blob, DestinationKeyId=other)
equal((again["SourceKeyId"], again["KeyId"]), (key, other))
equal(call("Decrypt", CiphertextBlob=again["CiphertextBlob"])["Plaintext"], MESSAGE)
equal(len(call("GenerateDataKey", KeyId=key, KeySpec="AES_256")["Plaintext"]), 32)
equal(len(call("Decrypt", CiphertextBlob=call("GenerateDataKeyWithoutPlaintext", KeyId=key, NumberOfBytes=64)["CiphertextBlob"])["Plaintext"]), 64)
assert call("GenerateDataKeyPair", KeyId=key, KeyPairSpec="ECC_NIST_P256")["PrivateKeyPlaintext"]
assert call("GenerateDataKeyPairWithoutPlaintext", KeyId=key, KeyPairSpec="ECC_NIST_P256")["PublicKey"]
equal(len(call("GenerateRandom", NumberOfBytes=33)["Plaintext"]), 33)
assert key.endswith(call("GetKeyLastUsage", KeyId=key)["KeyId"])

# Signatures, MACs, agreement, encapsulation.
signs = make(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
signed = {"KeyId": signs, "Message": MESSAGE, "SigningAlgorithm": "ECDSA_SHA_256"}
equal(call("Verify", **signed, Signature=call("Sign", **signed)["Signature"])["SignatureValid"], True)
equal(call("GetPublicKey", KeyId=signs)["SigningAlgorithms"], ["ECDSA_SHA_256"])
macs = {"KeyId": make(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC"), "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_256"}
equal(call("VerifyMac", **macs, Mac=call("GenerateMac", **macs)["Mac"])["MacValid"], True)
agrees = make(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
peer = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
equal(len(call("DeriveSharedSecret", KeyId=agrees, KeyAgreementAlgorithm="ECDH", PublicKey=peer)["SharedSecret"]), 32)
capsule = {"KeyId": make(KeySpec="ML_KEM_768", KeyUsage="ENCAPSULATE_DECAPSULATE"), "EncapsulationAlgorithm": "ML_KEM"}
made = call("Encapsulate", **capsule)
equal(call("Decapsulate", **capsule, SharedSecretCiphertextBlob=made["SharedSecretCiphertextBlob"])["SharedSecret"], made["SharedSecret"])

# Grants: one that is revoked, one that is retired.
grant = {"KeyId": key, "GranteePrincipal": ROOT, "RetiringPrincipal": ROOT, "Operations": ["Decrypt"]}
first, second = (call("CreateGrant", **grant, Name=name)["GrantId"] for name in ("first", "second"))
# The dry runs are of grants that are not there yet, and so are the grants' names of others.
equal({g["GrantId"] for g in call("ListGrants", KeyId=key)["Grants"]}, {first, second})
equal({g["GrantId"] for g in call("ListRetirableGrants", RetiringPrincipal=ROOT)["Grants"]}, {first, second})
call("RevokeGrant", KeyId=key, GrantId=first)
call("RetireGrant", KeyId=key, GrantId=second)
equal(call("ListGrants", KeyId=key)["Grants"], [])

# Material from outside.
outside = make(Origin="EXTERNAL")
given = call("GetParametersForImport", KeyId=outside, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
wrapped = serialization.load_der_public_key(given["PublicKey"]).encrypt(os.urandom(32), padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
equal(call("ImportKeyMaterial", KeyId=outside, ImportToken=given["ImportToken"], EncryptedKeyMaterial=wrapped, **FOR_EVER)["KeyId"], outside)
call("DeleteImportedKeyMaterial", KeyId=outside)

# Two regions.
primary = make(MultiRegion=True)
replica = call("ReplicateKey", KeyId=primary, ReplicaRegion="eu-west-1")["ReplicaKeyMetadata"]["Arn"]
call("UpdatePrimaryRegion", KeyId=primary, PrimaryRegion="eu-west-1")
configuration = call("DescribeKey", "eu-west-1", KeyId=replica)["KeyMetadata"]["MultiRegionConfiguration"]
equal((configuration["PrimaryKey"]["Arn"], configuration["MultiRegionKeyType"]), (replica, "PRIMARY"))

# The end.
equal(call("ScheduleKeyDeletion", KeyId=other, PendingWindowInDays=7)["KeyId"], other)
equal(call("CancelKeyDeletion", KeyId=other)["KeyId"], other)

for name, parameters in NOT_SERVED.items():
    outcome = attempt(lambda **given: clients["us-east-1"]._make_api_call(name, given), **parameters)
    equal((name, outcome.code, outcome.status), (name, "UnsupportedOperationException", 400))
equal(called | set(NOT_SERVED), set(model.operation_names))
