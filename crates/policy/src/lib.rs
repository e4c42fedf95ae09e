//! IAM policy documents, compiled at write time, evaluated to a decision with its reason. The only mint of `Authorized`.
