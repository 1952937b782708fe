//! The open windows: how many of the files that a claim names are not through with their attempt.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// The windows of this run.
#[derive(Debug, Default)]
pub struct Windows {
    open: RefCell<HashMap<u64, usize>>,
    last: Cell<u64>,
}

impl Windows {
    /// Opens a window for so many files, and says its number.
    pub fn open(&self, files: usize) -> u64 {
        let window = self.last.get() + 1;
        self.last.set(window);
        self.open.borrow_mut().insert(window, files);
        window
    }

    /// One of a window's files is through; true when it was the last, and the window is closed.
    pub fn leave(&self, window: u64) -> bool {
        let mut open = self.open.borrow_mut();
        let Some(left) = open.get_mut(&window) else { return false };
        *left -= 1;
        let is_over = *left == 0;
        if is_over {
            open.remove(&window);
        }
        is_over
    }

    /// Whether nothing is claimed.
    pub fn are_closed(&self) -> bool {
        self.open.borrow().is_empty()
    }

    /// Closes every window, and says which they were.
    pub fn close_all(&self) -> Vec<u64> {
        self.open.borrow_mut().drain().map(|(window, _)| window).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_closes_with_its_last_file() {
        let windows = Windows::default();
        let (first, second) = (windows.open(2), windows.open(1));
        assert!(!windows.leave(first));
        assert!(windows.leave(second));
        assert!(!windows.are_closed());
        assert!(windows.leave(first));
        assert!(windows.are_closed());
        assert!(!windows.leave(first), "a closed window stays closed");
    }
}
