//! What the fuzz targets below `fuzz/` drive: bytes that come from a disk, a child or a client, and what has to hold
//! whatever they are. Each function panics when it does not.
//!
//! Only with the feature `fuzzing`, never in a release, and in our own tests, which run every committed input. The checks
//! stand beside what they check, so that nothing private is opened for them.

pub use crate::http::part_headers;
pub use crate::joblog::record;
pub use crate::spool::frame;
pub use crate::worker::child_protocol;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_committed_input_passes() {
        check("record", record);
        check("frame", frame);
        check("child_protocol", child_protocol);
        check("part_headers", part_headers);
    }

    fn check(target: &str, passes: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let inputs = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let inputs: Vec<_> = inputs.map(|input| fs::read(input.unwrap().path()).unwrap()).collect();
        assert!(!inputs.is_empty(), "{target} begins with nothing");
        for input in inputs {
            passes(&input);
        }
    }
}
