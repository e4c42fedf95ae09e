//! Requests that AWS's own clients made, and how the tests take them through the verifier.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crypto::sha256;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use wire::{
    Head,
    payload::{PayloadDecoder, PayloadError, Received},
    sigv4::{self, Expected, SigError, SigningKey, Verified},
};

/// A request caught on its way out of boto3, by `vectors/sigv4/generate.py`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Caught {
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) region: String,
    pub(crate) access_key_id: String,
    pub(crate) secret: String,
    pub(crate) session_token: Option<String>,
    now: String,
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
    payload: String,
}

/// A request and what the service knows when it comes.
#[derive(Clone, Debug)]
pub(crate) struct Arriving {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) secret: String,
    pub(crate) service: String,
    pub(crate) region: String,
    pub(crate) now: Timestamp,
}

/// Why it was turned away.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Signature(SigError),
    Payload(PayloadError),
}

pub(crate) fn caught() -> Vec<Caught> {
    serde_json::from_str(include_str!("../../vectors/sigv4/requests.json")).unwrap()
}

pub(crate) fn named(name: &str) -> Caught {
    caught().into_iter().find(|each| each.name == name).unwrap()
}

impl Caught {
    pub(crate) fn payload(&self) -> Vec<u8> {
        STANDARD.decode(&self.payload).unwrap()
    }

    pub(crate) fn arriving(&self) -> Arriving {
        Arriving {
            head: Head {
                method: self.method.clone(),
                path: self.path.clone(),
                query: self.query.clone(),
                headers: self.headers.clone(),
            },
            body: STANDARD.decode(&self.body).unwrap(),
            secret: self.secret.clone(),
            service: self.service.clone(),
            region: self.region.clone(),
            now: self.now.parse().unwrap(),
        }
    }
}

impl Arriving {
    pub(crate) fn later(mut self, seconds: i64) -> Self {
        self.now += SignedDuration::from_secs(seconds);
        self
    }

    pub(crate) fn header_mut(&mut self, name: &str) -> &mut String {
        let found = self.head.headers.iter_mut().find(|(each, _)| each == name);
        &mut found.unwrap().1
    }

    pub(crate) fn verified(&self) -> Result<Verified, SigError> {
        let presented = sigv4::parse(&self.head)?;
        let key = Arc::new(SigningKey::derive(self.secret.as_bytes(), &presented)?);
        let expected = Expected {
            service: &self.service,
            region: Some(&self.region),
            now: self.now,
        };
        presented.verify(&self.head, &sha256(&[&self.body]), &key, &expected)
    }

    /// The payload, as received in pieces of `piece` bytes.
    pub(crate) fn received(&self, piece: usize) -> Result<(Received, Vec<u8>), Refusal> {
        let verified = self.verified().map_err(Refusal::Signature)?;
        let mut decoder = PayloadDecoder::new(&verified, &self.head).map_err(Refusal::Payload)?;
        let mut payload = Vec::new();
        for bytes in self.body.chunks(piece) {
            decoder
                .push(bytes, |yielded| payload.extend_from_slice(yielded))
                .map_err(Refusal::Payload)?;
        }
        let received = decoder.finish().map_err(Refusal::Payload)?;
        Ok((received, payload))
    }
}
