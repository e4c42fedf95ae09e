//! How throughput goes with what hangs on one key: its policy, its grants.

use serde_json::{Value, json};

use crate::Options;
use crate::calls::{REGION, Stage};
use crate::load::Measured;
use crate::tables::{folder, measure, ms};

/// The account that the service makes.
const ACCOUNT: &str = "111122223333";
/// Statements of a policy: the default's one, some, and about as many as fit into 32 KiB.
const STATEMENTS: [usize; 3] = [1, 16, 128];
/// Grants of a key.
const GRANTS: [usize; 3] = [0, 100, 10_000];

/// Prints how `Decrypt` goes with the size of the key's policy.
pub(crate) async fn policies(options: &Options) {
    let folder = folder();
    let stage = Stage::start(&folder.path().join("data"));
    println!(
        "\n| statements in the key's policy | bytes | Decrypt/s | p99, ms | requests per server CPU-second |\n|---|---|---|---|---|"
    );
    for statements in STATEMENTS {
        let key = stage.key().await;
        let policy = policy(statements).to_string();
        let request = json!({ "KeyId": key, "PolicyName": "default", "Policy": policy });
        stage.call("PutKeyPolicy", &request).await;
        let measured = decrypt(options, &stage, &key).await;
        println!("| {statements} | {} | {}", policy.len(), cells(&measured));
    }
}

/// Prints how `Decrypt` goes with the number of the key's grants, none of which is the caller's.
pub(crate) async fn grants(options: &Options) {
    let folder = folder();
    let stage = Stage::start(&folder.path().join("data"));
    let key = stage.key().await;
    println!(
        "\n| grants of the key | Decrypt/s | p99, ms | requests per server CPU-second |\n|---|---|---|---|"
    );
    let mut made = 0;
    for wanted in GRANTS {
        if let Err(refusal) = make_grants(&stage, &key, made..wanted).await {
            println!("| {wanted} | not measured: {refusal} | | |");
            return;
        }
        made = wanted;
        let measured = decrypt(options, &stage, &key).await;
        println!("| {wanted} | {}", cells(&measured));
    }
}

async fn make_grants(stage: &Stage, key: &str, range: std::ops::Range<usize>) -> Result<(), Value> {
    let (signer, host) = (stage.signer(REGION), stage.target.host());
    let mut client = stage.target.connect().await;
    for nth in range {
        let grantee = format!("arn:aws:iam::{ACCOUNT}:root");
        let body = json!({ "KeyId": key, "GranteePrincipal": grantee, "Operations": ["DescribeKey"], "Name": format!("grant-{nth}") });
        let answer = client
            .send(&signer.request(&host, "CreateGrant", &body.to_string()))
            .await;
        if answer.status != 200 {
            return Err(serde_json::from_slice(answer.body).unwrap_or(Value::Null));
        }
    }
    Ok(())
}

async fn decrypt(options: &Options, stage: &Stage, key: &str) -> Measured {
    let make = stage.requests("Decrypt", key).await;
    measure(options, &stage.server, &stage.target, &make).await
}

fn cells(measured: &Measured) -> String {
    format!(
        "{:.0} | {:.1} | {:.0} |",
        measured.rate,
        ms(measured.p99),
        measured.per_cpu
    )
}

/// The default policy, and before it so many statements that have to be looked at and do not fit.
fn policy(statements: usize) -> Value {
    let other = |nth: usize| {
        json!({ "Sid": format!("machine-{nth}"), "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*",
                "Condition": { "StringEquals": { "kms:EncryptionContext:machine": format!("i-{nth}") } } })
    };
    let owner = json!({ "Sid": "owner", "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }, "Action": "kms:*", "Resource": "*" });
    let all: Vec<Value> = (1..statements).map(other).chain([owner]).collect();
    json!({ "Version": "2012-10-17", "Statement": all })
}
