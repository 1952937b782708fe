//! Office documents: Microsoft's and `OpenDocument`'s, in their packages.

pub(crate) mod bytes;
pub(crate) mod compound;
pub(crate) mod doc;
pub(crate) mod docx;
mod fields;
mod graphics;
pub(crate) mod odf;
mod ooxml;
pub(crate) mod package;
pub(crate) mod ppt;
pub(crate) mod pptx;
pub(crate) mod rtf;
mod slides;
mod summary;
pub(crate) mod workbook;

pub(crate) use rtf::charsets::code_page as charset_of_page;
