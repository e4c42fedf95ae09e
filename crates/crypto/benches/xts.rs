//! The room's XTS beside AWS-LC's own EVP call on the same core, 1 MiB in sectors of 4 KiB. The ratio is what counts:
//! at least 0.9.
#![allow(missing_docs, unsafe_code, clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;
use std::ptr;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crypto::XtsKey;

const SECTOR: usize = 4096;
const LEN: usize = 1 << 20;

fn xts(criterion: &mut Criterion) {
    let key: Vec<u8> = (0..64).collect();
    let mut group = criterion.benchmark_group("aes-256-xts, 1 MiB of 4 KiB sectors");
    group.throughput(Throughput::Bytes(LEN as u64));
    let mut data = vec![0_u8; LEN];

    let room = XtsKey::new(&key).unwrap();
    for (name, mut cipher) in [
        ("encrypt, kluis", room.encryptor().unwrap()),
        ("decrypt, kluis", room.decryptor().unwrap()),
    ] {
        group.bench_function(name, |bench| {
            bench.iter(|| cipher.sectors(black_box(&mut data), SECTOR, 0).unwrap());
        });
    }
    for (name, direction) in [("encrypt, AWS-LC EVP", 1), ("decrypt, AWS-LC EVP", 0)] {
        // SAFETY: the context is made, keyed with the 64 bytes it reads, used and freed here.
        unsafe {
            let context = aws_lc_sys::EVP_CIPHER_CTX_new();
            let cipher = aws_lc_sys::EVP_aes_256_xts();
            assert_eq!(
                aws_lc_sys::EVP_CipherInit_ex(
                    context,
                    cipher,
                    ptr::null_mut(),
                    key.as_ptr(),
                    ptr::null(),
                    direction
                ),
                1
            );
            group.bench_function(name, |bench| {
                bench.iter(|| {
                    for (number, sector) in
                        black_box(&mut data).chunks_exact_mut(SECTOR).enumerate()
                    {
                        let iv = (number as u128 * 8).to_le_bytes();
                        let mut written = 0;
                        aws_lc_sys::EVP_CipherInit_ex(
                            context,
                            ptr::null(),
                            ptr::null_mut(),
                            ptr::null(),
                            iv.as_ptr(),
                            -1,
                        );
                        aws_lc_sys::EVP_CipherUpdate(
                            context,
                            sector.as_mut_ptr(),
                            &raw mut written,
                            sector.as_ptr(),
                            i32::try_from(SECTOR).unwrap(),
                        );
                    }
                });
            });
            aws_lc_sys::EVP_CIPHER_CTX_free(context);
        }
    }
    let short = XtsKey::new(&key[..32]).unwrap();
    let mut cipher = short.encryptor().unwrap();
    group.bench_function("encrypt, kluis, AES-128 (whitened ECB)", |bench| {
        bench.iter(|| cipher.sectors(black_box(&mut data), SECTOR, 0).unwrap());
    });
    group.finish();
}

criterion_group!(benches, xts);
criterion_main!(benches);
