//! Optional content: which layers a viewer shows when the file is opened (ISO 32000-2, 8.11).

use std::collections::HashSet;

use hayro_syntax::Pdf;
use hayro_syntax::object::{Array, Dict, Name, ObjectIdentifier};

/// The layers that are switched off.
#[derive(Debug, Default)]
pub(super) struct Layers {
    hidden: HashSet<ObjectIdentifier>,
}

impl Layers {
    pub fn of(pdf: &Pdf) -> Self {
        let catalog = pdf.xref().get::<Dict<'_>>(pdf.xref().root_id());
        let properties = catalog.and_then(|catalog| catalog.get::<Dict<'_>>("OCProperties"));
        let Some(properties) = properties else { return Self::default() };
        let Some(configuration) = properties.get::<Dict<'_>>("D") else { return Self::default() };
        let mut hidden = HashSet::new();
        if configuration.get::<Name<'_>>("BaseState").is_some_and(|state| state.as_ref() == b"OFF") {
            hidden.extend(groups(&properties, "OCGs"));
        }
        for group in groups(&configuration, "ON") {
            hidden.remove(&group);
        }
        hidden.extend(groups(&configuration, "OFF"));
        Self { hidden }
    }

    /// Whether what stands under the entry `key` of `holder` is shown: a group, or a membership of several.
    pub fn shows(&self, holder: &Dict<'_>, key: &[u8]) -> bool {
        if self.hidden.is_empty() {
            return true;
        }
        let Some(properties) = holder.get::<Dict<'_>>(key) else { return true };
        if properties.get::<Name<'_>>("Type").is_some_and(|kind| kind.as_ref() == b"OCMD") {
            return self.shows_membership(&properties);
        }
        holder.get_ref(key).is_none_or(|group| !self.hidden.contains(&group.into()))
    }

    fn shows_membership(&self, membership: &Dict<'_>) -> bool {
        let mut members = groups(membership, "OCGs");
        members.extend(membership.get_ref("OCGs").filter(|_| members.is_empty()).map(ObjectIdentifier::from));
        if members.is_empty() {
            return true;
        }
        let hidden = |group: &ObjectIdentifier| self.hidden.contains(group);
        match membership.get::<Name<'_>>("P").as_deref() {
            Some(b"AllOn") => !members.iter().any(hidden),
            Some(b"AnyOff") => members.iter().any(hidden),
            Some(b"AllOff") => members.iter().all(hidden),
            _ => !members.iter().all(hidden),
        }
    }
}

fn groups(dict: &Dict<'_>, key: &str) -> Vec<ObjectIdentifier> {
    let array = dict.get::<Array<'_>>(key);
    let references = array.iter().flat_map(Array::raw_iter).filter_map(|item| item.as_obj_ref());
    references.map(ObjectIdentifier::from).collect()
}
