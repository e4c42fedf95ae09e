//! `GenerateDataKeyPair` and `GenerateDataKeyPairWithoutPlaintext`.

use crypto::{KeyPair, KeyPairSpec};
use policy::Ask;
use serde_json::Value;
use wire::kms::{
    DataKeyPairSpec, GenerateDataKeyPairRequest, GenerateDataKeyPairResponse,
    GenerateDataKeyPairWithoutPlaintextRequest, GenerateDataKeyPairWithoutPlaintextResponse,
    Response,
};
use wire::{ApiError, SensitiveBlob};

use crate::cipher::{self, ALGORITHM, Pairs};
use crate::desk::{Accept, Desk, Target};
use crate::operation::{Read, Request};
use crate::parameters::Parameters;
use crate::{data_keys, faults, grants, specs};

impl Request for GenerateDataKeyPairRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        self.wanted().asks(desk)
    }

    fn parameters(&self) -> Value {
        self.wanted().parameters()
    }

    fn pair(&self, desk: &Desk<'_>) -> Result<Option<KeyPairSpec>, ApiError> {
        if self.recipient.is_some() {
            return Err(faults::no_recipient());
        }
        self.wanted().pair(desk).map(Some)
    }
}

impl Read for GenerateDataKeyPairRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let made = self.wanted().generate(desk)?;
        let private = made.pair.pkcs8().danger_expose();
        Ok(Response::GenerateDataKeyPair(GenerateDataKeyPairResponse {
            private_key_ciphertext_blob: Some(made.blob.into()),
            private_key_plaintext: Some(SensitiveBlob::copy_of(private)),
            public_key: Some(made.pair.public().spki().to_vec().into()),
            key_id: Some(made.key),
            key_pair_spec: Some(self.key_pair_spec),
            ciphertext_for_recipient: None,
            key_material_id: Some(made.material_id),
        }))
    }
}

impl Request for GenerateDataKeyPairWithoutPlaintextRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        self.wanted().asks(desk)
    }

    fn parameters(&self) -> Value {
        self.wanted().parameters()
    }

    fn pair(&self, desk: &Desk<'_>) -> Result<Option<KeyPairSpec>, ApiError> {
        self.wanted().pair(desk).map(Some)
    }
}

impl Read for GenerateDataKeyPairWithoutPlaintextRequest {
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError> {
        let made = self.wanted().generate(desk)?;
        Ok(Response::GenerateDataKeyPairWithoutPlaintext(
            GenerateDataKeyPairWithoutPlaintextResponse {
                private_key_ciphertext_blob: Some(made.blob.into()),
                public_key: Some(made.pair.public().spki().to_vec().into()),
                key_id: Some(made.key),
                key_pair_spec: Some(self.key_pair_spec),
                key_material_id: Some(made.material_id),
            },
        ))
    }
}

/// A data key pair as it is asked for, with or without its private half in the clear.
struct Wanted<'a> {
    operation: &'static str,
    key_id: &'a str,
    context: Pairs<'a>,
    spec: DataKeyPairSpec,
    grant_tokens: Option<&'a [String]>,
    dry_run: Option<bool>,
}

/// A data key pair.
struct Made {
    key: String,
    pair: KeyPair,
    blob: Vec<u8>,
    material_id: String,
}

/// The same members under two names of the model.
trait Asked {
    fn wanted(&self) -> Wanted<'_>;
}

impl Asked for GenerateDataKeyPairRequest {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            operation: "GenerateDataKeyPair",
            key_id: &self.key_id,
            context: self.encryption_context.as_ref(),
            spec: self.key_pair_spec,
            grant_tokens: self.grant_tokens.as_deref(),
            dry_run: self.dry_run,
        }
    }
}

impl Asked for GenerateDataKeyPairWithoutPlaintextRequest {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            operation: "GenerateDataKeyPairWithoutPlaintext",
            key_id: &self.key_id,
            context: self.encryption_context.as_ref(),
            spec: self.key_pair_spec,
            grant_tokens: self.grant_tokens.as_deref(),
            dry_run: self.dry_run,
        }
    }
}

impl Wanted<'_> {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(self.key_id, Accept::KeyOrAlias)?;
        let mut context = cipher::context(desk, ALGORITHM, self.context);
        context.set("kms:DataKeyPairSpec", self.spec.as_str());
        let action = format!("kms:{}", self.operation);
        Ok(vec![desk.key_ask(&action, &located, context)])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id)
            .context(self.context)
            .with("keyPairSpec", self.spec.as_str())
            .maybe("dryRun", self.dry_run)
            .into_value()
    }

    /// The kind of pair to be made, when nothing stands against making it.
    fn pair(&self, desk: &Desk<'_>) -> Result<KeyPairSpec, ApiError> {
        self.target(desk)?;
        cipher::canonical(self.context)?;
        let spec = specs::data_key_pair(self.spec).ok_or_else(faults::no_sm2)?;
        faults::stop_dry_run(self.dry_run)?;
        Ok(spec)
    }

    fn generate(&self, desk: &Desk<'_>) -> Result<Made, ApiError> {
        let target = self.target(desk)?;
        let context = cipher::canonical(self.context)?;
        let pair = desk.take_pair()?;
        let private = pair.pkcs8().danger_expose();
        let (blob, material_id) = cipher::seal(desk, &target.key, &context, private)?;
        Ok(Made {
            key: target.arn(),
            pair,
            blob,
            material_id,
        })
    }

    fn target(&self, desk: &Desk<'_>) -> Result<Target, ApiError> {
        grants::check_tokens(desk, self.grant_tokens)?;
        let target = desk.find(self.key_id, Accept::KeyOrAlias)?;
        data_keys::check_key(&target, self.operation)?;
        Ok(target)
    }
}
