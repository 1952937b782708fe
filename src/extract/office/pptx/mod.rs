//! PPTX: slides in their order, each with its title as a heading, its shapes, tables, charts, notes and comments.
//!
//! `PresentationML` as of ECMA-376 part 1. Slide numbers are left out. What many slides show of their master is a
//! remark on the first of them.

mod comments;
mod layouts;
mod shapes;

use super::graphics::Graphics;
use super::ooxml::{self, Relationships};
use super::package::Package;
use super::slides::write_each;
use crate::extract::markdown::Writer;
use crate::extract::xml::{self, Tree};
use crate::extract::{ExtractError, Extracted, Room};
use comments::Authors;
use layouts::{LAYERS, Shown};
use shapes::{Slide, line, placeholder};

pub(crate) fn extract(bytes: &[u8], room: &mut Room<'_>) -> Result<Extracted, ExtractError> {
    let mut package = Package::open(bytes, room)?;
    let mut extracted = Extracted { engine: xml::ENGINE, ..Extracted::default() };
    let main = ooxml::main_part(&mut package, "ppt/presentation.xml")?;
    let relationships = Relationships::of(&mut package, &main)?;
    let slides = slides(&main, &relationships, &mut package)?;
    let authors = comments::authors(&relationships, &mut package, &mut extracted.warnings)?;
    extracted.pages = u32::try_from(slides.len()).ok();
    let pages_max = room.limits.pages_max;
    let mut presentation =
        Presentation { package, authors, shown: Shown::default(), writer: Writer::default(), extracted };
    let write = |presentation: &mut Presentation<'_>, name: &String| presentation.slide(name, room);
    if let Err(error) = write_each(&mut presentation, &slides, pages_max, |it| &mut it.writer, write) {
        presentation.extracted.end_at(error, presentation.writer.len() > 0)?;
    }
    let Presentation { mut package, writer, mut extracted, .. } = presentation;
    extracted.text = writer.finish();
    ooxml::add_properties(&mut package, "Slides", &mut extracted)?;
    Ok(extracted)
}

/// The slides' parts in the order of the presentation; by their numbers when the presentation does not list them.
fn slides(main: &str, relationships: &Relationships, package: &mut Package<'_>) -> Result<Vec<String>, ExtractError> {
    let mut listed = Vec::new();
    if let Some(bytes) = package.part(main)? {
        let source = xml::decode(&bytes);
        let tree = Tree::parse(&source)?;
        for slide in tree.document().find_all("sldId") {
            let target = slide.prefixed_attr("id").and_then(|id| relationships.target(&id).map(str::to_owned));
            listed.extend(target);
        }
    }
    if listed.is_empty() {
        listed = package.names("ppt/slides/slide");
        let number =
            |name: &String| name.chars().filter(char::is_ascii_digit).collect::<String>().parse::<u64>().unwrap_or(0);
        listed.sort_by_key(|name| (number(name), name.clone()));
    }
    Ok(listed)
}

struct Presentation<'p> {
    package: Package<'p>,
    authors: Authors,
    shown: Shown,
    writer: Writer,
    extracted: Extracted,
}

impl Presentation<'_> {
    fn slide(&mut self, name: &str, room: &mut Room<'_>) -> Result<(), ExtractError> {
        let Some(bytes) = self.package.part(name)? else {
            self.extracted.warnings.push(format!("damaged: {name} is missing."));
            return Ok(());
        };
        let source = xml::decode(&bytes);
        let tree = Tree::parse(&source)?;
        xml::note_damage(&tree, name, &mut self.extracted.warnings);
        let relationships = Relationships::of(&mut self.package, name)?;
        let graphics = Graphics::of(&relationships, &mut self.package, room, &mut self.extracted.warnings)?;
        Slide { relationships: &relationships, graphics: &graphics, writer: &mut self.writer }.write(&tree);
        self.layers(&tree, &relationships, &LAYERS)?;
        let Self { package, authors, writer, extracted, .. } = self;
        for notes in relationships.of_kind("notesSlide") {
            let source = package.part(notes)?.map_or(String::new(), |bytes| xml::decode(&bytes));
            notes_of(&Tree::parse(&source)?, writer);
        }
        for name in relationships.of_kind("comments") {
            if let Some(source) = ooxml::dispensable(package, name, &mut extracted.warnings)? {
                let tree = Tree::parse(&source)?;
                xml::note_damage(&tree, name, &mut extracted.warnings);
                comments::write(&tree, authors, writer);
            }
        }
        room.step(writer.len())
    }
}

/// The speaker's notes: the text of the notes page's body, without the slide's picture and number.
fn notes_of(tree: &Tree<'_>, writer: &mut Writer) {
    let relationships = Relationships::default();
    for shape in tree.document().find_all("sp") {
        if placeholder(shape).as_deref() != Some("body") {
            continue;
        }
        let lines: Vec<String> = shape.find_all("p").into_iter().map(|p| line(p, &relationships).markdown()).collect();
        writer.quote(lines.join("\n").trim());
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::media::PPTX;
    use crate::extract::tests::{packed, read};
    use crate::extract::{Limits, extract};

    fn shape(kind: &str, paragraphs: &str) -> String {
        format!(
            "<p:sp><p:nvSpPr><p:nvPr><p:ph type=\"{kind}\"/></p:nvPr></p:nvSpPr><p:txBody>{paragraphs}</p:txBody></p:sp>"
        )
    }

    fn slide(shapes: &str) -> String {
        format!("<p:sld><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>")
    }

    #[test]
    fn slides_stand_in_the_order_of_the_presentation() {
        let list = r#"<p:presentation><p:sldIdLst><p:sldId id="9" r:id="b"/><p:sldId id="8" r:id="a"/></p:sldIdLst></p:presentation>"#;
        let relationships = r#"<Relationships><Relationship Id="a" Type="x/slide" Target="slides/slide1.xml"/>
            <Relationship Id="b" Type="x/slide" Target="slides/slide2.xml"/></Relationships>"#;
        let paragraph = |text: &str| format!("<a:p><a:r><a:t>{text}</a:t></a:r></a:p>");
        let first =
            slide(&(shape("body", &(paragraph("one") + &paragraph("two"))) + &shape("title", &paragraph("Title"))));
        let second = slide(&(shape("sldNum", &paragraph("2")) + &shape("subTitle", &paragraph("plain"))));
        let package = packed(&[
            ("ppt/presentation.xml", list.as_bytes()),
            ("ppt/_rels/presentation.xml.rels", relationships.as_bytes()),
            ("ppt/slides/slide1.xml", first.as_bytes()),
            ("ppt/slides/slide2.xml", second.as_bytes()),
        ]);
        let extracted = read(&package, PPTX);
        assert_eq!(extracted.text, "<!-- slide 1 -->\n\nplain\n\n<!-- slide 2 -->\n\n## Title\n\n- one\n- two\n");
        assert_eq!(extracted.pages, Some(2));
        let limits = Limits { pages_max: 1, ..Limits::default() };
        let extracted = extract(&package, PPTX, &limits, &mut || ()).unwrap();
        assert_eq!(extracted.text, "<!-- slide 1 -->\n\nplain\n");
        assert!(extracted.truncated && extracted.warnings[0].starts_with("truncated: too_many_pages: "));
    }

    #[test]
    fn table_and_notes_are_read() {
        let cell = |text: &str| format!("<a:tc><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>");
        let table = format!(
            "<p:graphicFrame><a:graphic><a:tbl><a:tr>{}{}</a:tr></a:tbl></a:graphic></p:graphicFrame>",
            cell("a"),
            cell("b")
        );
        let notes = slide(&shape("body", "<a:p><a:r><a:t>say this</a:t></a:r></a:p>"));
        let relationships = r#"<Relationships><Relationship Id="n" Type="x/notesSlide" Target="../notesSlides/n.xml"/></Relationships>"#;
        let package = packed(&[
            ("ppt/slides/slide1.xml", slide(&table).as_bytes()),
            ("ppt/slides/_rels/slide1.xml.rels", relationships.as_bytes()),
            ("ppt/notesSlides/n.xml", notes.as_bytes()),
        ]);
        let expected = "<!-- slide 1 -->\n\n| a | b |\n| --- | --- |\n\n> say this\n";
        assert_eq!(read(&package, PPTX).text, expected);
    }

    #[test]
    fn what_a_master_shows_stands_on_the_first_slide() {
        let words = |text: &str| format!("<p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody>");
        let free =
            |text: &str| format!("<p:grpSp><p:sp><p:nvSpPr><p:nvPr/></p:nvSpPr>{}</p:sp></p:grpSp>", words(text));
        let relation = |kind: &str, target: &str| {
            format!("<Relationships><Relationship Id=\"l\" Type=\"x/{kind}\" Target=\"{target}\"/></Relationships>")
        };
        let laid_out = relation("slideLayout", "../slideLayouts/l.xml");
        let layout = slide(&(free("Confidential") + &free("Our company")));
        let master = slide(&(shape("title", "<a:p><a:r><a:t>Click</a:t></a:r></a:p>") + &free("Our company")));
        let hidden = slide(&free("three")).replace("<p:sld>", "<p:sld showMasterSp=\"0\">");
        let package = packed(&[
            ("ppt/slides/slide1.xml", hidden.as_bytes()),
            ("ppt/slides/_rels/slide1.xml.rels", laid_out.as_bytes()),
            ("ppt/slides/slide2.xml", slide(&free("one")).as_bytes()),
            ("ppt/slides/_rels/slide2.xml.rels", laid_out.as_bytes()),
            ("ppt/slides/slide3.xml", slide(&free("two")).as_bytes()),
            ("ppt/slides/_rels/slide3.xml.rels", laid_out.as_bytes()),
            ("ppt/slideLayouts/l.xml", layout.as_bytes()),
            ("ppt/slideLayouts/_rels/l.xml.rels", relation("slideMaster", "../slideMasters/m.xml").as_bytes()),
            ("ppt/slideMasters/m.xml", master.as_bytes()),
            ("ppt/slideMasters/_rels/m.xml.rels", relation("slideLayout", "../slideLayouts/l.xml").as_bytes()),
        ]);
        let expected = "<!-- slide 1 -->\n\nthree\n\n<!-- slide 2 -->\n\none\n\n<!-- master: Confidential -->\n\n<!-- master: Our company -->\n\n<!-- slide 3 -->\n\ntwo\n";
        assert_eq!(read(&package, PPTX).text, expected);
    }

    #[test]
    fn charts_and_smart_art_stand_where_they_are_shown() {
        let frame = |content: &str| {
            format!("<p:graphicFrame><a:graphic><a:graphicData>{content}</a:graphicData></a:graphic></p:graphicFrame>")
        };
        let shapes = frame("<c:chart r:id=\"c\"/>")
            + &shape("subTitle", "<a:p><a:r><a:t>between</a:t></a:r></a:p>")
            + &frame("<dgm:relIds r:lo=\"x\" r:dm=\"d\"/>")
            + &frame("<c:chart r:id=\"gone\"/>");
        let relationships = r#"<Relationships><Relationship Id="c" Type="x/chart" Target="../charts/chart1.xml"/>
            <Relationship Id="d" Type="x/diagramData" Target="../diagrams/data1.xml"/>
            <Relationship Id="gone" Type="x/chart" Target="../charts/chart2.xml"/></Relationships>"#;
        let chart = r#"<c:chartSpace><c:chart><c:plotArea><c:pieChart><c:ser><c:tx><c:v>Share</c:v></c:tx>
            <c:cat><c:strLit><c:pt idx="0"><c:v>A</c:v></c:pt></c:strLit></c:cat>
            <c:val><c:numLit><c:pt idx="0"><c:v>4</c:v></c:pt></c:numLit></c:val></c:ser></c:pieChart></c:plotArea></c:chart></c:chartSpace>"#;
        let diagram = "<dgm:dataModel><dgm:ptLst><dgm:pt modelId=\"1\"><dgm:t><a:p><a:r><a:t>point</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:ptLst></dgm:dataModel>";
        let package = packed(&[
            ("ppt/slides/slide1.xml", slide(&shapes).as_bytes()),
            ("ppt/slides/_rels/slide1.xml.rels", relationships.as_bytes()),
            ("ppt/charts/chart1.xml", chart.as_bytes()),
            ("ppt/diagrams/data1.xml", diagram.as_bytes()),
        ]);
        let extracted = read(&package, PPTX);
        let expected = "<!-- slide 1 -->\n\n|  | Share |\n| --- | --- |\n| A | 4 |\n\nbetween\n\n- point\n";
        assert_eq!(extracted.text, expected);
        assert_eq!(extracted.warnings, ["damaged: ppt/charts/chart2.xml is missing."]);
    }

    #[test]
    fn chart_that_is_too_large_costs_only_itself() {
        let shapes = "<p:graphicFrame><c:chart r:id=\"c\"/></p:graphicFrame>".to_owned()
            + &shape("subTitle", "<a:p><a:r><a:t>text</a:t></a:r></a:p>");
        let relationships =
            r#"<Relationships><Relationship Id="c" Type="x/chart" Target="../charts/chart1.xml"/></Relationships>"#;
        let package = packed(&[
            ("ppt/slides/slide1.xml", slide(&shapes).as_bytes()),
            ("ppt/slides/_rels/slide1.xml.rels", relationships.as_bytes()),
            ("ppt/charts/chart1.xml", b"<c:ser><c:val><c:pt idx=\"0\"><c:v>1</c:v></c:pt></c:val></c:ser>"),
        ]);
        let limits = Limits { cells_max: 3, ..Limits::default() };
        let extracted = extract(&package, PPTX, &limits, &mut || ()).unwrap();
        assert_eq!(extracted.text, "<!-- slide 1 -->\n\ntext\n");
        assert!(extracted.warnings[0].starts_with("skipped: ppt/charts/chart1.xml: too_many_cells: "));
    }

    #[test]
    fn comments_follow_their_slide_under_their_authors_names() {
        let main = r#"<Relationships><Relationship Id="a" Type="x/commentAuthors" Target="commentAuthors.xml"/></Relationships>"#;
        let relationships = r#"<Relationships><Relationship Id="c" Type="x/comments" Target="../comments/comment1.xml"/></Relationships>"#;
        let package = packed(&[
            ("ppt/_rels/presentation.xml.rels", main.as_bytes()),
            ("ppt/commentAuthors.xml", br#"<p:cmAuthorLst><p:cmAuthor id="0" name="Ann"/></p:cmAuthorLst>"#),
            ("ppt/slides/slide1.xml", slide(&shape("subTitle", "<a:p><a:r><a:t>x</a:t></a:r></a:p>")).as_bytes()),
            ("ppt/slides/_rels/slide1.xml.rels", relationships.as_bytes()),
            (
                "ppt/comments/comment1.xml",
                br#"<p:cmLst><p:cm authorId="0" idx="1"><p:text>why?</p:text></p:cm></p:cmLst>"#,
            ),
        ]);
        assert_eq!(read(&package, PPTX).text, "<!-- slide 1 -->\n\nx\n\n> Ann: why?\n");
    }
}
