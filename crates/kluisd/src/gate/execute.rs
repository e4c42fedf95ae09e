//! Steps 4 to 6 for the control protocols: decode, authorize, execute; then audit.

use bytes::Bytes;
use policy::{Ask, Authorized, Denied, Principal};
use serde_json::Value;
use trail::{Draft, Executed};
use wire::protocol::{self, Dialect, Protocol};
use wire::shape::Words;
use wire::{Answer, ApiError, Scope};

use super::Gate;
use super::authenticate::Authenticated;
use super::route::Request;

/// The longest operation's name that is recorded of a request that could not be decoded.
const NAME_MAX: usize = 128;

/// A room, as seen from the way to it: one service's operations, from typed request to typed answer.
pub(super) trait Room {
    /// A typed request.
    type Operation: Send;
    /// A typed answer.
    type Response;

    /// A typed request from a decoded one, validated with AWS's words.
    fn decode(name: &str, value: Value) -> Result<Self::Operation, ApiError>;
    /// Whether it changes nothing: CloudTrail's `readOnly`.
    fn is_read_only(operation: &Self::Operation) -> bool;
    /// What was asked, for the trail; nothing secret.
    fn parameters(operation: &Self::Operation) -> Value;
    /// The request quota that it counts to, by its name in AWS/Usage.
    fn usage(
        &self,
        _operation: &Self::Operation,
        _caller: &Principal,
        _scope: &Scope,
    ) -> Option<&'static str> {
        None
    }
    /// What leave `caller` needs for it.
    fn asks(
        &self,
        operation: &Self::Operation,
        caller: &Principal,
        scope: &Scope,
    ) -> Result<Vec<Ask>, ApiError>;
    /// Carries it out.
    fn execute(
        &self,
        operation: Authorized<Self::Operation>,
        scope: &Scope,
        draft: Draft,
    ) -> impl Future<Output = Executed<Result<Self::Response, ApiError>>> + Send;
    /// The answer in bytes, in the caller's protocol.
    fn encode(
        response: &Self::Response,
        dialect: Dialect,
        request_id: &str,
    ) -> Result<Answer, ApiError>;
}

impl Gate {
    /// A request of a control protocol, from its signature to its answer.
    pub(super) async fn control(&self, request: Request<Bytes>) -> Answer {
        let body_sha256 = crypto::sha256(&[&request.body]);
        match self.authenticator.authenticate(request, &body_sha256) {
            Ok(call) => self.dispatch(call).await,
            Err(refused) => {
                let (request, error) = *refused;
                self.turned_away(&request, &error)
            }
        }
    }

    /// The answer to a request that nobody is believed to have sent.
    pub(super) fn turned_away<B>(&self, request: &Request<B>, error: &ApiError) -> Answer {
        self.auditor
            .stranger(request.facts("unknown", "unknown"), error);
        error.encode(request.protocol.dialect(), &request.arrived.request_id)
    }

    async fn dispatch(&self, call: Authenticated<Bytes>) -> Answer {
        let Request {
            arrived,
            protocol,
            head,
            body,
        } = &call.request;
        let request_id = &*arrived.request_id;
        let request = match protocol.decode(head, body) {
            Ok(request) => request,
            Err(error) => {
                let outcome = self.undecoded(&call, error).await;
                return outcome
                    .unwrap_or_else(|error| error.encode(protocol.dialect(), request_id));
            }
        };
        let (service, operation) = (request.service, request.operation.name);
        let dialect = request.dialect(protocol);
        let outcome = match call.for_service(service.name) {
            Ok(()) => self.answer(&call, request).await,
            Err(error) => self.undecoded(&call, error).await,
        };
        let outcome = self
            .gauges
            .answered((service.name, operation), arrived, outcome);
        outcome.unwrap_or_else(|error| service.refuse(&error, dialect, request_id))
    }

    async fn answer(
        &self,
        call: &Authenticated<Bytes>,
        request: protocol::Request,
    ) -> Result<Answer, ApiError> {
        match request.service.name {
            "kms" => self.run(self.kms.as_ref(), call, request).await,
            "iam" => self.run(&self.iam, call, request).await,
            "sts" => self.run(&self.sts, call, request).await,
            "cloudtrail" => self.run(&self.look_up, call, request).await,
            "monitoring" => self.run(&self.cloudwatch, call, request).await,
            "servicequotas" => self.run(&self.service_quotas, call, request).await,
            // A service whose shapes are generated and whose room is not at this gate.
            _ => {
                let unknown = ApiError::sender("UnknownOperationException", 400, String::new());
                self.undecoded(call, unknown).await
            }
        }
    }

    async fn run<R: Room>(
        &self,
        room: &R,
        call: &Authenticated<Bytes>,
        request: protocol::Request,
    ) -> Result<Answer, ApiError> {
        let Authenticated {
            request: Request {
                arrived, protocol, ..
            },
            caller,
            scope,
            ..
        } = call;
        let name = request.operation.name;
        let dialect = request.dialect(protocol);
        let words = request.service.protocol.words();
        let mut facts = call.facts(request.service.event_source, name);
        let operation = match R::decode(name, request.value) {
            Ok(operation) => operation,
            Err(error) => return self.auditor.refused(Draft::new(facts), error).await,
        };
        facts.read_only = R::is_read_only(&operation);
        facts.request_parameters = Some(R::parameters(&operation)).filter(|value| !value.is_null());
        let draft = Draft::new(facts);
        // Which account's quota: of whoever calls, not of whose key it is.
        if let Some(resource) = room.usage(&operation, &caller.principal, scope)
            && let Err(error) = self
                .monitor
                .admit(&caller.principal.account, scope, resource)
        {
            return self.auditor.refused(draft, error).await;
        }
        let leave = room
            .asks(&operation, &caller.principal, scope)
            .and_then(|asks| {
                let ambient = call.request.ambient(scope);
                policy::authorize(
                    operation,
                    &asks,
                    caller.principal.clone(),
                    &caller.layers,
                    &ambient,
                )
                .map_err(|denied| refusal(&denied, words))
            });
        let authorized = match leave {
            Ok(authorized) => authorized,
            Err(error) => return self.auditor.refused(draft, error).await,
        };
        let executed = room.execute(authorized, scope, draft).await;
        let response = self.auditor.settle(executed).await??;
        R::encode(&response, dialect, &arrived.request_id)
    }

    /// Records a signed request that is no operation of a room's.
    async fn undecoded(
        &self,
        call: &Authenticated<Bytes>,
        error: ApiError,
    ) -> Result<Answer, ApiError> {
        let source = format!("{}.amazonaws.com", call.verified.presented().service());
        let name = match &call.request.protocol {
            Protocol::Json { target, .. } => {
                target.rsplit('.').next().unwrap_or_default().to_owned()
            }
            Protocol::Cbor { operation, .. } => operation.clone(),
            Protocol::Query | Protocol::S3 => String::from_utf8_lossy(&call.request.body)
                .split('&')
                .find_map(|pair| pair.strip_prefix("Action="))
                .unwrap_or_default()
                .to_owned(),
        };
        let is_name = !name.is_empty()
            && name.len() <= NAME_MAX
            && name.bytes().all(|b| b.is_ascii_alphanumeric());
        let facts = call.facts(&source, if is_name { &name } else { "Unknown" });
        self.auditor.refused(Draft::new(facts), error).await
    }
}

/// AWS's refusal, with the service's code and status.
pub(super) fn refusal(denied: &Denied, words: Words) -> ApiError {
    match words {
        Words::Json => ApiError::sender("AccessDeniedException", 400, denied.to_string()),
        Words::Query => ApiError::sender("AccessDenied", 403, denied.to_string()),
    }
}
