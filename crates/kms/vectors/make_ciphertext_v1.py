"""Makes ciphertext-v1.json with Python's `cryptography`, from the construction in ciphertext.rs and nothing else of Kluis.

    python3 crates/kms/vectors/make_ciphertext_v1.py > crates/kms/vectors/ciphertext-v1.json
"""

import json
import struct
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

LABEL = b"kluis/kms/encrypt/v1"


def canonical(context):
    out = struct.pack(">I", len(context))
    for key, value in sorted((k.encode(), v.encode()) for k, v in context.items()):
        out += struct.pack(">I", len(key)) + key + struct.pack(">I", len(value)) + value
    return out


def vector(name, backing, region, account, key_id, version, nonce, context, plaintext):
    multi_region = key_id.startswith("mrk-")
    raw_id = uuid.UUID(key_id.removeprefix("mrk-")).bytes
    arn = f"arn:aws:kms:{region}:{account}:key/{key_id}".encode()
    derive = KBKDFHMAC(
        algorithm=hashes.SHA256(), mode=Mode.CounterMode, length=32, rlen=4, llen=4,
        location=CounterLocation.BeforeFixed, label=LABEL, context=nonce + arn + struct.pack(">I", version), fixed=None,
    )
    header = bytes([0x4B, 1, 1, int(multi_region)]) + raw_id + int(account).to_bytes(5, "big")
    header += struct.pack(">I", version) + nonce + bytes([len(region)]) + region.encode()
    sealed = AESGCM(derive.derive(backing)).encrypt(bytes(12), plaintext, header + canonical(context))
    return {
        "name": name, "backing": backing.hex(), "arn": arn.decode(), "version": version, "nonce": nonce.hex(),
        "context": context, "plaintext": plaintext.hex(), "blob": (header + sealed).hex(),
    }


print(json.dumps([
    vector("a data key without a context", bytes(range(32)), "us-east-1", "111122223333",
           "1234abcd-12ab-34cd-56ef-1234567890ab", 1, bytes(range(100, 116)), {}, bytes([7]) * 32),
    vector("a later backing key and a context out of order", bytes(range(1, 33)), "eu-west-1", "000000000042",
           "ffffffff-ffff-4fff-8fff-ffffffffffff", 258, bytes(16), {"é": "1", "z": "", "Z": "three"}, b"x"),
    vector("a multi-Region key and the longest plaintext", b"\xff" * 32, "ap-southeast-2", "999999999999",
           "mrk-1234abcd12ab34cd56ef1234567890ab", 1, b"\xa5" * 16, {"kluis:v": "1", "kluis:machine": "m"}, bytes(4096)),
], indent=1, ensure_ascii=True))
