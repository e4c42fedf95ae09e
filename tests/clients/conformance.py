"""AWS's own model of KMS, constraint by constraint: each member of each operation broken in each way that the model knows, one at a time.

The answer is AWS's ValidationException with AWS's text, HTTP 400, on record; and nothing changes.
"""

import base64
import collections
import copy
import json
import re
import urllib.parse

from kluis_client import ENDPOINT, Login, client, connect, equal, fact, signed, trail
from model import FITTING, bounds, sample

kms = client("kms")
model = kms.meta.service_model
root = Login.of_root()
HOST = urllib.parse.urlsplit(ENDPOINT).netloc
key = kms.create_key()["KeyMetadata"]["Arn"]
kms.create_alias(AliasName="alias/there", TargetKeyId=key)
FITTING["KeyIdType"] = key

# What fits no pattern that it is tried on, of any length.
MISFITS = ("\u2603", "!", " ", "x")

Broken = collections.namedtuple("Broken", "operation request path constraints shown")


def matches(shape, text):
    pattern = shape.metadata.get("pattern")
    return pattern is None or re.fullmatch(pattern, text, re.ASCII) is not None


def violations(shape):
    """The constraints that a value of a plain or collecting shape breaks, as the front end words them."""

    def told(value):
        low, high = bounds(shape)
        found = []
        if shape.type_name in ("integer", "long"):
            if high is not None and value > high:
                found.append(f"Member must have value less than or equal to {high}")
            if low is not None and value < low:
                found.append(f"Member must have value greater than or equal to {low}")
            return found
        length = len(base64.b64decode(value)) if shape.type_name == "blob" else len(value)
        if shape.type_name == "string":
            if not matches(shape, value):
                found.append(f"Member must satisfy regular expression pattern: {shape.metadata['pattern']}")
            if shape.enum and value not in shape.enum:
                found.append("Member must satisfy enum value set: [" + ", ".join(shape.enum) + "]")
        if high is not None and length > high:
            found.append(f"Member must have length less than or equal to {high}")
        if low is not None and length < low:
            found.append(f"Member must have length greater than or equal to {low}")
        return found

    return told


def breaking(shape):
    """Values that do not fit, one for each constraint."""
    low, high = bounds(shape)
    kind = shape.type_name
    if kind in ("integer", "long"):
        return [value for value in (low is not None and low - 1, high is not None and high + 1) if value is not False]
    values = []
    lengths = [low - 1] if low else []
    lengths += [high + 1] if high is not None else []
    for length in lengths:
        if kind == "blob":
            values.append(base64.b64encode(b"x" * length).decode())
        elif kind == "list":
            values.append([sample(shape.member)] * length)
        elif kind == "string":
            values.append((FITTING.get(shape.name, "x") * (length + 1))[:length])
    if kind == "string" and shape.enum:
        values += ["NOT_IN_THE_SET", ""]
    if kind == "string" and shape.metadata.get("pattern"):
        misfits = (text * max(low or 1, 1) for text in MISFITS)
        values += [text for text in misfits if not matches(shape, text)][:1]
    return values


def lower_first(name):
    return name[0].lower() + name[1:]


def cases(operation, shape, request, place, path):
    """Every way of breaking what is below `place` (steps into the request)."""
    for name, member in shape.members.items():
        at, named = place + [name], path + [lower_first(name)]
        if name in shape.required_members:
            yield put(operation, request, at, None, named, ["Member must not be null"], member)
        yield from broken_member(operation, member, request, at, named)


def broken_member(operation, member, request, at, named):
    for value in breaking(member):
        yield put(operation, request, at, value, named, violations(member)(value), member)
    if member.type_name == "structure":
        deeper = copy.deepcopy(request)
        target(deeper, at[:-1])[at[-1]] = sample(member)
        yield from cases(operation, member, deeper, at, named)
    elif member.type_name == "list":
        yield from broken_items(operation, member, request, at, named)


def broken_items(operation, member, request, at, named):
    item = member.member
    if item.type_name == "structure":
        deeper = copy.deepcopy(request)
        target(deeper, at[:-1])[at[-1]] = [sample(item)]
        yield from cases(operation, item, deeper, at + [0], named + ["1", "member"])
        return
    # A list of plain things is told of as a whole, with all that holds for its members.
    for value in breaking(item):
        broken = violations(item)(value)
        constraint = "Member must satisfy constraint: ["
        yield put(operation, request, at, [value], named, [(constraint, broken)], member)


def target(value, steps):
    for step in steps:
        value = value.setdefault(step, {}) if isinstance(value, dict) else value[step]
    return value


def put(operation, request, at, value, named, constraints, shape):
    request = copy.deepcopy(request)
    target(request, at[:-1])[at[-1]] = value
    if value is None:
        shown = " null"
    elif shape.metadata.get("sensitive"):
        shown = ""
    elif shape.type_name == "blob":
        length = len(base64.b64decode(value))
        shown = f" 'java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]'"
    elif shape.type_name in ("string", "integer", "long"):
        shown = f" '{value}'"
    else:
        shown = None
    return Broken(operation, request, ".".join(named), constraints, shown)


class Caller:
    """One connection, kept alive."""

    def __init__(self):
        self.connection = connect()

    def ask(self, operation, request):
        body = json.dumps(request).encode()
        headers = {"host": HOST, "content-type": "application/x-amz-json-1.1", "x-amz-target": f"TrentService.{operation}"}
        self.connection.request("POST", "/", body, signed(root, "kms", "POST", ENDPOINT + "/", headers, body))
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers["x-amzn-requestid"]


def wrong(case, status, answer):
    """What is wrong with an answer, or None."""
    if (status, answer.get("__type")) != (400, "ValidationException"):
        return f"{status} {answer}"
    count = len(case.constraints)
    message = answer["message"]
    head = f"{count} validation error{'s' if count > 1 else ''} detected: "
    if not message.startswith(head):
        return message
    for constraint in case.constraints:
        inner = ()
        if isinstance(constraint, tuple):
            constraint, inner = constraint
        shown = "" if case.shown is None else case.shown
        # Long values are cut.
        told = f" at '{case.path}' failed to satisfy constraint: {constraint}"
        line = f"Value{shown}{told}"
        if (line if case.shown is not None and len(shown) < 1000 else told) not in message or any(each not in message for each in inner):
            return f"{message[:300]} … {message[-300:]}"
    return None


def state():
    keys = [k["KeyId"] for k in kms.list_keys()["Keys"]]
    return [[kms.describe_key(KeyId=k)["KeyMetadata"] for k in keys], [kms.get_key_policy(KeyId=k)["Policy"] for k in keys], kms.list_aliases()["Aliases"]]


caller, before, failures, requests = Caller(), state(), [], {}
counts = collections.Counter()
for operation in model.operation_names:
    shape = model.operation_model(operation).input_shape
    for case in cases(operation, shape, sample(shape), [], []):
        assert case.constraints, case
        status, answer, request = caller.ask(operation, case.request)
        counts[operation] += 1
        requests[request] = operation
        problem = wrong(case, status, answer)
        if problem:
            failures.append(f"{operation} {case.path}: wanted {case.constraints}, got {problem}")
assert not failures, f"{len(failures)} of {sum(counts.values())}:\n" + "\n".join(failures)
equal(state(), before)
records = {event["requestID"]: event for event in trail()}
for request, operation in requests.items():
    record = records[request]
    equal((record["eventName"], record["errorCode"], record["responseElements"]), (operation, "ValidationException", None))
assert sum(counts.values()) > 400, counts
fact("constraints", dict(counts))
print(f"{sum(counts.values())} constraints of {len(counts)} operations are held")
