"""Every operation: unsigned, and signed by a user without any leave. Nothing is carried out, and everything is told of."""

import json
import sys
import time

from kluis_client import STRANGER, ACCOUNT, Login, attempt, client, equal, fact, send, strangers, trail

operations = {service: set(names) for service, names in json.load(sys.stdin).items()}

# Something of everything, so that a refusal is for want of leave and not for want of a thing.
kms, iam, s3 = client("kms"), client("iam"), client("s3")
key = kms.create_key()["KeyMetadata"]["Arn"]
spare = kms.create_key()["KeyMetadata"]["Arn"]
kms.create_alias(AliasName="alias/there", TargetKeyId=key)
blob = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
iam.create_user(UserName="somebody")
access_key = iam.create_access_key(UserName="somebody")["AccessKey"]["AccessKeyId"]
nobody = iam.create_user(UserName="nobody")["User"]["Arn"]
login = Login.of_key(iam.create_access_key(UserName="nobody"))
trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}]})
policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
key_policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}]})
role = iam.create_role(RoleName="there", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
iam.put_role_policy(RoleName="there", PolicyName="there", PolicyDocument=policy)
iam.put_user_policy(UserName="somebody", PolicyName="there", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}))
managed, spare_managed = (iam.create_policy(PolicyName=name, PolicyDocument=policy)["Policy"]["Arn"] for name in ("managed", "spare"))
iam.create_policy_version(PolicyArn=managed, PolicyDocument=policy)
iam.attach_role_policy(RoleName="there", PolicyArn=managed)
iam.attach_user_policy(UserName="somebody", PolicyArn=managed)
s3.create_bucket(Bucket="there")
s3.put_object(Bucket="there", Key="object", Body=b"bytes")
tags = [{"Key": "a", "Value": "b"}]
cloudwatch, quotas = client("cloudwatch"), client("service-quotas")
a_rule = {"Namespace": "Test", "MetricName": "there", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore"}
cloudwatch.put_metric_alarm(AlarmName="there", **a_rule)
cloudwatch.put_metric_data(Namespace="Test", MetricData=[{"MetricName": "there", "Value": 1.0}])

a_key, a_store = {"KeyId": key}, {"CustomKeyStoreId": "cks-1234567890abcdef0"}
user, a_role = {"UserName": "somebody"}, {"RoleName": "there"}
a_policy, a_version = {"PolicyArn": managed}, {"PolicyArn": managed, "VersionId": "v2"}
an_alarm, a_quota = {"AlarmNames": ["there"]}, {"ServiceCode": "kms", "QuotaCode": "L-6E3AF000"}
an_hour = {"StartTime": "2026-01-01T00:00:00Z", "EndTime": "2026-01-01T01:00:00Z"}
bucket, an_object = {"Bucket": "there"}, {"Bucket": "there", "Key": "object"}
CASES = {
    "kms": {
        "CancelKeyDeletion": a_key,
        "ConnectCustomKeyStore": a_store,
        "CreateAlias": {"AliasName": "alias/new", "TargetKeyId": key},
        "CreateCustomKeyStore": {"CustomKeyStoreName": "store"},
        "CreateGrant": {**a_key, "GranteePrincipal": nobody, "Operations": ["Decrypt"]},
        "CreateKey": {},
        "Decapsulate": {**a_key, "SharedSecretCiphertextBlob": b"bytes", "EncapsulationAlgorithm": "ML_KEM"},
        "Decrypt": {"CiphertextBlob": blob},
        "DeleteAlias": {"AliasName": "alias/there"},
        "DeleteCustomKeyStore": a_store,
        "DeleteImportedKeyMaterial": a_key,
        "DeriveSharedSecret": {**a_key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": b"bytes"},
        "DescribeCustomKeyStores": {},
        "DescribeKey": a_key,
        "DisableKey": a_key,
        "DisableKeyRotation": a_key,
        "DisconnectCustomKeyStore": a_store,
        "EnableKey": a_key,
        "EnableKeyRotation": a_key,
        "Encapsulate": {**a_key, "EncapsulationAlgorithm": "ML_KEM"},
        "Encrypt": {"KeyId": "alias/there", "Plaintext": b"text"},
        "GenerateDataKey": {**a_key, "KeySpec": "AES_256"},
        "GenerateDataKeyPair": {**a_key, "KeyPairSpec": "ECC_NIST_P256"},
        "GenerateDataKeyPairWithoutPlaintext": {**a_key, "KeyPairSpec": "ECC_NIST_P256"},
        "GenerateDataKeyWithoutPlaintext": {**a_key, "KeySpec": "AES_256"},
        "GenerateMac": {**a_key, "Message": b"text", "MacAlgorithm": "HMAC_SHA_256"},
        "GenerateRandom": {"NumberOfBytes": 32},
        "GetKeyLastUsage": a_key,
        "GetKeyPolicy": {**a_key, "PolicyName": "default"},
        "GetKeyRotationStatus": a_key,
        "GetParametersForImport": {**a_key, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"},
        "GetPublicKey": a_key,
        "ImportKeyMaterial": {**a_key, "ImportToken": b"bytes", "EncryptedKeyMaterial": b"bytes"},
        "ListAliases": {},
        "ListGrants": a_key,
        "ListKeyPolicies": a_key,
        "ListKeyRotations": a_key,
        "ListKeys": {},
        "ListResourceTags": a_key,
        "ListRetirableGrants": {"RetiringPrincipal": role},
        "PutKeyPolicy": {**a_key, "PolicyName": "default", "Policy": key_policy},
        "ReEncrypt": {"CiphertextBlob": blob, "DestinationKeyId": spare},
        "ReplicateKey": {**a_key, "ReplicaRegion": "eu-west-1"},
        "RetireGrant": {**a_key, "GrantId": "0" * 64},
        "RevokeGrant": {**a_key, "GrantId": "0" * 64},
        "RotateKeyOnDemand": a_key,
        "ScheduleKeyDeletion": a_key,
        "Sign": {**a_key, "Message": b"text", "SigningAlgorithm": "ECDSA_SHA_256"},
        "TagResource": {**a_key, "Tags": [{"TagKey": "a", "TagValue": "b"}]},
        "UntagResource": {**a_key, "TagKeys": ["a"]},
        "UpdateAlias": {"AliasName": "alias/there", "TargetKeyId": spare},
        "UpdateCustomKeyStore": a_store,
        "UpdateKeyDescription": {**a_key, "Description": "other"},
        "UpdatePrimaryRegion": {**a_key, "PrimaryRegion": "eu-west-1"},
        "Verify": {**a_key, "Message": b"text", "Signature": b"bytes", "SigningAlgorithm": "ECDSA_SHA_256"},
        "VerifyMac": {**a_key, "Message": b"text", "Mac": b"bytes", "MacAlgorithm": "HMAC_SHA_256"},
    },
    "iam": {
        "AttachRolePolicy": {**a_role, "PolicyArn": spare_managed},
        # Another temptation: all there is, for oneself.
        "AttachUserPolicy": {"UserName": "nobody", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
        "CreateAccessKey": user,
        "CreatePolicy": {"PolicyName": "new", "PolicyDocument": policy},
        "CreatePolicyVersion": {**a_policy, "PolicyDocument": policy, "SetAsDefault": True},
        "CreateRole": {"RoleName": "new", "AssumeRolePolicyDocument": trust},
        "CreateUser": {"UserName": "new"},
        "DeleteAccessKey": {**user, "AccessKeyId": access_key},
        "DeletePolicy": {"PolicyArn": spare_managed},
        "DeletePolicyVersion": a_version,
        "DeleteRole": a_role,
        "DeleteRolePolicy": {**a_role, "PolicyName": "there"},
        "DeleteUser": user,
        "DeleteUserPolicy": {**user, "PolicyName": "there"},
        "DetachRolePolicy": {**a_role, **a_policy},
        "DetachUserPolicy": {**user, **a_policy},
        "GetPolicy": a_policy,
        "GetPolicyVersion": a_version,
        "GetRole": a_role,
        "GetRolePolicy": {**a_role, "PolicyName": "there"},
        "GetUser": user,
        "GetUserPolicy": {**user, "PolicyName": "there"},
        "ListAccessKeys": user,
        "ListAttachedRolePolicies": a_role,
        "ListAttachedUserPolicies": user,
        "ListEntitiesForPolicy": a_policy,
        "ListPolicies": {},
        "ListPolicyVersions": a_policy,
        "ListRolePolicies": a_role,
        "ListRoleTags": a_role,
        "ListRoles": {},
        "ListUserPolicies": user,
        "ListUserTags": user,
        "ListUsers": {},
        "PutRolePolicy": {**a_role, "PolicyName": "new", "PolicyDocument": policy},
        # The greatest temptation: oneself.
        "PutUserPolicy": {"UserName": "nobody", "PolicyName": "new", "PolicyDocument": policy},
        "SetDefaultPolicyVersion": a_version,
        "TagRole": {**a_role, "Tags": tags},
        "TagUser": {**user, "Tags": tags},
        "UntagRole": {**a_role, "TagKeys": ["a"]},
        "UntagUser": {**user, "TagKeys": ["a"]},
        "UpdateAccessKey": {**user, "AccessKeyId": access_key, "Status": "Inactive"},
        "UpdateAssumeRolePolicy": {**a_role, "PolicyDocument": trust},
        "UpdateRole": {**a_role, "Description": "other"},
    },
    "sts": {
        "AssumeRole": {"RoleArn": role, "RoleSessionName": "session"},
        "GetCallerIdentity": {},
    },
    "cloudtrail": {"LookupEvents": {}},
    "monitoring": {
        "DeleteAlarms": an_alarm,
        "DescribeAlarmHistory": {},
        "DescribeAlarms": {},
        "DescribeAlarmsForMetric": {"Namespace": "Test", "MetricName": "there"},
        "DisableAlarmActions": an_alarm,
        "EnableAlarmActions": an_alarm,
        "GetMetricData": {"MetricDataQueries": [{"Id": "e1", "Expression": "1"}], **an_hour},
        "GetMetricStatistics": {"Namespace": "Test", "MetricName": "there", "Period": 60, "Statistics": ["Sum"], **an_hour},
        "ListMetrics": {},
        "PutMetricAlarm": {"AlarmName": "new", **a_rule},
        "PutMetricData": {"Namespace": "Test", "MetricData": [{"MetricName": "new", "Value": 1.0}]},
        "SetAlarmState": {"AlarmName": "there", "StateValue": "ALARM", "StateReason": "mine"},
    },
    "servicequotas": {
        "GetAWSDefaultServiceQuota": a_quota,
        "GetRequestedServiceQuotaChange": {"RequestId": "0123456789"},
        "GetServiceQuota": a_quota,
        "ListAWSDefaultServiceQuotas": {"ServiceCode": "kms"},
        "ListRequestedServiceQuotaChangeHistory": {},
        "ListRequestedServiceQuotaChangeHistoryByQuota": a_quota,
        "ListServiceQuotas": {"ServiceCode": "kms"},
        "ListServices": {},
        "RequestServiceQuotaIncrease": {**a_quota, "DesiredValue": 20_000.0},
    },
    "s3": {
        "ListBuckets": {},
        "CreateBucket": {"Bucket": "new-bucket"},
        "HeadBucket": bucket,
        "DeleteBucket": bucket,
        "GetBucketLocation": bucket,
        "PutObject": {**an_object, "Body": b"other"},
        "GetObject": an_object,
        "HeadObject": an_object,
        "DeleteObject": an_object,
        "DeleteObjects": {**bucket, "Delete": {"Objects": [{"Key": "object"}]}},
        "ListObjects": bucket,
        "ListObjectsV2": bucket,
    },
}
# The one that needs no leave: who am I?
FREE = ("sts", "GetCallerIdentity")
# What a stranger is told, and a user without leave: by protocol, and where there is no body, by status.
UNSIGNED = {"kms": ("MissingAuthenticationTokenException", 400), "cloudtrail": ("MissingAuthenticationTokenException", 400), "monitoring": ("MissingAuthenticationTokenException", 400), "servicequotas": ("MissingAuthenticationTokenException", 400), "iam": ("MissingAuthenticationToken", 403), "sts": ("MissingAuthenticationToken", 403), "s3": ("AccessDenied", 403)}
DENIED = {"kms": ("AccessDeniedException", 400), "cloudtrail": ("AccessDeniedException", 400), "monitoring": ("AccessDenied", 403), "servicequotas": ("AccessDeniedException", 400), "iam": ("AccessDenied", 403), "sts": ("AccessDenied", 403), "s3": ("AccessDenied", 403)}

# Where botocore has another name for a service than credential scopes and the trail.
BOTOCORES = {"monitoring": "cloudwatch", "servicequotas": "service-quotas"}

for service, names in operations.items():
    equal((service, set(CASES[service])), (service, names))


def method(of, name):
    return lambda **parameters: of._make_api_call(name, parameters)


def state():
    """Everything that any of the operations could have changed."""
    keys = sorted(k["KeyId"] for k in kms.list_keys()["Keys"])
    metadata = [kms.describe_key(KeyId=k)["KeyMetadata"] for k in keys]
    found = [
        [{k: v for k, v in m.items()} for m in metadata],
        [kms.get_key_policy(KeyId=k)["Policy"] for k in keys],
        kms.list_aliases()["Aliases"],
        iam.list_users()["Users"],
        iam.list_roles()["Roles"],
        [(n, iam.list_user_policies(UserName=n)["PolicyNames"], iam.list_user_tags(UserName=n)["Tags"], iam.list_access_keys(UserName=n)["AccessKeyMetadata"]) for n in ("nobody", "somebody")],
        iam.list_role_policies(RoleName="there")["PolicyNames"],
        iam.list_role_tags(RoleName="there")["Tags"],
        iam.list_policies()["Policies"],
        iam.list_policy_versions(PolicyArn=managed)["Versions"],
        iam.list_attached_role_policies(RoleName="there")["AttachedPolicies"],
        [iam.list_attached_user_policies(UserName=n)["AttachedPolicies"] for n in ("nobody", "somebody")],
        [{k: v for k, v in a.items() if not k.startswith("State")} for a in cloudwatch.describe_alarms()["MetricAlarms"]],
        cloudwatch.list_metrics(Namespace="Test")["Metrics"],
        quotas.list_requested_service_quota_change_history()["RequestedQuotas"],
        [b["Name"] for b in s3.list_buckets()["Buckets"]],
        [(o["Key"], o["ETag"], str(o["LastModified"])) for o in s3.list_objects_v2(Bucket="there")["Contents"]],
    ]
    return json.loads(json.dumps(found, default=str))


def told(service, name, outcome, wanted):
    code, status = wanted
    if name.startswith("Head"):
        # An answer to HEAD has no body, and botocore makes a code of its status.
        code = str(status)
    assert (outcome.code, outcome.status) == (code, status), f"{service}:{name}: wanted {status} {code}, got {outcome}"


before = state()

# Unsigned.
count = 0
for service, cases in CASES.items():
    stranger = client(BOTOCORES.get(service, service), STRANGER)
    for name, parameters in cases.items():
        told(service, name, attempt(method(stranger, name), **parameters), UNSIGNED[service])
        count += 1
# Samples are bounded by the second, counts are not: one more in the next second tells how many there were.
time.sleep(1.1)
last = send("GET", "/there/object")
equal(last.status, 403)
sample = strangers()[-1]
equal((sample["seen"], sample["event"]["requestID"]), (count + 1, last.request_id))
assert len(strangers()) <= 3 * 10, "samples are bounded"
named = {event["requestID"] for event in trail()}
assert not any(s["event"]["requestID"] in named for s in strangers()), "a stranger is not in the chain"

# Signed, without leave.
outcomes = []
for service, cases in CASES.items():
    denied = client(BOTOCORES.get(service, service), login)
    for name, parameters in cases.items():
        outcome = attempt(method(denied, name), **parameters)
        if (service, name) == FREE:
            equal((outcome.code, outcome.answer["Arn"]), ("", nobody))
        else:
            told(service, name, outcome, DENIED[service])
            assert not outcome.message or nobody in outcome.message or name.startswith("Head"), outcome
        outcomes.append((service, name, outcome))
records = {event["requestID"]: event for event in trail()}
for service, name, outcome in outcomes:
    record = records.get(outcome.request_id)
    assert record, f"{service}:{name} is not in the trail"
    event_name = {"ListObjectsV2": "ListObjects"}.get(name, name)
    assert record["eventName"] in (name, event_name), record
    equal(record["eventSource"], f"{service}.amazonaws.com")
    equal(record["userIdentity"]["arn"], nobody)
    equal(record.get("errorCode"), None if (service, name) == FREE else DENIED[service][0])
    equal(record["responseElements"], None)

assert state() == before, "a refused request has changed something"
fact("authority", {"unsigned": sorted(CASES["kms"]), "denied and on record": sorted(name for service, name, _ in outcomes if service == "kms")})


# What S3 has and this service has not: also that is said, and told of.
def sample_of(shape, depth=0):
    kind = shape.type_name
    if kind == "structure":
        return {name: sample_of(shape.members[name], depth + 1) for name in shape.required_members}
    if kind == "list":
        return [sample_of(shape.member, depth + 1)]
    if kind == "map":
        return {}
    if kind in ("integer", "long"):
        return 1
    if kind == "boolean":
        return True
    if kind == "timestamp":
        return "2026-01-01T00:00:00Z"
    if kind == "blob":
        return b"bytes"
    return shape.enum[0] if getattr(shape, "enum", None) else "there"


denied = client("s3", login, inject_host_prefix=False)
model = denied.meta.service_model
# What cannot be made up from a shape.
KNOWN = {
    "CopyObject": {**an_object, "CopySource": "there/object"},
    "UploadPartCopy": {**an_object, "CopySource": "there/object", "PartNumber": 1, "UploadId": "there"},
    "CompleteMultipartUpload": {**an_object, "UploadId": "there", "MultipartUpload": {"Parts": [{"ETag": "there", "PartNumber": 1}]}},
    "PutObjectLegalHold": {**an_object, "LegalHold": {"Status": "ON"}},
    "PutObjectRetention": {**an_object, "Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": "2030-01-01T00:00:00Z"}},
}
# Signed for another service than S3, and so by nobody who is believed.
ELSEWHERE = {"ListDirectoryBuckets", "WriteGetObjectResponse"}
missing = []
for name in sorted(set(model.operation_names) - operations["s3"]):
    shape = model.operation_model(name).input_shape
    parameters = KNOWN.get(name) or (sample_of(shape) if shape else {})
    missing.append((name, attempt(method(denied, name), **parameters)))
records = {event["requestID"]: event for event in trail()}
wrong = []
for name, outcome in missing:
    record = records.get(outcome.request_id, {})
    wanted = [("NotImplemented", 501)]
    if name in ELSEWHERE:
        wanted = [("SignatureDoesNotMatch", 403), ("AuthorizationHeaderMalformed", 400)]
    elif name.startswith(("PutBucket", "UpdateBucket")):
        # A document that belongs to nothing known is also rightly called malformed.
        wanted.append(("MalformedXML", 400))
    told_of = name in ELSEWHERE or record.get("errorCode") == outcome.code
    if (outcome.code, outcome.status) not in wanted or not told_of:
        wrong.append((name, outcome, record.get("errorCode")))
assert not wrong, "\n".join(map(repr, wrong))
assert len(missing) > 80
assert state() == before, "an operation that is not there has changed something"
