"""S3 as botocore speaks it."""

import base64
import hashlib
import os
import urllib.parse
import urllib.request
import ssl
import zlib

from kluis_client import ENDPOINT, Login, attempt, client, equal, recorded, refused, send, signed, trail

s3 = client("s3")
B = "the-bucket"
TLS = ENDPOINT.startswith("https")

# A bucket.
refused("NoSuchBucket", 404, s3.list_objects_v2, Bucket=B)
s3.create_bucket(Bucket=B)
equal(s3.head_bucket(Bucket=B)["ResponseMetadata"]["HTTPStatusCode"], 200)
equal([b["Name"] for b in s3.list_buckets()["Buckets"]], [B])
equal(s3.get_bucket_location(Bucket=B)["LocationConstraint"], None)
# Making it again says whose it is.
refused("BucketAlreadyOwnedByYou", 409, s3.create_bucket, Bucket=B)
refused("InvalidBucketName", 400, s3.create_bucket, Bucket="No")

# An object is made once.
body = bytes(range(256)) * 40
put = s3.put_object(Bucket=B, Key="one", Body=body, IfNoneMatch="*", Metadata={"owner": "me"}, ContentType="application/x-secret")
equal(put["ETag"].strip('"'), hashlib.md5(body).hexdigest())
refused("PreconditionFailed", 412, s3.put_object, Bucket=B, Key="one", Body=b"other", IfNoneMatch="*")
got = s3.get_object(Bucket=B, Key="one")
equal((got["Body"].read(), got["ETag"], got["ContentLength"], got["Metadata"], got["ContentType"]), (body, put["ETag"], len(body), {"owner": "me"}, "application/x-secret"))
head = s3.head_object(Bucket=B, Key="one")
equal((head["ETag"], head["ContentLength"], head["LastModified"]), (put["ETag"], len(body), got["LastModified"]))
for range_, wanted in (("bytes=0-0", body[:1]), ("bytes=10-19", body[10:20]), ("bytes=10000-", body[10000:]), ("bytes=-7", body[-7:]), (f"bytes=5-{2**40}", body[5:])):
    part = s3.get_object(Bucket=B, Key="one", Range=range_)
    equal((part["ResponseMetadata"]["HTTPStatusCode"], part["Body"].read()), (206, wanted))
    assert part["ContentRange"].endswith(f"/{len(body)}"), part["ContentRange"]
refused("InvalidRange", 416, s3.get_object, Bucket=B, Key="one", Range=f"bytes={len(body)}-")
equal(attempt(s3.get_object, Bucket=B, Key="one", IfNoneMatch=put["ETag"]).status, 304)
refused("PreconditionFailed", 412, s3.get_object, Bucket=B, Key="one", IfMatch='"0"')
refused("NoSuchKey", 404, s3.get_object, Bucket=B, Key="two")
refused("404", 404, s3.head_object, Bucket=B, Key="two")
refused("BucketNotEmpty", 409, s3.delete_bucket, Bucket=B)
# An object is replaced whole; nothing has its size of zero as well.
s3.put_object(Bucket=B, Key="one", Body=b"")
got = s3.get_object(Bucket=B, Key="one")
equal((got["Body"].read(), got["ContentLength"], got["Metadata"]), (b"", 0, {}))
big = os.urandom(3 << 20)
s3.put_object(Bucket=B, Key="one", Body=big)
equal(s3.get_object(Bucket=B, Key="one")["Body"].read(), big)
s3.delete_object(Bucket=B, Key="one")
equal(attempt(s3.delete_object, Bucket=B, Key="one").status, 204)
refused("NoSuchKey", 404, s3.get_object, Bucket=B, Key="one")

# Names are bytes to us: nothing is a path, nothing is decoded twice.
NAMES = ["a b", "a+b", "ä/ö/漢字/😀", "//", "/leading", "a//b", "../up", "a/../b", "a/./b", ".", "..", "100%", "%2e%2e/%2F", "%", "a?b=c#d", "a&b=c", "quote'\"<>&;", "tab\there", "trailing/", "back\\slash", "~tilde*(!)", "x" * 1024]
for i, name in enumerate(NAMES):
    equal((name, attempt(s3.put_object, Bucket=B, Key=name, Body=name.encode()).code), (name, ""))
for name in NAMES:
    equal((name, s3.get_object(Bucket=B, Key=name)["Body"].read()), (name, name.encode()))
listed = [o["Key"] for o in s3.list_objects_v2(Bucket=B)["Contents"]]
equal(listed, sorted(NAMES, key=lambda name: name.encode()))
equal([o["Key"] for o in s3.list_objects(Bucket=B)["Contents"]], listed)
refused("KeyTooLongError", 400, s3.put_object, Bucket=B, Key="x" * 1025, Body=b"")
done = s3.delete_objects(Bucket=B, Delete={"Objects": [{"Key": name} for name in NAMES] + [{"Key": "never was"}]})
equal(sorted(d["Key"] for d in done["Deleted"]), sorted(NAMES + ["never was"]))
equal("Contents" in s3.list_objects_v2(Bucket=B), False)

# Lists, in pages, with prefixes and delimiters.
keys = sorted(f"{folder}/{i}" for folder in ("a", "b", "c") for i in range(5)) + ["top"]
for name in keys:
    s3.put_object(Bucket=B, Key=name, Body=b"x")
page = s3.list_objects_v2(Bucket=B, Delimiter="/")
equal(([p["Prefix"] for p in page["CommonPrefixes"]], [o["Key"] for o in page["Contents"]], page["KeyCount"]), (["a/", "b/", "c/"], ["top"], 4))
page = s3.list_objects_v2(Bucket=B, Prefix="b/", Delimiter="/")
equal([o["Key"] for o in page["Contents"]], [k for k in keys if k.startswith("b/")])
equal([o["Key"] for o in s3.list_objects_v2(Bucket=B, StartAfter="b/3")["Contents"]], [k for k in keys if k > "b/3"])
for operation in ("list_objects_v2", "list_objects"):
    for delimiter in ({}, {"Delimiter": "/"}):
        pages = list(s3.get_paginator(operation).paginate(Bucket=B, PaginationConfig={"PageSize": 3}, **delimiter))
        found = [o["Key"] for p in pages for o in p.get("Contents", [])] + [x["Prefix"] for p in pages for x in p.get("CommonPrefixes", [])]
        equal(sorted(found), ["a/", "b/", "c/", "top"] if delimiter else keys)
        assert all(len(p.get("Contents", [])) + len(p.get("CommonPrefixes", [])) <= 3 for p in pages) and len(pages) > 1
refused("InvalidArgument", 400, s3.list_objects_v2, Bucket=B, ContinuationToken="rubbish")

# Checksums: right ones come back, wrong ones are refused, and nothing is left of a refused object.
for algorithm in ("CRC32", "SHA1", "SHA256"):
    put = s3.put_object(Bucket=B, Key="sum", Body=body, ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=B, Key="sum", ChecksumMode="ENABLED")
    equal((got["Body"].read(), got["Checksum" + algorithm]), (body, put["Checksum" + algorithm]))
s3.delete_object(Bucket=B, Key="sum")
wrong = base64.b64encode(zlib.crc32(b"other").to_bytes(4, "big")).decode()
refused("BadDigest", 400, s3.put_object, Bucket=B, Key="sum", Body=body, ChecksumCRC32=wrong)
refused("BadDigest", 400, s3.put_object, Bucket=B, Key="sum", Body=body, ContentMD5=base64.b64encode(hashlib.md5(b"other").digest()).decode())


class Stream:
    """A body that cannot be read twice and does not know its length's hash: botocore sends it in chunks with a trailer."""

    def __init__(self, data, lie=0):
        self.data, self.at = data, 0

    def __len__(self):
        return len(self.data)

    def read(self, n=-1):
        n = len(self.data) - self.at if n is None or n < 0 else n
        self.at += n
        return self.data[self.at - n : self.at]

    def seek(self, offset, whence=0):
        self.at = offset if whence == 0 else len(self.data) + offset
        return self.at

    def tell(self):
        return self.at


s3.put_object(Bucket=B, Key="stream", Body=Stream(big), ChecksumAlgorithm="CRC32")
equal(s3.get_object(Bucket=B, Key="stream")["Body"].read(), big)
sent = [e for e in trail() if e["eventName"] == "PutObject"][-1]
assert sent["requestParameters"]["key"] == "stream", sent
s3.delete_object(Bucket=B, Key="stream")

# The same by hand, with a trailer that lies, and with one that is cut off.
login = Login.of_root()
for name, crc, end, code in (
    ("right", zlib.crc32(body), b"\r\n\r\n", ""),
    ("lies", zlib.crc32(b"other"), b"\r\n\r\n", "BadDigest"),
    ("cut", zlib.crc32(body), b"", "IncompleteBody"),
):
    trailer = b"x-amz-checksum-crc32:" + base64.b64encode(crc.to_bytes(4, "big"))
    chunked = b"%x\r\n" % len(body) + body + b"\r\n0\r\n" + (trailer + end if name != "cut" else b"")
    headers = {"host": urllib.parse.urlsplit(ENDPOINT).netloc, "content-encoding": "aws-chunked", "x-amz-trailer": "x-amz-checksum-crc32", "x-amz-decoded-content-length": str(len(body)), "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
    path = f"/{B}/trailer"
    # botocore's signer takes the payload's hash from its own context; the header's is what is signed.
    from botocore.auth import S3SigV4Auth

    real = S3SigV4Auth.payload
    S3SigV4Auth.payload = lambda self, request: "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    headers = signed(login, "s3", "PUT", ENDPOINT + path, headers)
    S3SigV4Auth.payload = real
    answer = send("PUT", path, headers, chunked)
    assert (answer.code, answer.status) == (code, 400 if code else 200), (name, answer)
    if code:
        assert recorded(answer.request_id)["errorCode"] == code
        refused("NoSuchKey", 404, s3.get_object, Bucket=B, Key="trailer")
    else:
        equal(s3.get_object(Bucket=B, Key="trailer")["Body"].read(), body)
        s3.delete_object(Bucket=B, Key="trailer")
refused("NoSuchKey", 404, s3.get_object, Bucket=B, Key="sum")

# A body that is not the one that was signed.
path = f"/{B}/tampered"
headers = signed(login, "s3", "PUT", ENDPOINT + path, {"host": urllib.parse.urlsplit(ENDPOINT).netloc}, b"signed")
answer = send("PUT", path, headers, b"forged")
equal((answer.code, answer.status), ("XAmzContentSHA256Mismatch", 400))
equal(recorded(answer.request_id)["errorCode"], "XAmzContentSHA256Mismatch")
refused("NoSuchKey", 404, s3.get_object, Bucket=B, Key="tampered")

# Presigned.
context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"]) if TLS else None
s4 = client("s3", signature_version="s3v4")
url = s4.generate_presigned_url("get_object", Params={"Bucket": B, "Key": "top"}, ExpiresIn=60)
with urllib.request.urlopen(url, context=context) as answer:
    equal((answer.read(), answer.status), (b"x", 200))
    equal(recorded(answer.headers["x-amz-request-id"])["eventName"], "GetObject")
for bad in (url.replace("/top", "/a/1"), url.replace("Expires=60", "Expires=600"), url[:-1] + ("0" if url[-1] != "0" else "1")):
    try:
        urllib.request.urlopen(bad, context=context)
        raise AssertionError("a presigned URL that was changed is taken")
    except urllib.error.HTTPError as error:
        equal((error.code, b"SignatureDoesNotMatch" in error.read()), (403, True))
put = s4.generate_presigned_url("put_object", Params={"Bucket": B, "Key": "presigned"}, ExpiresIn=60)
with urllib.request.urlopen(urllib.request.Request(put, data=b"by url", method="PUT"), context=context) as answer:
    equal(answer.status, 200)
equal(s3.get_object(Bucket=B, Key="presigned")["Body"].read(), b"by url")

# What is not there is said to be so.
outcome = refused("NotImplemented", 501, s3.create_multipart_upload, Bucket=B, Key="multi")
equal((recorded(outcome.request_id)["eventName"], recorded(outcome.request_id)["errorCode"]), ("CreateMultipartUpload", "NotImplemented"))
refused("NotImplemented", 501, s3.put_object_tagging, Bucket=B, Key="top", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
refused("NotImplemented", 501, s3.put_object_acl, Bucket=B, Key="top", ACL="private")
refused("NotImplemented", 501, s3.get_object, Bucket=B, Key="top", VersionId="1")
refused("NotImplemented", 501, s3.delete_object, Bucket=B, Key="top", VersionId="1")
# A subresource that nobody has heard of is not the object itself.
for verb in ("PUT", "DELETE", "GET"):
    path = f"/{B}/top?unheard-of"
    answer = send(verb, path, signed(login, "s3", verb, ENDPOINT + path, {"host": urllib.parse.urlsplit(ENDPOINT).netloc}, b""))
    equal((verb, answer.code, answer.status), (verb, "NotImplemented", 501))
    equal(recorded(answer.request_id)["errorCode"], "NotImplemented")
equal(s3.get_object(Bucket=B, Key="top")["Body"].read(), b"x")

# Empty, and gone.
left = [{"Key": o["Key"]} for o in s3.list_objects_v2(Bucket=B)["Contents"]]
equal("Deleted" in s3.delete_objects(Bucket=B, Delete={"Objects": left, "Quiet": True}), False)
s3.delete_bucket(Bucket=B)
refused("NoSuchBucket", 404, s3.get_object, Bucket=B, Key="top")
equal(os.listdir(os.path.join(os.environ["KLUISD_DATA"], "objects", "incoming")), [])
equal(os.listdir(os.path.join(os.environ["KLUISD_DATA"], "objects", "bodies")), [])
