//! Secrets and primitives: the one crate that names a primitive library. It never knows what a key is for.
