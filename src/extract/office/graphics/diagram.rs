//! Diagrams, which Office calls smart art: points as a list, each below its parent (ECMA-376 part 1, 21.4).

use std::collections::{BTreeMap, HashMap};

use super::paragraphs;
use crate::extract::markdown::Writer;
use crate::extract::xml::{Element, Tree};

/// The texts of a diagram, each with its depth from 0.
pub(crate) struct Diagram(Vec<(usize, String)>);

impl Diagram {
    pub fn read(tree: &Tree<'_>) -> Self {
        let points = tree.document().find_all("pt");
        let ids = points.iter().map(|point| point.attr("modelId").unwrap_or_default().into_owned());
        let places: HashMap<String, usize> = ids.zip(0..).collect();
        let children = children(tree, &places);
        let mut seen = vec![false; points.len()];
        let mut items = Vec::new();
        let of_kind = |kind: &'static str| (0..points.len()).filter(|place| is_of_kind(points[*place], kind)).rev();
        // The document first; what it does not lead to comes after it, rather than not at all.
        let mut waiting: Vec<(usize, usize)> =
            of_kind("asst").chain(of_kind("node")).chain(of_kind("doc")).map(|place| (place, 0)).collect();
        while let Some((place, depth)) = waiting.pop() {
            // Damaged files have circles.
            if std::mem::replace(&mut seen[place], true) {
                continue;
            }
            let text = points[place].child("t").map_or(String::new(), paragraphs);
            let below = depth + usize::from(!text.is_empty());
            if !text.is_empty() {
                items.push((depth, text));
            }
            let children = children.get(&place).into_iter().flat_map(|children| children.values().rev());
            waiting.extend(children.map(|child| (*child, below)));
        }
        Self(items)
    }

    pub fn write(&self, writer: &mut Writer) {
        for (depth, text) in &self.0 {
            writer.item(*depth, "-", text);
        }
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.iter().map(|(_, text)| text.clone()).collect()
    }
}

/// Points that carry text of the author; the others are about layout and transitions.
fn is_of_kind(point: Element<'_>, kind: &str) -> bool {
    point.attr("type").as_deref().unwrap_or("node") == kind
}

/// The places of the points that belong to another, in their order; both are of the kinds that carry text.
fn children(tree: &Tree<'_>, places: &HashMap<String, usize>) -> HashMap<usize, BTreeMap<(u32, usize), usize>> {
    let mut children: HashMap<usize, BTreeMap<(u32, usize), usize>> = HashMap::new();
    for connection in tree.document().find_all("cxn") {
        // Others lead to layout and transitions.
        if connection.attr("type").is_some_and(|kind| kind != "parOf") {
            continue;
        }
        let place = |name: &str| connection.attr(name).and_then(|id| places.get(id.as_ref()).copied());
        let (Some(parent), Some(child)) = (place("srcId"), place("destId")) else { continue };
        let order = connection.attr("srcOrd").and_then(|order| order.parse().ok()).unwrap_or(0);
        children.entry(parent).or_default().insert((order, child), child);
    }
    children
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stand_below_one_another_in_their_order() {
        let point = |id: &str, kind: &str, text: &str| {
            format!("<dgm:pt modelId=\"{id}\" {kind}><dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t></dgm:pt>")
        };
        let points = [
            point("0", "type=\"doc\"", ""),
            point("1", "", "second"),
            point("2", "", "first"),
            point("3", "type=\"asst\"", "below"),
            point("4", "type=\"pres\"", "layout"),
            point("5", "", "stray"),
        ];
        let connection = |from: &str, order: u32, to: &str, kind: &str| {
            format!("<dgm:cxn {kind} srcId=\"{from}\" srcOrd=\"{order}\" destId=\"{to}\"/>")
        };
        let connections = [
            connection("0", 1, "1", ""),
            connection("0", 0, "2", "type=\"parOf\""),
            connection("2", 0, "3", ""),
            connection("3", 0, "2", ""),
            connection("1", 0, "4", "type=\"presOf\""),
        ];
        let source = format!(
            "<dgm:dataModel><dgm:ptLst>{}</dgm:ptLst><dgm:cxnLst>{}</dgm:cxnLst></dgm:dataModel>",
            points.concat(),
            connections.concat()
        );
        let mut writer = Writer::default();
        Diagram::read(&Tree::parse(&source).unwrap()).write(&mut writer);
        assert_eq!(writer.finish(), "- first\n    - below\n- second\n- stray\n");
    }
}
