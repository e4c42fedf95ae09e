//! The audit trail: events in CloudTrail's schema, the durable group-committed log, its hash chain and its look-up.
