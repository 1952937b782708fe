//! Fields in the text of Word: a code, of which only a link's address is wanted, and the result that is shown.

#[derive(Debug, Default)]
struct Field {
    code: String,
    in_result: bool,
    link: Option<String>,
}

/// The fields that are open at a place in the text.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<Field>);

/// Real documents nest a handful.
const NESTING_MAX: usize = 64;

impl Fields {
    /// Whether a character is a mark of a field or stands in its code, and so is no text.
    pub fn take(&mut self, c: char) -> bool {
        match c {
            '\x13' if self.0.len() < NESTING_MAX => self.0.push(Field::default()),
            '\x14' => {
                if let Some(field) = self.0.last_mut() {
                    field.in_result = true;
                    field.link = link_of(&field.code);
                }
            }
            '\x15' => drop(self.0.pop()),
            c => match self.0.last_mut() {
                Some(field) if !field.in_result => field.code.push(c),
                _ => return false,
            },
        }
        true
    }

    /// The address that the text at this place leads to.
    pub fn link(&self) -> Option<String> {
        self.0.iter().rev().find_map(|field| field.link.clone())
    }
}

/// The address of a `HYPERLINK "…"` field, which a few writers leave without its quotes.
pub(super) fn link_of(code: &str) -> Option<String> {
    let rest = code.trim_start().strip_prefix("HYPERLINK")?.trim_start();
    let bare = rest.split_whitespace().next().filter(|word| !word.starts_with('\\'));
    let address = rest.split('"').nth(1).or(bare)?;
    // `\l` leads to a place in the document itself.
    (!address.is_empty() && !rest.starts_with("\\l")).then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::link_of;

    #[test]
    fn address_is_found_with_and_without_quotes() {
        assert_eq!(link_of(" HYPERLINK \"http://a.b/c\" \\t \"_blank\"").as_deref(), Some("http://a.b/c"));
        assert_eq!(link_of("HYPERLINK http://a.b/c").as_deref(), Some("http://a.b/c"));
        assert_eq!(link_of("HYPERLINK \\l \"place\""), None);
        assert_eq!(link_of("HYPERLINK \"\""), None);
        assert_eq!(link_of("PAGE"), None);
    }
}
