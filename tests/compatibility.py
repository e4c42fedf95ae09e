"""The table of KMS's operations, from AWS's model and from the notes that the tests left (tests/clients/kluis_client.py: `fact`)."""

import glob
import json
import os
import re
import sys

import botocore.session

CUSTOM_KEY_STORES = "custom key stores come with hardware security modules; answers `UnsupportedOperationException`"
# What a table with a gap has to say of it.
GAPS = {
    name: CUSTOM_KEY_STORES
    for name in (
        "ConnectCustomKeyStore",
        "CreateCustomKeyStore",
        "DeleteCustomKeyStore",
        "DescribeCustomKeyStores",
        "DisconnectCustomKeyStore",
        "UpdateCustomKeyStore",
    )
}

HEAD = """# Compatibility with AWS KMS

Written by `scripts/compatibility` from AWS's service model (botocore {version}) and from what the tests have shown; `make test` fails when it is not what
they show. {served} of {all} operations are served.

- **Served by** names the clients that a test saw the operation succeed for, by the trail.
- **Unsigned** and **denied**: a test sends the operation without a signature, and signed by a user without leave; it is refused with AWS's code, and nothing changes.
- **On record**: the refused request has its one record in the trail.
- **Constraints**: how many constraints of the model on the operation's members a test breaks, one at a time, for AWS's `ValidationException` in AWS's words.
- **Across accounts**: what the API reference says; ✓ where a test has shown it so.

| operation | served by | unsigned | denied | on record | constraints | across accounts |
|---|---|---|---|---|---|---|
"""


def notes(folder, name):
    path = os.path.join(folder, f"{name}.json")
    if not os.path.exists(path):
        sys.exit(f"{path} is missing; run: make test")
    with open(path) as file:
        return json.load(file)


def uses(folder):
    """Operation → the clients that it succeeded for."""
    found = {}
    for path in glob.glob(os.path.join(folder, "uses-*.json")):
        with open(path) as file:
            for operation, client in json.load(file):
                found.setdefault(operation, set()).add(client)
    return found


def across(operation):
    """What the API reference says of other accounts: yes, no, or neither."""
    said = re.search(r"<b>Cross-account use</b>:?\s*(\w+)", operation.documentation)
    word = said.group(1).lower() if said else ""
    return word if word in ("yes", "no") else "—"


def table(folder):
    model = botocore.session.get_session().get_service_model("kms")
    served, authority, constraints = uses(folder), notes(folder, "authority"), notes(folder, "constraints")
    shown = notes(folder, "across-accounts") if os.path.exists(os.path.join(folder, "across-accounts.json")) else {}
    tick = lambda yes: "✓" if yes else "**no**"
    rows, gaps = [], []
    for name in model.operation_names:
        clients = ", ".join(sorted(served.get(name, ()))) or "—"
        if name not in served:
            if name not in GAPS:
                sys.exit(f"no test has seen {name} succeed, and nothing explains why; serve it, or say in {__file__} why not")
            gaps.append(f"- `{name}`: {GAPS[name]}.")
        rule = across(model.operation_model(name))
        accounts = rule + (" ✓" if shown.get(name) == rule else "")
        denied = name in authority["denied and on record"]
        rows.append(f"| {name} | {clients} | {tick(name in authority['unsigned'])} | {tick(denied)} | {tick(denied)} | {constraints.get(name, 0)} | {accounts} |")
    text = HEAD.format(version=botocore.__version__, served=len(set(model.operation_names) & set(served)), all=len(rows))
    return text + "\n".join(rows) + "\n\n## Gaps\n\n" + "\n".join(gaps) + "\n"


folder, path, *rest = sys.argv[1:]
text = table(folder)
if rest == ["--check"]:
    with open(path) as file:
        if file.read() != text:
            sys.exit(f"{path} is not what the tests have shown; run: scripts/compatibility")
else:
    with open(path, "w") as file:
        file.write(text)
