//! Consign takes custody of files: durable batch intake, supervised extraction, a definite outcome for each file.
//!
//! The modules in reading order: the nouns, the settings and counters, the two doors to state (bytes and log) and where
//! they meet, the reading of files with the child that does it and the scanner before it, the pipeline, and the ways in.

pub mod batch;
pub mod config;
pub mod fault;
pub mod health;
pub mod metrics;
pub mod trust;

pub mod custody;
pub mod joblog;
pub mod spool;

pub mod extract;
pub mod scan;
pub mod worker;

pub mod actors;
pub mod webhooks;

pub mod cli;
pub mod client;
pub mod doctor;
pub mod http;
pub mod server;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
