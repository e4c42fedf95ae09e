//! The operations of both services that this room answers, what leave each needs, and how each is answered.

use policy::{Ask, Context};
use serde_json::{Value, json};
use wire::protocol::Dialect;
use wire::{Answer, ApiError, cloudwatch, service_quotas};

use crate::alarm;
use crate::desk::{Desk, Plan};
use crate::place::Place;
use crate::{alarms, data, increases, listed};

/// An operation of CloudWatch or of Service Quotas.
#[expect(
    clippy::large_enum_variant,
    reason = "one is made for a request and lives no longer"
)]
#[derive(Debug)]
pub enum Operation {
    /// CloudWatch.
    CloudWatch(cloudwatch::Operation),
    /// Service Quotas.
    ServiceQuotas(service_quotas::Operation),
}

/// What an operation answers.
#[expect(
    clippy::large_enum_variant,
    reason = "one is made for a request and lives no longer"
)]
#[derive(Debug)]
pub enum Response {
    /// Of CloudWatch.
    CloudWatch(cloudwatch::Response),
    /// Of Service Quotas.
    ServiceQuotas(service_quotas::Response),
}

impl From<cloudwatch::Operation> for Operation {
    fn from(operation: cloudwatch::Operation) -> Self {
        Self::CloudWatch(operation)
    }
}

impl From<service_quotas::Operation> for Operation {
    fn from(operation: service_quotas::Operation) -> Self {
        Self::ServiceQuotas(operation)
    }
}

impl From<cloudwatch::Response> for Response {
    fn from(response: cloudwatch::Response) -> Self {
        Self::CloudWatch(response)
    }
}

impl From<service_quotas::Response> for Response {
    fn from(response: service_quotas::Response) -> Self {
        Self::ServiceQuotas(response)
    }
}

impl Response {
    /// The answer in the caller's protocol.
    ///
    /// # Errors
    /// `InternalFailure` when the value cannot be written, which no value of these types is known to cause.
    pub fn encode_in(&self, dialect: Dialect, request_id: &str) -> Result<Answer, ApiError> {
        match self {
            Self::CloudWatch(response) => response.encode_in(dialect, request_id),
            Self::ServiceQuotas(response) => response.encode_in(dialect, request_id),
        }
    }
}

impl Operation {
    /// The operation's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CloudWatch(operation) => operation.name(),
            Self::ServiceQuotas(operation) => operation.name(),
        }
    }

    /// Whether it changes nothing that is kept: CloudTrail's `readOnly`.
    pub fn is_read_only(&self) -> bool {
        ["Describe", "Get", "List"]
            .iter()
            .any(|verb| self.name().starts_with(verb))
    }

    /// What the trail shows of a request. Of data that are put, how many: they may be a thousand.
    pub fn parameters(&self) -> Value {
        use cloudwatch::Operation as O;
        match self {
            Self::CloudWatch(O::PutMetricData(request)) => json!({
                "namespace": request.namespace,
                "metricDataCount": data::count(request),
            }),
            Self::CloudWatch(operation) => operation.parameters(),
            Self::ServiceQuotas(operation) => operation.parameters(),
        }
    }

    /// What leave it needs.
    pub(crate) fn asks(&self, place: &Place) -> Vec<Ask> {
        match self {
            Self::CloudWatch(operation) => of_cloudwatch(operation, place),
            Self::ServiceQuotas(operation) => vec![of_quotas(operation, place)],
        }
    }

    /// Decides what it comes to.
    pub(crate) fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        match self {
            Self::CloudWatch(operation) => plan_cloudwatch(operation, desk),
            Self::ServiceQuotas(operation) => plan_quotas(operation, desk),
        }
    }
}

/// CloudWatch's actions are on alarms, or on nothing that has a name (Service Authorization Reference).
fn of_cloudwatch(operation: &cloudwatch::Operation, place: &Place) -> Vec<Ask> {
    use cloudwatch::Operation as O;
    let action = format!("cloudwatch:{}", operation.name());
    let on = |name: &str| Ask::new(&*action, alarm::arn(place, name));
    // No names at all are all names: an operation that asks for nothing would be everybody's.
    let on_each = |names: &[String]| match names {
        [] => vec![on("*")],
        names => names.iter().map(|name| on(name)).collect(),
    };
    match operation {
        O::DeleteAlarms(request) => on_each(&request.alarm_names),
        O::EnableAlarmActions(request) => on_each(&request.alarm_names),
        O::DisableAlarmActions(request) => on_each(&request.alarm_names),
        O::SetAlarmState(request) => vec![on(&request.alarm_name)],
        O::PutMetricAlarm(request) => {
            let mut context = Context::new();
            let lists = [
                &request.ok_actions,
                &request.alarm_actions,
                &request.insufficient_data_actions,
            ];
            let actions = lists.into_iter().flatten().flatten();
            context.set_all("cloudwatch:AlarmActions", actions.cloned());
            vec![on(&request.alarm_name).with_context(context)]
        }
        O::DescribeAlarms(request) => on_each(request.alarm_names.as_deref().unwrap_or_default()),
        O::DescribeAlarmHistory(request) => vec![on(request.alarm_name.as_deref().unwrap_or("*"))],
        O::PutMetricData(request) => {
            let namespace = request.namespace.as_str();
            let context = Context::new().with("cloudwatch:namespace", namespace);
            vec![Ask::new(action, "*").with_context(context)]
        }
        O::DescribeAlarmsForMetric(_)
        | O::GetMetricData(_)
        | O::GetMetricStatistics(_)
        | O::ListMetrics(_) => vec![Ask::new(action, "*")],
    }
}

fn of_quotas(operation: &service_quotas::Operation, place: &Place) -> Ask {
    use service_quotas::Operation as O;
    let action = format!("servicequotas:{}", operation.name());
    match operation {
        O::RequestServiceQuotaIncrease(request) => {
            let arn = listed::arn(place, &request.service_code, &request.quota_code);
            let context = Context::new().with("servicequotas:service", &*request.service_code);
            Ask::new(action, arn).with_context(context)
        }
        _ => Ask::new(action, "*"),
    }
}

fn plan_cloudwatch(operation: &cloudwatch::Operation, desk: &Desk<'_>) -> Result<Plan, ApiError> {
    use cloudwatch::Operation as O;
    match operation {
        O::DeleteAlarms(request) => alarms::delete(desk, request),
        O::DescribeAlarmHistory(request) => alarms::history(desk, request),
        O::DescribeAlarms(request) => alarms::describe(desk, request),
        O::DescribeAlarmsForMetric(request) => Ok(alarms::for_metric(desk, request)),
        O::DisableAlarmActions(request) => Ok(alarms::switch(desk, &request.alarm_names, false)),
        O::EnableAlarmActions(request) => Ok(alarms::switch(desk, &request.alarm_names, true)),
        O::GetMetricData(request) => data::get(desk, request),
        O::GetMetricStatistics(request) => data::statistics(desk, request),
        O::ListMetrics(request) => data::list(desk, request),
        O::PutMetricAlarm(request) => crate::put_alarm::put(desk, request),
        // Points are not planned: `service` puts them, and the store has them a little later.
        O::PutMetricData(_) => Ok(Plan::answer(cloudwatch::Response::PutMetricData)),
        O::SetAlarmState(request) => alarms::set_state(desk, request),
    }
}

fn plan_quotas(operation: &service_quotas::Operation, desk: &Desk<'_>) -> Result<Plan, ApiError> {
    use service_quotas::Operation as O;
    match operation {
        O::GetAWSDefaultServiceQuota(request) => listed::get_default(desk, request),
        O::GetRequestedServiceQuotaChange(request) => increases::get(desk, request),
        O::GetServiceQuota(request) => listed::get(desk, request),
        O::ListAWSDefaultServiceQuotas(request) => listed::defaults(desk, request),
        O::ListRequestedServiceQuotaChangeHistory(request) => increases::list(desk, request),
        O::ListRequestedServiceQuotaChangeHistoryByQuota(request) => {
            increases::list_of_quota(desk, request)
        }
        O::ListServiceQuotas(request) => listed::quotas(desk, request),
        O::ListServices(request) => listed::services(request),
        O::RequestServiceQuotaIncrease(request) => increases::request(desk, request),
    }
}
