//! `libcryptsetup-token-kluis.so`: what libcryptsetup loads when a LUKS2 header has a token of type `kluis`, so that plain
//! `cryptsetup open --token-only`, `systemd-cryptsetup` and a line of crypttab open a volume of Kluis.
//!
//! A thin shim: it is loaded into programs that are not ours, so it asks nobody on a network, knows no key service and checks no
//! mac. It hands the device's name and libcryptsetup's own copy of the header to the agent (`kluis token-open`), and its answer back.
//!
//! | file | noun |
//! |---|---|
//! | `plugin` | the five functions of the ABI `CRYPTSETUP_TOKEN_1.0` |
//! | `libcryptsetup` | what is asked of libcryptsetup |
//! | `agent` | who is asked for the passphrase, and how long |
//! | `exchange` | the bytes that go there and come back |
//! | `metadata` | the token's JSON, which anybody with the disk can write |

mod agent;
mod exchange;
mod libcryptsetup;
mod metadata;
mod plugin;
