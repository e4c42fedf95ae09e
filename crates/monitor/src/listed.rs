//! Quotas as Service Quotas lists them.

use wire::ApiError;
use wire::service_quotas::{
    AppliedLevelEnum, GetAWSDefaultServiceQuotaRequest, GetAWSDefaultServiceQuotaResponse,
    GetServiceQuotaRequest, GetServiceQuotaResponse, ListAWSDefaultServiceQuotasRequest,
    ListAWSDefaultServiceQuotasResponse, ListServiceQuotasRequest, ListServiceQuotasResponse,
    ListServicesRequest, ListServicesResponse, MetricInfo, PeriodUnit, QuotaPeriod, Response,
    ServiceInfo, ServiceQuota,
};

use crate::desk::{Desk, Plan};
use crate::faults;
use crate::limits;
use crate::metric::{CALL_COUNT, USAGE, usage_dimensions};
use crate::page::{Page, page, size};
use crate::place::Place;
use crate::quota::{self, Kind, QUOTAS, Quota, SERVICE_CODE, SERVICE_NAME};

/// A quota's full name.
pub(crate) fn arn(place: &Place, service: &str, code: &str) -> String {
    let Place { account, region } = place;
    format!("arn:aws:servicequotas:{region}:{account}:{service}/{code}")
}

/// The quota that a request names.
///
/// # Errors
/// `NoSuchResourceException` for another service, or no quota.
pub(crate) fn find(service: &str, code: &str) -> Result<&'static Quota, ApiError> {
    of_service(service)?;
    quota::by_code(code).ok_or_else(|| {
        faults::no_resource(format!(
            "The quota {code} does not exist in the service {service}; list-service-quotas shows those that do."
        ))
    })
}

fn of_service(service: &str) -> Result<(), ApiError> {
    if service == SERVICE_CODE {
        return Ok(());
    }
    Err(faults::no_resource(format!(
        "The service {service} has no quotas here; {SERVICE_CODE} does."
    )))
}

fn shown(place: &Place, quota: &Quota, value: f64) -> ServiceQuota {
    let usage_metric = quota.resource().map(|resource| MetricInfo {
        metric_namespace: Some(USAGE.to_owned()),
        metric_name: Some(CALL_COUNT.to_owned()),
        metric_dimensions: Some(
            usage_dimensions(resource)
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        ),
        metric_statistic_recommendation: Some("Sum".to_owned()),
    });
    ServiceQuota {
        service_code: Some(SERVICE_CODE.to_owned()),
        service_name: Some(SERVICE_NAME.to_owned()),
        quota_arn: Some(arn(place, SERVICE_CODE, quota.code)),
        quota_code: Some(quota.code.to_owned()),
        quota_name: Some(quota.name.to_owned()),
        value: Some(value),
        unit: Some("None".to_owned()),
        adjustable: Some(quota.kind != Kind::Resource),
        global_quota: Some(false),
        period: usage_metric.as_ref().map(|_| QuotaPeriod {
            period_value: Some(1),
            period_unit: Some(PeriodUnit::Second),
        }),
        usage_metric,
        quota_applied_at_level: Some(AppliedLevelEnum::Account),
        ..ServiceQuota::default()
    }
}

impl Desk<'_> {
    fn applied(&self, quota: &Quota) -> ServiceQuota {
        shown(
            &self.place,
            quota,
            self.book.applied.value(&self.place, quota),
        )
    }

    fn default(&self, quota: &Quota) -> ServiceQuota {
        shown(&self.place, quota, quota.default)
    }
}

pub(crate) fn get(desk: &Desk<'_>, request: &GetServiceQuotaRequest) -> Result<Plan, ApiError> {
    let quota = find(&request.service_code, &request.quota_code)?;
    let quota = Some(desk.applied(quota));
    Ok(Plan::answer(Response::GetServiceQuota(
        GetServiceQuotaResponse { quota },
    )))
}

pub(crate) fn get_default(
    desk: &Desk<'_>,
    request: &GetAWSDefaultServiceQuotaRequest,
) -> Result<Plan, ApiError> {
    let quota = find(&request.service_code, &request.quota_code)?;
    let quota = Some(desk.default(quota));
    let response = GetAWSDefaultServiceQuotaResponse { quota };
    Ok(Plan::answer(Response::GetAWSDefaultServiceQuota(response)))
}

/// A page of the table, whose order is that of the quotas' places in it.
fn table(
    only: Option<&str>,
    token: Option<&str>,
    most: Option<i32>,
) -> Result<Page<&'static Quota>, ApiError> {
    let all = QUOTAS.iter().enumerate();
    let wanted = all.filter(|(_, quota)| only.is_none_or(|code| code == quota.code));
    let Page { items, next } = page(
        wanted,
        |(at, _)| format!("{at:04}"),
        token,
        size(most, limits::QUOTAS_PAGE),
        faults::pagination_token,
    )?;
    Ok(Page {
        items: items.into_iter().map(|(_, quota)| quota).collect(),
        next,
    })
}

pub(crate) fn quotas(
    desk: &Desk<'_>,
    request: &ListServiceQuotasRequest,
) -> Result<Plan, ApiError> {
    of_service(&request.service_code)?;
    let Page { items, next } = table(
        request.quota_code.as_deref(),
        request.next_token.as_deref(),
        request.max_results,
    )?;
    let response = ListServiceQuotasResponse {
        next_token: next,
        quotas: Some(items.into_iter().map(|quota| desk.applied(quota)).collect()),
    };
    Ok(Plan::answer(Response::ListServiceQuotas(response)))
}

pub(crate) fn defaults(
    desk: &Desk<'_>,
    request: &ListAWSDefaultServiceQuotasRequest,
) -> Result<Plan, ApiError> {
    of_service(&request.service_code)?;
    let Page { items, next } = table(None, request.next_token.as_deref(), request.max_results)?;
    let response = ListAWSDefaultServiceQuotasResponse {
        next_token: next,
        quotas: Some(items.into_iter().map(|quota| desk.default(quota)).collect()),
    };
    Ok(Plan::answer(Response::ListAWSDefaultServiceQuotas(
        response,
    )))
}

pub(crate) fn services(request: &ListServicesRequest) -> Result<Plan, ApiError> {
    if request.next_token.is_some() {
        return Err(faults::pagination_token());
    }
    let kms = ServiceInfo {
        service_code: Some(SERVICE_CODE.to_owned()),
        service_name: Some(SERVICE_NAME.to_owned()),
    };
    let response = ListServicesResponse {
        next_token: None,
        services: Some(vec![kms]),
    };
    Ok(Plan::answer(Response::ListServices(response)))
}
