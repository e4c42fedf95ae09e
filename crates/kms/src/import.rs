//! `ImportKeyMaterial` and `DeleteImportedKeyMaterial`.

use std::sync::Arc;

use crypto::{KeyPair, SecretBytes};
use jiff::Timestamp;
use policy::Ask;
use serde_json::Value;
use wire::ApiError;
use wire::kms::errors::NOT_FOUND_EXCEPTION;
use wire::kms::{
    DeleteImportedKeyMaterialRequest, DeleteImportedKeyMaterialResponse, ExpirationModelType,
    ImportKeyMaterialRequest, ImportKeyMaterialResponse, ImportType, KeySpec, Response,
};

use crate::backing::{self, BackingKey, Imported, Material};
use crate::desk::{Accept, Desk};
use crate::import_parameters::external;
use crate::import_token::ImportToken;
use crate::imported::without_material;
use crate::key::{Key, Lifecycle};
use crate::keyring::Change;
use crate::operation::{Mutation, Plan, Request};
use crate::parameters::{Parameters, instant};
use crate::place::Place;
use crate::schedule::days;
use crate::specs::{self, Shape};
use crate::states::{Class, KeyState};
use crate::{faults, limits};

impl Request for ImportKeyMaterialRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        let located = desk.locate(&self.key_id, Accept::Key)?;
        let mut context = desk.context();
        context.set("kms:ExpirationModel", self.model().as_str());
        if let Some(valid_to) = self.valid_to {
            context.set("kms:ValidTo", valid_to.0.to_string());
        }
        Ok(vec![desk.key_ask(
            "kms:ImportKeyMaterial",
            &located,
            context,
        )])
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .with("expirationModel", self.model().as_str())
            .maybe("validTo", self.valid_to.map(|at| instant(at.0)))
            .maybe("importType", self.import_type.map(ImportType::as_str))
            .maybe(
                "keyMaterialDescription",
                self.key_material_description.as_deref(),
            )
            .maybe("keyMaterialId", self.key_material_id.as_deref())
            .into_value()
    }
}

impl Mutation for ImportKeyMaterialRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let target = external(desk, &self.key_id, Class::Import)?;
        let key = &target.key;
        let expires = self.expires(desk.now)?;
        self.check_kind(key)?;
        let secret = Foreign::of(key.purpose.spec, self.unwrapped(desk, key)?)?;
        let material = secret.material();
        let material_id =
            backing::material_id(material.secret.danger_expose(), &key.arn, key.purpose)
                .map_err(|error| faults::crypto(&error))?;
        let place = Place::of(key, &material_id, self.import_type)?;
        if self
            .key_material_id
            .as_deref()
            .is_some_and(|named| *named != *material_id)
        {
            return Err(faults::incorrect_material());
        }
        let version = place.version(key).ok_or_else(faults::incorrect_material)?;
        let sealed = BackingKey::wrap(
            desk.root,
            &key.arn,
            key.purpose,
            version,
            material,
            desk.now,
        )
        .map_err(|error| faults::crypto(&error))?;
        let said = Imported {
            description: self.key_material_description.as_deref().map(Into::into),
            expires,
        };
        let imported = imported(key, place, sealed, said).probed(desk.root);
        let family = desk.look(|ring| ring.family(key));
        let kin = family.iter().skip(1);
        let kin = kin.filter_map(|kin| place.announced(&imported, kin));
        let response = self.response(&imported, &material_id);
        Ok(Plan {
            changes: std::iter::once(imported.clone())
                .chain(kin)
                .map(|key| Change::PutKey(Arc::new(key)))
                .collect(),
            response,
            elements: Some(elements(key, Some(&material_id))),
            made: Vec::new(),
        })
    }
}

/// The key with its material where it belongs. It is enabled when all is there that was missing.
fn imported(key: &Key, place: Place, sealed: BackingKey, said: Imported) -> Key {
    let mut imported = key.clone();
    if key.state() == KeyState::PendingImport {
        imported.lifecycle = Lifecycle::Enabled;
    }
    place.fill(&mut imported, sealed, said);
    imported
}

/// What `ImportKeyMaterial` reads out of its request.
trait Importing {
    fn model(&self) -> ExpirationModelType;
    fn expires(&self, now: Timestamp) -> Result<Option<Timestamp>, ApiError>;
    fn check_kind(&self, key: &Key) -> Result<(), ApiError>;
    fn unwrapped(&self, desk: &Desk<'_>, key: &Key) -> Result<SecretBytes, ApiError>;
    fn response(&self, key: &Key, material_id: &str) -> Response;
}

impl Importing for ImportKeyMaterialRequest {
    fn model(&self) -> ExpirationModelType {
        self.expiration_model
            .unwrap_or(ExpirationModelType::KeyMaterialExpires)
    }

    fn expires(&self, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
        let latest = now
            .checked_add(days(limits::IMPORT_DAYS_MAX))
            .map_err(|_| faults::end_of_calendar())?;
        match (self.model(), self.valid_to) {
            (ExpirationModelType::KeyMaterialDoesNotExpire, None) => Ok(None),
            (ExpirationModelType::KeyMaterialDoesNotExpire, Some(_)) => Err(faults::validation(
                "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE",
            )),
            (ExpirationModelType::KeyMaterialExpires, None) => Err(faults::validation(
                "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES",
            )),
            (ExpirationModelType::KeyMaterialExpires, Some(at)) if at.0 > now && at.0 <= latest => {
                Ok(Some(at.0))
            }
            (ExpirationModelType::KeyMaterialExpires, Some(_)) => Err(faults::validation(format!(
                "ValidTo must be in the future, and at most {} days from now.",
                limits::IMPORT_DAYS_MAX
            ))),
        }
    }

    /// Refuses what is said of one material among several for a key that only ever has one.
    fn check_kind(&self, key: &Key) -> Result<(), ApiError> {
        let said = self.import_type.is_some()
            || self.key_material_description.is_some()
            || self.key_material_id.is_some();
        if said && key.purpose.spec != KeySpec::SymmetricDefault {
            return Err(faults::validation(
                "ImportType, KeyMaterialDescription and KeyMaterialId are for symmetric encryption keys alone.",
            ));
        }
        if self.import_type == Some(ImportType::NewKeyMaterial) && self.key_material_id.is_some() {
            return Err(faults::validation(
                "KeyMaterialId must not be set if the ImportType is NEW_KEY_MATERIAL.",
            ));
        }
        Ok(())
    }

    fn unwrapped(&self, desk: &Desk<'_>, key: &Key) -> Result<SecretBytes, ApiError> {
        let token = ImportToken::open(desk.root, &key.arn, self.import_token.as_ref())
            .map_err(|_| faults::invalid_import_token())?;
        if token.expires <= desk.now {
            return Err(faults::expired_import_token());
        }
        let wrapped = self.encrypted_key_material.as_ref();
        let unwrapped = token.pair.unwrap_transport(token.algorithm, wrapped);
        unwrapped.map_err(|_| faults::invalid_ciphertext())
    }

    fn response(&self, key: &Key, material_id: &str) -> Response {
        Response::ImportKeyMaterial(ImportKeyMaterialResponse {
            key_id: Some(key.arn.to_string()),
            key_material_id: shown(key, Some(material_id)),
        })
    }
}

/// Material that was made elsewhere, of the kind that the key takes.
enum Foreign {
    Bytes(SecretBytes),
    Pair(KeyPair),
}

impl Foreign {
    /// Takes what was unwrapped for material of `spec`: as many bytes as it has, or a private half as PKCS#8.
    fn of(spec: KeySpec, secret: SecretBytes) -> Result<Self, ApiError> {
        match specs::shape(spec) {
            Some(Shape::Bytes(length)) if secret.len() == length => Ok(Self::Bytes(secret)),
            Some(Shape::Pair(pair)) => KeyPair::from_pkcs8(pair, secret)
                .map(Self::Pair)
                .map_err(|_| faults::incorrect_material()),
            _ => Err(faults::incorrect_material()),
        }
    }

    fn material(&self) -> Material<'_> {
        match self {
            Self::Bytes(secret) => Material::of_bytes(secret),
            Self::Pair(pair) => Material::of_pair(pair),
        }
    }
}

impl Request for DeleteImportedKeyMaterialRequest {
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError> {
        desk.ask_of_key("kms:DeleteImportedKeyMaterial", &self.key_id)
    }

    fn parameters(&self) -> Value {
        Parameters::default()
            .with("keyId", self.key_id.as_str())
            .maybe("keyMaterialId", self.key_material_id.as_deref())
            .into_value()
    }
}

impl Mutation for DeleteImportedKeyMaterialRequest {
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError> {
        let target = external(desk, &self.key_id, Class::Govern)?;
        let key = &*target.key;
        let named = self.key_material_id.as_deref();
        let current = key.current().map(|current| &*current.material_id);
        let gone = named.or(current);
        if named.is_some_and(|named| !key.has_material(named)) {
            return Err(NOT_FOUND_EXCEPTION.because(format!(
                "{} has no key material of that KeyMaterialId.",
                key.arn
            )));
        }
        let changes = match gone.filter(|gone| key.holds_material(gone)) {
            Some(gone) => without_material(&desk.look(|ring| ring.family(&target.key)), gone),
            None => Vec::new(),
        };
        Ok(Plan {
            changes,
            response: Response::DeleteImportedKeyMaterial(DeleteImportedKeyMaterialResponse {
                key_id: Some(target.arn()),
                key_material_id: shown(key, gone),
            }),
            elements: Some(elements(key, gone)),
            made: Vec::new(),
        })
    }
}

/// The name of a material, where keys may have several and so name them.
fn shown(key: &Key, material_id: Option<&str>) -> Option<String> {
    material_id
        .filter(|_| key.purpose.spec == KeySpec::SymmetricDefault)
        .map(str::to_owned)
}

fn elements(key: &Key, material_id: Option<&str>) -> Value {
    Parameters::default()
        .with("keyId", key.arn.to_string())
        .maybe("keyMaterialId", shown(key, material_id))
        .into_value()
}
