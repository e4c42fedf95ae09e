//! Chores of the tree that are not the product: generated shapes, benchmarks.

fn main() {}
