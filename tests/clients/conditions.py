"""The condition keys that the gate knows of every request, each by a policy that lets and one that does not."""

import json
import time

from kluis_client import Login, attempt, client, equal

iam, kms = client("iam"), client("kms")
kms.create_key()
iam.create_user(UserName="asker")
asker = client("kms", Login.of_key(iam.create_access_key(UserName="asker")))
secure = kms.meta.endpoint_url.startswith("https:")
now = int(time.time())


def instant(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def lets(condition):
    statement = {"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*", "Condition": condition}
    iam.put_user_policy(UserName="asker", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    outcome = attempt(asker.list_keys)
    assert outcome.code in ("", "AccessDeniedException"), outcome
    return outcome.code == ""


for condition, allowed in [
    ({"IpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1/128"]}}, True),
    ({"NotIpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1/128"]}}, False),
    ({"Bool": {"aws:SecureTransport": str(secure).lower()}}, True),
    ({"Bool": {"aws:SecureTransport": str(not secure).lower()}}, False),
    ({"DateGreaterThan": {"aws:CurrentTime": instant(now - 60)}, "DateLessThan": {"aws:CurrentTime": instant(now + 600)}}, True),
    ({"DateGreaterThan": {"aws:CurrentTime": instant(now + 600)}}, False),
    ({"NumericLessThan": {"aws:EpochTime": str(now + 600)}}, True),
    ({"DateLessThan": {"aws:EpochTime": str(now + 600)}}, True),
    ({"NumericGreaterThan": {"aws:EpochTime": str(now + 600)}}, False),
    ({"StringEquals": {"aws:RequestedRegion": asker.meta.region_name}}, True),
    ({"StringNotEquals": {"aws:RequestedRegion": asker.meta.region_name}}, False),
    ({"StringLike": {"aws:UserAgent": "*otocore*"}}, True),
    ({"StringLike": {"aws:UserAgent": "curl*"}}, False),
    ({"Bool": {"aws:ViaAWSService": "false"}}, True),
    ({"Null": {"aws:MultiFactorAuthPresent": "true", "aws:SourceVpc": "true", "aws:SourceVpce": "true", "aws:SourceArn": "true", "aws:CalledVia": "true"}}, True),
    ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, False),
    ({"Null": {"aws:TokenIssueTime": "true"}}, True),
    ({"StringEquals": {"aws:username": "asker"}}, True),
]:
    equal((condition, lets(condition)), (condition, allowed))
