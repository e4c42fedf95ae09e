# What an administrator has made before a test begins: two keys, a bucket, and a user without any right.
import sys

from botocore.session import get_session

session = get_session()
kms, s3, iam = (session.create_client(name) for name in ("kms", "s3", "iam"))
for alias in ("alias/machines", "alias/others"):
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=alias, TargetKeyId=key)
s3.create_bucket(Bucket="vault")
iam.create_user(UserName="nobody")
made = iam.create_access_key(UserName="nobody")["AccessKey"]
with open(sys.argv[1], "a") as credentials:
    credentials.write(
        "\n[nobody]\naws_access_key_id = {AccessKeyId}\naws_secret_access_key = {SecretAccessKey}\n".format(**made)
    )
