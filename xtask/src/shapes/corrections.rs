//! Where a service answers otherwise than its model says.

use serde_json::Value;

/// Members of answers that hold more than their shape in the model: structure, member, and the shape that they hold.
const MEMBERS: &[(&str, &str, &str)] = &[
    // The enumeration of KMS under its old name was closed when the name was given up. The service goes on answering
    // with the same value under both names, so that newer specs stand there too.
    ("GetPublicKeyResponse", "CustomerMasterKeySpec", "KeySpec"),
    ("KeyMetadata", "CustomerMasterKeySpec", "KeySpec"),
];

/// Makes a model say what the service does. What is not of this model is passed over.
pub(super) fn apply(root: &mut Value) {
    for (structure, member, shape) in MEMBERS {
        let path = format!("/shapes/{structure}/members/{member}/shape");
        if let Some(named) = root.pointer_mut(&path) {
            *named = Value::from(*shape);
        }
    }
}
