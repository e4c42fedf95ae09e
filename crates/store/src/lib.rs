//! One port: an ordered, revisioned key-value store with multi-key transactions and watch; SQLite behind it.
