"""Says who the caller is, with nothing but the environment's word for where and how."""

import botocore.session

sts = botocore.session.get_session().create_client("sts")
print(sts.get_caller_identity()["Arn"], sts.meta.region_name)
