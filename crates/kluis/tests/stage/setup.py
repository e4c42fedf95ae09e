# What an administrator has made before a test begins: two keys, a bucket, a user without any right but to take the role `machine`, and that
# role, which may use the keys.
import json
import sys

from botocore.session import get_session

session = get_session()
kms, s3, iam = (session.create_client(name) for name in ("kms", "s3", "iam"))
for alias in ("alias/machines", "alias/others"):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=alias, TargetKeyId=key)
s3.create_bucket(Bucket="vault")
user = iam.create_user(UserName="nobody")["User"]["Arn"]
trust = {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"}
use = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
document = lambda statement: json.dumps({"Version": "2012-10-17", "Statement": [statement]})
iam.create_role(RoleName="machine", AssumeRolePolicyDocument=document(trust))
iam.put_role_policy(RoleName="machine", PolicyName="use", PolicyDocument=document(use))
made = iam.create_access_key(UserName="nobody")["AccessKey"]
with open(sys.argv[1], "a") as credentials:
    credentials.write(
        "\n[nobody]\naws_access_key_id = {AccessKeyId}\naws_secret_access_key = {SecretAccessKey}\n".format(**made)
    )
