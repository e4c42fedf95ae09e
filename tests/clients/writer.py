"""Makes keys, aliases and objects, and notes each that the service acknowledged, until the service is gone."""

import json
import sys
import threading

from kluis_client import client  # first: it makes botocore importable

from botocore.exceptions import BotoCoreError, HTTPClientError

notes = open(sys.argv[1], "a", buffering=1)
round_ = sys.argv[2]
lock = threading.Lock()


def note(kind, name, answer):
    meta = answer["ResponseMetadata"]
    with lock:
        notes.write(json.dumps([kind, name, meta.get("RequestId") or meta["HTTPHeaders"]["x-amz-request-id"]]) + "\n")


def work(worker):
    kms, s3 = client("kms"), client("s3")
    try:
        for i in range(10_000):
            name = f"{round_}-{worker}-{i}"
            made = kms.create_key(Description=name)
            key = made["KeyMetadata"]["KeyId"]
            note("key", key, made)
            note("alias", f"alias/{name}", kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key))
            note("object", name, s3.put_object(Bucket="there", Key=name, Body=name.encode() * 100))
            if worker == 0 and i == 3:
                print("under way", flush=True)
    except (BotoCoreError, HTTPClientError):
        # Killed, as planned; a refusal (ClientError) is not, and fails the test.
        return
    except BaseException as error:
        failures.append(error)


failures = []
client("s3").create_bucket(Bucket="there") if round_ == "0" else None
threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failures, failures
