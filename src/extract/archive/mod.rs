//! Archives: each member under its name, read as the file that it is.

pub(crate) mod gzip;
pub(crate) mod tar;
pub(crate) mod zip;
