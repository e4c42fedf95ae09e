#!/usr/bin/env python3
"""Writes an OCI image of kluisd as one tar, without a daemon: packaging/oci/image.py PROGRAM VERSION OUTPUT

The image is `scratch` with the program, the libraries that it is linked with, the system's certificate authorities, and a user of its
own. It is dynamic, so that a PKCS#11 module can be loaded later. SOURCE_DATE_EPOCH is every date in it: the same input gives the same bytes.
"""

import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import time

USER = 7600
PORT = 7600
DATA = "/var/lib/kluisd"
AUTHORITIES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
EPOCH = int(os.environ["SOURCE_DATE_EPOCH"])

FILES = {
    "/etc/passwd": f"root:x:0:0:root:/root:/sbin/nologin\nkluisd:x:{USER}:{USER}:Kluis key service:{DATA}:/sbin/nologin\n",
    "/etc/group": f"root:x:0:\nkluisd:x:{USER}:\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    # Loopback, the default elsewhere, would be of no use in a container. Another file is mounted over this one.
    "/etc/kluisd.toml": f'# kluisd(5). Clients check the name that they call: give it here.\nlisten = ["[::]:{PORT}"]\n\n#[tls]\n#names = ["kluisd.example.com"]\n',
}


def libraries(program):
    """What the program is linked with, the loader too: (path in the image, file here), where the loader looks for it."""
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for line in listed.splitlines():
        words = line.split()
        if "=>" in words:
            if words[2] == "not":
                sys.exit(f"image: {words[0]} is not found; install the package that has it")
            yield f"/lib/x86_64-linux-gnu/{words[0]}", pathlib.Path(words[2])
        elif words[0].startswith("/"):
            yield words[0], pathlib.Path(words[0])


def notices(files):
    """The copyright files of Debian's packages that the libraries are from: their licences ask that they go along."""
    for file in files:
        # dpkg knows the folder's name before /lib became a link into /usr.
        names = [str(file), str(file.resolve()), str(file.resolve()).removeprefix("/usr")]
        for name in names:
            owner = subprocess.run(["dpkg-query", "--search", name], capture_output=True, text=True)
            if owner.returncode == 0:
                package = owner.stdout.split(":")[0]
                copyright = pathlib.Path("/usr/share/doc", package, "copyright")
                if copyright.exists():
                    yield f"/usr/share/doc/{package}/copyright", copyright
                break


def layer(program):
    """A tar of the root file system, its entries in order, root's but for the service's own folder."""
    entries = {path: (text.encode(), 0o644, 0) for path, text in FILES.items()}
    needed = dict(libraries(program))
    entries["/usr/bin/kluisd"] = (program.read_bytes(), 0o755, 0)
    for path, file in needed.items():
        entries[path] = (file.read_bytes(), 0o755, 0)
    for path, file in notices(needed.values()):
        entries[path] = (file.read_bytes(), 0o644, 0)
    entries[str(AUTHORITIES)] = (AUTHORITIES.read_bytes(), 0o644, 0)
    for path, mode, owner in ((DATA, 0o700, USER), ("/tmp", 0o1777, 0)):
        entries[path] = (None, mode, owner)
    for path in list(entries):
        for parent in pathlib.PurePosixPath(path).parents:
            entries.setdefault(str(parent), (None, 0o755, 0))
    del entries["/"]

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, (content, mode, owner) in sorted(entries.items()):
            add(tar, path.lstrip("/"), content, mode, owner)
    return out.getvalue()


def add(tar, name, content, mode=0o644, owner=0):
    info = tarfile.TarInfo(name)
    info.mode, info.mtime, info.uid, info.gid = mode, EPOCH, owner, owner
    if content is None:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    else:
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def as_json(value):
    return json.dumps(value, indent=2, sort_keys=True).encode() + b"\n"


def main():
    program, version, output = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(EPOCH))
    annotations = {
        "org.opencontainers.image.created": created,
        "org.opencontainers.image.description": "Key service on the AWS wire",
        "org.opencontainers.image.licenses": "Apache-2.0 OR MIT",
        "org.opencontainers.image.title": "kluisd",
        "org.opencontainers.image.version": version,
    }
    blobs = {}

    def blob(media_type, content):
        blobs[digest(content)] = content
        return {"mediaType": media_type, "digest": digest(content), "size": len(content)}

    root = layer(program)
    packed = blob("application/vnd.oci.image.layer.v1.tar+gzip", gzip.compress(root, 9, mtime=0))
    config = {
        "created": created,
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "User": f"{USER}:{USER}",
            "ExposedPorts": {f"{PORT}/tcp": {}},
            "Entrypoint": ["/usr/bin/kluisd", "serve"],
            "Volumes": {DATA: {}},
            "WorkingDir": DATA,
            "StopSignal": "SIGTERM",
            "Labels": annotations,
            # Docker's own field: OCI has no health checks, and who does not know it passes over it.
            "Healthcheck": {
                "Test": ["CMD", "/usr/bin/kluisd", "health"],
                "Interval": 10_000_000_000,
                "Timeout": 5_000_000_000,
                "StartPeriod": 30_000_000_000,
                "Retries": 3,
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [digest(root)]},
        "history": [{"created": created, "created_by": "packaging/oci/image.py"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob("application/vnd.oci.image.config.v1+json", as_json(config)),
        "layers": [packed],
        "annotations": annotations,
    }
    listed = blob("application/vnd.oci.image.manifest.v1+json", as_json(manifest))
    listed["platform"] = {"architecture": "amd64", "os": "linux"}
    listed["annotations"] = {"org.opencontainers.image.ref.name": version}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [listed]}

    with tarfile.open(output, "w", format=tarfile.USTAR_FORMAT) as tar:
        add(tar, "oci-layout", as_json({"imageLayoutVersion": "1.0.0"}))
        add(tar, "index.json", as_json(index))
        add(tar, "blobs", None, 0o755)
        add(tar, "blobs/sha256", None, 0o755)
        for name, content in sorted(blobs.items()):
            add(tar, "blobs/" + name.replace(":", "/"), content)


if __name__ == "__main__":
    main()
