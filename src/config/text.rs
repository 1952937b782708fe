//! What people write for a setting, and what they are told about it.

use toml::Value;

/// A text from the environment or the command line as a value of the type that the setting has.
pub fn typed(text: &str, now: &Value) -> Value {
    let word = text.trim();
    match now {
        Value::Integer(_) => word.parse().map_or_else(|_| Value::from(text), Value::Integer),
        Value::Boolean(_) => word.parse().map_or_else(|_| Value::from(text), Value::Boolean),
        Value::Array(_) => {
            Value::Array(word.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect())
        }
        _ => Value::from(text),
    }
}

/// What a value must be, out of the words in which serde says that it is not.
pub fn expected(message: &str) -> String {
    match message.rsplit_once("expected ").map_or(message, |(_, expected)| expected) {
        "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "a string" | "path string" => "a text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list of texts".to_owned(),
        words => words.to_owned(),
    }
}

/// The name that may have been meant.
pub fn meant(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}
