use super::kind;
use crate::extract::media::PPT;
use crate::extract::office::compound::write::file_of;
use crate::extract::tests::read;
use crate::extract::{ExtractError, Limits, extract};

/// Numbers of objects.
const DOCUMENT: u32 = 1;
const SLIDE: u32 = 2;
const MASTER: u32 = 3;

fn record(version: u16, kind: u16, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap();
    [&version.to_le_bytes()[..], &kind.to_le_bytes(), &length.to_le_bytes(), content].concat()
}

fn container(instance: u16, kind: u16, children: &[Vec<u8>]) -> Vec<u8> {
    record(instance << 4 | 15, kind, &children.concat())
}

fn atom(kind: u16, content: &[u8]) -> Vec<u8> {
    record(0, kind, content)
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn units(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn string(instance: u16, text: &str) -> Vec<u8> {
    record(instance << 4, kind::STRING, &units(text))
}

fn text(kind_of_text: u32, text: &str) -> Vec<u8> {
    [atom(kind::TEXT_HEADER, &numbers(&[kind_of_text])), atom(kind::TEXT_CHARACTERS, &units(text))].concat()
}

fn shape(children: &[Vec<u8>]) -> Vec<u8> {
    container(0, kind::SHAPE, children)
}

fn text_box(records: &[Vec<u8>]) -> Vec<u8> {
    shape(&[container(0, kind::TEXT_BOX, records)])
}

/// A slide with these shapes on a master, and what it has besides them.
fn slide(shapes: &[Vec<u8>], more: &[Vec<u8>]) -> Vec<u8> {
    let head = [numbers(&[0, 0, 0, 7, 0]), vec![1, 0, 0, 0]].concat();
    let drawing = container(0, kind::DRAWING, &[container(0, kind::GROUP, shapes)]);
    container(0, kind::SLIDE, &[vec![atom(kind::SLIDE_ATOM, &head), drawing], more.to_vec()].concat())
}

/// The list of slides or masters, each with the texts that it has of them.
fn list(instance: u16, slides: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
    let entries: Vec<Vec<u8>> = slides
        .iter()
        .map(|(object, id, texts)| {
            [atom(kind::SLIDE_PERSIST, &numbers(&[*object, 0, 0, *id, 0])), texts.clone()].concat()
        })
        .collect();
    container(instance, kind::SLIDE_LIST, &entries)
}

/// The stream of a file with these objects, and where its edit lies.
fn stream_of(objects: &[(u32, Vec<u8>)]) -> (Vec<u8>, u32) {
    let (mut stream, mut directory) = (Vec::new(), Vec::new());
    let place = |stream: &Vec<u8>| u32::try_from(stream.len()).unwrap();
    for (number, object) in objects {
        directory.extend(numbers(&[1 << 20 | number, place(&stream)]));
        stream.extend_from_slice(object);
    }
    let directory_at = place(&stream);
    stream.extend(atom(kind::PERSIST_DIRECTORY, &directory));
    let edit_at = place(&stream);
    stream.extend(atom(kind::USER_EDIT, &numbers(&[256, 0, 0, directory_at, DOCUMENT, 9, 0])));
    (stream, edit_at)
}

fn file(objects: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let (stream, edit_at) = stream_of(objects);
    let user = numbers(&[0, 0, 20, 0xe391_c05f, edit_at, 0, 0]);
    file_of(&[("PowerPoint Document", &stream), ("Current User", &user)])
}

/// A file of one slide, whose document has more than the list of it.
fn file_of_slide(slide: Vec<u8>, listed: Vec<u8>, more: &[Vec<u8>]) -> Vec<u8> {
    let document = container(0, kind::DOCUMENT, &[vec![list(0, &[(SLIDE, 256, listed)])], more.to_vec()].concat());
    file(&[(SLIDE, slide), (DOCUMENT, document)])
}

fn read_slide(shapes: &[Vec<u8>]) -> String {
    let text = read(&file_of_slide(slide(shapes, &[]), Vec::new(), &[]), PPT).text;
    text.strip_prefix("<!-- slide 1 -->\n\n").expect("the slide is announced").to_owned()
}

#[test]
fn slides_of_the_last_state_are_read() {
    let reference = atom(kind::OUTLINE_REFERENCE, &numbers(&[1]));
    let shapes = [text_box(&[reference]), text_box(&[text(4, "aside")])];
    let listed = [text(0, "Title"), text(1, "one\rtwo")].concat();
    let extracted = read(&file_of_slide(slide(&shapes, &[]), listed, &[]), PPT);
    assert_eq!(extracted.text, "<!-- slide 1 -->\n\n## Title\n\n- one\n- two\n\naside\n");
    assert_eq!(extracted.pages, Some(1));
}

#[test]
fn last_state_is_found_without_its_place() {
    let old = container(0, kind::DOCUMENT, &[list(0, &[(SLIDE, 256, text(4, "old"))])]);
    let new = container(0, kind::DOCUMENT, &[list(0, &[(SLIDE, 256, text(4, "new"))])]);
    let (first, edit_at) = stream_of(&[(SLIDE, slide(&[], &[])), (DOCUMENT, old)]);
    let document_at = u32::try_from(first.len()).unwrap();
    let directory_at = document_at + u32::try_from(new.len()).unwrap();
    let directory = atom(kind::PERSIST_DIRECTORY, &numbers(&[1 << 20 | DOCUMENT, document_at]));
    let edit = atom(kind::USER_EDIT, &numbers(&[256, 0, edit_at, directory_at, DOCUMENT, 9, 0]));
    let stream = [first, new, directory, edit].concat();
    // None, one beyond the file, and one that is none.
    for user in [Vec::new(), numbers(&[0, 0, 20, 0xe391_c05f, u32::MAX]), numbers(&[0, 0, 20, 0xe391_c05f, 0])] {
        let extracted = read(&file_of(&[("PowerPoint Document", &stream), ("Current User", &user)]), PPT);
        assert_eq!(extracted.text, "<!-- slide 1 -->\n\nnew\n");
        assert!(extracted.warnings.is_empty());
    }
}

#[test]
fn texts_of_a_file_without_a_list_are_read_with_a_warning() {
    let stream = slide(&[text_box(&[text(4, "lost")])], &[]);
    let extracted = read(&file_of(&[("PowerPoint Document", &stream)]), PPT);
    assert_eq!(extracted.text, "lost\n");
    assert!(extracted.warnings[0].starts_with("damaged: "));
}

#[test]
fn presentation_without_slides_is_whole() {
    let document = || container(0, kind::DOCUMENT, &[]);
    let extracted = read(&file(&[(DOCUMENT, document())]), PPT);
    assert_eq!(extracted.warnings, ["no_text: The file has no text in it."]);
    let extracted = read(&file(&[(SLIDE, slide(&[text_box(&[text(4, "lost")])], &[])), (DOCUMENT, document())]), PPT);
    assert_eq!(extracted.text, "lost\n");
    assert!(extracted.warnings[0].starts_with("damaged: "));
}

#[test]
fn older_form_is_told_from_damage() {
    let result = |streams: &[(&str, &[u8])]| extract(&file_of(streams), PPT, &Limits::default(), &mut || ());
    assert_eq!(result(&[("PP40", b"x")]), Err(ExtractError::UnsupportedType));
    assert!(matches!(result(&[("Current User", b"x")]), Err(ExtractError::Parse(_))));
}

#[test]
fn links_emphasis_and_levels_are_read() {
    let link = container(0, kind::LINK, &[atom(kind::LINK_ATOM, &numbers(&[5])), string(1, "http://a.b/")]);
    let action = container(0, kind::ACTION, &[atom(kind::ACTION_ATOM, &numbers(&[0, 5, 4]))]);
    // Paragraphs of levels 0 and 1, each with the mark at its end; three characters are bold, the rest is plain.
    let style = [
        &numbers(&[6])[..],
        &[0; 6],
        &numbers(&[9]),
        &[1, 0, 0, 0, 0, 0],
        &numbers(&[3, 1]),
        &[1, 0],
        &numbers(&[12, 0]),
    ];
    let body = [
        text(1, "one x\rsee here"),
        atom(kind::TEXT_STYLE, &style.concat()),
        action,
        atom(kind::ACTION_RANGE, &numbers(&[10, 14])),
    ];
    let more = [container(0, kind::EXTERNAL_OBJECTS, &[link])];
    let extracted = read(&file_of_slide(slide(&[text_box(&body)], &[]), Vec::new(), &more), PPT);
    assert_eq!(extracted.text, "<!-- slide 1 -->\n\n- **one** x\n    - see [here](http://a.b/)\n");
}

#[test]
fn cells_become_a_table() {
    let cell = |left: u32, top: u32, words: &str| {
        let anchor = atom(kind::CHILD_ANCHOR, &numbers(&[left, top, 0, 0]));
        shape(&[anchor, container(0, kind::TEXT_BOX, &[text(4, words)])])
    };
    let properties = record(1 << 4 | 3, kind::MORE_OPTIONS, &[&0x039f_u16.to_le_bytes()[..], &numbers(&[1])].concat());
    let cells = [cell(10, 5, "b"), cell(u32::MAX, 5, "a"), cell(10, 9, "d"), cell(u32::MAX, 9, "c")];
    let group = container(0, kind::GROUP, &[vec![shape(&[properties])], cells.to_vec()].concat());
    assert_eq!(read_slide(&[group]), "| a | b |\n| --- | --- |\n| c | d |\n");
}

#[test]
fn text_drawn_as_a_picture_is_read() {
    let drawn = units("drawn\0");
    let properties = [
        &0x8080_u16.to_le_bytes()[..],
        &numbers(&[2]),
        &0x80c0_u16.to_le_bytes(),
        &numbers(&[u32::try_from(drawn.len()).unwrap()]),
        &[9, 9],
        &drawn,
    ];
    assert_eq!(read_slide(&[shape(&[record(2 << 4 | 3, kind::OPTIONS, &properties.concat())])]), "drawn\n");
}

#[test]
fn what_all_slides_show_stands_on_the_first() {
    let footer = container(3, kind::MARGINS, &[atom(kind::MARGINS_ATOM, &[0, 0, 0x28, 0]), string(2, "confidential")]);
    let placeholder = container(0, kind::CLIENT_DATA, &[atom(kind::PLACEHOLDER, &[0, 0, 0, 0, 9, 0, 0, 0])]);
    let field = [text(4, "*"), atom(kind::FOOTER, &numbers(&[0]))].concat();
    let edge = shape(&[container(0, kind::TEXT_BOX, &[field]), placeholder]);
    let master = slide(&[text_box(&[text(0, "Click to edit")]), text_box(&[text(4, "Our company")])], &[]);
    let slides = [(SLIDE, 256, text(0, "One")), (SLIDE, 257, text(0, "Two"))];
    let lists = [list(0, &slides), list(1, &[(MASTER, 7, Vec::new())]), footer];
    let objects = [(SLIDE, slide(&[edge], &[])), (MASTER, master), (DOCUMENT, container(0, kind::DOCUMENT, &lists))];
    let expected =
        "<!-- slide 1 -->\n\n## One\n\nconfidential\n\n<!-- master: Our company -->\n\n<!-- slide 2 -->\n\n## Two\n";
    assert_eq!(read(&file(&objects), PPT).text, expected);
}

#[test]
fn comments_stand_below_their_slide() {
    let comment = container(0, kind::COMMENT, &[string(0, "Ann"), string(1, "why?\rand how?")]);
    let tag = container(0, kind::BINARY_TAG, &[string(0, "___PPT10"), atom(kind::BINARY_TAG_DATA, &comment)]);
    let slide = slide(&[text_box(&[text(4, "x")])], &[container(0, kind::TAGS, &[tag])]);
    let extracted = read(&file_of_slide(slide, Vec::new(), &[]), PPT);
    assert_eq!(extracted.text, "<!-- slide 1 -->\n\nx\n\n> Ann: why?\n> and how?\n");
}

#[test]
fn slides_over_the_limit_leave_the_text_so_far() {
    let slides = [(SLIDE, 256, text(0, "One")), (SLIDE, 257, text(0, "Two"))];
    let document = container(0, kind::DOCUMENT, &[list(0, &slides)]);
    let file = file(&[(SLIDE, slide(&[], &[])), (DOCUMENT, document)]);
    let limits = Limits { pages_max: 1, ..Limits::default() };
    let extracted = extract(&file, PPT, &limits, &mut || ()).unwrap();
    assert_eq!(extracted.text, "<!-- slide 1 -->\n\n## One\n");
    assert!(extracted.truncated && extracted.warnings[0].starts_with("truncated: too_many_pages: "));
}

#[test]
fn slide_that_is_listed_often_is_no_bomb() {
    let words = "many words ".repeat(1000);
    let slides: Vec<(u32, u32, Vec<u8>)> = (0..2000).map(|id| (SLIDE, id, Vec::new())).collect();
    let document = container(0, kind::DOCUMENT, &[list(0, &slides)]);
    let file = file(&[(SLIDE, slide(&[text_box(&[text(4, &words)])], &[])), (DOCUMENT, document)]);
    let extracted = read(&file, PPT);
    assert!(extracted.text.matches("<!-- slide").count() == 2000 && extracted.text.len() < 2 * file.len());
}

#[test]
fn damage_of_any_byte_ends_well() {
    let cell = |left: u32, words: &str| {
        let anchor = atom(kind::CHILD_ANCHOR, &numbers(&[left, 5, 0, 0]));
        shape(&[anchor, container(0, kind::TEXT_BOX, &[text(4, words)])])
    };
    let properties = record(1 << 4 | 3, kind::MORE_OPTIONS, &[&0x039f_u16.to_le_bytes()[..], &numbers(&[1])].concat());
    let table = container(0, kind::GROUP, &[shape(&[properties]), cell(1, "a"), cell(2, "b")]);
    let style = [&numbers(&[3])[..], &[0; 6], &numbers(&[3, 1]), &[1, 0]].concat();
    let shapes = [table, text_box(&[text(1, "a\rb"), atom(kind::TEXT_STYLE, &style)])];
    let document = container(0, kind::DOCUMENT, &[list(0, &[(SLIDE, 256, text(0, "T"))])]);
    let (stream, edit_at) = stream_of(&[(SLIDE, slide(&shapes, &[])), (DOCUMENT, document)]);
    let user = numbers(&[0, 0, 20, 0xe391_c05f, edit_at, 0, 0]);
    for at in 0..stream.len() {
        for value in [0, 0x7f, 0xff] {
            let mut stream = stream.clone();
            stream[at] = value;
            let file = file_of(&[("PowerPoint Document", &stream), ("Current User", &user)]);
            let result = extract(&file, PPT, &Limits::default(), &mut || ());
            assert!(result.is_ok() || matches!(result, Err(ExtractError::Parse(_))), "{at}: {result:?}");
        }
    }
}
