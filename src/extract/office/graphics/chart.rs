//! Charts: their titles, and their series as tables (ECMA-376 part 1, 21.2).
//!
//! A chart keeps a copy of the values that it shows, so its workbook is not needed.

use std::collections::{BTreeMap, BTreeSet};

use calamine::{Data, ExcelDateTime, ExcelDateTimeType};

use super::paragraphs;
use crate::extract::ExtractError;
use crate::extract::markdown::Writer;
use crate::extract::office::workbook;
use crate::extract::room::Stock;
use crate::extract::xml::{Element, Tree};

/// Values by their index in a series; the indices of those that are blank are left out.
type Points = BTreeMap<u32, String>;

pub(crate) struct Chart {
    /// The title of the chart and those of its axes.
    titles: Vec<String>,
    /// For the series that share their categories one table: a head, and a row for each category.
    tables: Vec<Vec<Vec<String>>>,
}

impl Chart {
    /// # Errors
    /// [`ExtractError::TooManyCells`], when the tables would be too large.
    pub fn read(tree: &Tree<'_>, stock: &Stock) -> Result<Self, ExtractError> {
        let document = tree.document();
        let titles = document.find_all("title").into_iter().map(words).filter(|title| !title.is_empty()).collect();
        let is_on = |element: Element<'_>| element.attr("val").is_none_or(|value| value != "0" && value != "false");
        let from_1904 = document.find("date1904").is_some_and(is_on);
        let mut groups: Vec<Group> = Vec::new();
        for series in document.find_all("ser") {
            let points = |names: [&str; 2]| names.iter().find_map(|name| series.child(name));
            let points = |names| points(names).map_or(Points::new(), |values| points_of(values, from_1904));
            let categories = points(["cat", "xVal"]);
            let name = series.child("tx").map_or(String::new(), words);
            if groups.last().is_none_or(|group| !categories.is_empty() && group.categories != categories) {
                groups.push(Group { categories, columns: Vec::new() });
            }
            let group = groups.last_mut().expect("there is one by now");
            group.columns.push((name.clone(), points(["val", "yVal"])));
            if series.child("bubbleSize").is_some() {
                group.columns.push((name, points(["bubbleSize", "bubbleSize"])));
            }
        }
        let tables = groups.into_iter().map(|group| group.into_table(stock)).collect::<Result<_, _>>()?;
        Ok(Self { titles, tables })
    }

    pub fn write(&self, writer: &mut Writer) {
        for title in &self.titles {
            writer.paragraph(title);
        }
        for table in &self.tables {
            writer.table(table);
        }
    }

    pub fn lines(&self) -> Vec<String> {
        let rows = self.tables.iter().flatten().map(|row| row.join(" ").trim().to_owned());
        self.titles.iter().cloned().chain(rows).collect()
    }
}

/// Series with the same categories.
struct Group {
    categories: Points,
    columns: Vec<(String, Points)>,
}

impl Group {
    fn into_table(self, stock: &Stock) -> Result<Vec<Vec<String>>, ExtractError> {
        let points = self.columns.iter().map(|(_, points)| points).chain([&self.categories]);
        let indices: BTreeSet<u32> = points.flat_map(|points| points.keys().copied()).collect();
        stock.take_cells((indices.len() + 1).saturating_mul(self.columns.len() + 1))?;
        let head = [String::new()].into_iter().chain(self.columns.iter().map(|(name, _)| name.clone())).collect();
        let rows = indices.into_iter().map(|index| {
            let columns = [&self.categories].into_iter().chain(self.columns.iter().map(|(_, points)| points));
            columns.map(|points| points.get(&index).cloned().unwrap_or_default()).collect()
        });
        Ok([head].into_iter().chain(rows).collect())
    }
}

/// The text of a title or a name: its own, or that of the cells that it comes from.
fn words(element: Element<'_>) -> String {
    let own = paragraphs(element).replace('\n', " ");
    if !own.is_empty() {
        return own;
    }
    let cells = element.find_all("v").into_iter().map(Element::text).collect::<Vec<_>>().join(" ");
    cells.trim().to_owned()
}

/// The stored values of a series. Categories of several levels have the outer ones before the inner ones.
fn points_of(values: Element<'_>, from_1904: bool) -> Points {
    let mut levels = values.find_all("lvl").into_iter();
    let Some(innermost) = levels.next() else {
        let format = values.find("formatCode").map(Element::text).unwrap_or_default();
        return level(values, &format, from_1904);
    };
    let mut points = level(innermost, "", from_1904);
    for outer in levels {
        let outer = level(outer, "", from_1904);
        for (index, text) in &mut points {
            // An outer category is given once, for the first of those inside it.
            if let Some((_, name)) = outer.range(..=index).next_back() {
                *text = format!("{name} {text}");
            }
        }
    }
    points
}

fn level(values: Element<'_>, format: &str, from_1904: bool) -> Points {
    let kind = time_of(format);
    let points = values.find_all("pt").into_iter().filter_map(|point| {
        let text = point.child("v")?.text();
        let shown = kind.and_then(|kind| moment(&text, kind, from_1904));
        Some((point.attr("idx")?.parse().ok()?, shown.unwrap_or(text)))
    });
    points.collect()
}

/// A serial number as the moment or span that it stands for, as in a sheet.
fn moment(text: &str, kind: ExcelDateTimeType, from_1904: bool) -> Option<String> {
    /// The first day of the year 10000.
    const DAYS_END: f64 = 2_958_466.0;
    let days = text.trim().parse().ok().filter(|days| (0.0..DAYS_END).contains(days))?;
    Some(workbook::text(&Data::DateTime(ExcelDateTime::new(days, kind, from_1904))))
}

/// Whether a number format (ECMA-376 part 1, 18.8.31) shows a moment or a span of time.
fn time_of(format: &str) -> Option<ExcelDateTimeType> {
    let mut letters = String::new();
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        match c {
            ';' => break,
            '"' => drop(rest.find(|c| *c == '"')),
            '\\' | '_' | '*' => drop(rest.next()),
            '[' => {
                let inside: String = rest.by_ref().take_while(|c| *c != ']').collect();
                // Elapsed hours, minutes or seconds; anything else is a colour, a condition or a language.
                if !inside.is_empty() && inside.to_ascii_lowercase().chars().all(|c| "hms".contains(c)) {
                    return Some(ExcelDateTimeType::TimeDelta);
                }
            }
            c => letters.push(c.to_ascii_lowercase()),
        }
    }
    let is_moment = letters != "general" && letters.contains(['y', 'm', 'd', 'h', 's']);
    is_moment.then_some(ExcelDateTimeType::DateTime)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::Limits;

    fn cache(name: &str, format: &str, points: &[(u32, &str)]) -> String {
        let points: Vec<String> =
            points.iter().map(|(index, text)| format!("<c:pt idx=\"{index}\"><c:v>{text}</c:v></c:pt>")).collect();
        format!("<c:{name}><c:x><c:formatCode>{format}</c:formatCode>{}</c:x></c:{name}>", points.concat())
    }

    fn chart(series: &[String]) -> String {
        let series: Vec<String> = series.iter().map(|series| format!("<c:ser>{series}</c:ser>")).collect();
        format!(
            "<c:chartSpace><c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Sales</a:t></a:r></a:p></c:rich></c:tx></c:title>
            <c:plotArea><c:barChart>{}</c:barChart></c:plotArea></c:chart></c:chartSpace>",
            series.concat()
        )
    }

    fn written(source: &str) -> String {
        let stock = Stock::new(&Limits::default());
        let mut writer = Writer::default();
        Chart::read(&Tree::parse(source).unwrap(), &stock).unwrap().write(&mut writer);
        writer.finish()
    }

    #[test]
    fn series_of_the_same_categories_share_a_table() {
        let categories = cache("cat", "", &[(0, "East"), (1, "West")]);
        let first = cache("tx", "", &[(0, "2023")]) + &categories + &cache("val", "General", &[(0, "1.5"), (1, "2")]);
        let second = cache("tx", "", &[(0, "2024")]) + &categories + &cache("val", "General", &[(1, "3")]);
        let expected = "Sales\n\n|  | 2023 | 2024 |\n| --- | --- | --- |\n| East | 1.5 |  |\n| West | 2 | 3 |\n";
        assert_eq!(written(&chart(&[first, second])), expected);
    }

    #[test]
    fn dates_are_shown_as_in_a_sheet() {
        let series = cache("tx", "", &[(0, "y")])
            + &cache("xVal", "m/d/yyyy", &[(0, "45292")])
            + &cache("yVal", "0.0", &[(0, "7")]);
        assert_eq!(written(&chart(&[series])), "Sales\n\n|  | y |\n| --- | --- |\n| 2024-01-01 | 7 |\n");
        assert_eq!(time_of("[$-409]#,##0.00\" days\";[Red]-d"), None);
        assert_eq!(time_of("[h]:mm"), Some(ExcelDateTimeType::TimeDelta));
    }

    #[test]
    fn outer_categories_stand_before_inner_ones() {
        let level = |points: &[(u32, &str)]| cache("lvl", "", points);
        let levels = level(&[(0, "Q1"), (1, "Q2"), (2, "Q1")]) + &level(&[(0, "2023"), (2, "2024")]);
        let series = cache("tx", "", &[(0, "y")])
            + &format!("<c:cat><c:multiLvlStrCache>{levels}</c:multiLvlStrCache></c:cat>")
            + &cache("val", "", &[(0, "1"), (1, "2"), (2, "3")]);
        assert!(written(&chart(&[series])).ends_with("| 2023 Q1 | 1 |\n| 2023 Q2 | 2 |\n| 2024 Q1 | 3 |\n"));
    }

    #[test]
    fn points_far_apart_cost_no_more_than_those_close_together() {
        let series = cache("tx", "", &[(0, "y")]) + &cache("val", "", &[(0, "1"), (u32::MAX, "2")]);
        assert!(written(&chart(&[series])).ends_with("|  | 1 |\n|  | 2 |\n"));
        let stock = Stock::new(&Limits { cells_max: 1, ..Limits::default() });
        let series = cache("val", "", &[(0, "1")]);
        let source = chart(&[series]);
        let result = Chart::read(&Tree::parse(&source).unwrap(), &stock);
        assert_eq!(result.err(), Some(ExtractError::TooManyCells));
    }
}
