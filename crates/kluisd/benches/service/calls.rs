//! The service set up for a measurement, and the requests that are measured.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::client::Target;
use crate::load::Make;
use crate::process::Server;
use crate::sign::Signer;

/// The region of a measurement that needs one alone.
pub(crate) const REGION: &str = "us-east-1";
/// The operations that the product is measured by.
pub(crate) const OPERATIONS: [&str; 3] = ["Encrypt", "Decrypt", "GenerateDataKey"];
/// 32 bytes in base64.
const PLAINTEXT: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A running service and its folder.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) target: Target,
    folder: PathBuf,
}

impl Stage {
    /// Starts the service over a folder.
    pub(crate) fn start(folder: &Path) -> Self {
        let server = Server::kluisd(folder);
        let target = Target::new(server.address, folder);
        Self {
            server,
            target,
            folder: folder.to_owned(),
        }
    }

    /// A signer of the root user's.
    pub(crate) fn signer(&self, region: &str) -> Signer {
        Signer::new(&self.folder, region)
    }

    /// One call; an answer that is no success stops the benchmark.
    pub(crate) async fn call(&self, operation: &str, body: &Value) -> Value {
        let answer = self.attempt(operation, body).await;
        answer.unwrap_or_else(|refusal| panic!("{operation}: {refusal}"))
    }

    /// One call, and the refusal as the error.
    pub(crate) async fn attempt(&self, operation: &str, body: &Value) -> Result<Value, Value> {
        let host = self.target.host();
        let request = self
            .signer(REGION)
            .request(&host, operation, &body.to_string());
        let mut client = self.target.connect().await;
        let answer = client.send(&request).await;
        let value = serde_json::from_slice(answer.body).unwrap_or(Value::Null);
        if answer.status == 200 {
            Ok(value)
        } else {
            Err(value)
        }
    }

    /// A new key's id.
    pub(crate) async fn key(&self) -> String {
        let made = self.call("CreateKey", &json!({})).await;
        made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    }

    /// Requests of an operation on a key.
    pub(crate) async fn requests(&self, operation: &'static str, key: &str) -> Make {
        let context = json!({ "machine": "m-0123456789" });
        let body = match operation {
            "Encrypt" => {
                json!({ "KeyId": key, "Plaintext": PLAINTEXT, "EncryptionContext": context })
            }
            "GenerateDataKey" => {
                json!({ "KeyId": key, "NumberOfBytes": 32, "EncryptionContext": context })
            }
            "Decrypt" => {
                let request =
                    json!({ "KeyId": key, "Plaintext": PLAINTEXT, "EncryptionContext": context });
                let blob = &self.call("Encrypt", &request).await["CiphertextBlob"];
                json!({ "CiphertextBlob": blob, "EncryptionContext": context })
            }
            _ => panic!("{operation} is not measured"),
        };
        let (signer, host, body) = (self.signer(REGION), self.target.host(), body.to_string());
        Arc::new(move |_| signer.request(&host, operation, &body))
    }
}

/// A request of `Encrypt`, as for the bare server.
pub(crate) fn encrypt(signer: &Signer, host: &str, key: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"KeyId":"{key}","Plaintext":"{PLAINTEXT}","EncryptionContext":{{"machine":"m-0123456789"}}}}"#
    );
    signer.request(host, "Encrypt", &body)
}
