"""What the scripts share: clients of botocore, requests made by hand, refusals, and the trail as it is on disk."""

import atexit
import configparser
import datetime
import glob
import http.client
import json
import os
import ssl
import sys
import urllib.parse

import botocore.session
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

ENDPOINT = os.environ.get("AWS_ENDPOINT_URL", "")
REGION = "us-east-1"
ACCOUNT = "111122223333"
OTHER = "444455556666"

_session = botocore.session.get_session()


class Login:
    """An access key, perhaps of a session."""

    def __init__(self, key, secret, token=None):
        self.key, self.secret, self.token = key, secret, token

    @classmethod
    def of_key(cls, answer):
        return cls(answer["AccessKey"]["AccessKeyId"], answer["AccessKey"]["SecretAccessKey"])

    @classmethod
    def of_session(cls, answer):
        c = answer["Credentials"]
        return cls(c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])

    @classmethod
    def of_root(cls, path=None, profile="default"):
        file = configparser.ConfigParser(default_section=None)
        file.read(path or os.environ["AWS_SHARED_CREDENTIALS_FILE"])
        return cls(file[profile]["aws_access_key_id"], file[profile]["aws_secret_access_key"])


STRANGER = object()


def client(service, login=None, endpoint=None, **config):
    """A client of a service, for the root user unless a login (or STRANGER) is named. Nothing is tried twice."""
    config = {"retries": {"total_max_attempts": 1}, "parameter_validation": False, "s3": {"addressing_style": "path"}, **config}
    keys = {}
    if login is STRANGER:
        config["signature_version"] = UNSIGNED
    else:
        login = login or Login.of_root()
        keys = dict(aws_access_key_id=login.key, aws_secret_access_key=login.secret, aws_session_token=login.token)
    return _session.create_client(service, region_name=REGION, endpoint_url=endpoint or ENDPOINT, config=Config(**config), **keys)


class Outcome:
    """What became of a call: its code ("" for success), status, message and request id."""

    def __init__(self, answer, error=None):
        meta = answer["ResponseMetadata"]
        self.answer = answer
        self.code = error["Code"] if error else ""
        self.message = error.get("Message", "") if error else ""
        self.status = meta["HTTPStatusCode"]
        self.request_id = meta.get("RequestId") or meta["HTTPHeaders"].get("x-amzn-requestid") or meta["HTTPHeaders"].get("x-amz-request-id")

    def __repr__(self):
        return f"<{self.status} {self.code or 'success'}: {self.message}>"


def attempt(call, **parameters):
    """Calls, and never raises for an answer."""
    try:
        return Outcome(call(**parameters))
    except ClientError as error:
        return Outcome(error.response, error.response.get("Error", {}))


def refused(code, status, call, **parameters):
    """Calls, and wants exactly this refusal."""
    outcome = attempt(call, **parameters)
    assert (outcome.code, outcome.status) == (code, status), f"wanted {status} {code}, got {outcome}"
    return outcome


def equal(found, wanted):
    assert found == wanted, f"found {found!r}, wanted {wanted!r}"


def signed(login, service, method, url, headers=None, body=b"", region=REGION, skew=0):
    """A request's headers with its signature, as a client whose clock is `skew` seconds ahead makes them."""
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers or {}))
    signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials(login.key, login.secret, login.token), service, region)
    if skew:
        import botocore.auth as auth

        real = auth.get_current_datetime
        auth.get_current_datetime = lambda *a, **k: real(*a, **k) + datetime.timedelta(seconds=skew)
        try:
            signer.add_auth(request)
        finally:
            auth.get_current_datetime = real
    else:
        signer.add_auth(request)
    return dict(request.headers.items())


def connect(endpoint=None, timeout=30):
    """A connection to the service."""
    url = urllib.parse.urlsplit(endpoint or ENDPOINT)
    if url.scheme == "http":
        return http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    return http.client.HTTPSConnection(url.hostname, url.port, context=context, timeout=timeout)


class Raw:
    """An answer to a request made by hand."""

    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()
        self.request_id = self.headers.get("x-amzn-requestid") or self.headers.get("x-amz-request-id")

    @property
    def code(self):
        text = self.body.decode()
        if text.startswith("{"):
            return json.loads(text).get("__type", "").rsplit("#")[-1]
        return text.split("<Code>")[1].split("</Code>")[0] if "<Code>" in text else ""

    def __repr__(self):
        return f"<{self.status} {self.body!r}>"


def send(method, path, headers=None, body=b""):
    """Sends a request as it is, and reads the answer."""
    connection = connect()
    try:
        connection.putrequest(method, path, skip_accept_encoding=True, skip_host=True)
        headers = {"host": urllib.parse.urlsplit(ENDPOINT).netloc, "content-length": str(len(body)), **(headers or {})}
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        return Raw(connection.getresponse())
    finally:
        connection.close()


def trail():
    """The events of the trail, as they lie on disk."""
    events = []
    for path in sorted(glob.glob(os.path.join(os.environ["KLUISD_DATA"], "trail", "*.jsonl"))):
        if not os.path.basename(path)[0].isdigit():
            continue
        with open(path, "rb") as file:
            for line in file.read().rstrip(b"\0 \n").split(b"\n"):
                line = line.strip(b"\0 ")
                if line:
                    events.append(json.loads(line)["event"])
    return events


def recorded(request_id):
    """The one record of a request."""
    found = [event for event in trail() if event["requestID"] == request_id]
    equal(len(found), 1)
    return found[0]


def strangers():
    """The samples of requests that nobody signed."""
    path = os.path.join(os.environ["KLUISD_DATA"], "unauthenticated.jsonl")
    with open(path, "rb") as file:
        return [json.loads(line) for line in file]


def fact(name, value):
    """Notes what a script has shown, for the table in docs/kms-compatibility.md."""
    folder = os.environ.get("KLUIS_FACTS")
    if folder:
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"{name}.json"), "w") as file:
            json.dump(value, file, indent=1, sort_keys=True)


# Who a program is by what it says of itself; the first that fits.
AGENTS = (
    ("aws-cli/", "AWS CLI"),
    ("AwsEncryptionSdkPython", "Encryption SDK"),
    ("AwsCryptographicMPL", "Encryption SDK"),
    ("aws-encryption-sdk", "Encryption SDK"),
    ("aws-sdk-go-v2/", "SOPS"),
    ("aws-sdk-rust/", "Rust SDK"),
    ("Boto3/", "boto3"),
    ("Botocore/", "botocore"),
)


def _note_uses():
    """Which operations of KMS succeeded, and for which clients: the trail tells."""
    uses = set()
    for event in trail():
        if event["eventSource"] == "kms.amazonaws.com" and event["eventType"] == "AwsApiCall" and not event.get("errorCode"):
            agent = event.get("userAgent") or ""
            name = next((name for mark, name in AGENTS if mark in agent), None)
            if name:
                uses.add((event["eventName"], name))
    fact("uses-" + os.environ.get("KLUIS_FACTS_OF", os.path.basename(sys.argv[0])), sorted(uses))


if os.environ.get("KLUIS_FACTS") and os.environ.get("KLUISD_DATA"):
    atexit.register(_note_uses)
