//! What weighing a request costs, beside a mutex that nobody else wants.

use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use monitor::{Monitor, NoSinks, Settings};
use wire::Scope;

fn admit(criterion: &mut Criterion) {
    let store = Arc::new(store::Memory::new());
    let opening = Monitor::open(store, Settings::default(), Arc::new(NoSinks));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let Ok(Ok(monitor)) = runtime.map(|runtime| runtime.block_on(opening)) else {
        return;
    };
    let scope = Scope {
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        now: Timestamp::UNIX_EPOCH,
    };
    let number = Mutex::new(0_u64);
    criterion.bench_function("mutex", |bencher| {
        bencher.iter(|| {
            let mut number = number.lock().unwrap_or_else(PoisonError::into_inner);
            *number = black_box(*number + 1);
        });
    });
    criterion.bench_function("admit", |bencher| {
        bencher.iter(|| {
            monitor.admit(
                black_box(&scope.account),
                black_box(&scope),
                black_box("CryptographicOperationsSymmetric"),
            )
        });
    });
}

criterion_group!(benches, admit);
criterion_main!(benches);
