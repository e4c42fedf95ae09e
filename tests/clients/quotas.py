"""CloudWatch in its three protocols, CBOR to the key service, throttling, OpenMetrics."""

import datetime
import json
import sys
import time
import urllib.request

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from kluis_client import ENDPOINT, REGION, Login, attempt, client, equal, recorded, refused, send, signed

metrics_url = sys.argv[1]
root = Login.of_root()


def speaking(service, protocol):
    """A client that is made to speak one of the model's protocols."""
    session = botocore.session.get_session()
    model = session.get_component("data_loader").load_service_model(service, "service-2")
    model["metadata"]["protocols"], model["metadata"]["protocol"] = [protocol], protocol
    return session.create_client(
        service, region_name=REGION, endpoint_url=ENDPOINT, config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        aws_access_key_id=root.key, aws_secret_access_key=root.secret)


# CloudWatch: the same in each protocol.
now = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
for number, protocol in enumerate(("smithy-rpc-v2-cbor", "json", "query")):
    cloudwatch = speaking("cloudwatch", protocol)
    name = f"metric-{number}"
    put = attempt(cloudwatch.put_metric_data, Namespace="Test", MetricData=[
        {"MetricName": name, "Dimensions": [{"Name": "a", "Value": "b"}], "Value": 1.5, "Timestamp": now, "Unit": "Count"},
        {"MetricName": name, "Dimensions": [{"Name": "a", "Value": "b"}], "Values": [2.0, 4.0], "Counts": [1.0, 3.0], "Timestamp": now, "Unit": "Count"}])
    equal((put.status, put.code), (200, ""))
    equal(recorded(put.request_id)["requestParameters"], {"namespace": "Test", "metricDataCount": 2})
    equal(recorded(put.request_id)["eventSource"], "monitoring.amazonaws.com")
    found = cloudwatch.list_metrics(Namespace="Test", MetricName=name)["Metrics"]
    equal(found, [{"Namespace": "Test", "MetricName": name, "Dimensions": [{"Name": "a", "Value": "b"}]}])
    points = cloudwatch.get_metric_statistics(Namespace="Test", MetricName=name, Dimensions=found[0]["Dimensions"], Period=60, Statistics=["Sum", "SampleCount", "Maximum"],
                                              StartTime=now, EndTime=now + datetime.timedelta(minutes=1))["Datapoints"]
    equal([(p["Timestamp"], p["Sum"], p["SampleCount"], p["Maximum"], p["Unit"]) for p in points], [(now, 15.5, 5.0, 4.0, "Count")])
    data = cloudwatch.get_metric_data(StartTime=now, EndTime=now + datetime.timedelta(minutes=1), MetricDataQueries=[
        {"Id": "m1", "MetricStat": {"Metric": found[0], "Period": 60, "Stat": "Average"}, "ReturnData": False}, {"Id": "e1", "Expression": "m1 * 10"}])["MetricDataResults"]
    equal([(d["Id"], d["Timestamps"], d["Values"]) for d in data], [("e1", [now], [31.0])])
    # A refusal has the code of old in each, and so botocore's exception for it.
    outcome = attempt(cloudwatch.put_metric_data, Namespace="AWS/Own", MetricData=[{"MetricName": name, "Value": 1.0}])
    equal((outcome.code, outcome.status), ("InvalidParameterValue", 400))
    equal(recorded(outcome.request_id)["errorCode"], "InvalidParameterValue")
    try:
        cloudwatch.delete_alarms(AlarmNames=["not-there"])
    except cloudwatch.exceptions.ResourceNotFound as error:
        equal(error.response["ResponseMetadata"]["HTTPStatusCode"], 404)
    else:
        raise AssertionError("an alarm that is not there was deleted")
    refused("ValidationError", 400, cloudwatch.describe_alarms, MaxRecords=0)

# An alarm, kept and shown.
cloudwatch = client("cloudwatch")
# A request that is so long that botocore compresses it.
cloudwatch.put_metric_data(Namespace="Test", MetricData=[{"MetricName": "many", "Dimensions": [{"Name": "n", "Value": "x" * 100 + str(n)}], "Value": float(n)} for n in range(200)])
equal(len(cloudwatch.list_metrics(Namespace="Test", MetricName="many")["Metrics"]), 200)
cloudwatch.put_metric_alarm(AlarmName="a/b c", Namespace="Test", MetricName="metric-0", Dimensions=[{"Name": "a", "Value": "b"}], Statistic="Maximum", Period=60,
                            EvaluationPeriods=1, Threshold=3.0, ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore")
alarm = cloudwatch.describe_alarms(AlarmNames=["a/b c"])["MetricAlarms"][0]
equal((alarm["AlarmArn"], alarm["StateValue"], alarm["TreatMissingData"]), ("arn:aws:cloudwatch:us-east-1:111122223333:alarm:a/b c", "INSUFFICIENT_DATA", "ignore"))
equal(cloudwatch.describe_alarms_for_metric(Namespace="Test", MetricName="metric-0", Dimensions=[{"Name": "a", "Value": "b"}])["MetricAlarms"][0]["AlarmName"], "a/b c")

# The key service answers CBOR too.
kms = speaking("kms", "smithy-rpc-v2-cbor")
key = kms.create_key()["KeyMetadata"]
assert isinstance(key["CreationDate"], datetime.datetime)
blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"\x00\xff text", EncryptionContext={"a": "b"})["CiphertextBlob"]
equal(kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"})["Plaintext"], b"\x00\xff text")
refused("NotFoundException", 400, kms.describe_key, KeyId="alias/not-there")
for path in ("/", "/service/TrentService/operation/Nothing", "/service/Nobody/operation/ListKeys"):
    headers = signed(root, "kms", "POST", ENDPOINT + path, {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}, b"\xa0")
    answer = send("POST", path, headers, b"\xa0")
    assert answer.status == 400 and b"UnknownOperationException" in answer.body, answer.body
    equal(recorded(answer.request_id)["errorCode"], "UnknownOperationException")
for body in (b"\xff", b"\x9f", b"\xbf\x61", b"\x81" * 5000, b"\xa1\x65KeyId\x01"):
    headers = signed(root, "kms", "POST", ENDPOINT + "/service/TrentService/operation/DescribeKey", {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}, body)
    answer = send("POST", "/service/TrentService/operation/DescribeKey", headers, body)
    assert answer.status == 400 and b"SerializationException" in answer.body, answer.body

# A quota: what is beyond it is refused in AWS's words, recorded, and told apart by key kind.
outcomes = [attempt(client("kms").get_parameters_for_import, KeyId=key["KeyId"], WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048") for _ in range(3)]
throttled = [o for o in outcomes if o.code == "ThrottlingException"]
assert throttled, outcomes
equal((throttled[0].status, throttled[0].message), (400, "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."))
equal(recorded(throttled[0].request_id)["errorCode"], "ThrottlingException")
# Another region's, and another quota's, are not touched.
kms_elsewhere = botocore.session.get_session().create_client("kms", region_name="eu-west-1", endpoint_url=ENDPOINT, config=Config(retries={"total_max_attempts": 1}), aws_access_key_id=root.key, aws_secret_access_key=root.secret)
assert attempt(kms_elsewhere.get_parameters_for_import, KeyId=key["KeyId"], WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048").code != "ThrottlingException"
equal(client("kms").describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyId"], key["KeyId"])

# OpenMetrics.
with urllib.request.urlopen(metrics_url) as answer:
    assert answer.headers["content-type"].startswith("application/openmetrics-text"), answer.headers
    text = answer.read().decode()
assert text.endswith("# EOF\n"), text[-200:]
lines = [line for line in text.splitlines() if not line.startswith("#")]
assert all(line.startswith("kluisd_") for line in lines), lines[:3]
for wanted in ('kluisd_operation_duration_seconds_count{service="kms",operation="GetParametersForImport",outcome="Throttled"}', "kluisd_audit_append_duration_seconds_sum ",
               "kluisd_audit_lag_seconds ", "kluisd_free_bytes ", 'kluisd_keys{state="Enabled"} 1', 'kluisd_alarms{state="'):
    assert any(line.startswith(wanted) for line in lines), (wanted, text)
for secret in (key["KeyId"], "111122223333", root.key, "a/b c"):
    assert secret not in text, secret

try:
    urllib.request.urlopen(metrics_url.replace("/metrics", "/"))
except urllib.error.HTTPError as error:
    equal(error.code, 404)
