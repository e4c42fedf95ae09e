//! Keys, backing keys, states, aliases and key policies (KMS).
