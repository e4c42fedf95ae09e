//! `Sign` and `Verify`.

use crypto::{Message, Sha2, SigningAlgorithm};
use policy::Ask;
use serde_json::Value;
use wire::kms::{
    KeySpec, KeyUsageType, MessageType, Response, SignRequest, SignResponse,
    SigningAlgorithmSpec as Spec, VerifyRequest, VerifyResponse,
};
use wire::{ApiError, SensitiveBlob};

use crate::desk::{Accept, Desk, Target};
use crate::operation::{Read, Request};
use crate::parameters::Parameters;
use crate::{faults, grants, pairs};

impl Request for SignRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        self.wanted().asks(desk, "kms:Sign")
    }

    fn parameters(&self) -> Value {
        self.wanted().parameters()
    }
}

impl Read for SignRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let wanted = self.wanted();
        let target = wanted.target(desk, "Sign")?;
        let (algorithm, message) = wanted.work(&target)?;
        faults::stop_dry_run(self.dry_run)?;
        let signature = pairs::private_half(desk, &target.key)?
            .sign(algorithm, message)
            .map_err(|error| faults::crypto(&error))?;
        Ok(Response::Sign(SignResponse {
            key_id: Some(target.arn()),
            signature: Some(signature.into()),
            signing_algorithm: Some(self.signing_algorithm),
        }))
    }
}

impl Request for VerifyRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        self.wanted().asks(desk, "kms:Verify")
    }

    fn parameters(&self) -> Value {
        self.wanted().parameters()
    }
}

impl Read for VerifyRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let wanted = self.wanted();
        let target = wanted.target(desk, "Verify")?;
        let (algorithm, message) = wanted.work(&target)?;
        pairs::public_half(&target.key)?
            .verify(algorithm, message, self.signature.as_ref())
            .map_err(|error| pairs::refused(&error, faults::invalid_signature))?;
        faults::stop_dry_run(self.dry_run)?;
        Ok(Response::Verify(VerifyResponse {
            key_id: Some(target.arn()),
            signature_valid: Some(true),
            signing_algorithm: Some(self.signing_algorithm),
        }))
    }
}

/// What is to be signed, or was: the same members of two requests.
struct Wanted<'a> {
    key_id: &'a str,
    message: &'a SensitiveBlob,
    message_type: MessageType,
    algorithm: Spec,
    grant_tokens: Option<&'a [String]>,
    dry_run: Option<bool>,
}

/// The same members under two names of the model.
trait Asked {
    fn wanted(&self) -> Wanted<'_>;
}

impl Asked for SignRequest {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            key_id: &self.key_id,
            message: &self.message,
            message_type: self.message_type.unwrap_or(MessageType::Raw),
            algorithm: self.signing_algorithm,
            grant_tokens: self.grant_tokens.as_deref(),
            dry_run: self.dry_run,
        }
    }
}

impl Asked for VerifyRequest {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            key_id: &self.key_id,
            message: &self.message,
            message_type: self.message_type.unwrap_or(MessageType::Raw),
            algorithm: self.signing_algorithm,
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
            .with("kms:SigningAlgorithm", self.algorithm.as_str())
            .with("kms:MessageType", self.message_type.as_str());
        Ok(vec![desk.key_ask(action, &located, context)])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id)
            .with("messageType", self.message_type.as_str())
            .with("signingAlgorithm", self.algorithm.as_str())
            .maybe("dryRun", self.dry_run)
            .into_value()
    }

    /// The key, when it signs this message in this way.
    fn target(&self, desk: &Desk<'_>, operation: &str) -> Result<Target, ApiError> {
        grants::check_tokens(desk, self.grant_tokens)?;
        let target = desk.find(self.key_id, Accept::KeyOrAlias)?;
        target.serves(KeyUsageType::SignVerify, operation)?;
        if target.key.algorithms().signing.contains(&self.algorithm) {
            Ok(target)
        } else {
            let spec = target.key.purpose.spec;
            Err(faults::wrong_algorithm(self.algorithm.as_str(), spec))
        }
    }

    /// What there is to be done with the key.
    fn work(&self, target: &Target) -> Result<(SigningAlgorithm, Message<'_>), ApiError> {
        let algorithm = primitive(self.algorithm).ok_or_else(faults::no_sm2)?;
        let message = self.message(target.key.purpose.spec, algorithm)?;
        Ok((algorithm, message))
    }

    /// The message as the algorithm takes it.
    fn message(&self, spec: KeySpec, algorithm: SigningAlgorithm) -> Result<Message<'_>, ApiError> {
        use MessageType as T;
        use SigningAlgorithm as A;
        let bytes = self.message.danger_expose();
        match (algorithm, self.message_type) {
            // KMS hashes a digest for Ed25519ph once more, as FIPS 186-5 §7.8.1 has it for any message.
            (A::Ed25519Ph, T::Digest) => self.of_length(64).map(|()| Message::Raw(bytes)),
            (A::Ed25519, T::Digest | T::ExternalMu) | (A::Ed25519Ph, T::Raw | T::ExternalMu) => {
                let algorithm = self.algorithm.as_str();
                Err(faults::message_type_of_algorithm(
                    self.message_type,
                    algorithm,
                ))
            }
            (_, T::Raw) => Ok(Message::Raw(bytes)),
            (A::MlDsa, T::ExternalMu) => self.of_length(64).map(|()| Message::ExternalMu(bytes)),
            (A::RsaPkcs1(hash) | A::RsaPss(hash) | A::Ecdsa(hash), T::Digest) => self
                .of_length(digest_length(hash))
                .map(|()| Message::Digest(bytes)),
            (A::MlDsa, T::Digest)
            | (A::RsaPkcs1(_) | A::RsaPss(_) | A::Ecdsa(_), T::ExternalMu) => {
                Err(faults::message_type_of_spec(self.message_type, spec))
            }
        }
    }

    fn of_length(&self, length: usize) -> Result<(), ApiError> {
        if self.message.len() == length {
            Ok(())
        } else {
            Err(faults::digest_length(self.algorithm.as_str()))
        }
    }
}

const fn digest_length(hash: Sha2) -> usize {
    match hash {
        Sha2::Sha256 => 32,
        Sha2::Sha384 => 48,
        Sha2::Sha512 => 64,
    }
}

/// The algorithm as `crypto` has it; none for SM2's.
const fn primitive(algorithm: Spec) -> Option<SigningAlgorithm> {
    use SigningAlgorithm as A;
    Some(match algorithm {
        Spec::RsassaPkcs1V15Sha256 => A::RsaPkcs1(Sha2::Sha256),
        Spec::RsassaPkcs1V15Sha384 => A::RsaPkcs1(Sha2::Sha384),
        Spec::RsassaPkcs1V15Sha512 => A::RsaPkcs1(Sha2::Sha512),
        Spec::RsassaPssSha256 => A::RsaPss(Sha2::Sha256),
        Spec::RsassaPssSha384 => A::RsaPss(Sha2::Sha384),
        Spec::RsassaPssSha512 => A::RsaPss(Sha2::Sha512),
        Spec::EcdsaSha256 => A::Ecdsa(Sha2::Sha256),
        Spec::EcdsaSha384 => A::Ecdsa(Sha2::Sha384),
        Spec::EcdsaSha512 => A::Ecdsa(Sha2::Sha512),
        Spec::Ed25519Sha512 => A::Ed25519,
        Spec::Ed25519PhSha512 => A::Ed25519Ph,
        Spec::MlDsaShake256 => A::MlDsa,
        Spec::Sm2dsa => return None,
    })
}
