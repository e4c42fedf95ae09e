"""The machine's role: one object, one key, and only as long as it is given."""

import json

from kluis_client import ACCOUNT, Login, attempt, client, equal, recorded, refused

kms, iam, s3, sts = client("kms"), client("iam"), client("s3"), client("sts")


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


# The administrator's part.
key = kms.create_key()["KeyMetadata"]["Arn"]
other_key = kms.create_key()["KeyMetadata"]["Arn"]
kms.create_alias(AliasName="alias/EncFSForEC2InternalStorageKey", TargetKeyId=key)
blob = kms.encrypt(KeyId="alias/EncFSForEC2InternalStorageKey", Plaintext=b"the secret")["CiphertextBlob"]
other_blob = kms.encrypt(KeyId=other_key, Plaintext=b"another secret")["CiphertextBlob"]
s3.create_bucket(Bucket="secrets")
s3.put_object(Bucket="secrets", Key="LuksInternalStorageKey", Body=blob)
s3.put_object(Bucket="secrets", Key="LuksInternalStorageKey2", Body=other_blob)
operator = iam.create_user(UserName="operator")["User"]["Arn"]
operator_login = Login.of_key(iam.create_access_key(UserName="operator"))
trust = document({"Effect": "Allow", "Principal": {"AWS": operator}, "Action": "sts:AssumeRole"})
role = iam.create_role(RoleName="machine", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
iam.put_role_policy(RoleName="machine", PolicyName="fetch", PolicyDocument=document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::secrets/LuksInternalStorageKey"}))
iam.put_user_policy(UserName="operator", PolicyName="assume", PolicyDocument=document({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}))
delegation = {"Sid": "owner", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
grant = {"Sid": "machine", "Effect": "Allow", "Principal": {"AWS": role}, "Action": "kms:Decrypt", "Resource": "*"}

# The machine's.
machine_arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/machine/i-0123"
machine = Login.of_session(client("sts", operator_login).assume_role(RoleArn=role, RoleSessionName="i-0123"))
m_kms, m_s3 = client("kms", machine), client("s3", machine)
equal(client("sts", machine).get_caller_identity()["Arn"], machine_arn)


def unwrap():
    fetched = m_s3.get_object(Bucket="secrets", Key="LuksInternalStorageKey")["Body"].read()
    return attempt(m_kms.decrypt, CiphertextBlob=fetched, KeyId=key)


# Before the key policy names it, the role has no key.
outcome = unwrap()
equal((outcome.code, outcome.status), ("AccessDeniedException", 400))
equal(outcome.message, f"User: {machine_arn} is not authorized to perform: kms:Decrypt on resource: {key} because no identity-based policy allows the kms:Decrypt action")

# After: exactly this.
kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(delegation, grant))
outcome = unwrap()
equal((outcome.code, outcome.answer.get("Plaintext"), outcome.answer.get("KeyId")), ("", b"the secret", key))
record = recorded(outcome.request_id)
equal(record["userIdentity"]["type"], "AssumedRole")
equal(record["userIdentity"]["arn"], machine_arn)
equal(record["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"], role)
equal([r["ARN"] for r in record["resources"]], [key])
assert "the secret" not in json.dumps(record)

# And nothing else: no other object, no other verb, no other key.
refused("AccessDenied", 403, m_s3.get_object, Bucket="secrets", Key="LuksInternalStorageKey2")
refused("AccessDenied", 403, m_s3.get_object, Bucket="secrets", Key="not-there")
refused("AccessDenied", 403, m_s3.put_object, Bucket="secrets", Key="LuksInternalStorageKey", Body=b"mine")
refused("AccessDenied", 403, m_s3.delete_object, Bucket="secrets", Key="LuksInternalStorageKey")
refused("AccessDenied", 403, m_s3.list_objects_v2, Bucket="secrets")
refused("AccessDenied", 403, m_s3.list_buckets)
refused("AccessDeniedException", 400, m_kms.decrypt, CiphertextBlob=other_blob)
refused("AccessDeniedException", 400, m_kms.encrypt, KeyId=key, Plaintext=b"mine")
refused("AccessDeniedException", 400, m_kms.generate_data_key, KeyId=key, KeySpec="AES_256")
refused("AccessDeniedException", 400, m_kms.describe_key, KeyId=key)
refused("AccessDeniedException", 400, m_kms.schedule_key_deletion, KeyId=key)
refused("AccessDeniedException", 400, m_kms.put_key_policy, KeyId=key, PolicyName="default", Policy=document(delegation))
refused("AccessDenied", 403, client("iam", machine).list_roles)
refused("AccessDenied", 403, client("sts", machine).assume_role, RoleArn=role, RoleSessionName="again")
refused("AccessDeniedException", 400, client("cloudtrail", machine).lookup_events)
equal(s3.get_object(Bucket="secrets", Key="LuksInternalStorageKey")["Body"].read(), blob)

# Who may not assume the role, does not: neither another user, nor the trusted one for another role.
iam.create_user(UserName="stranger")
stranger_login = Login.of_key(iam.create_access_key(UserName="stranger"))
refused("AccessDenied", 403, client("sts", stranger_login).assume_role, RoleArn=role, RoleSessionName="xx")
refused("AccessDenied", 403, client("sts", operator_login).assume_role, RoleArn=role + "2", RoleSessionName="xx")

# Taken away, given back: at once, in the same session.
kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(delegation))
equal(unwrap().code, "AccessDeniedException")
kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(delegation, grant))
equal(unwrap().code, "")
# An explicit deny is stronger than any leave.
kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(delegation, grant, {"Effect": "Deny", "Principal": {"AWS": role}, "Action": "kms:Decrypt", "Resource": "*"}))
outcome = unwrap()
equal(outcome.code, "AccessDeniedException")
assert outcome.message.endswith("with an explicit deny in a resource-based policy"), outcome.message
kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(delegation, grant))
# A key that is disabled, or waits for its deletion, unwraps nothing.
kms.disable_key(KeyId=key)
equal((unwrap().code, unwrap().status), ("DisabledException", 400))
kms.enable_key(KeyId=key)
kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
equal((unwrap().code, unwrap().status), ("KMSInvalidStateException", 400))
kms.cancel_key_deletion(KeyId=key)
kms.enable_key(KeyId=key)
equal(unwrap().code, "")
# The way to the object, taken from the role: also that holds at once.
iam.delete_role_policy(RoleName="machine", PolicyName="fetch")
refused("AccessDenied", 403, m_s3.get_object, Bucket="secrets", Key="LuksInternalStorageKey")

# A session whose role is gone, and a key that is switched off, are nobody's.
iam.delete_role(RoleName="machine")
outcome = attempt(m_kms.decrypt, CiphertextBlob=blob)
assert outcome.code in ("AccessDeniedException", "UnrecognizedClientException"), outcome
iam.update_access_key(UserName="operator", AccessKeyId=operator_login.key, Status="Inactive")
refused("InvalidClientTokenId", 403, client("sts", operator_login).get_caller_identity)

# Another's session token does not fit, nor a forged one.
iam.update_access_key(UserName="operator", AccessKeyId=operator_login.key, Status="Active")
refused("InvalidClientTokenId", 403, client("sts", Login(machine.key, machine.secret, "Zm9yZ2Vk")).get_caller_identity)

# The look-up finds what the machine did.
events = client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "Decrypt"}])["Events"]
assert len(events) >= 8
assert all(e["EventName"] == "Decrypt" and e["EventSource"] == "kms.amazonaws.com" for e in events)
