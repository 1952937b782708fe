//! Landlock: no file can be opened, looked up in a folder, made or run, no port bound or connected to, and no signal
//! sent nor abstract socket reached outside the room.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

/// The newest Landlock that this was tried with, of Linux 6.12; an older kernel does what it can.
const TRIED: ABI = ABI::V6;

/// Where programs have their libraries, and the cache that says where each is.
const LIBRARIES: [&str; 6] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"];

/// The loaders by which programs are started on the machines that this is built for.
const LOADERS: [&str; 5] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-linux-riscv64-lp64d.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
];

/// Closes the filesystem and the network to this process; an error says what stays open.
pub fn close() -> Result<(), String> {
    told(ruleset().and_then(RulesetCreated::restrict_self))
}

/// Closes all but reading this program, its libraries and its data, and running it.
pub fn close_but(program: &Path, data: &[PathBuf]) -> Result<(), String> {
    let run = AccessFs::Execute | AccessFs::ReadFile;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let restrict = || {
        ruleset()?
            .add_rules(path_beneath_rules([program], run))?
            .add_rules(path_beneath_rules(LOADERS, run))?
            .add_rules(path_beneath_rules(LIBRARIES, read))?
            .add_rules(path_beneath_rules(data, read))?
            .restrict_self()
    };
    told(restrict())
}

fn ruleset() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(TRIED))?
        .handle_access(AccessNet::from_all(TRIED))?
        .scope(Scope::from_all(TRIED))?
        .create()
}

fn told(restricted: Result<RestrictionStatus, RulesetError>) -> Result<(), String> {
    let status = restricted.map_err(|error| format!("landlock cannot be set up: {error}"))?;
    let RestrictionStatus { ruleset, landlock, .. } = status;
    match (ruleset, landlock) {
        (RulesetStatus::FullyEnforced, _) => Ok(()),
        (RulesetStatus::PartiallyEnforced, LandlockStatus::Available { effective_abi, .. }) => {
            Err(format!("the kernel's landlock is old ({effective_abi:?}): it closes the filesystem only in part"))
        }
        (RulesetStatus::PartiallyEnforced | RulesetStatus::NotEnforced, _) => Err("the kernel has no landlock".into()),
    }
}
