//! What reviewers wrote about a slide, as versions since 2000 keep it: in a binary tag ([MS-PPT] 2.5.19 and 2.11.10).

use super::records::{Record, kind};
use crate::extract::markdown::Writer;

/// Writes the comments as quotes, each with its author's name.
pub(super) fn write(slide: Record<'_>, writer: &mut Writer) {
    let tags = slide.children_of(kind::TAGS).flat_map(|tags| tags.children_of(kind::BINARY_TAG));
    let data = tags.flat_map(|tag| tag.children_of(kind::BINARY_TAG_DATA));
    for comment in data.flat_map(|data| data.children_of(kind::COMMENT)) {
        let part = |instance| comment.string(instance).map(|text| text.replace(['\r', '\x0b'], "\n").trim().to_owned());
        let (author, text) = (part(0).unwrap_or_default(), part(1).unwrap_or_default());
        if author.is_empty() || text.is_empty() {
            writer.quote(&text);
        } else {
            writer.quote(&format!("{author}: {text}"));
        }
    }
}
