//! The one way through. Each step is a module, and each step's result is a type that only that step makes, so that none can be left out:
//!
//! | step | module | makes |
//! |---|---|---|
//! | accept | [`accept`] | `Arrived`: a request's circumstances |
//! | route | [`route`] | `Request`: which protocol, and where to |
//! | authenticate | [`authenticate`] | `Authenticated`: whose signature it is |
//! | decode, authorize, execute | [`execute`] | an operation; `policy::Authorized`; `trail::Executed` |
//! | audit | [`audit`] | the answer alone, once its record is durable |
//! | answer | [`answer`] | bytes |
//!
//! S3 takes the same steps; [`s3`] only changes its protocol's types into those of the room `objects`, and back.

pub(crate) mod accept;
mod answer;
mod audit;
mod authenticate;
mod execute;
mod rooms;
mod route;
mod s3;
mod upload;

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request as HttpRequest, Response};
use identity::Identity;
use kms::Kms;
use monitor::Monitor;
use objects::Objects;

use accept::{Arrived, Body};
use authenticate::Authenticator;
use rooms::{CloudWatch, Iam, LookUp, ServiceQuotas, Sts};
use route::Routed;

pub(crate) use audit::Auditor;
pub(crate) use route::HEALTH_PATH;

use crate::gauges::Gauges;

/// Everything that a request may reach.
pub(crate) struct Gate {
    authenticator: Authenticator,
    auditor: Arc<Auditor>,
    kms: Arc<Kms>,
    iam: Iam,
    sts: Sts,
    look_up: LookUp,
    monitor: Monitor,
    cloudwatch: CloudWatch,
    service_quotas: ServiceQuotas,
    gauges: Arc<Gauges>,
    s3: s3::Service,
}

impl Gate {
    /// A gate before these rooms.
    pub(crate) fn new(
        identity: Arc<Identity>,
        kms: Arc<Kms>,
        objects: Arc<Objects>,
        monitor: Monitor,
        gauges: Arc<Gauges>,
        auditor: Arc<Auditor>,
    ) -> Self {
        Self {
            authenticator: Authenticator::new(Arc::clone(&identity)),
            kms,
            iam: Iam(Arc::clone(&identity)),
            sts: Sts(identity),
            look_up: LookUp(Arc::clone(&auditor)),
            cloudwatch: CloudWatch(monitor.clone()),
            service_quotas: ServiceQuotas(monitor.clone()),
            monitor,
            gauges,
            s3: s3::Service::new(objects, Arc::clone(&auditor)),
            auditor,
        }
    }

    /// Takes a request all the way.
    pub(crate) async fn pass(
        &self,
        arrived: Arrived,
        request: HttpRequest<Incoming>,
    ) -> Response<Body> {
        let (request, remainder) = upload::watched(request);
        let response = match route::route(arrived, request).await {
            Routed::Control(request) => answer::control(self.control(request).await),
            Routed::Objects(request) => self.objects(*request).await,
            Routed::Health => answer::health(),
            Routed::Refused(request, error) => answer::control(self.turned_away(&request, &error)),
        };
        remainder.settle(response).await
    }
}
