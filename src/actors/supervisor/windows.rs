//! The windows: how many of the files that a claim names are not through with their attempt, and which claims are to be
//! released.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// The windows of this run.
#[derive(Debug, Default)]
pub struct Windows {
    open: RefCell<HashMap<u64, usize>>,
    /// Those that have closed, and whose claims the job log still has.
    closed: RefCell<Vec<u64>>,
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

    /// One of a window's files is through; the window closes with its last.
    pub fn leave(&self, window: u64) {
        let mut open = self.open.borrow_mut();
        let Some(left) = open.get_mut(&window) else { return };
        *left -= 1;
        if *left == 0 {
            open.remove(&window);
            self.closed.borrow_mut().push(window);
        }
    }

    /// Whether no file of any window is on its way.
    pub fn are_closed(&self) -> bool {
        self.open.borrow().is_empty()
    }

    /// Whether there are claims to release.
    pub fn have_closed(&self) -> bool {
        !self.closed.borrow().is_empty()
    }

    /// Those whose claims are to be released; each is told once.
    pub fn take_closed(&self) -> Vec<u64> {
        self.closed.take()
    }

    /// Closes every window.
    pub fn close_all(&self) {
        self.closed.borrow_mut().extend(self.open.borrow_mut().drain().map(|(window, _)| window));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_closes_with_its_last_file_and_is_told_once() {
        let windows = Windows::default();
        let (first, second) = (windows.open(2), windows.open(1));
        windows.leave(first);
        windows.leave(second);
        assert!(!windows.are_closed());
        assert_eq!(windows.take_closed(), [second]);
        windows.leave(first);
        windows.leave(first);
        assert!(windows.are_closed());
        assert_eq!(windows.take_closed(), [first]);
        assert!(!windows.have_closed());
    }

    #[test]
    fn all_that_are_open_can_be_closed() {
        let windows = Windows::default();
        let window = windows.open(3);
        windows.close_all();
        assert!(windows.are_closed() && windows.have_closed());
        assert_eq!(windows.take_closed(), [window]);
    }
}
