//! The gate, one module per step, and the wiring of the service.

fn main() {}
