//! Heads of requests, one part a line: the presented signature is read and refused, never believed; no panic.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use wire::{
    Head, protocol,
    sigv4::{self, Expected, SigningKey},
};

fuzz_target!(|text: &str| {
    let mut lines = text.lines().map(str::to_owned);
    let mut next = || lines.next().unwrap_or_default();
    let (method, path, query) = (next(), next(), next());
    let headers = lines
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        })
        .collect();
    let head = Head {
        method,
        path,
        query,
        headers,
    };
    let _ = protocol::detect(&head).decode(&head, text.as_bytes());
    if let Ok(presented) = sigv4::parse(&head) {
        let Ok(key) = SigningKey::derive(b"a secret that no input knows", &presented) else {
            return;
        };
        let service = presented.service().to_owned();
        let expected = Expected {
            service: &service,
            region: None,
            now: presented.signed_at(),
        };
        assert!(presented.verify(&head, &[0; 32], &Arc::new(key), &expected).is_err());
    }
});
