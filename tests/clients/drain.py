"""Ends the service in the middle of an upload: the upload is finished, and nobody new is let in."""

import hashlib
import os
import signal
import sys
import time
import urllib.parse

from kluis_client import ENDPOINT, Login, client, connect, equal, recorded, signed

client("s3").create_bucket(Bucket="there")
body = os.urandom(200_000)
path = "/there/slow"
headers = signed(Login.of_root(), "s3", "PUT", ENDPOINT + path, {"host": urllib.parse.urlsplit(ENDPOINT).netloc}, body)
connection = connect()
connection.putrequest("PUT", path, skip_accept_encoding=True, skip_host=True)
for name, value in {**headers, "content-length": str(len(body))}.items():
    connection.putheader(name, value)
connection.endheaders(body[:100_000])
# The service has begun to read when the object's first bytes lie on its disk; half a second at most.
time.sleep(0.3)
os.kill(int(sys.argv[1]), signal.SIGTERM)
for _ in range(100):
    try:
        connect(timeout=5).connect()
        time.sleep(0.05)
    except (ConnectionError, OSError):
        break
else:
    raise AssertionError("new connections are taken after SIGTERM")
connection.send(body[100_000:])
answer = connection.getresponse()
equal((answer.status, answer.headers["etag"].strip('"')), (200, hashlib.md5(body).hexdigest()))
equal(recorded(answer.headers["x-amz-request-id"])["eventName"], "PutObject")
