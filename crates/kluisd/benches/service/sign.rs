//! The client's side of SigV4, written anew for each request.

use std::fmt::Write as _;
use std::path::Path;

use crypto::{hmac_sha256, sha256};
use jiff::Timestamp;

/// An access key, for one day and region.
pub(crate) struct Signer {
    access_key: String,
    key: [u8; 32],
    stamp: String,
    scope: String,
}

impl Signer {
    /// With the root user's access key of a data folder; good for a quarter of an hour.
    pub(crate) fn new(folder: &Path, region: &str) -> Self {
        let file = std::fs::read_to_string(folder.join("credentials")).unwrap();
        let value = |name: &str| {
            let line = file.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().trim_start_matches([' ', '=']).to_owned()
        };
        let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let date = &stamp[..8];
        let secret = format!("AWS4{}", value("aws_secret_access_key"));
        let mut key = hmac_sha256(secret.as_bytes(), &[date.as_bytes()]);
        for part in [region, "kms", "aws4_request"] {
            key = hmac_sha256(&key, &[part.as_bytes()]);
        }
        Self {
            access_key: value("aws_access_key_id"),
            scope: format!("{date}/{region}/kms/aws4_request"),
            key,
            stamp,
        }
    }

    /// A whole request of KMS, in bytes.
    pub(crate) fn request(&self, host: &str, operation: &str, body: &str) -> Vec<u8> {
        let stamp = &self.stamp;
        let signed = "content-type;host;x-amz-date;x-amz-target";
        let hash = hex::encode(sha256(&[body.as_bytes()]));
        let canonical = format!(
            "POST\n/\n\ncontent-type:application/x-amz-json-1.1\nhost:{host}\nx-amz-date:{stamp}\nx-amz-target:TrentService.{operation}\n\n{signed}\n{hash}"
        );
        let digest = hex::encode(sha256(&[canonical.as_bytes()]));
        let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{}\n{digest}", self.scope);
        let signature = hex::encode(hmac_sha256(&self.key, &[text.as_bytes()]));
        let mut request = String::with_capacity(body.len() + 512);
        write!(
            request,
            "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-amz-json-1.1\r\nx-amz-date: {stamp}\r\nx-amz-target: TrentService.{operation}\r\n\
             authorization: AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={signed}, Signature={signature}\r\ncontent-length: {}\r\n\r\n{body}",
            self.access_key,
            self.scope,
            body.len()
        )
        .unwrap();
        request.into_bytes()
    }
}
