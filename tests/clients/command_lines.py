"""Programs that keep files under a key: the AWS Encryption SDK's command line, and SOPS. Each opens what it sealed, and not what was changed."""

import json
import os
import subprocess
import sys
import tempfile

from kluis_client import client, equal, trail

BIN = os.path.dirname(sys.executable)
os.environ["SSL_CERT_FILE"] = os.environ["AWS_CA_BUNDLE"]
kms = client("kms")
key = kms.create_key()["KeyMetadata"]["Arn"]
folder = tempfile.mkdtemp(dir=os.path.dirname(os.environ["KLUISD_DATA"]))
os.chdir(folder)


def run(program, *words, wanted=0):
    """Runs a program of the environment; its standard output."""
    done = subprocess.run([os.path.join(BIN, program), *words], capture_output=True, text=True)
    assert (done.returncode == 0) == (wanted == 0), f"{program} {' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def write(name, text):
    with open(name, "w") as file:
        file.write(text)


def read(name):
    with open(name) as file:
        return file.read()


def decrypted_by(agent):
    """The encryption contexts of successful Decrypts by a program that names itself so."""
    events = [event for event in trail() if event["eventName"] == "Decrypt" and not event.get("errorCode") and agent in (event.get("userAgent") or "")]
    return [event["requestParameters"].get("encryptionContext", {}) for event in events]


# The AWS Encryption SDK's command line.
SDK = "aws-encryption-cli"
write("plain", "the recipe\n" * 1000)
wrapping = ["--wrapping-keys", f"key={key}", "--commitment-policy", "require-encrypt-require-decrypt", "--metadata-output", "metadata"]
run(SDK, "--encrypt", "--input", "plain", "--output", "sealed", "--encryption-context", "purpose=test", *wrapping)
with open("sealed", "rb") as file:
    sealed = file.read()
assert b"the recipe" not in sealed
run(SDK, "--decrypt", "--input", "sealed", "--output", "opened", "--encryption-context", "purpose=test", *wrapping)
equal(read("opened"), read("plain"))
assert any(context.get("purpose") == "test" for context in decrypted_by("Botocore")), "the context is not on record"
# Another context than was sealed: the program says so, skips the file, and ends with 0.
run(SDK, "--decrypt", "--input", "sealed", "--output", "skipped", "--encryption-context", "purpose=other", *wrapping)
assert not os.path.exists("skipped") or os.path.getsize("skipped") == 0, "another context opens it"
other = kms.create_key()["KeyMetadata"]["Arn"]
run(SDK, "--decrypt", "--input", "sealed", "--output", "-", "--wrapping-keys", f"key={other}", *wrapping[2:], wanted=1)

# SOPS, which is written in Go.
secrets = {"database": {"user": "kluis", "password": "correct horse"}, "plain_unencrypted": "seen"}
write("secrets.json", json.dumps(secrets))
write("kept.json", run("sops", "encrypt", "--kms", key, "--encryption-context", "app:kitchen", "secrets.json"))
assert "correct horse" not in read("kept.json")
equal(json.loads(run("sops", "decrypt", "kept.json")), secrets)
assert {"app": "kitchen"} in decrypted_by("aws-sdk-go-v2"), "SOPS's use of the key is not on record"
run("sops", "rotate", "--in-place", "kept.json")
equal(json.loads(run("sops", "decrypt", "kept.json")), secrets)
kept = json.loads(read("kept.json"))
kept["sops"]["kms"][0]["context"]["app"] = "cellar"
write("changed.json", json.dumps(kept))
run("sops", "decrypt", "changed.json", wanted=1)
kms.disable_key(KeyId=key)
run("sops", "decrypt", "kept.json", wanted=1)
kms.enable_key(KeyId=key)
