# What an administrator does to a key: act.py OPERATION ALIAS [MEMBER=NUMBER...]
import sys

from botocore.session import get_session

kms = get_session().create_client("kms")
operation, alias, *rest = sys.argv[1:]
key = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
members = {name: int(value) for name, value in (member.split("=") for member in rest)}
getattr(kms, operation)(KeyId=key, **members)
