//! Whoever an extraction runs for: it hears that the work goes on, and has text recognised in pictures.

/// What an extraction asks of its caller.
pub trait Host {
    /// Called between pieces of work: a page, a sheet, an entry.
    fn progress(&mut self);

    /// Whether it may be worth asking: a page need not be drawn for nobody.
    fn recognises(&self) -> bool {
        true
    }

    /// Has text recognised in an encoded picture. `is_file` says that the picture is the whole file, so that an engine
    /// that crashes over it is the file's own verdict, and not one page's.
    fn recognise(&mut self, _picture: &[u8], _is_file: bool) -> Recognition {
        Recognition::Unavailable
    }
}

/// A caller without OCR, who wants no more than the signs of life.
impl<F: FnMut()> Host for F {
    fn progress(&mut self) {
        self();
    }

    fn recognises(&self) -> bool {
        false
    }
}

/// What came of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recognition {
    /// The text, page by page: a TIFF may have many.
    Pages(Vec<String>),
    /// The engine cannot read the picture, and what it says of it: for a log.
    Unreadable(String),
    /// As many pictures of this file have been read as may be.
    TooMany,
    /// There is no engine.
    Unavailable,
}
