//! The frame that every operation stands in, and the table of all operations.
//!
//! An operation says what leave it needs ([`Request::asks`]) and what the trail may show of it
//! ([`Request::parameters`]). It is then a [`Read`], answered from memory, or a [`Mutation`], which plans its changes
//! and leaves it to the service to make them durable.

use crypto::KeyPairSpec;
use policy::Ask;
use serde_json::Value;
use trail::Resource;
use wire::ApiError;
use wire::kms::{Operation, Response};

use crate::desk::Desk;
use crate::keyring::Change;

/// What all operations have in common.
pub(crate) trait Request {
    /// What leave the operation needs.
    fn asks(&self, desk: &Desk<'_>) -> Result<Vec<Ask>, ApiError>;

    /// What was asked, for the trail: only what is named here is ever recorded.
    fn parameters(&self) -> Value;

    /// CloudTrail's `additionalEventData` of a mutation, for what the request does not show by itself.
    fn additional(&self, _: &Desk<'_>) -> Option<Value> {
        None
    }

    /// The key pair that is to be made for the operation, once nothing can be said against it any more. Making one
    /// takes long: the service does it before the operation's turn, where it holds up nobody, and hands it over on the
    /// desk. All is checked again then.
    fn pair(&self, _: &Desk<'_>) -> Result<Option<KeyPairSpec>, ApiError> {
        Ok(None)
    }
}

/// An operation that changes nothing.
pub(crate) trait Read: Request {
    /// The answer.
    fn read(&self, desk: &Desk<'_>) -> Result<Response, ApiError>;
}

/// An operation that changes keys or aliases.
pub(crate) trait Mutation: Request {
    /// What is to change. Mutations are planned one at a time, each on the outcome of the one before.
    fn plan(&self, desk: &Desk<'_>) -> Result<Plan, ApiError>;
}

/// What a mutation comes to.
pub(crate) struct Plan {
    /// What is to be made durable and then taken over into memory, all or nothing. Empty when all is as wanted already.
    pub(crate) changes: Vec<Change>,
    /// The answer when it is.
    pub(crate) response: Response,
    /// CloudTrail's `responseElements`.
    pub(crate) elements: Option<Value>,
    /// What the record names beside the resources that leave was given for: what was just made.
    pub(crate) made: Vec<Resource>,
}

/// An operation, by what it does to the service.
#[derive(Clone, Copy)]
pub(crate) enum Kind<'a> {
    Read(&'a dyn Read),
    Mutation(&'a dyn Mutation),
}

impl<'a> Kind<'a> {
    /// What it has in common with all others.
    pub(crate) fn request(self) -> &'a dyn Request {
        match self {
            Self::Read(read) => read,
            Self::Mutation(mutation) => mutation,
        }
    }
}

/// The table of all operations.
pub(crate) fn kind(operation: &Operation) -> Kind<'_> {
    use Operation as O;
    match operation {
        O::Decapsulate(request) => Kind::Read(request),
        O::Decrypt(request) => Kind::Read(request),
        O::DeriveSharedSecret(request) => Kind::Read(request),
        O::DescribeKey(request) => Kind::Read(request),
        O::Encapsulate(request) => Kind::Read(request),
        O::Encrypt(request) => Kind::Read(request),
        O::GenerateDataKey(request) => Kind::Read(request),
        O::GenerateDataKeyPair(request) => Kind::Read(request),
        O::GenerateDataKeyPairWithoutPlaintext(request) => Kind::Read(request),
        O::GenerateDataKeyWithoutPlaintext(request) => Kind::Read(request),
        O::GenerateMac(request) => Kind::Read(request),
        O::GenerateRandom(request) => Kind::Read(request),
        O::GetKeyLastUsage(request) => Kind::Read(request),
        O::GetKeyPolicy(request) => Kind::Read(request),
        O::GetKeyRotationStatus(request) => Kind::Read(request),
        O::GetParametersForImport(request) => Kind::Read(request),
        O::GetPublicKey(request) => Kind::Read(request),
        O::ListAliases(request) => Kind::Read(request),
        O::ListGrants(request) => Kind::Read(request),
        O::ListKeyPolicies(request) => Kind::Read(request),
        O::ListKeyRotations(request) => Kind::Read(request),
        O::ListKeys(request) => Kind::Read(request),
        O::ListResourceTags(request) => Kind::Read(request),
        O::ListRetirableGrants(request) => Kind::Read(request),
        O::ReEncrypt(request) => Kind::Read(request),
        O::Sign(request) => Kind::Read(request),
        O::Verify(request) => Kind::Read(request),
        O::VerifyMac(request) => Kind::Read(request),

        O::CancelKeyDeletion(request) => Kind::Mutation(request),
        O::CreateAlias(request) => Kind::Mutation(request),
        O::CreateGrant(request) => Kind::Mutation(request),
        O::CreateKey(request) => Kind::Mutation(request),
        O::DeleteAlias(request) => Kind::Mutation(request),
        O::DeleteImportedKeyMaterial(request) => Kind::Mutation(request),
        O::DisableKey(request) => Kind::Mutation(request),
        O::DisableKeyRotation(request) => Kind::Mutation(request),
        O::EnableKey(request) => Kind::Mutation(request),
        O::EnableKeyRotation(request) => Kind::Mutation(request),
        O::ImportKeyMaterial(request) => Kind::Mutation(request),
        O::PutKeyPolicy(request) => Kind::Mutation(request),
        O::ReplicateKey(request) => Kind::Mutation(request),
        O::RetireGrant(request) => Kind::Mutation(request),
        O::RevokeGrant(request) => Kind::Mutation(request),
        O::RotateKeyOnDemand(request) => Kind::Mutation(request),
        O::ScheduleKeyDeletion(request) => Kind::Mutation(request),
        O::TagResource(request) => Kind::Mutation(request),
        O::UntagResource(request) => Kind::Mutation(request),
        O::UpdateAlias(request) => Kind::Mutation(request),
        O::UpdateKeyDescription(request) => Kind::Mutation(request),
        O::UpdatePrimaryRegion(request) => Kind::Mutation(request),

        O::ConnectCustomKeyStore(_)
        | O::CreateCustomKeyStore(_)
        | O::DeleteCustomKeyStore(_)
        | O::DescribeCustomKeyStores(_)
        | O::DisconnectCustomKeyStore(_)
        | O::UpdateCustomKeyStore(_) => Kind::Read(operation),
    }
}
