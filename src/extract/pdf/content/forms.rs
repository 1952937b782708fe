//! Forms: instructions that stand by themselves, shown by a page, by one another, or by an annotation.

use std::rc::Rc;

use hayro_font::kurbo::{Affine, Rect};
use hayro_syntax::object::{Dict, ObjectIdentifier, Rect as PdfRect, Stream};
use hayro_syntax::page::{Page, Resources};

use super::super::annotations::{self, Shown};
use super::super::bounds;
use super::super::glyphs::{self, Placement};
use super::{FORM_COST, PageReader};
use crate::extract::ExtractError;

/// Forms inside forms; real files have a handful.
const FORM_DEPTH_MAX: usize = 20;

impl<'a> PageReader<'_, '_, 'a> {
    pub fn annotation(&mut self, annotation: &Dict<'a>, page: &Page<'a>) -> Result<(), ExtractError> {
        let state = self.state.clone();
        match annotations::shown(annotation) {
            Shown::Form(form, matrix) => {
                self.state.ctm *= matrix;
                self.form(&form, page.resources())?;
            }
            Shown::Text(text, place) => {
                for (line, at, size) in annotations::lines(&text, place) {
                    let text = Rc::from(glyphs::meaningful(&line));
                    let width = f64::from(u32::try_from(line.chars().count()).unwrap_or(u32::MAX)) * 0.5;
                    let matrix = self.state.ctm * Affine::new([size, 0.0, 0.0, size, at.x, at.y]);
                    self.keep(text, &Placement { matrix, advance: width, em: 1.0, vertical: false });
                }
            }
            Shown::Nothing => {}
        }
        self.state = state;
        Ok(())
    }

    /// Follows a form, unless it is being followed already, or never showed any text.
    pub fn form(&mut self, form: &Stream<'a>, outer: &Resources<'a>) -> Result<(), ExtractError> {
        let dict = form.dict();
        let id = dict.obj_id();
        let is_textless = |id| self.paper.is_none() && self.past.textless.contains(&id);
        let is_open = id.is_some_and(|id| self.forms.contains(&id) || is_textless(id));
        if is_open || self.forms.len() >= FORM_DEPTH_MAX || !self.layers.shows(dict, b"OC") {
            return Ok(());
        }
        let Some(data) = bounds::decoded(form, self.room)? else { return Ok(()) };
        let resources = dict.get::<Dict<'a>>("Resources").map(Resources::new);
        let (state, cursor, met) = (self.state.clone(), self.cursor, self.glyphs_met);
        if let Some(matrix) = dict.get::<[f64; 6]>("Matrix") {
            self.state.ctm *= Affine::new(matrix);
        }
        if let Some(bounds) = dict.get::<PdfRect>("BBox") {
            let bounds = Rect::new(bounds.x0, bounds.y0, bounds.x1, bounds.y1);
            self.state.clip = self.state.clip.intersect(self.state.ctm.transform_rect_bbox(bounds));
        }
        self.forms.push(id.unwrap_or(ObjectIdentifier::new(0, 0)));
        self.work(FORM_COST)?;
        let had_images = std::mem::take(&mut self.shown.has_images);
        self.run(&data, resources.as_ref().unwrap_or(outer))?;
        if let Some(id) = id.filter(|_| self.glyphs_met == met && !self.shown.has_images) {
            self.past.textless.insert(id);
        }
        self.shown.has_images |= had_images;
        self.forms.pop();
        (self.state, self.cursor) = (state, cursor);
        Ok(())
    }
}
