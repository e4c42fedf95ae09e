//! A key service and an object store in memory that fail as told.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crypto::{Secret, SecretBytes};

use crate::ports::{
    Context, DataKey, KeyService, KeyServiceError, ObjectError, ObjectSource, ObjectUri, Put,
    ReachError, Unwrapped, Wrapped,
};

/// How a service misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Not at all.
    #[default]
    None,
    /// Nobody answers.
    Unreachable,
    /// Its clock and this machine's differ too much for a signature to hold.
    ClockOff,
    /// "Slow down", this many times.
    Throttled(u32),
    /// "You may not."
    Denied,
    /// "No such key", or object.
    NotFound,
    /// An answer of the right shape with the wrong content.
    Rubbish,
    /// An answer of the wrong length.
    WrongLength,
}

/// A call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `GenerateDataKey` with that key.
    GenerateDataKey(String),
    /// `Encrypt` with that key.
    Encrypt(String),
    /// `GenerateDataKey` with that key, as a dry run.
    MayGenerate(String),
    /// `Decrypt` with that key and context.
    Decrypt(Option<String>, Context),
    /// `GetObject`.
    Get(String),
    /// `PutObject`, conditional.
    Put(String),
}

/// A key service. Blobs are names of what it remembers; as with KMS, nothing can be read from them.
#[derive(Debug, Default)]
pub struct Keys(Mutex<KeysState>);

#[derive(Debug, Default)]
struct KeysState {
    aliases: BTreeMap<String, String>,
    wrapped: BTreeMap<Vec<u8>, Remembered>,
    disabled: Vec<String>,
    fault: Fault,
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Remembered {
    arn: String,
    plaintext: Vec<u8>,
    context: Context,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Keys {
    /// A service without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes an alias stand for the key of that number.
    pub fn set_alias(&self, alias: &str, number: u32) {
        lock(&self.0).aliases.insert(alias.to_owned(), arn(number));
    }

    /// Disables the key of that number.
    pub fn disable(&self, number: u32) {
        lock(&self.0).disabled.push(arn(number));
    }

    /// Sets how it misbehaves from now on.
    pub fn set_fault(&self, fault: Fault) {
        lock(&self.0).fault = fault;
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.0).calls.clone()
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        lock(&self.0).calls.clear();
    }

    /// Wraps bytes as an administrator would (`aws kms encrypt`).
    pub fn wrap(&self, key: &str, plaintext: &[u8], context: &Context) -> Vec<u8> {
        let mut state = lock(&self.0);
        let arn = state.resolve(key).unwrap_or_else(|_| key.to_owned());
        state.remember(arn, plaintext, context)
    }
}

fn clock_off() -> ReachError {
    ReachError::Clock("this machine's clock is 26 minutes behind the service's".to_owned())
}

/// The ARN of the key of that number.
fn arn(number: u32) -> String {
    format!("arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-4000-8000-{number:012}")
}

impl KeysState {
    fn begin(&mut self, call: Call) -> Result<(), KeyServiceError> {
        self.calls.push(call);
        match &mut self.fault {
            Fault::ClockOff => Err(clock_off().into()),
            Fault::Unreachable => Err(KeyServiceError::Unreachable("connection refused (os error 111)".to_owned())),
            Fault::Throttled(0) | Fault::None | Fault::Rubbish | Fault::WrongLength => Ok(()),
            Fault::Throttled(left) => {
                *left -= 1;
                Err(KeyServiceError::Throttled("ThrottlingException: Rate exceeded".to_owned()))
            }
            Fault::Denied => Err(KeyServiceError::Denied(
                "AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/machine/i-1 is not authorized to perform: kms:Decrypt".to_owned(),
            )),
            Fault::NotFound => Err(KeyServiceError::NotFound("NotFoundException: Alias is not found".to_owned())),
        }
    }

    fn resolve(&self, key: &str) -> Result<String, KeyServiceError> {
        let found = if key.starts_with("arn:") {
            key.to_owned()
        } else {
            self.aliases.get(key).cloned().unwrap_or_default()
        };
        if !self.aliases.values().any(|known| *known == found)
            && !self.wrapped.values().any(|known| known.arn == found)
        {
            return Err(KeyServiceError::NotFound(format!(
                "NotFoundException: {key} is not found"
            )));
        }
        if self.disabled.contains(&found) {
            return Err(KeyServiceError::Disabled(format!(
                "DisabledException: {found} is disabled"
            )));
        }
        Ok(found)
    }

    fn remember(&mut self, arn: String, plaintext: &[u8], context: &Context) -> Vec<u8> {
        let blob = [
            b"sim-blob-".as_slice(),
            format!("{:08}", self.wrapped.len()).as_bytes(),
        ]
        .concat();
        self.wrapped.insert(
            blob.clone(),
            Remembered {
                arn,
                plaintext: plaintext.to_vec(),
                context: context.clone(),
            },
        );
        blob
    }
}

fn library(error: &crypto::Error) -> KeyServiceError {
    KeyServiceError::Invalid(error.to_string())
}

impl KeyService for Keys {
    fn may_generate(&self, key: &str, _: &Context) -> Result<(), KeyServiceError> {
        let mut state = lock(&self.0);
        state.begin(Call::MayGenerate(key.to_owned()))?;
        state.resolve(key).map(drop)
    }

    fn generate_data_key(&self, key: &str, context: &Context) -> Result<DataKey, KeyServiceError> {
        let mut state = lock(&self.0);
        state.begin(Call::GenerateDataKey(key.to_owned()))?;
        let key_arn = state.resolve(key)?;
        let plaintext = Secret::<32>::random().map_err(|error| library(&error))?;
        let blob = state.remember(key_arn.clone(), plaintext.danger_expose(), context);
        Ok(DataKey {
            key_arn,
            plaintext,
            blob,
        })
    }

    fn encrypt(
        &self,
        key: &str,
        plaintext: &SecretBytes,
        context: &Context,
    ) -> Result<Wrapped, KeyServiceError> {
        let mut state = lock(&self.0);
        state.begin(Call::Encrypt(key.to_owned()))?;
        let key_arn = state.resolve(key)?;
        let blob = state.remember(key_arn.clone(), plaintext.danger_expose(), context);
        Ok(Wrapped { key_arn, blob })
    }

    fn decrypt(
        &self,
        key: Option<&str>,
        blob: &[u8],
        context: &Context,
    ) -> Result<Unwrapped, KeyServiceError> {
        let mut state = lock(&self.0);
        state.begin(Call::Decrypt(key.map(str::to_owned), context.clone()))?;
        let asked = key.map(|key| state.resolve(key)).transpose()?;
        let invalid = || KeyServiceError::Invalid("InvalidCiphertextException".to_owned());
        let known = state
            .wrapped
            .get(blob)
            .filter(|known| known.context == *context)
            .ok_or_else(invalid)?;
        if asked.is_some_and(|asked| asked != known.arn) {
            return Err(KeyServiceError::Invalid("IncorrectKeyException: The key ID in the request does not identify a CMK that can perform this operation".to_owned()));
        }
        let mut plaintext = known.plaintext.clone();
        match state.fault {
            Fault::Rubbish => plaintext.iter_mut().for_each(|byte| *byte ^= 0x55),
            Fault::WrongLength => plaintext.truncate(plaintext.len() / 2),
            _ => {}
        }
        let plaintext =
            SecretBytes::from_slice_wiping(&mut plaintext).map_err(|error| library(&error))?;
        Ok(Unwrapped {
            key_arn: known.arn.clone(),
            plaintext,
        })
    }
}

/// An object store.
#[derive(Debug, Default)]
pub struct Objects(Mutex<ObjectsState>);

#[derive(Debug, Default)]
struct ObjectsState {
    objects: BTreeMap<ObjectUri, Vec<u8>>,
    fault: Fault,
    calls: Vec<Call>,
}

impl Objects {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts an object there.
    pub fn set(&self, uri: &str, bytes: &[u8]) {
        if let Ok(uri) = uri.parse() {
            lock(&self.0).objects.insert(uri, bytes.to_vec());
        }
    }

    /// What is there.
    pub fn stored(&self, uri: &str) -> Option<Vec<u8>> {
        lock(&self.0).objects.get(&uri.parse().ok()?).cloned()
    }

    /// Sets how it misbehaves from now on.
    pub fn set_fault(&self, fault: Fault) {
        lock(&self.0).fault = fault;
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.0).calls.clone()
    }
}

impl ObjectsState {
    fn begin(&mut self, call: Call) -> Result<(), ObjectError> {
        self.calls.push(call);
        match &mut self.fault {
            Fault::ClockOff => Err(clock_off().into()),
            Fault::Unreachable => Err(ObjectError::Unreachable("dns error".to_owned())),
            Fault::Throttled(0) | Fault::None | Fault::Rubbish => Ok(()),
            Fault::Throttled(left) => {
                *left -= 1;
                Err(ObjectError::Throttled("SlowDown".to_owned()))
            }
            Fault::Denied => Err(ObjectError::Denied("AccessDenied".to_owned())),
            Fault::NotFound => Err(ObjectError::NotFound("NoSuchBucket".to_owned())),
            Fault::WrongLength => Err(ObjectError::Invalid(
                "the object has more than 6144 bytes".to_owned(),
            )),
        }
    }
}

impl ObjectSource for Objects {
    fn get(&self, uri: &ObjectUri) -> Result<Vec<u8>, ObjectError> {
        let mut state = lock(&self.0);
        state.begin(Call::Get(uri.to_string()))?;
        let bytes = state
            .objects
            .get(uri)
            .cloned()
            .ok_or_else(|| ObjectError::NotFound(format!("NoSuchKey: {uri}")))?;
        Ok(if state.fault == Fault::Rubbish {
            b"<html>a login page</html>".to_vec()
        } else {
            bytes
        })
    }

    fn put_if_absent(&self, uri: &ObjectUri, bytes: &[u8]) -> Result<Put, ObjectError> {
        let mut state = lock(&self.0);
        state.begin(Call::Put(uri.to_string()))?;
        if state.objects.contains_key(uri) {
            return Ok(Put::Exists);
        }
        state.objects.insert(uri.clone(), bytes.to_vec());
        Ok(Put::Created)
    }
}
