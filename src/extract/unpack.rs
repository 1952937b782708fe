//! Unpacks within limits: what is left for the whole file, and what one container may grow to for its size.

use std::io::{self, Read};

use super::room::Stock;
use super::{ExtractError, Room};

/// Up to this size nothing is a bomb, however well it is packed.
const RATIO_FROM_BYTES: usize = 16 << 20;

pub(crate) struct Unpacker<'s> {
    stock: &'s Stock,
    /// The most that this container may still unpack to, for its size.
    left: usize,
}

/// What came out. A damaged stream gives what could be read of it.
pub(crate) struct Unpacked {
    pub bytes: Vec<u8>,
    pub broken: bool,
}

impl<'s> Unpacker<'s> {
    /// For a container of `packed_bytes`.
    pub fn new<'r: 's>(packed_bytes: usize, room: &Room<'r>) -> Self {
        let left = packed_bytes.saturating_mul(room.limits.unpacked_ratio_max).max(RATIO_FROM_BYTES);
        Self { stock: room.stock, left }
    }

    /// Counts what comes out without keeping it.
    pub fn measure(&mut self, packed: impl Read) -> Result<(), ExtractError> {
        let bytes_max = self.left.min(self.stock.unpacked_bytes_left());
        let mut limited = packed.take(bytes_max as u64 + 1);
        // What is damaged gives less.
        let _ = io::copy(&mut limited, &mut io::sink());
        let bytes = bytes_max - usize::try_from(limited.limit()).unwrap_or(0).saturating_sub(1);
        if limited.limit() == 0 {
            return Err(ExtractError::ExpandsTooFar);
        }
        self.left -= bytes;
        self.stock.take_unpacked_bytes(bytes)
    }

    pub fn read(&mut self, packed: impl Read) -> Result<Unpacked, ExtractError> {
        let bytes_max = self.left.min(self.stock.unpacked_bytes_left());
        let mut bytes = Vec::new();
        let broken = packed.take(bytes_max as u64 + 1).read_to_end(&mut bytes).is_err();
        if bytes.len() > bytes_max {
            return Err(ExtractError::ExpandsTooFar);
        }
        self.left -= bytes.len();
        self.stock.take_unpacked_bytes(bytes.len())?;
        Ok(Unpacked { bytes, broken })
    }
}
