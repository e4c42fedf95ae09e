"""Grants over the wire: made, used, listed page by page, retired by those whom they name, revoked by those who govern the key."""

import json

from kluis_client import ACCOUNT, Login, attempt, client, equal, recorded, refused

kms, iam, sts = client("kms"), client("iam"), client("sts")


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


key = kms.create_key()["KeyMetadata"]["Arn"]
context = {"Department": "IT"}
blob = kms.encrypt(KeyId=key, Plaintext=b"the secret", EncryptionContext=context)["CiphertextBlob"]
user = iam.create_user(UserName="worker")["User"]["Arn"]
worker = client("kms", Login.of_key(iam.create_access_key(UserName="worker")))
refused("AccessDeniedException", 400, worker.decrypt, CiphertextBlob=blob, EncryptionContext=context)

# A grant to a user, with a constraint; its token is good at once.
wanted = dict(KeyId=key, GranteePrincipal=user, RetiringPrincipal=user, Operations=["Decrypt", "DescribeKey"], Constraints={"EncryptionContextSubset": context}, Name="IT-worker")
made = attempt(kms.create_grant, **wanted)
grant, token = made.answer["GrantId"], made.answer["GrantToken"]
equal(len(grant), 64)
record = recorded(made.request_id)
equal(record["responseElements"], {"grantId": grant, "keyId": key})
equal(record["requestParameters"]["constraints"], {"encryptionContextSubset": context})
assert token not in json.dumps(record)
equal(kms.create_grant(**wanted)["GrantId"], grant)
used = attempt(worker.decrypt, CiphertextBlob=blob, EncryptionContext=context, GrantTokens=[token])
equal((used.code, used.answer.get("Plaintext")), ("", b"the secret"))
equal([r["ARN"] for r in recorded(used.request_id)["resources"]], [key])
equal(worker.describe_key(KeyId=key)["KeyMetadata"]["Arn"], key)
other = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"Department": "HR"})["CiphertextBlob"]
refused("AccessDeniedException", 400, worker.decrypt, CiphertextBlob=other, EncryptionContext={"Department": "HR"})
refused("AccessDeniedException", 400, worker.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=context)
refused("InvalidGrantTokenException", 400, worker.decrypt, CiphertextBlob=blob, EncryptionContext=context, GrantTokens=["nonsense"])

# Listed as it was made; the rest of the list comes page by page.
[entry] = kms.list_grants(KeyId=key, GrantId=grant)["Grants"]
equal((entry["KeyId"], entry["Name"], entry["GranteePrincipal"], entry["RetiringPrincipal"]), (key, "IT-worker", user, user))
equal((entry["Operations"], entry["Constraints"]), (["Decrypt", "DescribeKey"], {"EncryptionContextSubset": context}))
equal(entry["IssuingAccount"], f"arn:aws:iam::{ACCOUNT}:root")
for _ in range(6):
    kms.create_grant(KeyId=key, GranteePrincipal=ACCOUNT, Operations=["Encrypt"])
pages = [len(page["Grants"]) for page in kms.get_paginator("list_grants").paginate(KeyId=key, PaginationConfig={"PageSize": 3})]
equal(pages, [3, 3, 1])
retirable = [page["Grants"] for page in kms.get_paginator("list_retirable_grants").paginate(RetiringPrincipal=user)]
equal([[g["GrantId"] for g in page] for page in retirable], [[grant]])

# What AWS says to what it does not take.
refused("InvalidArnException", 400, kms.create_grant, KeyId=key, GranteePrincipal=f"arn:aws:iam::{ACCOUNT}:group/g", Operations=["Decrypt"])
refused("ValidationException", 400, kms.create_grant, KeyId=key, GranteePrincipal=user, Operations=["Sign"])
only = attempt(kms.create_grant, KeyId=key, GranteePrincipal=user, Operations=["CreateGrant"])
equal((only.code, only.status, only.message), ("ValidationException", 400, "Grants must not contain only the CreateGrant operation."))
refused("InvalidGrantIdException", 400, kms.revoke_grant, KeyId=key, GrantId="abc")
refused("NotFoundException", 400, kms.revoke_grant, KeyId=key, GrantId="0" * 64)
refused("DryRunOperationException", 400, kms.retire_grant, KeyId=key, GrantId=grant, DryRun=True)

# A role's session has what the role was granted, and no more once it is revoked.
trust = document({"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"})
role = iam.create_role(RoleName="machine", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
iam.put_user_policy(UserName="worker", PolicyName="assume", PolicyDocument=document({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}))
login = Login.of_session(client("sts", Login.of_key(iam.create_access_key(UserName="worker"))).assume_role(RoleArn=role, RoleSessionName="i-0123"))
machine = client("kms", login)
of_role = kms.create_grant(KeyId=key, GranteePrincipal=role, Operations=["GenerateDataKey"])["GrantId"]
equal(machine.generate_data_key(KeyId=key, KeySpec="AES_256")["KeyId"], key)
kms.revoke_grant(KeyId=key, GrantId=of_role)
refused("AccessDeniedException", 400, machine.generate_data_key, KeyId=key, KeySpec="AES_256")

# The retiring principal needs no policy.
retired = attempt(worker.retire_grant, GrantToken=token)
equal(retired.code, "")
record = recorded(retired.request_id)
equal((record["additionalEventData"], record["responseElements"]), ({"grantId": grant}, {"keyId": key}))
assert token not in json.dumps(record)
refused("AccessDeniedException", 400, worker.decrypt, CiphertextBlob=blob, EncryptionContext=context)

# A grant is to the one who had the name then: whoever is made later under it has nothing of it.
gone = iam.create_user(UserName="gone")["User"]
of_gone = kms.create_grant(KeyId=key, GranteePrincipal=gone["Arn"], Operations=["DescribeKey"])["GrantId"]
iam.delete_user(UserName="gone")
refused("InvalidArnException", 400, kms.create_grant, KeyId=key, GranteePrincipal=gone["Arn"], Operations=["DescribeKey"])
later = iam.create_user(UserName="gone")["User"]
equal(later["Arn"], gone["Arn"])
refused("AccessDeniedException", 400, client("kms", Login.of_key(iam.create_access_key(UserName="gone"))).describe_key, KeyId=key)
[entry] = kms.list_grants(KeyId=key, GrantId=of_gone)["Grants"]
equal(entry["GranteePrincipal"], gone["UserId"])
