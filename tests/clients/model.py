"""Values that fit the shapes of KMS's model."""

import base64

# Text that fits where a pattern asks for more than letters.
FITTING = {
    "AccountIdType": "111122223333",
    "AliasNameType": "alias/new",
    "BackingKeyIdType": "0" * 64,
    "CloudHsmClusterIdType": "cluster-" + "2" * 11,
    "GrantConstraintSourceArnType": "arn:aws:s3:us-east-1:111122223333:thing",
    "KeyStorePasswordType": "password",
    "PolicyType": "{}",
    "PrincipalIdType": "arn:aws:iam::111122223333:root",
    "RegionType": "eu-west-1",
    "ServicePrincipalType": "ec2.amazonaws.com",
    "XksProxyAuthenticationAccessKeyIdType": "A" * 20,
    "XksProxyAuthenticationRawSecretAccessKeyType": "A" * 43,
    "XksProxyUriEndpointType": "https://example.com",
    "XksProxyUriPathType": "/prefix/kms/xks/v1",
    "XksProxyVpcEndpointServiceNameType": "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789",
}

def bounds(shape):
    return shape.metadata.get("min"), shape.metadata.get("max")


def sample(shape):
    """A value that fits, as JSON has it: of a structure, the required members."""
    kind = shape.type_name
    if kind == "structure":
        return {name: sample(shape.members[name]) for name in shape.required_members}
    if kind == "list":
        return [sample(shape.member)]
    if kind == "map":
        return {"name": "value"}
    if kind in ("integer", "long"):
        return bounds(shape)[0] or 1
    if kind == "boolean":
        return True
    if kind == "timestamp":
        return 1893456000
    if kind == "blob":
        return base64.b64encode(b"x" * (bounds(shape)[0] or 1)).decode()
    if shape.enum:
        return shape.enum[0]
    return FITTING.get(shape.name) or "x" * max(bounds(shape)[0] or 1, 1)
