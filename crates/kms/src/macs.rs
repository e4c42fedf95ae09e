//! `GenerateMac` and `VerifyMac`.

use crypto::MacAlgorithm;
use policy::Ask;
use serde_json::Value;
use wire::ApiError;
use wire::kms::{
    GenerateMacRequest, GenerateMacResponse, KeyUsageType, MacAlgorithmSpec as Spec, Response,
    VerifyMacRequest, VerifyMacResponse,
};

use crate::desk::{Accept, Desk, Target};
use crate::operation::{Read, Request};
use crate::parameters::Parameters;
use crate::{faults, grants};

impl Request for GenerateMacRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        self.wanted().asks(desk, "kms:GenerateMac")
    }

    fn parameters(&self) -> Value {
        self.wanted().parameters()
    }
}

impl Read for GenerateMacRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let target = self.wanted().target(desk, "GenerateMac")?;
        faults::stop_dry_run(self.dry_run)?;
        let secret = desk.secret(&target.key)?;
        let mac = crypto::hmac(
            primitive(self.mac_algorithm),
            secret.danger_expose(),
            &[self.message.danger_expose()],
        );
        Ok(Response::GenerateMac(GenerateMacResponse {
            mac: Some(mac.into()),
            mac_algorithm: Some(self.mac_algorithm),
            key_id: Some(target.arn()),
        }))
    }
}

impl Request for VerifyMacRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        self.wanted().asks(desk, "kms:VerifyMac")
    }

    fn parameters(&self) -> Value {
        self.wanted().parameters()
    }
}

impl Read for VerifyMacRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let target = self.wanted().target(desk, "VerifyMac")?;
        let secret = desk.secret(&target.key)?;
        let valid = crypto::hmac_verify(
            primitive(self.mac_algorithm),
            secret.danger_expose(),
            &[self.message.danger_expose()],
            self.mac.as_ref(),
        );
        if !valid {
            return Err(faults::invalid_mac());
        }
        faults::stop_dry_run(self.dry_run)?;
        Ok(Response::VerifyMac(VerifyMacResponse {
            key_id: Some(target.arn()),
            mac_valid: Some(true),
            mac_algorithm: Some(self.mac_algorithm),
        }))
    }
}

/// The same members of two requests.
struct Wanted<'a> {
    key_id: &'a str,
    algorithm: Spec,
    grant_tokens: Option<&'a [String]>,
    dry_run: Option<bool>,
}

/// The same members under two names of the model.
trait Asked {
    fn wanted(&self) -> Wanted<'_>;
}

impl Asked for GenerateMacRequest {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            key_id: &self.key_id,
            algorithm: self.mac_algorithm,
            grant_tokens: self.grant_tokens.as_deref(),
            dry_run: self.dry_run,
        }
    }
}

impl Asked for VerifyMacRequest {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            key_id: &self.key_id,
            algorithm: self.mac_algorithm,
            grant_tokens: self.grant_tokens.as_deref(),
            dry_run: self.dry_run,
        }
    }
}

impl Wanted<'_> {
    fn asks(&self, desk: &Desk<'_>, action: &str) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(self.key_id, Accept::KeyOrAlias)?;
        let context = desk
            .context()
            .with("kms:MacAlgorithm", self.algorithm.as_str());
        Ok(vec![desk.key_ask(action, &located, context)])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id)
            .with("macAlgorithm", self.algorithm.as_str())
            .maybe("dryRun", self.dry_run)
            .into_value()
    }

    /// The key, when it has the algorithm.
    fn target(&self, desk: &Desk<'_>, operation: &str) -> Result<Target, ApiError> {
        grants::check_tokens(desk, self.grant_tokens)?;
        let target = desk.find(self.key_id, Accept::KeyOrAlias)?;
        target.serves(KeyUsageType::GenerateVerifyMac, operation)?;
        if target.key.algorithms().mac.contains(&self.algorithm) {
            Ok(target)
        } else {
            let spec = target.key.purpose.spec;
            Err(faults::wrong_algorithm(self.algorithm.as_str(), spec))
        }
    }
}

/// The algorithm as `crypto` has it.
const fn primitive(algorithm: Spec) -> MacAlgorithm {
    match algorithm {
        Spec::HmacSha224 => MacAlgorithm::HmacSha224,
        Spec::HmacSha256 => MacAlgorithm::HmacSha256,
        Spec::HmacSha384 => MacAlgorithm::HmacSha384,
        Spec::HmacSha512 => MacAlgorithm::HmacSha512,
    }
}
