"""Key policies that tie the encryption context to who asks, with aws:PrincipalTag and aws:userid."""

import json

from kluis_client import ACCOUNT, Login, attempt, client, equal, recorded, refused

kms, iam, sts = client("kms"), client("iam"), client("sts")


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


root = f"arn:aws:iam::{ACCOUNT}:root"
operator = iam.create_user(UserName="operator")["User"]["Arn"]
login = Login.of_key(iam.create_access_key(UserName="operator"))
trust = document({"Effect": "Allow", "Principal": {"AWS": operator}, "Action": ["sts:AssumeRole", "sts:TagSession"]})
roles = {}
for name, machine in (("web-1", "m-1"), ("web-2", "m-2")):
    roles[name] = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Tags=[{"Key": "machine", "Value": machine}])["Role"]
iam.create_role(RoleName="untagged", AssumeRolePolicyDocument=trust)
roles["untagged"] = iam.get_role(RoleName="untagged")["Role"]
iam.put_user_policy(UserName="operator", PolicyName="assume", PolicyDocument=document({"Effect": "Allow", "Action": "sts:*", "Resource": "*"}))
o_sts = client("sts", login)


def session(name, session_name="boot", **more):
    answer = o_sts.assume_role(RoleArn=roles[name]["Arn"], RoleSessionName=session_name, **more)
    return client("kms", Login.of_session(answer))


own = {"Sid": "owner", "Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}
use = {"Effect": "Allow", "Principal": {"AWS": [role["Arn"] for role in roles.values()]}, "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": "*"}
REFUSED = ("AccessDeniedException", 400)

# By the role's tag.
key = kms.create_key()["KeyMetadata"]["Arn"]
kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(own, {**use, "Condition": {"StringEquals": {"kms:EncryptionContext:kluis:machine": "${aws:PrincipalTag/machine}"}}}))
one, two, untagged = session("web-1"), session("web-2"), session("untagged")
context = {"kluis:v": "1", "kluis:machine": "m-1"}
made = attempt(one.generate_data_key, KeyId=key, KeySpec="AES_256", EncryptionContext=context)
equal(made.code, "")
blob = made.answer["CiphertextBlob"]
equal(recorded(made.request_id)["requestParameters"]["encryptionContext"], context)
equal(one.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"], made.answer["Plaintext"])
refused(*REFUSED, two.decrypt, CiphertextBlob=blob, EncryptionContext=context)
refused(*REFUSED, two.generate_data_key, KeyId=key, KeySpec="AES_256", EncryptionContext=context)
refused(*REFUSED, untagged.decrypt, CiphertextBlob=blob, EncryptionContext=context)
refused(*REFUSED, untagged.decrypt, CiphertextBlob=blob, EncryptionContext={"kluis:machine": ""})
refused(*REFUSED, one.decrypt, CiphertextBlob=blob)
# Its own context, but not that of the blob: leave, and no plaintext.
refused("InvalidCiphertextException", 400, one.decrypt, CiphertextBlob=blob, EncryptionContext={"kluis:machine": "m-1"})
refused("InvalidCiphertextException", 400, two.decrypt, CiphertextBlob=blob, EncryptionContext={"kluis:v": "1", "kluis:machine": "m-2"})
# The owner may by the identity's policies; a context is still part of the blob.
refused("InvalidCiphertextException", 400, kms.decrypt, CiphertextBlob=blob)
equal(kms.decrypt(CiphertextBlob=blob, EncryptionContext=dict(reversed(list(context.items()))))["Plaintext"], made.answer["Plaintext"])
# A tag that the session brings stands over the role's; a changed tag of the role holds for the next session.
refused(*REFUSED, session("web-1", Tags=[{"Key": "machine", "Value": "m-9"}]).decrypt, CiphertextBlob=blob, EncryptionContext=context)
iam.tag_role(RoleName="web-2", Tags=[{"Key": "machine", "Value": "m-1"}])
equal(attempt(session("web-2").decrypt, CiphertextBlob=blob, EncryptionContext=context).code, "")

# By the caller's unique id: this role, and this session name.
key = kms.create_key()["KeyMetadata"]["Arn"]
kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(own, {**use, "Condition": {"StringEquals": {"kms:EncryptionContext:kluis:machine": "${aws:userid}"}}}))
userid = f"{roles['web-1']['RoleId']}:i-77"
context = {"kluis:machine": userid}
mine = session("web-1", "i-77")
blob = mine.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context)["CiphertextBlob"]
equal(attempt(mine.decrypt, CiphertextBlob=blob, EncryptionContext=context).code, "")
refused(*REFUSED, session("web-1", "i-78").decrypt, CiphertextBlob=blob, EncryptionContext=context)
refused(*REFUSED, session("web-2", "i-77").decrypt, CiphertextBlob=blob, EncryptionContext=context)

# The same as a literal, with wildcards, and as a deny of everything else.
key = kms.create_key()["KeyMetadata"]["Arn"]
kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(own, {**use, "Condition": {"StringLike": {"aws:userid": f"{roles['web-1']['RoleId']}:i-*"}}}, {"Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*", "Condition": {"StringNotEquals": {"kms:EncryptionContext:purpose": "boot"}}}))
blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"purpose": "boot"})["CiphertextBlob"]
equal(attempt(session("web-1", "i-1").decrypt, CiphertextBlob=blob, EncryptionContext={"purpose": "boot"}).code, "")
refused(*REFUSED, session("web-1", "j-1").decrypt, CiphertextBlob=blob, EncryptionContext={"purpose": "boot"})
refused(*REFUSED, session("web-1", "i-1").decrypt, CiphertextBlob=blob, EncryptionContext={"purpose": "Boot"})
refused(*REFUSED, kms.decrypt, CiphertextBlob=blob)
