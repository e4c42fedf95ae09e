"""Everything that was acknowledged is there, works, and has one record; and no record is there twice."""

import collections
import json
import sys

from kluis_client import client, equal, trail

kms, s3 = client("kms"), client("s3")
notes = [json.loads(line) for line in open(sys.argv[1])]
assert len(notes) >= 12, "too little was done to show anything"
keys = {k["KeyId"] for page in kms.get_paginator("list_keys").paginate() for k in page["Keys"]}
aliases = {a["AliasName"]: a["TargetKeyId"] for page in kms.get_paginator("list_aliases").paginate() for a in page["Aliases"]}
records = collections.Counter(e["requestID"] for e in trail())
ids = collections.Counter(e["eventID"] for e in trail())
equal([i for i, n in ids.items() if n > 1], [])
equal([i for i, n in records.items() if n > 1], [])
for kind, name, request in notes:
    if kind == "key":
        assert name in keys, name
        blob = kms.encrypt(KeyId=name, Plaintext=b"x")["CiphertextBlob"]
        equal(kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
    elif kind == "alias":
        assert aliases.get(name) in keys, name
    else:
        equal(s3.get_object(Bucket="there", Key=name)["Body"].read(), name.encode() * 100)
    equal((kind, name, records[request]), (kind, name, 1))
# Also what was carried out and never acknowledged has its record: nothing happens unseen.
told = {e["responseElements"]["keyMetadata"]["keyId"] for e in trail() if e["eventName"] == "CreateKey" and not e.get("errorCode")}
assert keys <= told, keys - told
for o in (o for page in s3.get_paginator("list_objects_v2").paginate(Bucket="there") for o in page["Contents"]):
    equal(len(s3.get_object(Bucket="there", Key=o["Key"])["Body"].read()), o["Size"])
