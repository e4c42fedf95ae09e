"""A small disk that fills and is emptied again. Arguments: the program, the disk's mount point."""

import os
import subprocess
import sys

program, disk = sys.argv[1:3]
data = os.path.join(disk, "data")


def serve():
    process = subprocess.Popen([program, "serve", "--plain-http", "--listen", "127.0.0.1:0", "--data-dir", data], stdout=subprocess.PIPE, text=True, env={**os.environ, "KLUISD_LOG": "off"})
    return process, process.stdout.readline().removeprefix("kluisd: listening on ").strip()


daemon, endpoint = serve()
os.environ.update(AWS_ENDPOINT_URL=endpoint, AWS_SHARED_CREDENTIALS_FILE=os.path.join(data, "credentials"), KLUISD_DATA=data)

from kluis_client import attempt, client, equal, trail  # noqa: E402, it reads the environment

kms, s3, sts = client("kms"), client("s3"), client("sts")
key = kms.create_key()["KeyMetadata"]["KeyId"]
blob = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
s3.create_bucket(Bucket="there")

# Somebody else's file takes all the room.
ballast = os.path.join(disk, "ballast")
with open(ballast, "wb", buffering=0) as file:
    try:
        while file.write(b"\1" * 4096):
            pass
    except OSError:
        pass

# What has been recorded ahead of need may still be given; then nothing is, whatever it is.
answered, withheld = [], []
long = {"a" * 100: "b" * 3000}
for i in range(400):
    outcome = attempt(kms.decrypt, CiphertextBlob=blob) if i % 2 else attempt(kms.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=long)
    (withheld if outcome.status == 500 else answered).append(outcome)
    if len(withheld) >= 10:
        break
assert len(withheld) >= 10, "the disk is full and the service answers on"
assert all(o.status == 500 and "Plaintext" not in o.answer and "CiphertextBlob" not in o.answer for o in withheld), withheld
for call, parameters in ((kms.create_key, {}), (kms.disable_key, {"KeyId": key}), (s3.put_object, {"Bucket": "there", "Key": "x", "Body": b"x" * 100_000}), (s3.list_buckets, {}), (sts.get_caller_identity, {}), (kms.describe_key, {"KeyId": "not-there"})):
    outcome = attempt(call, **parameters)
    assert outcome.status >= 500, (call, outcome)
    withheld.append(outcome)
records = {e["requestID"]: e for e in trail()}
for outcome in answered:
    assert outcome.request_id in records, ("answered without a record", outcome)
equal(daemon.poll(), None)

# Room again: it goes on, without a restart.
os.unlink(ballast)
# Whether what was withheld has happened cannot be known; a key may have been disabled, and its record then waits in the store.
for _ in range(100):
    if not attempt(kms.enable_key, KeyId=key).code:
        break
for _ in range(100):
    outcome = attempt(kms.decrypt, CiphertextBlob=blob)
    if not outcome.code:
        break
equal((outcome.code, outcome.answer.get("Plaintext")), ("", b"text"))
assert outcome.request_id in {e["requestID"] for e in trail()}
s3.put_object(Bucket="there", Key="y", Body=b"y")
equal(s3.get_object(Bucket="there", Key="y")["Body"].read(), b"y")

# A start at the latest brings in the records of what has happened: no key is there that nobody made.
daemon.terminate()
equal(daemon.wait(30), 0)
daemon, os.environ["AWS_ENDPOINT_URL"] = serve()
keys = {k["KeyId"] for k in client("kms", endpoint=os.environ["AWS_ENDPOINT_URL"]).list_keys()["Keys"]}
told = {e["responseElements"]["keyMetadata"]["keyId"] for e in trail() if e["eventName"] == "CreateKey" and e["responseElements"]}
assert keys <= told, keys - told
equal(daemon.poll(), None)
daemon.terminate()
equal(daemon.wait(30), 0)
subprocess.run([program, "verify", "--data-dir", data], check=True, stdout=subprocess.DEVNULL)
ids = [e["eventID"] for e in trail()]
equal(len(ids), len(set(ids)))
