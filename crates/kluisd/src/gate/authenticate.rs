//! Step 3, authenticate: whose signature it is. Nothing goes on without one.

use std::sync::Arc;

use identity::{Caller, Identity, Rejected};
use trail::DraftFacts;
use wire::protocol::Dialect;
use wire::sigv4::{self, Expected, KeyCache, ScopePart, SigError, Verified};
use wire::{ApiError, Scope};

use super::route::Request;

/// The longest region's name that is believed; it becomes part of ARNs.
const REGION_MAX: usize = 32;

/// A request whose caller is known.
pub(crate) struct Authenticated<B> {
    /// The request.
    pub(crate) request: Request<B>,
    /// Who signed it.
    pub(crate) caller: Caller,
    /// Where and when it is to be carried out.
    pub(crate) scope: Scope,
    /// The signature, for a payload that is signed piece by piece.
    pub(crate) verified: Verified,
}

/// What requests are authenticated against.
pub(crate) struct Authenticator {
    identity: Arc<Identity>,
    keys: KeyCache,
}

impl Authenticator {
    /// Over these identities.
    pub(crate) fn new(identity: Arc<Identity>) -> Self {
        Self {
            identity,
            keys: KeyCache::new(),
        }
    }

    /// Verifies a request's signature. `body_sha256` is looked at where the body is signed whole. A request that is refused comes back.
    pub(crate) fn authenticate<B>(
        &self,
        request: Request<B>,
        body_sha256: &[u8; 32],
    ) -> Result<Authenticated<B>, Box<(Request<B>, ApiError)>> {
        match self.verify(&request, body_sha256) {
            Ok((caller, scope, verified)) => Ok(Authenticated {
                request,
                caller,
                scope,
                verified,
            }),
            Err(error) => Err(Box::new((request, error))),
        }
    }

    fn verify<B>(
        &self,
        request: &Request<B>,
        body_sha256: &[u8; 32],
    ) -> Result<(Caller, Scope, Verified), ApiError> {
        let dialect = request.protocol.dialect();
        let refuse = |error: SigError| error.to_api_error(dialect);
        let now = request.arrived.at;
        let presented = sigv4::parse(&request.head).map_err(refuse)?;
        // Which service it is signed for is compared with the operation's once that is known: `for_service`.
        let service = presented.service().to_owned();
        let credential = self
            .identity
            .authenticate(presented.access_key_id(), presented.session_token(), now)
            .map_err(|rejected| rejection(rejected, dialect))?;
        let key = self
            .keys
            .signing_key(credential.secret.danger_expose(), &presented)
            .map_err(refuse)?;
        let expected = Expected {
            service: &service,
            region: None,
            now,
        };
        let verified = presented
            .verify(&request.head, body_sha256, &key, &expected)
            .map_err(refuse)?;
        let region = region(verified.presented().region()).map_err(refuse)?;
        let scope = Scope {
            account: credential.caller.principal.account.clone(),
            region,
            now,
        };
        Ok((credential.caller, scope, verified))
    }
}

fn rejection(rejected: Rejected, dialect: Dialect) -> ApiError {
    match dialect {
        Dialect::Json(_) | Dialect::Cbor => rejected.for_json(),
        Dialect::Query(_) => rejected.for_query(),
        Dialect::S3 => rejected.for_s3(),
    }
}

impl<B> Authenticated<B> {
    /// What the trail is told of every request alike.
    pub(crate) fn facts(&self, event_source: &str, event_name: &str) -> DraftFacts {
        let Self {
            request,
            caller,
            scope,
            ..
        } = self;
        DraftFacts {
            identity: Arc::clone(&caller.user_identity),
            region: scope.region.clone(),
            recipient_account: scope.account.clone(),
            ..request.facts(event_source, event_name)
        }
    }

    /// Refuses a signature that was made for another service than the one it is used on.
    pub(crate) fn for_service(&self, service: &str) -> Result<(), ApiError> {
        let found = self.verified.presented().service();
        if found == service {
            return Ok(());
        }
        let error = SigError::Scope {
            part: ScopePart::Service,
            found: found.to_owned(),
            expected: service.to_owned(),
        };
        Err(error.to_api_error(self.request.protocol.dialect()))
    }
}

/// Any region may be named, as long as it is a name.
fn region(text: &str) -> Result<String, SigError> {
    let is_name = !text.is_empty()
        && text.len() <= REGION_MAX
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if is_name {
        Ok(text.to_owned())
    } else {
        Err(SigError::Scope {
            part: ScopePart::Region,
            found: text.to_owned(),
            expected: "a region".to_owned(),
        })
    }
}
