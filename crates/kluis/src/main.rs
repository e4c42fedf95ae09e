//! Flags, config and wiring of the agent.

fn main() {}
