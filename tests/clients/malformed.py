"""Requests that are wrong, one way each."""

import hashlib
import json
import time
import urllib.parse

from kluis_client import ACCOUNT, ENDPOINT, Login, attempt, client, connect, equal, recorded, refused, send, signed, strangers, trail

kms, s3, iam = client("kms"), client("s3"), client("iam")
key = kms.create_key()["KeyMetadata"]["Arn"]
s3.create_bucket(Bucket="there")
s3.put_object(Bucket="there", Key="object", Body=b"bytes")
root = Login.of_root()
HOST = urllib.parse.urlsplit(ENDPOINT).netloc
JSON = "application/x-amz-json-1.1"


def state():
    return json.dumps([kms.list_keys()["Keys"], kms.list_aliases()["Aliases"], kms.describe_key(KeyId=key)["KeyMetadata"], iam.list_users()["Users"], s3.list_buckets()["Buckets"], s3.list_objects_v2(Bucket="there")["Contents"]], default=str)


before = state()


def ask(target="TrentService.DisableKey", body=None, service="kms", region="us-east-1", skew=0, forge=None, login=root, drop=(), extra=None):
    """A request to the key service: signed as `body`, sent as `forge`."""
    body = json.dumps({"KeyId": key}).encode() if body is None else body
    headers = {"host": HOST, "content-type": JSON, "x-amz-target": target, **(extra or {})}
    headers = signed(login, service, "POST", ENDPOINT + "/", headers, body, region, skew)
    for name in drop:
        headers = {k: v for k, v in headers.items() if k.lower() != name}
    return send("POST", "/", headers, body if forge is None else forge)


def told(answer, code, status=400, audited=True):
    """The refusal; and that it is in the trail, or, where nobody is believed to have sent it, that it is not."""
    assert (answer.code, answer.status) == (code, status), f"wanted {status} {code}, got {answer}"
    if audited:
        equal(recorded(answer.request_id)["errorCode"], code)
    else:
        assert answer.request_id not in {e["requestID"] for e in trail()}


# The body.
for body in (b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"KeyId": "' + b"x" * 10, b'{"KeyId": 5}', b'{"KeyId": {"a": "b"}}', b"[" * 100_000, b'{"KeyId": "\\ud800"}'):
    answer = ask(body=body)
    assert (answer.status, answer.code) in ((400, "SerializationException"), (400, "ValidationException")), (body[:20], answer)
    assert recorded(answer.request_id)["errorCode"] == answer.code
told(ask(body=b"{}"), "ValidationException")
told(ask(body=json.dumps({"KeyId": ""}).encode()), "ValidationException")
told(ask(body=json.dumps({"KeyId": "x" * 3000}).encode()), "ValidationException")
told(ask("TrentService.Encrypt", json.dumps({"KeyId": key, "Plaintext": "not base64!"}).encode()), "SerializationException")
told(ask("TrentService.Decrypt", json.dumps({"CiphertextBlob": "AAAA"}).encode()), "InvalidCiphertextException")
told(ask("TrentService.PutKeyPolicy", json.dumps({"KeyId": key, "PolicyName": "default", "Policy": "{"}).encode()), "MalformedPolicyDocumentException")

# The operation.
told(ask("TrentService.Nothing"), "UnknownOperationException")
told(ask("TrentService."), "UnknownOperationException")
told(ask("Nowhere.DisableKey"), "UnknownOperationException")
told(ask("TrentService.DisableKey.DisableKey"), "UnknownOperationException")
told(ask("../../etc/passwd"), "UnknownOperationException")
form = b"Action=Nothing&Version=2010-05-08"
FORM = {"host": HOST, "content-type": "application/x-www-form-urlencoded; charset=utf-8"}
for body, code in (
    (b"Action=Nothing&Version=2010-05-08", "InvalidAction"),
    (b"Action=ListUsers&Version=1999-01-01", "InvalidAction"),
    (b"Version=2010-05-08", "MissingAction"),
    (b"Action=CreateUser&Version=2010-05-08", "ValidationError"),
    (b"Action=CreateUser&Version=2010-05-08&UserName=%2F%2F", "ValidationError"),
):
    answer = send("POST", "/", signed(root, "iam", "POST", ENDPOINT + "/", FORM, body), body)
    assert (answer.status, answer.code) == (400, code), (body, answer)
    equal(recorded(answer.request_id)["errorCode"], code)

# The size: said so before it is read, whoever asks.
for length, statuses in ((64 << 20, {413}), (2**64, {400, 413})):
    connection = connect()
    connection.putrequest("POST", "/", skip_accept_encoding=True)
    connection.putheader("x-amz-target", "TrentService.DisableKey")
    connection.putheader("content-type", JSON)
    connection.putheader("content-length", str(length))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status in statuses, (length, answer.status)
    # A length that is no number of bytes never comes as far as to have an id.
    if request_id := answer.getheader("x-amzn-requestid"):
        time.sleep(1.1)
        send("GET", "/there/object")
        assert any(s["event"]["requestID"] == request_id for s in strangers()), "it is counted among the strangers"
    connection.close()

# A body that a refusal did not wait for: the connection goes on behind a short one, and an answer before a long one says that it does not.
def stranger_puts(connection, length, body=b"", pause=0, **headers):
    connection.putrequest("PUT", "/there/object", skip_accept_encoding=True)
    for name, value in {"content-length": str(length), **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    time.sleep(pause)
    if body:
        connection.send(body)
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.getheader("connection")


connection = connect()
for pause in (0, 0.2):
    equal(stranger_puts(connection, 100_000, b"x" * 100_000, pause), (403, None))
    first = connection.sock
    connection.request("GET", "/health")
    equal(connection.getresponse().read(), b"ok\n")
    assert connection.sock is first, "the connection was kept"
connection.close()
equal(stranger_puts(connect(), 64 << 20), (403, "close"))
start = time.monotonic()
equal(stranger_puts(connect(), 5, expect="100-continue"), (403, "close"))
assert time.monotonic() - start < 0.9, "who waits to be asked for the body is not waited for"

# The signature: whose, when, where, for what.
told(ask(forge=json.dumps({"KeyId": key, "a": 1}).encode()), "InvalidSignatureException", audited=False)
told(ask(login=Login(root.key, "x" * 40)), "InvalidSignatureException", audited=False)
told(ask(login=Login("AKIAIOSFODNN7EXAMPLE", "x" * 40)), "UnrecognizedClientException", audited=False)
told(ask(skew=16 * 60), "InvalidSignatureException", audited=False)
told(ask(skew=-16 * 60), "InvalidSignatureException", audited=False)
told(ask(drop=["authorization"]), "MissingAuthenticationTokenException", audited=False)
told(ask(drop=["x-amz-date"]), "IncompleteSignatureException", audited=False)
told(ask(service="sts"), "InvalidSignatureException")
told(ask(region="US EAST"), "InvalidSignatureException", audited=False)
for authorization in ("", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=zz", "AWS4-HMAC-SHA256 " + "x" * 8000, "Basic cm9vdDpyb290", "AWS4-ECDSA-P256-SHA256 Credential=a"):
    answer = send("POST", "/", {"content-type": JSON, "x-amz-target": "TrentService.DisableKey", "authorization": authorization}, b"{}")
    assert answer.status in (400, 403) and answer.code in ("IncompleteSignatureException", "MissingAuthenticationTokenException", "UnrecognizedClientException"), (authorization[:40], answer)
# Within the clock's allowance it is none of that.
equal(ask("TrentService.DescribeKey", skew=14 * 60).status, 200)
equal(ask("TrentService.DescribeKey", skew=-14 * 60).status, 200)
# A header that was signed and then changed, and one that was added where it must be signed.
told(ask("TrentService.DescribeKey", extra={"x-amz-meta": "a"}, drop=["x-amz-meta"]), "InvalidSignatureException", audited=False)

# S3: the same, in its words.
headers = signed(root, "s3", "DELETE", ENDPOINT + "/there/object2", {"host": HOST})
answer = send("DELETE", "/there/object", headers)
equal((answer.code, answer.status), ("SignatureDoesNotMatch", 403))
headers = signed(root, "s3", "DELETE", ENDPOINT + "/there/object", {"host": HOST}, skew=-16 * 60)
answer = send("DELETE", "/there/object", headers)
equal((answer.code, answer.status), ("RequestTimeTooSkewed", 403))
# Signed for the key service, used on S3: the form of the signature is another, so nobody is believed to have sent it.
headers = signed(root, "kms", "DELETE", ENDPOINT + "/there/object", {"host": HOST, "x-amz-content-sha256": hashlib.sha256(b"").hexdigest()})
answer = send("DELETE", "/there/object", headers)
assert answer.status in (400, 403) and answer.code in ("AuthorizationHeaderMalformed", "SignatureDoesNotMatch"), answer
assert answer.request_id not in {e["requestID"] for e in trail()}
refused("MalformedXML", 400, lambda **p: s3._make_api_call("DeleteObjects", p), Bucket="there", Delete={"Objects": []})
body = b"<Delete><Object><Key>object</Key>"
answer = send("POST", "/there?delete", signed(root, "s3", "POST", ENDPOINT + "/there?delete", {"host": HOST}, body), body)
equal((answer.code, answer.status), ("MalformedXML", 400))
equal(recorded(answer.request_id)["errorCode"], "MalformedXML")

# ARNs of somewhere else.
for arn in (key.replace("us-east-1", "eu-west-1"), key.replace(ACCOUNT, "999999999999"), key.replace(":kms:", ":sns:"), key + "0", "arn:aws:kms", "alias/not-there", "🔑"):
    outcome = attempt(kms.describe_key, KeyId=arn)
    assert outcome.status == 400 and outcome.code in ("NotFoundException", "InvalidArnException", "ValidationException", "AccessDeniedException"), (arn, outcome)
    equal(recorded(outcome.request_id)["errorCode"], outcome.code)
refused("NotFoundException", 400, kms.describe_key, KeyId="1234abcd-12ab-34cd-56ef-1234567890ab")

# Not HTTP at all, and not to the end.
for junk in (b"\x16\x03\x01\x00\xa5", b"GET / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", b"\0" * 70_000, b"GET /\xff HTTP/1.1\r\nhost: a\r\n\r\n", b"PUT /there/object HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc"):
    connection = connect()
    connection.connect()
    connection.sock.sendall(junk)
    connection.close()
equal(send("GET", "/health").body, b"ok\n")
assert state() == before, "a malformed request has changed something"
assert strangers()
