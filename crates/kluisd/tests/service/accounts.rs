//! Several accounts in one service, over the wire.

use crate::daemon::{Daemon, Folder, serve};

#[test]
fn two_accounts_have_what_is_theirs_and_what_the_other_lets_them() {
    let folder = Folder::new();
    let mut command = serve(&folder.data());
    command.args([
        "--plain-http",
        "--account",
        "111122223333",
        "--account",
        "444455556666",
    ]);
    Daemon::start(command, folder.data()).run("accounts.py");
}
