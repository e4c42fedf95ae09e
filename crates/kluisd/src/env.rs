//! `kluisd env`: what makes clients find this service, on this machine and on others.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::config::DEFAULT_PATH;
use crate::endpoint::{ENDPOINT_FILE, ENDPOINTS_FILE};
use crate::files;
use crate::serve::CREDENTIALS_FILE;
use crate::tls::{CA_FILE, CHAIN_FILE, LOCAL_NAME};

/// The lines for a shell on this machine, whose user may read the root users' credentials.
///
/// # Errors
/// No service has run in `dir`.
pub(crate) fn for_this_machine(dir: &Path, region: &str) -> Result<String> {
    let endpoint = text_of(dir, ENDPOINT_FILE)?;
    let endpoint = endpoint.trim();
    let mut lines = vec![
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        (
            "AWS_SHARED_CREDENTIALS_FILE",
            text(&dir.join(CREDENTIALS_FILE))?,
        ),
        ("AWS_REGION", region.to_owned()),
        ("AWS_DEFAULT_REGION", region.to_owned()),
    ];
    // The operator's certificate is vouched for by an authority that clients know already, or are told of by the operator.
    let is_own_ca =
        operators_chain(dir)?.is_none() || endpoint.starts_with(&format!("https://{LOCAL_NAME}:"));
    if endpoint.starts_with("https:") && is_own_ca {
        lines.push(("AWS_CA_BUNDLE", text(&dir.join("tls").join(CA_FILE))?));
    }
    let mut out = String::new();
    for (name, value) in lines {
        writeln!(out, "export {name}={}", quoted(&value))?;
    }
    Ok(out)
}

/// A shell script for another machine. Nothing in it is secret.
///
/// # Errors
/// No service has run in `dir`, or no other machine can reach it.
pub(crate) fn for_machines(dir: &Path, region: &str) -> Result<String> {
    let local = text_of(dir, ENDPOINT_FILE)?;
    let endpoints = text_of(dir, ENDPOINTS_FILE)?;
    let Some(endpoint) = endpoints.lines().next() else {
        bail!(
            "no other machine can reach this service, which is at {}: set `listen = [\"[::]:7600\"]`, and under `[tls]` `names = [\"NAME\"]` with the name or address that machines use, in {DEFAULT_PATH}; then restart it",
            local.trim()
        );
    };
    let (make_ca, ca) = match operators_chain(dir)? {
        None => {
            let pem = text_of(&dir.join("tls"), CA_FILE)?;
            let write = format!(
                "cat >/etc/kluis/{CA_FILE} <<'PEM'\n{}\nPEM\nchmod 0644 /etc/kluis/{CA_FILE}\n",
                pem.trim()
            );
            (write, "ca = \"/etc/kluis/ca.pem\"")
        }
        Some(_) => (
            String::new(),
            "# ca = \"/etc/kluis/ca.pem\"      # if the system does not know the authority of the service's certificate",
        ),
    };
    Ok(format!(
        r#"# For a machine that is to use the key service {endpoint}: paste this into a shell of root's there.
mkdir -p /etc/kluis
{make_ca}if grep -qs '^\[agent\]' /etc/kluis/volumes.toml; then
    echo '/etc/kluis/volumes.toml has its [agent] already: bring that in line with this one by hand' >&2
else
    (umask 077; cat >>/etc/kluis/volumes.toml) <<'TOML'

[agent]
endpoint = "{endpoint}"
{ca}
region = "{region}"
# credentials = {{ file = "/etc/kluis/credentials" }}
TOML
fi
#
# The machine needs a user of its own. Make it where `aws` is set up as an administrator, with its name for MACHINE and the key's ARN for KEY:
#
#   aws iam create-user --user-name MACHINE
#   aws iam put-user-policy --user-name MACHINE --policy-name kluis --policy-document '{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": "KEY"}}]}}'
#   aws iam create-access-key --user-name MACHINE
#
# and put the access key into the machine's /etc/kluis/credentials (chmod 600), and take the # before credentials in its [agent] away:
#
#   [default]
#   aws_access_key_id = AKIA...
#   aws_secret_access_key = ...
#
# Many machines may share a role instead, which each of their users assumes: aws iam create-role --role-name machines
# --assume-role-policy-document ..., the same policy by aws iam put-role-policy, and sts:AssumeRole on the role for each user.
#
# Then, on the machine: kluis check
"#
    ))
}

fn text_of(dir: &Path, name: &str) -> Result<String> {
    let Some(bytes) = files::read_if_there(&dir.join(name))? else {
        bail!(
            "no service has run in {}; start it first: kluisd serve --data-dir {}",
            dir.display(),
            dir.display()
        );
    };
    String::from_utf8(bytes).with_context(|| format!("{}/{name} is not text", dir.display()))
}

fn operators_chain(dir: &Path) -> Result<Option<Vec<u8>>> {
    files::read_if_there(&dir.join("tls").join(CHAIN_FILE))
}

fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).with_context(|| {
        format!(
            "{} is not UTF-8, and an environment variable for AWS's clients has to be",
            path.display()
        )
    })
}

/// A word for a POSIX shell, whatever is in it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:._-+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_a_quote_or_a_space_reaches_the_shell_whole() {
        for word in [
            "/var/lib/kluisd",
            "/with space/it's",
            "",
            "$(reboot)",
            "a\nb",
        ] {
            let out = std::process::Command::new("sh")
                .arg("-c")
                .arg(format!("printf %s {}", quoted(word)))
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), word);
        }
    }
}
