"""Two accounts in one service: what each has to itself, what it may let the other do, and what the trail says of it."""

import json

from kluis_client import ACCOUNT, OTHER, Login, attempt, client, equal, recorded, refused

DENIED = ("AccessDeniedException", 400)


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, **more):
    return {"Effect": "Allow", "Action": action, "Resource": "*", **more}


def named(policy, at):
    return json.loads(policy)["Statement"][at]["Principal"]["AWS"]


theirs = Login.of_root(profile=OTHER)
kms, their_kms = client("kms"), client("kms", theirs)
iam, their_iam = client("iam"), client("iam", theirs)
for login, account in ((None, ACCOUNT), (theirs, OTHER)):
    who = client("sts", login).get_caller_identity()
    equal((who["Account"], who["Arn"]), (account, f"arn:aws:iam::{account}:root"))

# Names are each account's own.
for of in (iam, their_iam):
    of.create_user(UserName="eve")
    of.put_user_policy(UserName="eve", PolicyName="all", PolicyDocument=document(allow("*")))
eve_login = Login.of_key(their_iam.create_access_key(UserName="eve"))
eve = client("kms", eve_login)
eve_arn = f"arn:aws:iam::{OTHER}:user/eve"
equal(client("sts", eve_login).get_caller_identity()["Arn"], eve_arn)

# A key that is not shared is nothing to the other account: whether it exists does not show.
key = kms.create_key()["KeyMetadata"]["Arn"]
kms.create_alias(AliasName="alias/shared", TargetKeyId=key)
alias = key.split(":key/")[0] + ":alias/shared"
equal(their_kms.list_keys()["Keys"], [])
equal(their_kms.list_aliases()["Aliases"], [])
absent = key[:-12] + "0" * 12
told = [refused(*DENIED, eve.describe_key, KeyId=name).message.replace(name, "NAME") for name in (key, absent, alias, alias + "-none")]
equal(len(set(told)), 1)

# Shared with the account, it works for whom that account gives leave, by ARN and by alias ARN.
root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
shared = document(allow("kms:*", Principal=root), allow(["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:GetKeyPolicy"], Principal={"AWS": f"arn:aws:iam::{OTHER}:root"}))
kms.put_key_policy(KeyId=key, PolicyName="default", Policy=shared)
for name in (key, alias):
    sealed = eve.encrypt(KeyId=name, Plaintext=b"text", EncryptionContext={"a": "b"})
    equal(sealed["KeyId"], key)
    for of in (eve, kms, their_kms):
        equal(of.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext={"a": "b"})["Plaintext"], b"text")
refused("NotFoundException", 400, eve.describe_key, KeyId=key.rsplit("/")[-1])
refused("NotFoundException", 400, eve.describe_key, KeyId="alias/shared")
their_iam.put_user_policy(UserName="eve", PolicyName="not", PolicyDocument=document({"Effect": "Deny", "Action": "kms:Encrypt", "Resource": key}))
refused(*DENIED, eve.encrypt, KeyId=key, Plaintext=b"text")
their_iam.delete_user_policy(UserName="eve", PolicyName="not")

# What is for an account's own keys stays so, whatever the key policy says.
refused(*DENIED, eve.get_key_policy, KeyId=key, PolicyName="default")
refused(*DENIED, eve.disable_key, KeyId=key)

# The record: who called, from where, whose key it was; and both accounts find it.
outcome = attempt(eve.describe_key, KeyId=key)
equal(outcome.code, "")
record = recorded(outcome.request_id)
equal(record["userIdentity"]["accountId"], OTHER)
equal(record["recipientAccountId"], OTHER)
equal([(r["ARN"], r["accountId"]) for r in record["resources"]], [(key, ACCOUNT)])


def finds(login, event):
    events = client("cloudtrail", login).lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": event}])["Events"]
    return {json.loads(found["CloudTrailEvent"])["requestID"] for found in events}


assert outcome.request_id in finds(theirs, "DescribeKey") & finds(None, "DescribeKey")
own = attempt(kms.list_keys)
assert own.request_id in finds(None, "ListKeys") and own.request_id not in finds(theirs, "ListKeys")

# A principal is one user, and not a name.
their_iam.create_user(UserName="temp")
temp_arn = f"arn:aws:iam::{OTHER}:user/temp"
temp_id = their_iam.get_user(UserName="temp")["User"]["UserId"]
for_temp = document(allow("kms:*", Principal=root), allow("kms:DescribeKey", Principal={"AWS": temp_arn}))
kms.put_key_policy(KeyId=key, PolicyName="default", Policy=for_temp)


def temp():
    their_iam.put_user_policy(UserName="temp", PolicyName="all", PolicyDocument=document(allow("*")))
    created = their_iam.create_access_key(UserName="temp")
    return created["AccessKey"]["AccessKeyId"], client("kms", Login.of_key(created))


access_key, first = temp()
first.describe_key(KeyId=key)
equal(named(kms.get_key_policy(KeyId=key)["Policy"], 1), temp_arn)
their_iam.delete_access_key(UserName="temp", AccessKeyId=access_key)
their_iam.delete_user_policy(UserName="temp", PolicyName="all")
their_iam.delete_user(UserName="temp")
equal(named(kms.get_key_policy(KeyId=key)["Policy"], 1), temp_id)
their_iam.create_user(UserName="temp")
refused(*DENIED, temp()[1].describe_key, KeyId=key)
equal(named(kms.get_key_policy(KeyId=key)["Policy"], 1), temp_id)
shown = kms.get_key_policy(KeyId=key)["Policy"]
for policy in (shown, shown.replace(temp_id, f"arn:aws:iam::{OTHER}:user/nobody")):
    outcome = refused("MalformedPolicyDocumentException", 400, kms.put_key_policy, KeyId=key, PolicyName="default", Policy=policy)
    equal(outcome.message, "Policy contains a statement with one or more invalid principals.")

# A role is taken across accounts where both allow.
trust = document({"Effect": "Allow", "Principal": {"AWS": eve_arn}, "Action": "sts:AssumeRole"})
role = iam.create_role(RoleName="visited", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
session = Login.of_session(client("sts", eve_login).assume_role(RoleArn=role, RoleSessionName="visit"))
equal(client("sts", session).get_caller_identity()["Account"], ACCOUNT)
refused("AccessDenied", 403, client("sts", Login.of_key(iam.create_access_key(UserName="eve"))).assume_role, RoleArn=role, RoleSessionName="visit")

# Buckets: one space of names, each with one owner.
s3, their_s3 = client("s3"), client("s3", theirs)
s3.create_bucket(Bucket="ours")
s3.put_object(Bucket="ours", Key="object", Body=b"bytes")
refused("BucketAlreadyExists", 409, their_s3.create_bucket, Bucket="ours")
for call, parameters in ((their_s3.get_object, {"Key": "object"}), (their_s3.put_object, {"Key": "other", "Body": b"x"}), (their_s3.list_objects_v2, {}), (their_s3.delete_bucket, {})):
    refused("AccessDenied", 403, call, Bucket="ours", **parameters)
equal(their_s3.list_buckets()["Buckets"], [])
equal(s3.get_object(Bucket="ours", Key="object")["Body"].read(), b"bytes")
