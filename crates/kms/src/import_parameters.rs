//! `GetParametersForImport`: a wrapping key for material that is made elsewhere, and the token that belongs to it.

use crypto::{KeyPairSpec, TransportAlgorithm};
use jiff::{SignedDuration, Timestamp};
use policy::Ask;
use serde_json::Value;
use wire::kms::{
    AlgorithmSpec, GetParametersForImportRequest, GetParametersForImportResponse, KeySpec,
    OriginType, Response, WrappingKeySpec,
};
use wire::{ApiError, SensitiveBlob};

use crate::desk::{Accept, Desk, Target};
use crate::import_token::ImportToken;
use crate::operation::{Read, Request};
use crate::parameters::Parameters;
use crate::specs::{self, Shape};
use crate::states::Class;
use crate::{faults, limits};

impl Request for GetParametersForImportRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::Key)?;
        let context = desk
            .context()
            .with("kms:WrappingAlgorithm", self.wrapping_algorithm.as_str())
            .with("kms:WrappingKeySpec", self.wrapping_key_spec.as_str());
        Ok(vec![desk.key_ask(
            "kms:GetParametersForImport",
            &located,
            context,
        )])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .with("wrappingAlgorithm", self.wrapping_algorithm.as_str())
            .with("wrappingKeySpec", self.wrapping_key_spec.as_str())
            .into_value()
    }

    fn pair(&self, desk: &Desk<'_>) -> Result<Option<KeyPairSpec>, ApiError> {
        let target = external(desk, &self.key_id, Class::Import)?;
        transport(
            target.key.purpose.spec,
            self.wrapping_algorithm,
            self.wrapping_key_spec,
        )?;
        wrapping_key(self.wrapping_key_spec).map(Some)
    }
}

impl Read for GetParametersForImportRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let target = external(desk, &self.key_id, Class::Import)?;
        let (spec, size) = (target.key.purpose.spec, self.wrapping_key_spec);
        let token = ImportToken {
            algorithm: transport(spec, self.wrapping_algorithm, size)?,
            expires: expiry(desk.now)?,
            pair: desk.take_pair()?,
        };
        let sealed = token
            .seal(desk.root, &target.key.arn)
            .map_err(|error| faults::crypto(&error))?;
        Ok(Response::GetParametersForImport(
            GetParametersForImportResponse {
                key_id: Some(target.arn()),
                import_token: Some(sealed.into()),
                public_key: Some(SensitiveBlob::copy_of(token.pair.public().spki())),
                parameters_valid_to: Some(token.expires.into()),
            },
        ))
    }
}

/// The key that a request names, if its material comes from its owner and its state allows the operation.
pub(crate) fn external(desk: &Desk<'_>, key_id: &str, class: Class) -> Result<Target, ApiError> {
    let target = desk.find(key_id, Accept::Key)?;
    if target.key.purpose.origin != OriginType::External {
        return Err(faults::foreign_origin(&target.key));
    }
    target.permits(class)?;
    Ok(target)
}

/// When parameters that are given out `now` hold no more, to the second that their token has room for.
fn expiry(now: Timestamp) -> Result<Timestamp, ApiError> {
    let hours = SignedDuration::from_hours(limits::IMPORT_TOKEN_HOURS);
    let at = now
        .checked_add(hours)
        .map_err(|_| faults::end_of_calendar())?;
    Timestamp::from_second(at.as_second()).map_err(|_| faults::end_of_calendar())
}

fn wrapping_key(spec: WrappingKeySpec) -> Result<KeyPairSpec, ApiError> {
    match spec {
        WrappingKeySpec::Rsa2048 => Ok(KeyPairSpec::Rsa2048),
        WrappingKeySpec::Rsa3072 => Ok(KeyPairSpec::Rsa3072),
        WrappingKeySpec::Rsa4096 => Ok(KeyPairSpec::Rsa4096),
        WrappingKeySpec::Sm2 => Err(faults::no_sm2()),
    }
}

/// The way in which material of `spec` travels under a wrapping key of that size, if it can.
fn transport(
    spec: KeySpec,
    algorithm: AlgorithmSpec,
    size: WrappingKeySpec,
) -> Result<TransportAlgorithm, ApiError> {
    let unfit = || faults::unfit_wrapping(algorithm, size, spec);
    let fits_rsa = fits_into_rsa(spec, size);
    match algorithm {
        AlgorithmSpec::RsaesOaepSha1 if fits_rsa => Ok(TransportAlgorithm::RsaesOaepSha1),
        AlgorithmSpec::RsaesOaepSha256 if fits_rsa => Ok(TransportAlgorithm::RsaesOaepSha256),
        AlgorithmSpec::RsaesOaepSha1 | AlgorithmSpec::RsaesOaepSha256 => Err(unfit()),
        AlgorithmSpec::RsaAesKeyWrapSha1 => Ok(TransportAlgorithm::RsaAesKeyWrapSha1),
        AlgorithmSpec::RsaAesKeyWrapSha256 => Ok(TransportAlgorithm::RsaAesKeyWrapSha256),
        // AWS has not taken it since October 2023.
        AlgorithmSpec::RsaesPkcs1V15 => Err(faults::unsupported(
            "RSAES_PKCS1_V1_5 is not supported any more. Use RSAES_OAEP_SHA_256.",
        )),
        AlgorithmSpec::Sm2pke => Err(faults::no_sm2()),
    }
}

/// Whether material of `spec` is short enough for RSA alone: a private half of RSA never is, one of P-521 not under
/// the smallest wrapping key.
fn fits_into_rsa(spec: KeySpec, size: WrappingKeySpec) -> bool {
    match (specs::shape(spec), spec) {
        (Some(Shape::Pair(_)), KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096) => false,
        (_, KeySpec::EccNistP521) => size != WrappingKeySpec::Rsa2048,
        _ => true,
    }
}
