//! CloudWatch and Service Quotas as callers meet them, over a store in memory and a clock that is turned by hand.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use monitor::{Monitor, Notice, Operation, Settings, Sinks};
use policy::{Context, Layers, Policy, PolicyKind, Principal};
use serde_json::{Value, json};
use store::{Fault, Memory, Store};
use trail::{Draft, DraftFacts, Entry};
use wire::{ApiError, Scope, cloudwatch, service_quotas};

const ACCOUNT: &str = "111122223333";
const SYMMETRIC: &str = "CryptographicOperationsSymmetric";
const START: &str = "2026-01-02T03:00:00Z";

/// A sink called `SNS-Topic` that keeps what it hears.
#[derive(Default)]
struct Ear(Mutex<Vec<Notice>>);

#[async_trait]
impl Sinks for Ear {
    fn has(&self, name: &str) -> bool {
        name == "SNS-Topic"
    }

    async fn deliver(&self, _: &str, notice: &Notice) -> Result<(), String> {
        self.0.lock().unwrap().push(notice.clone());
        Ok(())
    }
}

struct World {
    store: Arc<Memory>,
    ear: Arc<Ear>,
    monitor: Monitor,
    now: Timestamp,
}

impl World {
    async fn new() -> Self {
        Self::over(
            Arc::new(Memory::new()),
            START.parse().unwrap(),
            Settings::default(),
        )
        .await
    }

    async fn over(store: Arc<Memory>, now: Timestamp, settings: Settings) -> Self {
        let ear = Arc::new(Ear::default());
        let (port, sinks) = (Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&ear));
        let monitor = Monitor::open(port, settings, sinks).await.unwrap();
        assert!(monitor.damaged().is_empty(), "{:?}", monitor.damaged());
        Self {
            store,
            ear,
            monitor,
            now,
        }
    }

    /// The same service, started anew.
    async fn again(self) -> Self {
        Self::over(self.store, self.now, Settings::default()).await
    }

    fn scope(&self) -> Scope {
        Scope {
            account: ACCOUNT.to_owned(),
            region: "us-east-1".to_owned(),
            now: self.now,
        }
    }

    async fn pass(&mut self, time: Duration) {
        self.now += SignedDuration::try_from(time).unwrap();
        self.monitor.tick(self.now).await.unwrap();
        // Notices are delivered beside the tick.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    async fn minute(&mut self) {
        self.pass(Duration::from_mins(1)).await;
    }

    /// So many calls of the key service in this minute; how many were admitted.
    fn calls(&self, count: u32) -> u32 {
        let scope = self.scope();
        let admits = |_| u32::from(self.monitor.admit(ACCOUNT, &scope, SYMMETRIC).is_ok());
        (0..count).map(admits).sum()
    }

    async fn execute(&self, operation: Operation) -> Result<Value, ApiError> {
        let principal = Arc::new(Principal::root(ACCOUNT));
        let asks = Monitor::asks(&operation, &self.scope());
        let authorized = policy::authorize(
            operation,
            &asks,
            principal,
            &Layers::default(),
            &Context::new(),
        )
        .unwrap();
        let draft = Draft::new(DraftFacts::example());
        let executed = self.monitor.execute(authorized, &self.scope(), draft).await;
        let record: Value = serde_json::from_slice(executed.entry.record().bytes()).unwrap();
        let answer = executed.answer?;
        assert_eq!(record.get("errorCode"), None);
        Ok(match answer {
            monitor::Response::CloudWatch(response) => serde_json::to_value(response).unwrap(),
            monitor::Response::ServiceQuotas(response) => serde_json::to_value(response).unwrap(),
        })
    }

    async fn watch(&self, name: &str, request: Value) -> Result<Value, ApiError> {
        self.execute(cloudwatch::Operation::decode(name, request)?.into())
            .await
    }

    async fn quotas(&self, name: &str, request: Value) -> Result<Value, ApiError> {
        self.execute(service_quotas::Operation::decode(name, request)?.into())
            .await
    }

    async fn state(&self) -> (String, String) {
        let answer = self.watch("DescribeAlarms", json!({})).await.unwrap();
        let alarm = &answer["MetricAlarms"][0];
        let text = |name: &str| alarm[name].as_str().unwrap().to_owned();
        (text("StateValue"), text("StateReason"))
    }

    /// What was heard: the state, and the subject.
    fn heard(&self) -> Vec<String> {
        let heard = self.ear.0.lock().unwrap();
        heard.iter().map(|notice| notice.subject.clone()).collect()
    }
}

fn seconds(at: &str) -> i64 {
    at.parse::<Timestamp>().unwrap().as_second()
}

fn usage() -> Value {
    json!({
        "Namespace": "AWS/Usage",
        "MetricName": "CallCount",
        "Dimensions": [
            { "Name": "Type", "Value": "API" },
            { "Name": "Resource", "Value": SYMMETRIC },
            { "Name": "Service", "Value": "KMS" },
            { "Name": "Class", "Value": "None" },
        ],
    })
}

/// What the console makes of "80 % of applied quota value".
fn eighty_percent() -> Value {
    json!([
        { "Id": "usage_data", "MetricStat": { "Metric": usage(), "Period": 60, "Stat": "Sum" }, "ReturnData": false },
        { "Id": "pct_utilization", "Expression": "(usage_data/SERVICE_QUOTA(usage_data))*100", "Label": "% Utilization" },
    ])
}

fn alarm() -> Value {
    json!({
        "AlarmName": "80threshold",
        "Metrics": eighty_percent(),
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 80.0,
        "EvaluationPeriods": 1,
        "AlarmActions": [format!("arn:aws:sns:us-east-1:{ACCOUNT}:SNS-Topic")],
        "OKActions": [format!("arn:aws:sns:us-east-1:{ACCOUNT}:SNS-Topic")],
    })
}

#[tokio::test]
async fn calls_become_points_and_points_utilisation() {
    let mut world = World::new().await;
    assert_eq!(world.calls(3000), 3000);
    world.minute().await;
    assert_eq!(world.calls(600), 600);
    world.minute().await;
    let answer = world
        .watch("GetMetricData", json!({"MetricDataQueries": eighty_percent(), "StartTime": seconds(START), "EndTime": seconds("2026-01-02T03:05:00Z"), "ScanBy": "TimestampAscending"}))
        .await
        .unwrap();
    assert_eq!(
        answer["MetricDataResults"],
        json!([{"Id": "pct_utilization", "Label": "% Utilization", "Timestamps": [seconds(START), seconds("2026-01-02T03:01:00Z")], "Values": [0.5, 0.1], "StatusCode": "Complete"}])
    );
    let mut request = usage();
    let more = json!({"StartTime": seconds(START), "EndTime": seconds("2026-01-02T03:05:00Z"), "Period": 300, "Statistics": ["Sum", "Maximum", "SampleCount"]});
    request
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let answer = world.watch("GetMetricStatistics", request).await.unwrap();
    assert_eq!(
        answer["Datapoints"],
        json!([{"Timestamp": seconds(START), "SampleCount": 2.0, "Sum": 3600.0, "Maximum": 3000.0, "Unit": "Count"}])
    );
}

#[tokio::test]
async fn an_alarm_goes_off_is_heard_and_calms_down() {
    let mut world = World::new().await;
    world
        .quotas(
            "RequestServiceQuotaIncrease",
            json!({"ServiceCode": "kms", "QuotaCode": "L-6E3AF000", "DesiredValue": 10_100}),
        )
        .await
        .unwrap();
    world.watch("PutMetricAlarm", alarm()).await.unwrap();
    assert_eq!(
        world.state().await,
        (
            "INSUFFICIENT_DATA".to_owned(),
            "Unchecked: Initial alarm creation".to_owned()
        )
    );
    world.pass(Duration::from_secs(3)).await;
    assert_eq!(
        world.state().await.1,
        "Insufficient Data: 1 datapoint was unknown."
    );
    let put =
        |value: f64| json!({"Namespace": "N", "MetricData": [{"MetricName": "m", "Value": value}]});
    let mut of_own = alarm();
    let single = json!({"AlarmName": "80threshold", "Namespace": "N", "MetricName": "m", "Statistic": "Maximum", "Period": 60});
    of_own.as_object_mut().unwrap().remove("Metrics");
    of_own
        .as_object_mut()
        .unwrap()
        .extend(single.as_object().unwrap().clone());
    world.watch("PutMetricAlarm", of_own).await.unwrap();
    for value in [10.0, 80.5, 90.0, 70.0] {
        world.watch("PutMetricData", put(value)).await.unwrap();
        world.minute().await;
    }
    assert_eq!(
        world.heard(),
        [
            "OK: \"80threshold\" in us-east-1",
            "ALARM: \"80threshold\" in us-east-1",
            "OK: \"80threshold\" in us-east-1"
        ]
    );
    let (state, reason) = world.state().await;
    assert_eq!(state, "OK");
    assert_eq!(
        reason,
        "Threshold Crossed: 1 out of the last 1 datapoints [70.0 (02/01/26 03:03:00)] was not greater than the threshold (80.0) (minimum 1 datapoint for ALARM -> OK transition)."
    );
    let heard = world.ear.0.lock().unwrap()[1].message.clone();
    assert_eq!(
        (
            &heard["OldStateValue"],
            &heard["NewStateValue"],
            &heard["AWSAccountId"]
        ),
        (&json!("OK"), &json!("ALARM"), &json!(ACCOUNT))
    );
    assert_eq!(heard["Trigger"]["MetricName"], "m");
    world.pass(Duration::from_secs(3)).await;
    let history = world
        .watch(
            "DescribeAlarmHistory",
            json!({"AlarmName": "80threshold", "ScanBy": "TimestampAscending"}),
        )
        .await
        .unwrap();
    let kinds: Vec<&str> = history["AlarmHistoryItems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["HistoryItemType"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds.iter().filter(|kind| **kind == "StateUpdate").count(),
        3
    );
    assert_eq!(kinds.iter().filter(|kind| **kind == "Action").count(), 3);
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| **kind == "ConfigurationUpdate")
            .count(),
        2
    );
}

#[tokio::test]
async fn an_alarm_whose_actions_are_disabled_is_not_heard() {
    let mut world = World::new().await;
    world.watch("PutMetricAlarm", alarm()).await.unwrap();
    world
        .watch(
            "DisableAlarmActions",
            json!({"AlarmNames": ["80threshold", "other"]}),
        )
        .await
        .unwrap();
    let answer = world
        .watch("DescribeAlarms", json!({"StateValue": "INSUFFICIENT_DATA"}))
        .await
        .unwrap();
    assert_eq!(answer["MetricAlarms"][0]["ActionsEnabled"], false);
    world.calls(5000);
    world.minute().await;
    assert_eq!(
        (world.state().await.0.as_str(), world.heard()),
        ("OK", vec![])
    );
}

#[tokio::test]
async fn a_state_that_is_set_by_hand_stands_until_the_next_look() {
    let mut world = World::new().await;
    world.watch("PutMetricAlarm", alarm()).await.unwrap();
    world
        .watch(
            "SetAlarmState",
            json!({"AlarmName": "80threshold", "StateValue": "ALARM", "StateReason": "a drill"}),
        )
        .await
        .unwrap();
    assert_eq!(
        world.state().await,
        ("ALARM".to_owned(), "a drill".to_owned())
    );
    world.minute().await;
    assert_eq!(world.state().await.0, "INSUFFICIENT_DATA");
    let error = world
        .watch(
            "SetAlarmState",
            json!({"AlarmName": "no", "StateValue": "OK", "StateReason": "x"}),
        )
        .await
        .unwrap_err();
    assert_eq!((error.code, error.status), ("ResourceNotFound", 404));
    let error = world.watch("SetAlarmState", json!({"AlarmName": "80threshold", "StateValue": "OK", "StateReason": "x", "StateReasonData": "{"})).await.unwrap_err();
    assert_eq!(error.code, "InvalidFormat");
}

#[tokio::test]
async fn everything_is_there_after_a_start() {
    let mut world = World::new().await;
    world.watch("PutMetricAlarm", alarm()).await.unwrap();
    world
        .quotas(
            "RequestServiceQuotaIncrease",
            json!({"ServiceCode": "kms", "QuotaCode": "L-32B67F4A", "DesiredValue": 20}),
        )
        .await
        .unwrap();
    world.calls(120);
    world.minute().await;
    world.watch("PutMetricData", json!({"Namespace": "N", "MetricData": [{"MetricName": "m", "Values": [1.0, 2.0], "Counts": [3.0, 1.0], "Unit": "Bytes"}]})).await.unwrap();
    world.calls(60);
    world.monitor.flush(world.now).await.unwrap();
    let before = world.watch("DescribeAlarms", json!({})).await.unwrap();

    let mut world = world.again().await;
    assert_eq!(
        world.watch("DescribeAlarms", json!({})).await.unwrap(),
        before
    );
    let quota = world
        .quotas(
            "GetServiceQuota",
            json!({"ServiceCode": "kms", "QuotaCode": "L-32B67F4A"}),
        )
        .await
        .unwrap();
    assert_eq!(quota["Quota"]["Value"], 20.0);
    let sum = |name: &str, metric: Value| json!([{"Id": name, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}]);
    let range = |queries: Value| json!({"MetricDataQueries": queries, "StartTime": seconds(START), "EndTime": seconds("2026-01-02T03:05:00Z")});
    let values = |answer: Value| answer["MetricDataResults"][0]["Values"].clone();
    // The minute that was under way goes on where it was.
    world.calls(40);
    world.minute().await;
    let answer = world
        .watch("GetMetricData", range(sum("m1", usage())))
        .await
        .unwrap();
    assert_eq!(values(answer), json!([100.0, 120.0]));
    let answer = world
        .watch(
            "GetMetricData",
            range(sum("m1", json!({"Namespace": "N", "MetricName": "m"}))),
        )
        .await
        .unwrap();
    assert_eq!(values(answer), json!([5.0]));
}

#[tokio::test]
async fn what_could_not_be_written_is_written_later() {
    let mut world = World::new().await;
    world.calls(60);
    world.now += SignedDuration::from_mins(1);
    world.store.inject(Fault::Full);
    assert!(world.monitor.tick(world.now).await.is_err());
    world.monitor.tick(world.now).await.unwrap();
    let world = world.again().await;
    let answer = world.watch("ListMetrics", json!({"Namespace": "AWS/Usage", "MetricName": "CallCount", "Dimensions": [{"Name": "Service"}, {"Name": "Resource", "Value": SYMMETRIC}]})).await.unwrap();
    assert_eq!(answer["Metrics"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_alarm_is_put_with_what_it_needs_or_not_at_all() {
    let world = World::new().await;
    let with = |change: Value| {
        let mut request = alarm();
        request
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        request
    };
    for (change, code, said) in [
        (
            json!({"ComparisonOperator": null}),
            "MissingParameter",
            "ComparisonOperator",
        ),
        (json!({"Threshold": null}), "MissingParameter", "Threshold"),
        (
            json!({"EvaluationPeriods": null}),
            "MissingParameter",
            "EvaluationPeriods",
        ),
        (
            json!({"DatapointsToAlarm": 2}),
            "ValidationError",
            "DatapointsToAlarm",
        ),
        (
            json!({"TreatMissingData": "maybe"}),
            "ValidationError",
            "maybe",
        ),
        (
            json!({"MetricName": "m"}),
            "InvalidParameterCombination",
            "Metrics",
        ),
        (json!({"Metrics": null}), "MissingParameter", "MetricName"),
        (
            json!({"EvaluationPeriods": 20_000}),
            "ValidationError",
            "a week",
        ),
        (
            json!({"ExtendedStatistic": "p99"}),
            "InvalidParameterValue",
            "ExtendedStatistic",
        ),
        (
            json!({"Tags": [{"Key": "a", "Value": "b"}]}),
            "InvalidParameterValue",
            "Tags",
        ),
        (
            json!({"AlarmActions": ["arn:aws:sns:us-east-1:111122223333:other"]}),
            "ValidationError",
            "declare [sinks.other]",
        ),
        (
            json!({"AlarmActions": ["https://example.com"]}),
            "ValidationError",
            "Invalid arn syntax",
        ),
        (
            json!({"ComparisonOperator": "GreaterThanUpperThreshold"}),
            "InvalidParameterValue",
            "anomaly",
        ),
    ] {
        let error = world
            .watch("PutMetricAlarm", with(change))
            .await
            .unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(said), "{error}");
    }
    for metrics in [
        json!([]),
        json!([{"Id": "M1", "Expression": "1"}]),
        json!([{"Id": "a", "Expression": "b +"}]),
        json!([{"Id": "a", "Expression": "1"}, {"Id": "b", "Expression": "2"}]),
        json!([{"Id": "a", "Expression": "1"}, {"Id": "a", "Expression": "2", "ReturnData": false}]),
        json!([{"Id": "a"}]),
        json!([{"Id": "a", "MetricStat": {"Metric": usage(), "Period": 30, "Stat": "Sum"}}]),
        json!([{"Id": "a", "MetricStat": {"Metric": usage(), "Period": 60, "Stat": "p99"}}]),
    ] {
        let error = world
            .watch("PutMetricAlarm", with(json!({"Metrics": metrics})))
            .await
            .unwrap_err();
        assert_eq!(error.code, "ValidationError", "{metrics}: {error}");
    }
    let answer = world.watch("DescribeAlarms", json!({})).await.unwrap();
    assert_eq!(answer["MetricAlarms"], json!([]));
}

#[tokio::test]
async fn data_are_put_with_sense_or_not_at_all() {
    let world = World::new().await;
    let now = seconds(START);
    for (datum, code) in [
        (json!({}), "MissingParameter"),
        (
            json!({"Value": 1.0, "Values": [1.0]}),
            "InvalidParameterCombination",
        ),
        (json!({"Values": []}), "MissingParameter"),
        (
            json!({"Values": [1.0], "Counts": [1.0, 2.0]}),
            "InvalidParameterCombination",
        ),
        (
            json!({"Values": [1.0], "Counts": [0.0]}),
            "InvalidParameterValue",
        ),
        (json!({"Value": 1e300}), "InvalidParameterValue"),
        (
            json!({"Value": 1.0, "Timestamp": now - 15 * 86_400}),
            "InvalidParameterValue",
        ),
        (
            json!({"Value": 1.0, "Timestamp": now + 3 * 3600}),
            "InvalidParameterValue",
        ),
        (
            json!({"StatisticValues": {"SampleCount": 0.0, "Sum": 0.0, "Minimum": 0.0, "Maximum": 0.0}}),
            "InvalidParameterValue",
        ),
    ] {
        let mut datum = datum;
        datum["MetricName"] = "m".into();
        let error = world
            .watch(
                "PutMetricData",
                json!({"Namespace": "N", "MetricData": [datum]}),
            )
            .await
            .unwrap_err();
        assert_eq!(error.code, code, "{datum}: {error}");
    }
    let own = json!({"Namespace": "AWS/Usage", "MetricData": [{"MetricName": "m", "Value": 1.0}]});
    assert_eq!(
        world.watch("PutMetricData", own).await.unwrap_err().code,
        "InvalidParameterValue"
    );
    assert_eq!(
        world.watch("ListMetrics", json!({})).await.unwrap()["Metrics"],
        json!([])
    );
}

#[tokio::test]
async fn metric_data_come_in_pages() {
    let world = World::new().await;
    let start = seconds("2026-01-02T02:00:00Z");
    let data: Vec<Value> = (0..10)
        .map(|at| json!({"MetricName": "m", "Value": at, "Timestamp": start + at * 60}))
        .collect();
    world
        .watch(
            "PutMetricData",
            json!({"Namespace": "N", "MetricData": data}),
        )
        .await
        .unwrap();
    let queries = json!([{"Id": "m1", "MetricStat": {"Metric": {"Namespace": "N", "MetricName": "m"}, "Period": 60, "Stat": "Average"}}, {"Id": "e1", "Expression": "m1 * 2"}]);
    let (mut token, mut found) = (Value::Null, [vec![], vec![]]);
    for _ in 0..10 {
        let answer = world.watch("GetMetricData", json!({"MetricDataQueries": queries, "StartTime": start, "EndTime": start + 600, "MaxDatapoints": 7, "NextToken": token})).await.unwrap();
        for (at, found) in found.iter_mut().enumerate() {
            found.extend(
                answer["MetricDataResults"][at]["Values"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|value| value.as_f64().unwrap()),
            );
        }
        token = answer["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    let expected: Vec<f64> = (0..10).rev().map(f64::from).collect();
    assert_eq!(
        found,
        [
            expected.clone(),
            expected.iter().map(|value| value * 2.0).collect()
        ]
    );
}

#[tokio::test]
async fn expressions_that_name_each_other_in_a_circle_are_refused() {
    let world = World::new().await;
    let queries = json!([{"Id": "a", "Expression": "b"}, {"Id": "b", "Expression": "a", "ReturnData": false}]);
    let error = world.watch("GetMetricData", json!({"MetricDataQueries": queries, "StartTime": seconds(START) - 600, "EndTime": seconds(START)})).await.unwrap_err();
    assert_eq!(error.code, "ValidationError");
}

#[tokio::test]
async fn quotas_are_listed_whole_and_by_page() {
    let world = World::new().await;
    let services = world.quotas("ListServices", json!({})).await.unwrap();
    assert_eq!(
        services["Services"],
        json!([{"ServiceCode": "kms", "ServiceName": "AWS Key Management Service (AWS KMS)"}])
    );
    let (mut token, mut codes) = (Value::Null, vec![]);
    loop {
        let page = world
            .quotas(
                "ListServiceQuotas",
                json!({"ServiceCode": "kms", "MaxResults": 7, "NextToken": token}),
            )
            .await
            .unwrap();
        codes.extend(
            page["Quotas"]
                .as_array()
                .unwrap()
                .iter()
                .map(|quota| quota["QuotaCode"].as_str().unwrap().to_owned()),
        );
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    let all: Vec<&str> = monitor::quota::QUOTAS
        .iter()
        .map(|quota| quota.code)
        .collect();
    assert_eq!(codes, all);
    let quota = world
        .quotas(
            "GetServiceQuota",
            json!({"ServiceCode": "kms", "QuotaCode": "L-6E3AF000"}),
        )
        .await
        .unwrap();
    assert_eq!(
        quota["Quota"],
        json!({
            "ServiceCode": "kms", "ServiceName": "AWS Key Management Service (AWS KMS)",
            "QuotaArn": "arn:aws:servicequotas:us-east-1:111122223333:kms/L-6E3AF000", "QuotaCode": "L-6E3AF000",
            "QuotaName": "Cryptographic operations (symmetric) request rate", "Value": 10000.0, "Unit": "None", "Adjustable": true, "GlobalQuota": false,
            "UsageMetric": {"MetricNamespace": "AWS/Usage", "MetricName": "CallCount", "MetricDimensions": {"Class": "None", "Resource": SYMMETRIC, "Service": "KMS", "Type": "API"}, "MetricStatisticRecommendation": "Sum"},
            "Period": {"PeriodValue": 1, "PeriodUnit": "SECOND"}, "QuotaAppliedAtLevel": "ACCOUNT",
        })
    );
    for (request, code) in [
        (
            json!({"ServiceCode": "ec2", "QuotaCode": "L-6E3AF000"}),
            "NoSuchResourceException",
        ),
        (
            json!({"ServiceCode": "kms", "QuotaCode": "L-00000000"}),
            "NoSuchResourceException",
        ),
    ] {
        assert_eq!(
            world
                .quotas("GetServiceQuota", request)
                .await
                .unwrap_err()
                .code,
            code
        );
    }
}

#[tokio::test]
async fn an_increase_within_the_ceiling_is_granted_at_once_and_one_beyond_it_is_not() {
    let world = World::new().await;
    // The room's own clock goes on meanwhile: what comes back is little.
    assert!((10_000..11_000).contains(&world.calls(20_000)));
    let ask = |value: f64, code: &str| json!({"ServiceCode": "kms", "QuotaCode": code, "DesiredValue": value});
    let granted = world
        .quotas("RequestServiceQuotaIncrease", ask(50_000.0, "L-6E3AF000"))
        .await
        .unwrap();
    assert_eq!(granted["RequestedQuota"]["Status"], "APPROVED");
    assert!((30_000..).contains(&world.calls(60_000)));
    let beyond = world
        .quotas("RequestServiceQuotaIncrease", ask(100_001.0, "L-6E3AF000"))
        .await
        .unwrap();
    assert_eq!(beyond["RequestedQuota"]["Status"], "NOT_APPROVED");
    let found = world
        .quotas(
            "GetServiceQuota",
            json!({"ServiceCode": "kms", "QuotaCode": "L-6E3AF000"}),
        )
        .await
        .unwrap();
    assert_eq!(found["Quota"]["Value"], 50_000.0);
    let default = world
        .quotas(
            "GetAWSDefaultServiceQuota",
            json!({"ServiceCode": "kms", "QuotaCode": "L-6E3AF000"}),
        )
        .await
        .unwrap();
    assert_eq!(default["Quota"]["Value"], 10_000.0);
    for (value, code) in [
        (50_000.0, "L-6E3AF000"),
        (1.0, "L-6E3AF000"),
        (200_000.0, "L-C2F1777E"),
    ] {
        let error = world
            .quotas("RequestServiceQuotaIncrease", ask(value, code))
            .await
            .unwrap_err();
        assert_eq!(error.code, "IllegalArgumentException");
    }
    let listed = world
        .quotas(
            "ListRequestedServiceQuotaChangeHistory",
            json!({"Status": "APPROVED"}),
        )
        .await
        .unwrap();
    assert_eq!(
        listed["RequestedQuotas"],
        json!([granted["RequestedQuota"]])
    );
    let listed = world
        .quotas(
            "ListRequestedServiceQuotaChangeHistoryByQuota",
            json!({"ServiceCode": "kms", "QuotaCode": "L-6E3AF000"}),
        )
        .await
        .unwrap();
    assert_eq!(listed["RequestedQuotas"].as_array().unwrap().len(), 2);
    let id = granted["RequestedQuota"]["Id"].clone();
    let found = world
        .quotas("GetRequestedServiceQuotaChange", json!({"RequestId": id}))
        .await
        .unwrap();
    assert_eq!(found, granted);
}

#[tokio::test]
async fn beyond_the_quota_are_awss_words_and_a_count_of_its_own() {
    let mut world = World::new().await;
    world.calls(10_100);
    let refused = (0..)
        .find_map(|_| {
            world
                .monitor
                .admit(ACCOUNT, &world.scope(), SYMMETRIC)
                .err()
        })
        .unwrap();
    assert_eq!((refused.code, refused.status), ("ThrottlingException", 400));
    assert_eq!(
        refused.message,
        "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
    );
    world.minute().await;
    let answer = world
        .watch("ListMetrics", json!({"MetricName": "ThrottleCount"}))
        .await
        .unwrap();
    assert_eq!(answer["Metrics"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_old_is_let_go_in_memory_and_in_the_store() {
    let mut world = World::new().await;
    world.calls(10);
    world.minute().await;
    world.watch("PutMetricAlarm", alarm()).await.unwrap();
    assert!(
        !world
            .store
            .scan("monitor/111122223333/us-east-1/points/", None, 9)
            .await
            .unwrap()
            .is_empty()
    );
    world.pass(Duration::from_hours(16 * 24)).await;
    assert!(
        world
            .store
            .scan("monitor/111122223333/us-east-1/points/", None, 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        world.watch("ListMetrics", json!({})).await.unwrap()["Metrics"],
        json!([])
    );
    world.pass(Duration::from_hours(31 * 24)).await;
    let history = world
        .watch("DescribeAlarmHistory", json!({}))
        .await
        .unwrap();
    assert!(history["AlarmHistoryItems"].as_array().unwrap().len() <= 1);
}

#[tokio::test]
async fn a_change_is_committed_with_its_record_and_a_refusal_changes_nothing() {
    let world = World::new().await;
    let principal = Arc::new(Principal::root(ACCOUNT));
    let put = |name: &str, request: Value| {
        let operation: Operation = cloudwatch::Operation::decode(name, request).unwrap().into();
        let asks = Monitor::asks(&operation, &world.scope());
        policy::authorize(
            operation,
            &asks,
            Arc::clone(&principal),
            &Layers::default(),
            &Context::new(),
        )
        .unwrap()
    };
    let executed = world
        .monitor
        .execute(
            put("PutMetricAlarm", alarm()),
            &world.scope(),
            Draft::new(DraftFacts::example()),
        )
        .await;
    let Entry::InStore(record) = &executed.entry else {
        panic!("the record is not in the store");
    };
    let key = store::Key::new(trail::outbox_key(record.event_id())).unwrap();
    assert!(world.store.get(&key).await.unwrap().is_some());
    world.store.inject(Fault::Full);
    let executed = world
        .monitor
        .execute(
            put("DeleteAlarms", json!({"AlarmNames": ["80threshold"]})),
            &world.scope(),
            Draft::new(DraftFacts::example()),
        )
        .await;
    assert!(executed.answer.is_err());
    assert_eq!(world.state().await.0, "INSUFFICIENT_DATA");
    let error = world
        .watch("DeleteAlarms", json!({"AlarmNames": ["80threshold", "no"]}))
        .await
        .unwrap_err();
    assert_eq!(error.code, "ResourceNotFound");
    world
        .watch("DeleteAlarms", json!({"AlarmNames": ["80threshold"]}))
        .await
        .unwrap();
    assert_eq!(
        world.watch("DescribeAlarms", json!({})).await.unwrap()["MetricAlarms"],
        json!([])
    );
}

#[tokio::test]
async fn every_operation_asks_for_its_own_action_and_none_for_nothing() {
    let place = "arn:aws:cloudwatch:us-east-1:111122223333:alarm:";
    let world = World::new().await;
    let asks = |operation: Operation| Monitor::asks(&operation, &world.scope());
    for (name, request, resource) in [
        (
            "DeleteAlarms",
            json!({"AlarmNames": []}),
            format!("{place}*"),
        ),
        (
            "DeleteAlarms",
            json!({"AlarmNames": ["a"]}),
            format!("{place}a"),
        ),
        ("DescribeAlarms", json!({}), format!("{place}*")),
        ("PutMetricAlarm", alarm(), format!("{place}80threshold")),
        ("ListMetrics", json!({}), "*".to_owned()),
    ] {
        let asks = asks(cloudwatch::Operation::decode(name, request).unwrap().into());
        assert_eq!(asks.len(), 1);
        assert_eq!(
            (asks[0].action.as_str(), asks[0].resource.as_str()),
            (&*format!("cloudwatch:{name}"), &*resource)
        );
    }
    let increase = json!({"ServiceCode": "kms", "QuotaCode": "L-6E3AF000", "DesiredValue": 1});
    let asks = asks(
        service_quotas::Operation::decode("RequestServiceQuotaIncrease", increase)
            .unwrap()
            .into(),
    );
    assert_eq!(asks[0].action, "servicequotas:RequestServiceQuotaIncrease");
    assert_eq!(
        asks[0].resource,
        "arn:aws:servicequotas:us-east-1:111122223333:kms/L-6E3AF000"
    );
}

#[tokio::test]
async fn who_may_describe_one_alarm_may_not_delete_it() {
    let world = World::new().await;
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "cloudwatch:Describe*", "Resource": "arn:aws:cloudwatch:*:*:alarm:80*"}]});
    let policy = Arc::new(Policy::compile(&policy.to_string(), PolicyKind::Identity).unwrap());
    let layers = Layers {
        identity: vec![policy],
        ..Layers::default()
    };
    let mut user = Principal::root(ACCOUNT);
    user.kind = policy::PrincipalKind::User;
    let user = Arc::new(user);
    let may = |name: &str, request: Value| {
        let operation: Operation = cloudwatch::Operation::decode(name, request).unwrap().into();
        let asks = Monitor::asks(&operation, &world.scope());
        policy::authorize(
            operation,
            &asks,
            Arc::clone(&user),
            &layers,
            &Context::new(),
        )
        .is_ok()
    };
    assert!(may(
        "DescribeAlarms",
        json!({"AlarmNames": ["80threshold"]})
    ));
    assert!(!may(
        "DescribeAlarms",
        json!({"AlarmNames": ["80threshold", "other"]})
    ));
    assert!(!may("DescribeAlarms", json!({})));
    assert!(!may("DeleteAlarms", json!({"AlarmNames": ["80threshold"]})));
}
