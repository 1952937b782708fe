//! Annotations and form fields: their appearances, and the values of those that have none (ISO 32000-2, 12.5 and 12.7).

use hayro_font::kurbo::{Affine, Point, Rect};
use hayro_syntax::object::Dict;
use hayro_syntax::object::{Array, Name, Object, Rect as PdfRect, Stream, String as PdfString};

use super::strings::text_string;

const HIDDEN: u32 = 1 << 1;
const NO_VIEW: u32 = 1 << 5;

/// What an annotation shows.
pub(super) enum Shown<'a> {
    /// A form, with the matrix that fits it into the annotation's place.
    Form(Stream<'a>, Affine),
    /// A text that has no appearance, in a place.
    Text(String, Rect),
    Nothing,
}

pub(super) fn shown<'a>(annotation: &Dict<'a>) -> Shown<'a> {
    let flags = annotation.get::<u32>("F").unwrap_or(0);
    let is_popup = annotation.get::<Name<'_>>("Subtype").is_some_and(|kind| kind.as_ref() == b"Popup");
    let Some(place) = annotation.get::<PdfRect>("Rect").filter(|_| !is_popup && flags & (HIDDEN | NO_VIEW) == 0) else {
        return Shown::Nothing;
    };
    let place = Rect::new(place.x0, place.y0, place.x1, place.y1);
    match appearance(annotation) {
        Some(form) => match fitted(&form, place) {
            Some(matrix) => Shown::Form(form, matrix),
            None => Shown::Nothing,
        },
        None => value(annotation).map_or(Shown::Nothing, |text| Shown::Text(text, place)),
    }
}

fn appearance<'a>(annotation: &Dict<'a>) -> Option<Stream<'a>> {
    match annotation.get::<Dict<'a>>("AP")?.get::<Object<'a>>("N")? {
        Object::Stream(form) => Some(form),
        Object::Dict(states) => {
            let state = annotation.get::<Name<'_>>("AS");
            state.and_then(|state| states.get::<Stream<'a>>(&state)).or_else(|| states.get::<Stream<'a>>("Off"))
        }
        _ => None,
    }
}

/// The matrix that puts a form's transformed box on the annotation's place (12.5.5, algorithm "appearance streams").
fn fitted(form: &Stream<'_>, place: Rect) -> Option<Affine> {
    let matrix = Affine::new(form.dict().get::<[f64; 6]>("Matrix").unwrap_or([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]));
    let bounds = form.dict().get::<PdfRect>("BBox")?;
    let bounds = matrix.transform_rect_bbox(Rect::new(bounds.x0, bounds.y0, bounds.x1, bounds.y1));
    let scale = |to: f64, from: f64| if from.abs() < 1e-9 { 1.0 } else { to / from };
    let (sx, sy) = (scale(place.width(), bounds.width()), scale(place.height(), bounds.height()));
    Some(Affine::new([sx, 0.0, 0.0, sy, place.x0 - sx * bounds.x0, place.y0 - sy * bounds.y0]))
}

/// What a viewer would write into an annotation that has no appearance: a field's value, or free text.
fn value(annotation: &Dict<'_>) -> Option<String> {
    let text = match annotation.get::<Name<'_>>("Subtype")?.as_ref() {
        b"FreeText" => annotation.get::<PdfString<'_>>("Contents").map(|text| text_string(text.as_bytes())),
        b"Widget" => field_value(annotation),
        _ => None,
    };
    text.filter(|text| !text.trim().is_empty())
}

/// The value of a text or choice field, which may stand with one of its parents; a password is nobody's business.
fn field_value(widget: &Dict<'_>) -> Option<String> {
    const PARENTS_MAX: usize = 16;
    const PASSWORD: u32 = 1 << 13;
    let mut field = widget.clone();
    let (mut kind, mut value, mut flags) = (None, None, None);
    for _ in 0..PARENTS_MAX {
        kind = kind.or_else(|| field.get::<Name<'_>>("FT").map(|kind| kind.as_ref().to_vec()));
        flags = flags.or_else(|| field.get::<u32>("Ff"));
        value = value.or_else(|| field.get::<Object<'_>>("V").and_then(plain));
        match field.get::<Dict<'_>>("Parent") {
            Some(parent) => field = parent,
            None => break,
        }
    }
    let is_text = matches!(kind.as_deref(), Some(b"Tx" | b"Ch")) && flags.unwrap_or(0) & PASSWORD == 0;
    value.filter(|_| is_text)
}

fn plain(value: Object<'_>) -> Option<String> {
    match value {
        Object::String(text) => Some(text_string(text.as_bytes())),
        Object::Array(choices) => {
            let choices = choices.iter::<PdfString<'_>>().map(|text| text_string(text.as_bytes()));
            Some(choices.collect::<Vec<_>>().join(", "))
        }
        _ => None,
    }
}

/// Where the lines of a text without an appearance begin, in a usual size of letters.
pub(super) fn lines(text: &str, place: Rect) -> impl Iterator<Item = (String, Point, f64)> {
    const SIZE: f64 = 10.0;
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut top = place.y1;
    lines.into_iter().map(move |line| {
        top -= SIZE * 1.2;
        (line, Point::new(place.x0, top), SIZE)
    })
}

/// The annotations of a page.
pub(super) fn of_page<'a>(page: &Dict<'a>) -> Vec<Dict<'a>> {
    const ANNOTATIONS_MAX: usize = 100_000;
    let annotations = page.get::<Array<'a>>("Annots");
    annotations.iter().flat_map(Array::iter::<Dict<'a>>).take(ANNOTATIONS_MAX).collect()
}
