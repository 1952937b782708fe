//! What browsers and readers of e-books show.

mod dom;
pub(crate) mod epub;
pub(crate) mod html;
