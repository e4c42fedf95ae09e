//! The secrets of one run: each is fetched once, however many volumes share it, and forgotten when the run ends.
//!
//! What the services say is believed only so far: `Decrypt` always carries the ARN pinned in root-owned state at first
//! use, a fresh secret is unwrapped once before anything is written under it, and a failure is remembered like a
//! success, so that a service which is down is not asked again for the next volume.
//!
//! Whoever makes a machine's secret holds a lock by its key, so that two processes never make two. At boot, where each volume is a process
//! of its own, whoever asks for one holds it too, and keeps the answer in the kernel's keyring for a minute: one call for all of them.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use crypto::SecretBytes;

use crate::binding::{VolumeSecret, new_shared_secret};
use crate::engine::Changed;
use crate::error::Error;
use crate::host::{Host, HostError, Lock};
use crate::ports::{
    Context, DataKey, KeyService, KeyServiceError, ObjectError, ObjectSource, ObjectUri, Put,
    Unwrapped,
};
use crate::retry::{Deadline, Waiting};
use crate::state::{KeyRecord, MachineBlob, Place, Wrapping};

/// The encryption context's version, so that a later construction can be told apart.
const CONTEXT_VERSION: (&str, &str) = ("kluis:v", "1");
/// The name in the context that ties a blob to a machine.
const CONTEXT_MACHINE: &str = "kluis:machine";

/// How long a boot's other processes find what one of them had unwrapped.
const KEPT_FOR: Duration = Duration::from_mins(1);
/// How long another run that holds a key's lock is waited for before it is said that it is.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// A machine's secret together with the blob that it came from.
#[derive(Clone, Debug)]
pub(crate) struct MachineSecret {
    pub(crate) secret: Rc<VolumeSecret>,
    pub(crate) blob: Vec<u8>,
    /// Whether another process of this boot had it unwrapped: then nobody was asked.
    pub(crate) is_kept: bool,
}

/// What a key service answered to a blob: the secret, and the ARN of the key that unwrapped it.
type Answer = Result<(Rc<VolumeSecret>, String), KeyServiceError>;

/// The secrets of one run.
pub(crate) struct Secrets<'a> {
    host: &'a dyn Host,
    services: Services<'a>,
    machine: Option<String>,
    unwrapped: HashMap<(String, Vec<u8>), Answer>,
    shared: HashMap<(String, ObjectUri), Rc<VolumeSecret>>,
    silent: Option<Silence>,
    /// What came from the keyring.
    kept: HashMap<(String, Vec<u8>), Rc<VolumeSecret>>,
}

/// Whom a run asks, and until when.
#[derive(Clone, Copy)]
pub(crate) struct Services<'a> {
    pub(crate) host: &'a dyn Host,
    pub(crate) keys: &'a dyn KeyService,
    pub(crate) objects: &'a dyn ObjectSource,
    pub(crate) waiting: &'a dyn Waiting,
    pub(crate) deadline: Deadline,
    /// Whether what is unwrapped is shared with this boot's other processes.
    pub(crate) is_shared: bool,
}

/// The services that did not answer until the deadline.
enum Silence {
    Keys(KeyServiceError),
    Objects(ObjectError),
}

impl<'a> Secrets<'a> {
    pub(crate) fn new(services: Services<'a>, machine: Option<String>) -> Self {
        Self {
            host: services.host,
            services,
            machine,
            unwrapped: HashMap::new(),
            shared: HashMap::new(),
            silent: None,
            kept: HashMap::new(),
        }
    }

    /// The name that this machine's blobs are bound to.
    pub(crate) fn machine(&mut self) -> Result<String, Error> {
        if let Some(machine) = &self.machine {
            return Ok(machine.clone());
        }
        let machine = self.host.machine_id()?;
        self.machine = Some(machine.clone());
        Ok(machine)
    }

    /// Unwraps the blob of a volume's token. Nothing is pinned yet: the caller does that once the header's mac has
    /// shown that the answer is the right one ([`Secrets::pin_machine`]).
    pub(crate) fn machine_secret(
        &mut self,
        volume: &str,
        key: &str,
        blob: &[u8],
    ) -> Result<MachineSecret, Error> {
        // By hand there is one process, and nothing to wait for.
        let _lock = if self.services.is_shared {
            Some(self.lock(&Place::key(key))?)
        } else {
            None
        };
        self.machine_secret_locked(volume, key, blob)
    }

    /// The same, and nobody is believed but the key service: what another process kept did not open the header.
    pub(crate) fn machine_secret_anew(
        &mut self,
        volume: &str,
        key: &str,
        blob: &[u8],
    ) -> Result<MachineSecret, Error> {
        self.services.is_shared = false;
        self.kept.clear();
        self.machine_secret_locked(volume, key, blob)
    }

    fn machine_secret_locked(
        &mut self,
        volume: &str,
        key: &str,
        blob: &[u8],
    ) -> Result<MachineSecret, Error> {
        let machine = self.machine()?;
        let record: Option<KeyRecord> = Place::key(key).read(self.host)?;
        let pinned = record.as_ref().map(|record| arn_for(record, blob));
        if let Some(secret) = pinned.and_then(|arn| self.kept(arn, blob, &machine)) {
            return Ok(MachineSecret {
                secret,
                blob: blob.to_vec(),
                is_kept: true,
            });
        }
        let (secret, _) = self
            .unwrap_machine(pinned.unwrap_or(key), blob, &machine)
            .map_err(|error| match error {
                Error::KeyService(source @ KeyServiceError::Invalid(_)) => Error::ForeignBlob {
                    volume: volume.to_owned(),
                    machine: machine.clone(),
                    source,
                },
                other => other,
            })?;
        Ok(MachineSecret {
            secret,
            blob: blob.to_vec(),
            is_kept: false,
        })
    }

    /// The secret that this machine's volumes under `key` share, made on first use. When this returns, the wrapped
    /// form has been unwrapped once, and key ARN and blob are pinned.
    pub(crate) fn machine_secret_for_new(
        &mut self,
        volume: &str,
        key: &str,
    ) -> Result<MachineSecret, Error> {
        let machine = self.machine()?;
        let place = Place::key(key);
        let _lock = self.lock(&place)?;
        let record: Option<KeyRecord> = place.read(self.host)?;
        if let Some(known) = record
            .as_ref()
            .and_then(|record| record.current.secret.as_ref())
            && known.machine == machine
        {
            return self.machine_secret_locked(volume, key, &known.blob.clone());
        }
        let (made, arn) = self.make_machine_secret(key, &machine)?;
        let secret = Some(MachineBlob {
            machine,
            blob: made.blob.clone(),
        });
        let next = record.and_then(|record| record.next);
        place.write(
            self.host,
            &KeyRecord {
                key: key.to_owned(),
                current: Wrapping { arn, secret },
                next,
            },
        )?;
        Ok(made)
    }

    /// The secret that a rekey moves to, made when it begins and the same one until it has ended.
    pub(crate) fn machine_secret_for_rekey(
        &mut self,
        volume: &str,
        key: &str,
    ) -> Result<MachineSecret, Error> {
        let machine = self.machine()?;
        let place = Place::key(key);
        let _lock = self.lock(&place)?;
        let mut record: KeyRecord = place.read(self.host)?.ok_or_else(|| {
            Error::Misuse(format!(
                "volume {volume} was never opened here; run: kluis up {volume}"
            ))
        })?;
        if let Some(known) = record.next.as_ref().and_then(|next| next.secret.as_ref())
            && known.machine == machine
        {
            return self.machine_secret_locked(volume, key, &known.blob.clone());
        }
        let (made, arn) = self.make_machine_secret(key, &machine)?;
        record.next = Some(Wrapping {
            arn,
            secret: Some(MachineBlob {
                machine,
                blob: made.blob.clone(),
            }),
        });
        place.write(self.host, &record)?;
        Ok(made)
    }

    /// Ends a rekey: what was next is current.
    pub(crate) fn finish_rekey(&self, key: &str) -> Result<(), Error> {
        let place = Place::key(key);
        if let Some(mut record) = place.read::<KeyRecord>(self.host)?
            && let Some(next) = record.next.take()
        {
            record.current = next;
            place.write(self.host, &record)?;
        }
        Ok(())
    }

    /// Remembers the ARN that unwrapped a blob whose header has proved to be this volume's.
    pub(crate) fn pin_machine(&mut self, key: &str, blob: &[u8]) -> Result<(), Error> {
        let place = Place::key(key);
        let record: Option<KeyRecord> = place.read(self.host)?;
        if record
            .as_ref()
            .is_some_and(|record| record.current.secret.is_some())
        {
            return Ok(());
        }
        let machine = self.machine()?;
        let used = record
            .as_ref()
            .map_or(key, |record| &record.current.arn)
            .to_owned();
        if let Some(Ok((_, arn))) = self.unwrapped.get(&(used, blob.to_vec())) {
            let secret = Some(MachineBlob {
                machine,
                blob: blob.to_vec(),
            });
            place.write(
                self.host,
                &KeyRecord {
                    key: key.to_owned(),
                    current: Wrapping {
                        arn: arn.clone(),
                        secret,
                    },
                    next: None,
                },
            )?;
        }
        Ok(())
    }

    /// Fetches and unwraps a shared secret (seed mode).
    pub(crate) fn shared_secret(
        &mut self,
        key: &str,
        uri: &ObjectUri,
    ) -> Result<Rc<VolumeSecret>, Error> {
        if let Some(known) = self.shared.get(&(key.to_owned(), uri.clone())) {
            return Ok(Rc::clone(known));
        }
        let blob = self.object(|objects| objects.get(uri))?;
        let place = Place::key(key);
        let record: Option<KeyRecord> = place.read(self.host)?;
        let asked = record
            .as_ref()
            .map_or(key, |record| record.current.arn.as_str())
            .to_owned();
        let unwrapped = self.service(|keys| keys.decrypt(Some(&asked), &blob, &Context::new()))?;
        let secret = Rc::new(VolumeSecret::shared(&unwrapped.plaintext)?);
        if record.is_none() {
            let current = Wrapping {
                arn: unwrapped.key_arn,
                secret: None,
            };
            place.write(
                self.host,
                &KeyRecord {
                    key: key.to_owned(),
                    current,
                    next: None,
                },
            )?;
        }
        self.shared
            .insert((key.to_owned(), uri.clone()), Rc::clone(&secret));
        Ok(secret)
    }

    /// Makes a shared secret and puts it in place, unless something is there.
    pub(crate) fn seal(&mut self, key: &str, uri: &ObjectUri) -> Result<Put, Error> {
        match self.object(|objects| objects.get(uri)) {
            Ok(_) => return Ok(Put::Exists),
            // Who seals may be allowed to write and not to read: the conditional write settles it.
            Err(Error::Object(ObjectError::NotFound(_) | ObjectError::Denied(_))) => {}
            Err(error) => return Err(error),
        }
        let secret = new_shared_secret()?;
        let wrapped = self.service(|keys| keys.encrypt(key, &secret, &Context::new()))?;
        self.object(|objects| objects.put_if_absent(uri, &wrapped.blob))
    }

    fn make_machine_secret(
        &mut self,
        key: &str,
        machine: &str,
    ) -> Result<(MachineSecret, String), Error> {
        let context = context(machine);
        let DataKey {
            key_arn,
            plaintext,
            blob,
        } = self.service(|keys| keys.generate_data_key(key, &context))?;
        let made = VolumeSecret::machine(&plaintext.into())?;
        let (read_back, _) = self.unwrap_machine(&key_arn, &blob, machine)?;
        if !made.ct_eq(&read_back) {
            return Err(Error::Inconsistent);
        }
        Ok((
            MachineSecret {
                secret: read_back,
                blob,
                is_kept: false,
            },
            key_arn,
        ))
    }

    fn unwrap_machine(
        &mut self,
        key: &str,
        blob: &[u8],
        machine: &str,
    ) -> Result<(Rc<VolumeSecret>, String), Error> {
        let name = (key.to_owned(), blob.to_vec());
        if let Some(known) = self.unwrapped.get(&name) {
            return known.clone().map_err(Error::KeyService);
        }
        let context = context(machine);
        let answer = match self.service(|keys| keys.decrypt(Some(key), blob, &context)) {
            Ok(Unwrapped { key_arn, plaintext }) => {
                let secret = Rc::new(VolumeSecret::machine(&plaintext)?);
                self.keep(&key_arn, blob, machine, &plaintext);
                Ok((secret, key_arn))
            }
            Err(Error::KeyService(error)) => Err(error),
            Err(other) => return Err(other),
        };
        self.unwrapped.insert(name, answer.clone());
        answer.map_err(Error::KeyService)
    }

    /// Whether a machine's secret can be had or made: it is unwrapped, or the service is asked whether it would make one.
    pub(crate) fn can_have_machine_secret(&mut self, volume: &str, key: &str) -> Result<(), Error> {
        let machine = self.machine()?;
        let record: Option<KeyRecord> = Place::key(key).read(self.host)?;
        let known = record
            .and_then(|record| record.current.secret)
            .filter(|known| known.machine == machine);
        match known {
            Some(known) => self.machine_secret(volume, key, &known.blob).map(drop),
            None => self.service(|keys| keys.may_generate(key, &context(&machine))),
        }
    }

    /// Takes the lock of whoever asks for a key, told of like any other wait: its holder may be waiting for the service.
    fn lock(&self, place: &Place) -> Result<Box<dyn Lock>, Error> {
        let Services {
            host,
            keys,
            waiting,
            deadline,
            ..
        } = self.services;
        let name = place.lock_name();
        let taken = deadline.retry(
            host,
            waiting,
            || keys.place(),
            |error| {
                matches!(error, HostError::Busy { .. })
                    .then_some("another run of kluis is asking it for this key")
            },
            || host.lock_state(&name, LOCK_PATIENCE.min(deadline.left(host))),
        );
        taken.map_err(|error| match error {
            HostError::Busy { .. } => Error::KeyService(KeyServiceError::Unreachable(
                "another run of kluis has been asking it for this key, and has no answer yet"
                    .to_owned(),
            )),
            error => error.into(),
        })
    }

    /// Keeps a secret for this boot's other processes. Where it cannot be kept they ask for themselves.
    fn keep(&self, arn: &str, blob: &[u8], machine: &str, plaintext: &SecretBytes) {
        if self.services.is_shared {
            let _: Changed =
                self.host
                    .keep_secret(&kept_name(arn, blob, machine), plaintext, KEPT_FOR);
        }
    }

    /// What another process of this boot kept.
    fn kept(&mut self, arn: &str, blob: &[u8], machine: &str) -> Option<Rc<VolumeSecret>> {
        if !self.services.is_shared {
            return None;
        }
        let name = (arn.to_owned(), blob.to_vec());
        if let Some(known) = self.kept.get(&name) {
            return Some(Rc::clone(known));
        }
        let plaintext = self.host.kept_secret(&kept_name(arn, blob, machine))?;
        let secret = Rc::new(VolumeSecret::machine(&plaintext).ok()?);
        self.kept.insert(name, Rc::clone(&secret));
        Some(secret)
    }

    fn service<T>(
        &mut self,
        mut call: impl FnMut(&dyn KeyService) -> Result<T, KeyServiceError>,
    ) -> Result<T, Error> {
        if let Some(Silence::Keys(error)) = &self.silent {
            return Err(Error::KeyService(error.clone()));
        }
        let Services {
            host,
            keys,
            waiting,
            deadline,
            ..
        } = self.services;
        let result = deadline.retry(
            host,
            waiting,
            || keys.place(),
            |error: &KeyServiceError| error.is_temporary().then(|| error.cause()),
            || call(keys),
        );
        result.map_err(|error| {
            if error.is_temporary() {
                self.silent = Some(Silence::Keys(error.clone()));
            }
            Error::KeyService(error)
        })
    }

    fn object<T>(
        &mut self,
        mut call: impl FnMut(&dyn ObjectSource) -> Result<T, ObjectError>,
    ) -> Result<T, Error> {
        if let Some(Silence::Objects(error)) = &self.silent {
            return Err(Error::Object(error.clone()));
        }
        let Services {
            host,
            objects,
            waiting,
            deadline,
            ..
        } = self.services;
        let result = deadline.retry(
            host,
            waiting,
            || objects.place(),
            |error: &ObjectError| error.is_temporary().then(|| error.cause()),
            || call(objects),
        );
        result.map_err(|error| {
            if error.is_temporary() {
                self.silent = Some(Silence::Objects(error.clone()));
            }
            Error::Object(error)
        })
    }
}

/// Under which name a secret is kept: it says which blob was unwrapped, by which key and for whom, and nothing of the secret.
fn kept_name(arn: &str, blob: &[u8], machine: &str) -> String {
    // Neither an ARN nor a machine's name has a NUL.
    let digest = crypto::sha256(&[arn.as_bytes(), b"\0", machine.as_bytes(), b"\0", blob]);
    format!("kluis:{}", BASE64_URL_SAFE_NO_PAD.encode(digest))
}

/// The pinned ARN that a blob goes with: while a rekey runs there are two.
fn arn_for<'a>(record: &'a KeyRecord, blob: &[u8]) -> &'a str {
    match &record.next {
        Some(next)
            if next
                .secret
                .as_ref()
                .is_some_and(|secret| secret.blob == blob) =>
        {
            &next.arn
        }
        _ => &record.current.arn,
    }
}

fn context(machine: &str) -> Context {
    [CONTEXT_VERSION, (CONTEXT_MACHINE, machine)]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
