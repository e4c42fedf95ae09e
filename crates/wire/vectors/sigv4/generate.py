#!/usr/bin/env python3
"""Writes the SigV4 vectors beside this file. Needs boto3; run once, and again only to add vectors.

    generate.py [AWS-SIGNING-TEST-SUITE/v4]

requests.json    requests exactly as boto3's clients would send them, caught before they leave
aws-suite.json   AWS's own published suite (from the aws-c-auth or aws-sigv4 sources), given its folder

Times are frozen and the credentials are AWS's documented examples, so the output does not change between runs.
"""
import base64, datetime, hashlib, io, json, os, pathlib, sys
from urllib.parse import urlsplit

import boto3, botocore.auth, botocore.awsrequest
from botocore.config import Config

HERE = pathlib.Path(__file__).parent
AKID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRq=="
NOW = datetime.datetime(2026, 1, 2, 3, 4, 5)

botocore.auth.get_current_datetime = lambda remove_tzinfo=True: NOW
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ.pop("AWS_CA_BUNDLE", None)
caught = []


def client(service, token=None, region="us-east-1", **config):
    session = boto3.session.Session(AKID, SECRET, token, region_name=region)
    made = session.client(service, endpoint_url="https://127.0.0.1:7600", config=Config(**config))

    def catch(request, **_):
        caught.append(request)
        return botocore.awsrequest.AWSResponse(request.url, 200, {}, io.BytesIO(b""))

    made.meta.events.register("before-send", catch)
    return made


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def vector(name, service, method, url, headers, body, payload=None, token=None, region="us-east-1"):
    target = urlsplit(url)
    headers = [[k.lower(), text(v)] for k, v in headers.items()]
    if not any(k == "host" for k, _ in headers):
        headers.append(["host", target.netloc])
    return {
        "name": name, "service": service, "region": region, "access_key_id": AKID, "secret": SECRET, "session_token": token,
        "now": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"), "method": method, "path": target.path or "/", "query": target.query,
        "headers": headers, "body": base64.b64encode(body).decode(),
        "payload": base64.b64encode(body if payload is None else payload).decode(),
    }


def sent(name, service, call, payload=None, **facts):
    caught.clear()
    try:
        call()
    except Exception:
        if not caught:
            raise
    request = caught[0]
    body = request.body
    body = b"" if body is None else body.encode() if isinstance(body, str) else body if isinstance(body, (bytes, bytearray)) else body.read()
    return vector(name, service, request.method, request.url, request.headers, bytes(body), payload, **facts)


def presigned(name, service, url, method="GET", headers=None, body=b"", **facts):
    return vector(name, service, method, url, headers or {}, body, **facts)


def requests():
    kms, iam, sts = client("kms"), client("iam"), client("sts")
    s3 = client("s3", s3={"addressing_style": "path"}, request_checksum_calculation="when_required")
    s3_checksums = client("s3", s3={"addressing_style": "path"})
    s3_signed = client("s3", s3={"addressing_style": "path", "payload_signing_enabled": True}, request_checksum_calculation="when_required")
    odd_key = "a//b/../c d+e%25~é(1)'*!,;=&@:$"
    data = bytes(range(256)) * 5
    out = [
        sent("kms-decrypt", "kms", lambda: kms.decrypt(CiphertextBlob=b"\x01\x02\x03", EncryptionContext={"a": "b"})),
        sent("kms-with-session-token", "kms", lambda: client("kms", TOKEN).list_keys(), token=TOKEN),
        sent("kms-other-region", "kms", lambda: client("kms", region="eu-central-1").list_keys(), region="eu-central-1"),
        sent("iam-create-role-with-tags", "iam", lambda: iam.create_role(RoleName="machine", AssumeRolePolicyDocument='{"a": "b c+d"}', Tags=[{"Key": "k", "Value": "v w"}])),
        sent("sts-get-caller-identity", "sts", lambda: sts.get_caller_identity()),
        presigned("sts-presigned-get-caller-identity", "sts", sts.generate_presigned_url("get_caller_identity", HttpMethod="GET")),
        sent("s3-get", "s3", lambda: s3.get_object(Bucket="bucket", Key="LuksInternalStorageKey")),
        sent("s3-get-odd-key", "s3", lambda: s3.get_object(Bucket="bucket", Key=odd_key)),
        sent("s3-list-with-query", "s3", lambda: s3.list_objects_v2(Bucket="bucket", Prefix="a b/+%é", Delimiter="/")),
        sent("s3-put-signed-payload", "s3", lambda: s3_signed.put_object(Bucket="bucket", Key="k", Body=data, ContentType="text/plain", Metadata={"note": "two  spaces"}, IfNoneMatch="*")),
        sent("s3-put-empty", "s3", lambda: s3_signed.put_object(Bucket="bucket", Key="k", Body=b"")),
        sent("s3-put-unsigned-payload", "s3", lambda: client("s3", s3={"addressing_style": "path", "payload_signing_enabled": False}, request_checksum_calculation="when_required").put_object(Bucket="bucket", Key="k", Body=data)),
        sent("s3-put-checksum-header", "s3", lambda: s3_signed.put_object(Bucket="bucket", Key="k", Body=data, ChecksumSHA256=base64.b64encode(hashlib.sha256(data).digest()).decode())),
        presigned("s3-presigned-get", "s3", client("s3", signature_version="s3v4", s3={"addressing_style": "path"}).generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": odd_key}, ExpiresIn=900)),
        presigned("s3-presigned-get-with-session-token", "s3", client("s3", TOKEN, signature_version="s3v4", s3={"addressing_style": "path"}).generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"}, ExpiresIn=900), token=TOKEN),
        presigned("s3-presigned-put", "s3", client("s3", signature_version="s3v4", s3={"addressing_style": "path"}).generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": "k"}, ExpiresIn=900), "PUT", {"content-type": "image/png"}, data),
    ]
    for algorithm in ("CRC32", "SHA1", "SHA256"):
        for size in (0, 10, len(data)):
            payload = data[:size]
            out.append(sent(f"s3-put-stream-trailer-{algorithm.lower()}-{size}", "s3", lambda: s3_checksums.put_object(Bucket="bucket", Key="k", Body=io.BytesIO(payload), ChecksumAlgorithm=algorithm), payload))
    return out


def read(path):
    return path.read_bytes().decode() if path.exists() else None


def suite(folder):
    out = []
    for case in sorted(p for p in pathlib.Path(folder).iterdir() if p.is_dir()):
        context = json.loads((case / "context.json").read_text()) if (case / "context.json").exists() else None
        vector = {"name": case.name, "context": context}
        for kind in ("header", "query"):
            for part in ("canonical-request", "string-to-sign", "signed-request"):
                content = read(case / f"{kind}-{part}.txt")
                if content is not None:
                    vector[f"{kind}_{part.replace('-', '_')}"] = content
        out.append(vector)
    return out


def save(name, vectors):
    (HERE / name).write_text(json.dumps(vectors, indent=1, ensure_ascii=False) + "\n")
    print(name, len(vectors))


save("requests.json", requests())
if len(sys.argv) > 1:
    save("aws-suite.json", suite(sys.argv[1]))
