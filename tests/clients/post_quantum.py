"""The AWS Common Runtime's own TLS (s2n): the hybrid key exchange with its post-quantum preference, a classical one without; both on record."""

import json
import os
import urllib.parse

from awscrt import http, io

from kluis_client import ENDPOINT, Login, equal, recorded, signed

HOST = urllib.parse.urlsplit(ENDPOINT)
BODY = b"{}"


def list_keys(preference):
    """ListKeys over one connection; its request id."""
    assert preference.is_supported(), f"post-quantum ciphers are not supported on this platform: {preference}"
    options = io.TlsContextOptions()
    options.override_default_trust_store_from_path(ca_filepath=os.environ["AWS_CA_BUNDLE"])
    options.cipher_pref = preference
    tls = io.ClientTlsContext(options).new_connection_options()
    tls.set_server_name(HOST.hostname)
    connection = http.HttpClientConnection.new(host_name=HOST.hostname, port=HOST.port, tls_connection_options=tls).result(10)
    headers = {"host": HOST.netloc, "content-type": "application/x-amz-json-1.1", "x-amz-target": "TrentService.ListKeys"}
    headers = signed(Login.of_root(), "kms", "POST", ENDPOINT + "/", headers, BODY)
    headers["content-length"] = str(len(BODY))
    found = {"body": b""}

    def head(http_stream, status_code, headers, **rest):
        found.update(status=status_code, headers={name.lower(): value for name, value in headers})

    def body(http_stream, chunk, **rest):
        found["body"] += chunk

    request = http.HttpRequest("POST", "/", http.HttpHeaders(list(headers.items())), io.InputStream(__import__("io").BytesIO(BODY)))
    stream = connection.request(request, head, body)
    stream.activate()
    stream.completion_future.result(10)
    connection.close().result(10)
    equal((found["status"], json.loads(found["body"])["Keys"]), (200, []))
    return found["headers"]["x-amzn-requestid"]


def details(preference):
    return recorded(list_keys(preference))["tlsDetails"]


hybrid = details(io.TlsCipherPref.PQ_DEFAULT)
equal((hybrid["tlsVersion"], hybrid["keyExchange"], hybrid["clientProvidedHostHeader"]), ("TLSv1.3", "X25519MLKEM768", HOST.netloc))
# The newest preference without post-quantum groups.
classical = details(io.TlsCipherPref.TLSv1_2_2025_07)
assert classical["keyExchange"] in ("X25519", "secp256r1", "secp384r1"), classical
print(json.dumps({"post-quantum": hybrid, "classical": classical}, indent=1))
