//! Requests for higher quotas. Nobody decides on them one by one: what is within the operator's ceiling is granted at once, what is beyond
//! it is not approved, and the configuration is where that can be changed.

use serde_json::json;
use wire::ApiError;
use wire::service_quotas::{
    AppliedLevelEnum, GetRequestedServiceQuotaChangeRequest,
    GetRequestedServiceQuotaChangeResponse, ListRequestedServiceQuotaChangeHistoryByQuotaRequest,
    ListRequestedServiceQuotaChangeHistoryByQuotaResponse,
    ListRequestedServiceQuotaChangeHistoryRequest, ListRequestedServiceQuotaChangeHistoryResponse,
    RequestServiceQuotaIncreaseRequest, RequestServiceQuotaIncreaseResponse, RequestStatus,
    RequestedServiceQuotaChange, Response,
};

use crate::book::{Change, Increase};
use crate::desk::{Desk, Plan};
use crate::faults;
use crate::limits;
use crate::listed;
use crate::page::{Page, page, size};
use crate::place::Place;
use crate::quota::{self, Kind, SERVICE_CODE, SERVICE_NAME};

impl Increase {
    fn status(&self) -> RequestStatus {
        if self.is_granted {
            RequestStatus::Approved
        } else {
            RequestStatus::NotApproved
        }
    }

    fn to_wire(&self, place: &Place) -> RequestedServiceQuotaChange {
        RequestedServiceQuotaChange {
            id: Some(self.id.clone()),
            service_code: Some(SERVICE_CODE.to_owned()),
            service_name: Some(SERVICE_NAME.to_owned()),
            quota_code: Some(self.code.clone()),
            quota_name: quota::by_code(&self.code).map(|quota| quota.name.to_owned()),
            desired_value: Some(self.desired),
            status: Some(self.status()),
            created: Some(self.created.into()),
            last_updated: Some(self.created.into()),
            requester: Some(
                json!({"accountId": place.account, "callerArn": self.requester}).to_string(),
            ),
            quota_arn: Some(listed::arn(place, SERVICE_CODE, &self.code)),
            global_quota: Some(false),
            unit: Some("None".to_owned()),
            quota_requested_at_level: Some(AppliedLevelEnum::Account),
            ..RequestedServiceQuotaChange::default()
        }
    }
}

pub(crate) fn request(
    desk: &Desk<'_>,
    request: &RequestServiceQuotaIncreaseRequest,
) -> Result<Plan, ApiError> {
    let quota = listed::find(&request.service_code, &request.quota_code)?;
    if quota.kind == Kind::Resource {
        return Err(faults::argument(format!(
            "The quota {} is not adjustable.",
            quota.code
        )));
    }
    let current = desk.book.applied.value(&desk.place, quota);
    if !request.desired_value.is_finite() || request.desired_value <= current {
        return Err(faults::argument(format!(
            "The desired value {} is not greater than the current value {current}.",
            request.desired_value
        )));
    }
    let kept = desk
        .book
        .shelf(&desk.place)
        .map_or(0, |shelf| shelf.increases.len());
    if kept >= limits::REQUESTS_PER_REGION {
        return Err(faults::too_many_requests(
            "The account has made too many requests in this Region; set the quota in the service's configuration.",
        ));
    }
    let increase = Increase {
        id: uuid::Uuid::new_v4().simple().to_string(),
        code: quota.code.to_owned(),
        desired: request.desired_value,
        is_granted: request.desired_value <= desk.book.applied.settings.most(quota),
        created: desk.now,
        requester: desk.principal.arn.clone(),
    };
    let requested_quota = Some(increase.to_wire(&desk.place));
    let elements =
        json!({"requestedQuota": {"id": increase.id, "status": increase.status().as_str()}});
    let response = RequestServiceQuotaIncreaseResponse { requested_quota };
    let change = Change::AddIncrease(desk.place.clone(), increase);
    Ok(Plan {
        elements: Some(elements),
        ..Plan::change(
            Response::RequestServiceQuotaIncrease(response),
            vec![change],
        )
    })
}

pub(crate) fn get(
    desk: &Desk<'_>,
    request: &GetRequestedServiceQuotaChangeRequest,
) -> Result<Plan, ApiError> {
    let mut all = desk
        .book
        .shelf(&desk.place)
        .into_iter()
        .flat_map(|shelf| &shelf.increases);
    let found = all.find(|increase| increase.id == request.request_id);
    let found = found.ok_or_else(|| {
        faults::no_resource(format!(
            "The request {} does not exist.",
            request.request_id
        ))
    })?;
    let requested_quota = Some(found.to_wire(&desk.place));
    let response = GetRequestedServiceQuotaChangeResponse { requested_quota };
    Ok(Plan::answer(Response::GetRequestedServiceQuotaChange(
        response,
    )))
}

fn listing(
    desk: &Desk<'_>,
    wanted: impl Fn(&Increase) -> bool,
    token: Option<&str>,
    most: Option<i32>,
) -> Result<Page<RequestedServiceQuotaChange>, ApiError> {
    let all = desk
        .book
        .shelf(&desk.place)
        .into_iter()
        .flat_map(|shelf| &shelf.increases);
    let Page { items, next } = page(
        all.filter(|increase| wanted(increase)),
        |increase| format!("{:013}-{}", increase.created.as_millisecond(), increase.id),
        token,
        size(most, limits::QUOTAS_PAGE),
        faults::pagination_token,
    )?;
    Ok(Page {
        items: items
            .into_iter()
            .map(|increase| increase.to_wire(&desk.place))
            .collect(),
        next,
    })
}

pub(crate) fn list(
    desk: &Desk<'_>,
    request: &ListRequestedServiceQuotaChangeHistoryRequest,
) -> Result<Plan, ApiError> {
    let is_here = request
        .service_code
        .as_deref()
        .is_none_or(|code| code == SERVICE_CODE);
    let wanted = |increase: &Increase| {
        is_here
            && request
                .status
                .is_none_or(|status| status == increase.status())
    };
    let Page { items, next } = listing(
        desk,
        wanted,
        request.next_token.as_deref(),
        request.max_results,
    )?;
    let response = ListRequestedServiceQuotaChangeHistoryResponse {
        next_token: next,
        requested_quotas: Some(items),
    };
    Ok(Plan::answer(
        Response::ListRequestedServiceQuotaChangeHistory(response),
    ))
}

pub(crate) fn list_of_quota(
    desk: &Desk<'_>,
    request: &ListRequestedServiceQuotaChangeHistoryByQuotaRequest,
) -> Result<Plan, ApiError> {
    let quota = listed::find(&request.service_code, &request.quota_code)?;
    let wanted = |increase: &Increase| {
        increase.code == quota.code
            && request
                .status
                .is_none_or(|status| status == increase.status())
    };
    let Page { items, next } = listing(
        desk,
        wanted,
        request.next_token.as_deref(),
        request.max_results,
    )?;
    let response = ListRequestedServiceQuotaChangeHistoryByQuotaResponse {
        next_token: next,
        requested_quotas: Some(items),
    };
    Ok(Plan::answer(
        Response::ListRequestedServiceQuotaChangeHistoryByQuota(response),
    ))
}
