//! Landlock: no file can be opened, looked up in a folder, made or run, no port bound or connected to, and no signal
//! sent nor abstract socket reached outside the room.

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, RestrictionStatus, Ruleset, RulesetAttr, RulesetError,
    RulesetStatus, Scope,
};

/// The newest Landlock that this was tried with, of Linux 6.12; an older kernel does what it can.
const TRIED: ABI = ABI::V6;

/// Closes the filesystem and the network to this process; an error says what stays open.
pub fn close() -> Result<(), String> {
    let status = restrict().map_err(|error| format!("landlock cannot be set up: {error}"))?;
    let RestrictionStatus { ruleset, landlock, .. } = status;
    match (ruleset, landlock) {
        (RulesetStatus::FullyEnforced, _) => Ok(()),
        (RulesetStatus::PartiallyEnforced, LandlockStatus::Available { effective_abi, .. }) => {
            Err(format!("the kernel's landlock is old ({effective_abi:?}): it closes the filesystem only in part"))
        }
        (RulesetStatus::PartiallyEnforced | RulesetStatus::NotEnforced, _) => Err("the kernel has no landlock".into()),
    }
}

fn restrict() -> Result<RestrictionStatus, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(TRIED))?
        .handle_access(AccessNet::from_all(TRIED))?
        .scope(Scope::from_all(TRIED))?
        .create()?
        .restrict_self()
}
