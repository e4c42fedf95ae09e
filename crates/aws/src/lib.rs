//! The volume's two ports over the official AWS SDK. Nothing else of volumes is known here.
