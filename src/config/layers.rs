//! Lays the settings over each other: defaults < `consign.toml` < `CONSIGN_*` environment < flags.
//!
//! The default settings, flattened to `section.key`, say which keys there are and of what type; no layer knows a key by
//! name. Each value is tried when it is laid, so that an error names the key, the value, where it came from and what
//! is possible. Of every setting it is kept where its value came from.

use std::{collections::HashMap, ffi::OsString, fs, io, net::SocketAddr, path::PathBuf};

use derive_more::{Display, Error};
use serde::Deserialize as _;
use toml::{Table, Value};

use super::{
    Config,
    check::check,
    effective::{Effective, Origin, Setting},
    keys::{self, Named},
    text::{expected, meant, typed},
    variables::{VARIABLE_PREFIX, variable, variables},
};

/// The file that is read when none is named and it exists.
const DEFAULT_FILE: &str = "consign.toml";
/// Names the settings file, as `--config` does.
const CONFIG_VARIABLE: &str = "CONSIGN_CONFIG";
/// Variables that are ours and no settings: the settings file, the log's filter, the server and the key of those who call
/// one, and where tests find their files.
const OTHER_VARIABLES: &[&str] = &[
    CONFIG_VARIABLE,
    "CONSIGN_LOG",
    "CONSIGN_SERVER",
    "CONSIGN_KEY",
    "CONSIGN_CORPUS",
    #[cfg(feature = "fault")]
    crate::fault::FILE_VARIABLE,
    #[cfg(feature = "test-hooks")]
    crate::worker::PROGRAM_VARIABLE,
];
/// How alike a wrong and a valid name must be, from 0 to 1, for the valid one to be suggested.
const LIKENESS_MIN: f64 = 0.6;

/// Where settings are looked for besides the defaults.
#[derive(Debug)]
pub struct Sources<E> {
    /// The settings file that must be there; without one, `CONSIGN_CONFIG` names it, and without that the file
    /// `consign.toml` of the working directory is read if it is there.
    pub file: Option<PathBuf>,
    /// The environment, such as [`std::env::vars_os`].
    pub environment: E,
    /// From the command line, later ones over earlier ones.
    pub flags: Vec<Flag>,
}

/// A setting on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The flag as it was written, such as `--listen`.
    pub name: &'static str,
    pub key: String,
    pub value: String,
}

/// Why there are no settings to work with. Each is one sentence without its full stop.
#[derive(Debug, Display, Error)]
pub enum ConfigError {
    #[display("the settings file {} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[display("line {line} of the settings file {} is not valid TOML: {reason}", path.display())]
    Malformed { path: PathBuf, line: usize, reason: String },
    #[display("{name} (from {place}) is not a setting{}", meant(nearest.as_deref()))]
    Unknown { name: String, place: String, nearest: Option<String> },
    #[display("{name} (from {}) is a section: its settings stand below [{name}]", path.display())]
    Section { name: String, path: PathBuf },
    #[display(
        "{name} (from {origin}) names a key that has no sha256; `consign key new` prints the lines that it takes"
    )]
    NoDigest { name: String, origin: Origin },
    #[display(
        "listen = {listen} (from {origin}) is not loopback, and there are no keys, so that everybody who reaches it could do \
         everything: make a key with `consign key new NAME`, or say --insecure-no-keys if that is meant"
    )]
    Exposed { listen: SocketAddr, origin: Origin },
    #[display("the environment variable {name} is not valid UTF-8")]
    NotText { name: String },
    #[display("{key} = {value} (from {origin}) is impossible: it must be {possible}")]
    Impossible { key: String, value: String, origin: Origin, possible: String },
}

impl Config {
    /// Reads all sources and checks what comes of them.
    ///
    /// # Errors
    /// [`ConfigError`] when the file is not to be had, a name is unknown, or a value is impossible.
    pub fn load<E>(sources: Sources<E>) -> Result<Effective, ConfigError>
    where
        E: IntoIterator<Item = (OsString, OsString)>,
    {
        let Sources { file, environment, flags } = sources;
        let variables = variables(environment)?;
        let mut layers = Layers::defaults();
        layers.lay_file(file, &variables)?;
        for (name, value) in variables {
            layers.lay_variable(name, &value)?;
        }
        for flag in flags {
            layers.lay_flag(flag)?;
        }
        layers.effective()
    }
}

/// The settings file that is read: the one that is named, the one that the environment names, or `consign.toml` where
/// there is one.
#[must_use]
pub fn file_in_force(named: Option<PathBuf>) -> Option<PathBuf> {
    let by_default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.is_file());
    named.or_else(|| std::env::var_os(CONFIG_VARIABLE).map(PathBuf::from)).or_else(by_default)
}

impl Default for Effective {
    fn default() -> Self {
        Layers::defaults().effective().expect("the default settings are possible")
    }
}

/// All settings in the order of [`Config`]'s fields, with what has been laid over them so far.
struct Layers(Vec<Setting>);

impl Layers {
    fn defaults() -> Self {
        let settings = flat(&Config::default());
        Self(settings.into_iter().map(|(key, value)| Setting { key, value, origin: Origin::Default }).collect())
    }

    fn lay_file(&mut self, named: Option<PathBuf>, variables: &[(String, String)]) -> Result<(), ConfigError> {
        let by_variable = || variables.iter().find(|(name, _)| name == CONFIG_VARIABLE);
        let named = named.or_else(|| by_variable().map(|(_, path)| PathBuf::from(path)));
        let optional = named.is_none();
        let path = named.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if optional && error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(ConfigError::Unreadable { path, source }),
        };
        let table = text.parse::<Table>().map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
            let reason = error.message().replace('\n', ", ");
            ConfigError::Malformed { path: path.clone(), line, reason }
        })?;
        let mut settings = flatten(table);
        // Which key it is comes before what it may, wherever that stands.
        settings.sort_by_key(|(key, _)| !keys::is_masked(key));
        for (key, value) in settings {
            match (&value, self.has_section(&key)) {
                (_, _) if keys::parse(&key) == Some(Named::Key) && value.is_table() => {
                    return Err(ConfigError::NoDigest { name: key, origin: Origin::File(path) });
                }
                (Value::Table(_), true) => {}
                (_, true) => return Err(ConfigError::Section { name: key, path }),
                (_, false) => self.lay(&key, value, Origin::File(path.clone()))?,
            }
        }
        Ok(())
    }

    fn lay_variable(&mut self, name: String, text: &str) -> Result<(), ConfigError> {
        if OTHER_VARIABLES.contains(&name.as_str()) {
            return Ok(());
        }
        let Some(setting) = self.0.iter().find(|setting| variable(&setting.key) == name) else {
            // Compared as keys: the prefix that all variables share would make any two alike.
            let key = name.trim_start_matches(VARIABLE_PREFIX).to_lowercase();
            let nearest = self.nearest(&key).map(|key| variable(&key));
            return Err(ConfigError::Unknown { name, place: "the environment".to_owned(), nearest });
        };
        let (key, value) = (setting.key.clone(), typed(text, &setting.value));
        self.lay(&key, value, Origin::Environment(name))
    }

    fn lay_flag(&mut self, flag: Flag) -> Result<(), ConfigError> {
        let Flag { name, key, value } = flag;
        let now = self.position(&key).map_or_else(|| keys::placeholder(&key), |at| self.0[at].value.clone());
        let value = typed(&value, &now);
        self.lay(&key, value, Origin::Flag(name))
    }

    /// Puts `value` in the place of what `key` was, if there is such a key and the value is of its type.
    fn lay(&mut self, key: &str, value: Value, origin: Origin) -> Result<(), ConfigError> {
        let at = match self.position(key) {
            Some(at) => at,
            None => self.add_setting_of_key(key, &origin)?,
        };
        self.0[at].value = value;
        self.0[at].origin = origin;
        match self.config() {
            Ok(_) => Ok(()),
            Err(error) => Err(self.impossible(at, expected(error.message()))),
        }
    }

    fn position(&self, key: &str) -> Option<usize> {
        self.0.iter().position(|setting| setting.key == key)
    }

    /// Makes room for a setting of a key, of which any number can be named. Which key it is, is said first.
    fn add_setting_of_key(&mut self, key: &str, origin: &Origin) -> Result<usize, ConfigError> {
        let nearest = match keys::parse(key) {
            Some(Named::Setting { name, .. }) => {
                let digest = keys::digest_of(name);
                if digest != key && self.position(&digest).is_none() {
                    let name = format!("{}.{name}", keys::SECTION);
                    return Err(ConfigError::NoDigest { name, origin: origin.clone() });
                }
                let (key, value) = (key.to_owned(), keys::placeholder(key));
                self.0.push(Setting { key, value, origin: origin.clone() });
                return Ok(self.0.len() - 1);
            }
            Some(Named::Unknown { nearest }) => key.rsplit_once('.').map(|(name, _)| format!("{name}.{nearest}")),
            Some(Named::Key) | None => self.nearest(key),
        };
        Err(ConfigError::Unknown { name: key.to_owned(), place: origin.to_string(), nearest })
    }

    fn effective(mut self) -> Result<Effective, ConfigError> {
        let config = self.config().expect("each value was tried when it was laid");
        let mut origins: HashMap<String, Origin> =
            self.0.into_iter().map(|Setting { key, origin, .. }| (key, origin)).collect();
        let in_force = |(key, value): (String, Value)| {
            let origin = origins.remove(&key).expect("every setting was laid, if only by default");
            Setting { key, value, origin }
        };
        self.0 = flat(&config).into_iter().map(in_force).collect();
        check(&config).map_err(|impossible| {
            let at = self.position(&impossible.key);
            self.impossible(at.expect("the check names settings"), impossible.possible)
        })?;
        Ok(Effective { config, settings: self.0 })
    }

    fn config(&self) -> Result<Config, toml::de::Error> {
        let mut table = Table::new();
        for Setting { key, value, .. } in &self.0 {
            let (sections, name) = key.rsplit_once('.').map_or((None, key.as_str()), |(path, name)| (Some(path), name));
            let section = sections.into_iter().flat_map(|path| path.split('.')).fold(&mut table, |table, section| {
                let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
                section.as_table_mut().expect("no setting has the name of a section")
            });
            section.insert(name.to_owned(), value.clone());
        }
        Config::deserialize(table)
    }

    fn impossible(&self, at: usize, possible: String) -> ConfigError {
        let setting = &self.0[at];
        let (key, value, origin) = (setting.key.clone(), setting.shown(), setting.origin.clone());
        ConfigError::Impossible { key, value, origin, possible }
    }

    fn has_section(&self, name: &str) -> bool {
        let is_section =
            self.0.iter().any(|setting| setting.key.split_once('.').is_some_and(|(section, _)| section == name));
        is_section || name == keys::SECTION || keys::parse(name) == Some(Named::Key)
    }

    /// The key that is most like `name`, if one is like it at all; dots and underscores are taken for one another.
    fn nearest(&self, name: &str) -> Option<String> {
        let plain = |key: &str| key.replace('.', "_");
        let likeness = |key: &str| strsim::normalized_damerau_levenshtein(&plain(key), &plain(name));
        let keys = self.0.iter().map(|setting| (likeness(&setting.key), &setting.key));
        let (likeness, key) = keys.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
        (likeness >= LIKENESS_MIN).then(|| key.clone())
    }
}

fn flat(config: &Config) -> Vec<(String, Value)> {
    flatten(Table::try_from(config).expect("settings are numbers and texts"))
}

/// `section.key` and value of all that lies in the table; an empty section is its name and itself.
fn flatten(table: Table) -> Vec<(String, Value)> {
    let mut settings = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                settings.extend(flatten(inner).into_iter().map(|(name, value)| (format!("{key}.{name}"), value)));
            }
            value => settings.push((key, value)),
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use bytesize::{GIB, KIB, MIB};

    use super::*;

    fn load(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Effective, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("consign.toml");
        fs::write(&path, file).unwrap();
        let loaded = load_path(Some(&path), environment, flags).map_err(|error| error.to_string());
        loaded.map_err(|message| message.replace(path.to_str().unwrap(), "consign.toml"))
    }

    fn load_path(
        file: Option<&Path>,
        environment: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> Result<Effective, ConfigError> {
        let owned = |text: &str| text.to_owned();
        Config::load(Sources {
            file: file.map(Path::to_path_buf),
            environment: environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))),
            flags: flags
                .iter()
                .map(|(key, value)| Flag { name: "--set", key: owned(key), value: owned(value) })
                .collect(),
        })
    }

    fn origin(effective: &Effective, key: &str) -> String {
        effective.settings.iter().find(|setting| setting.key == key).unwrap().origin.to_string()
    }

    #[test]
    fn nothing_said_means_the_defaults() {
        assert_eq!(load("", &[], &[]).unwrap(), Effective::default());
        assert_eq!(Effective::default().config, Config::default());
    }

    #[test]
    fn later_layers_win_and_each_value_knows_where_it_came_from() {
        let file = "[limits]\nfile_bytes_max = 1024\nbatch_bytes_max = \"2 KiB\"\nfields_max = 3\n";
        let environment = [("CONSIGN_LIMITS_FILE_BYTES_MAX", "3KiB"), ("CONSIGN_LIMITS_FIELDS_MAX", "4")];
        let effective = load(file, &environment, &[("limits.fields_max", "5")]).unwrap();

        let limits = &effective.config.limits;
        assert_eq!((limits.batch_bytes_max, limits.file_bytes_max, limits.fields_max), (2 * KIB, 3 * KIB, 5));
        assert!(origin(&effective, "limits.batch_bytes_max").ends_with("consign.toml"));
        assert_eq!(origin(&effective, "limits.file_bytes_max"), "CONSIGN_LIMITS_FILE_BYTES_MAX");
        assert_eq!(origin(&effective, "limits.fields_max"), "--set");
        assert_eq!(origin(&effective, "limits.text_bytes_max"), "default");
    }

    #[test]
    fn texts_that_look_like_numbers_stay_texts() {
        let effective = load("", &[("CONSIGN_DATA_DIR", "123")], &[]).unwrap();
        assert_eq!(effective.config.data_dir, Path::new("123"));
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same_settings() {
        let flags = [
            ("data_dir", "a \"b\"\n# c"),
            ("limits.file_bytes_max", "1025"),
            ("spool.segment_bytes", "1.5 GiB"),
            ("scan.clamd", "unix:/run/clamav/clamd.ctl"),
        ];
        let effective = load("", &[("CONSIGN_WORKER_TOKENIZER", "o200k_base")], &flags).unwrap();
        assert_eq!(load(&effective.to_string(), &[], &[]).unwrap().config, effective.config);
        assert_eq!(effective.config.spool.segment_bytes, GIB + 512 * MIB);
    }

    #[test]
    fn print_names_section_key_value_and_origin() {
        let printed = load("", &[], &[("worker.memory_bytes_max", "524288 KiB")]).unwrap().to_string();
        for line in [
            "listen = \"127.0.0.1:8080\"  # from default\n",
            "\n\n[limits]\nbatch_files_max = 10000  # from default\n",
            "memory_bytes_max = \"512 MiB\"  # from --set\n",
        ] {
            assert!(printed.contains(line), "{line} in:\n{printed}");
        }
    }

    #[test]
    fn unknown_names_are_errors_that_name_them_and_the_nearest() {
        let message = |file, environment: &[_], flags: &[_]| load(file, environment, flags).unwrap_err();
        assert_eq!(
            message("[limit]\nfile_bytes_max = 1", &[], &[]),
            "limit.file_bytes_max (from consign.toml) is not a setting; did you mean limits.file_bytes_max?"
        );
        assert_eq!(message("lim = 1", &[], &[]), "lim (from consign.toml) is not a setting");
        assert_eq!(message("[nothing]", &[], &[]), "nothing (from consign.toml) is not a setting");
        assert_eq!(
            message("[[limits]]", &[], &[]),
            "limits (from consign.toml) is a section: its settings stand below [limits]"
        );
        assert_eq!(
            message("", &[("CONSIGN_LIMIT_FILE_BYTES", "1")], &[]),
            "CONSIGN_LIMIT_FILE_BYTES (from the environment) is not a setting; \
             did you mean CONSIGN_LIMITS_FILE_BYTES_MAX?"
        );
        assert_eq!(
            message("", &[("CONSIGN_COLOUR", "1")], &[]),
            "CONSIGN_COLOUR (from the environment) is not a setting"
        );
        assert_eq!(
            message("", &[], &[("atempts.max", "1")]),
            "atempts.max (from --set) is not a setting; did you mean attempts.max?"
        );
        assert!(
            load(
                "[limits]\n[spool]",
                &[
                    ("CONSIGN_LOG", "x"),
                    ("CONSIGN_SERVER", "s"),
                    ("CONSIGN_KEY", "k"),
                    ("CONSIGN_CORPUS", "y"),
                    ("OTHER", "z")
                ],
                &[]
            )
            .is_ok()
        );
    }

    #[test]
    fn impossible_values_are_errors_that_name_key_value_origin_and_what_is_possible() {
        for (key, value, possible) in [
            ("listen", "localhost", "an address and a port, such as 127.0.0.1:8080 or [::1]:0"),
            ("data_dir", "", "the path of a directory"),
            ("limits.batch_files_max", "0", "from 1 to 65534"),
            ("limits.batch_files_max", "65535", "from 1 to 65534"),
            ("limits.batch_files_max", "many", "a whole number, 0 or more"),
            ("limits.batch_files_max", "-1", "a whole number, 0 or more"),
            ("limits.file_bytes_max", "0", "at least 1"),
            ("limits.file_bytes_max", "1 mile", "a number of bytes below 8 EiB, such as 1048576 or \"1 MiB\""),
            ("limits.upload_idle_ms_max", "0", "from 1 to 604800000"),
            ("attempts.max", "5000000000", "a whole number from 0 to 4294967295"),
            ("attempts.claim_window", "0", "from 1 to 4096"),
            (
                "scan.clamd",
                "127.0.0.1:3310",
                "an address such as tcp://127.0.0.1:3310 or unix:/run/clamav/clamd.ctl, or empty",
            ),
            ("scan.scans_max", "0", "from 1 to 64"),
            ("spool.memory_bytes_max", "4 MiB", "at least spool.small_batch_bytes_max, which is 8 MiB"),
            ("worker.memory_bytes_max", "64 MiB", "at least 128 MiB"),
            ("worker.memory_bytes_max", "200 MiB", "at least limits.extract_bytes_max, which is 256 MiB"),
            ("worker.ocr_languages", "eng+", "names of languages such as eng+deu"),
            ("worker.ocr_languages", "--user-words", "names of languages such as eng+deu"),
            ("worker.tokenizer", "gpt", "`cl100k_base` or `o200k_base`"),
        ] {
            let message = load("", &[], &[(key, value)]).unwrap_err();
            let shown = value.parse::<i64>().map_or_else(|_| format!("\"{value}\""), |number| number.to_string());
            let expected = format!("{key} = {shown} (from --set) is impossible: it must be {possible}");
            assert_eq!(message, expected);
        }
        let message = load("attempts = { max = true }", &[], &[]).unwrap_err();
        assert!(message.starts_with("attempts.max = true (from consign.toml) is impossible"), "{message}");
    }

    #[test]
    fn a_list_is_an_array_in_a_file_and_has_commas_elsewhere() {
        let origins = ["https://a.example.org", "https://b.example.org"];
        let file = "[cors]\norigins = [\"https://a.example.org\", \"https://b.example.org\"]";
        assert_eq!(load(file, &[], &[]).unwrap().config.cors.origins, origins);
        let text = "https://a.example.org, https://b.example.org";
        assert_eq!(load("", &[("CONSIGN_CORS_ORIGINS", text)], &[]).unwrap().config.cors.origins, origins);
        let printed = load("", &[], &[("cors.origins", text)]).unwrap().to_string();
        assert_eq!(load(&printed, &[], &[]).unwrap().config.cors.origins, origins);
        assert!(load("", &[], &[("cors.origins", "")]).unwrap().config.cors.origins.is_empty());
        let message = load("[cors]\norigins = \"*\"", &[], &[]).unwrap_err();
        assert_eq!(message, "cors.origins = \"*\" (from consign.toml) is impossible: it must be a list of texts");
        let message = load("", &[], &[("cors.origins", "https://a.example.org/chat")]).unwrap_err();
        assert!(message.contains("it must be a list of origins such as https://chat.example.org"), "{message}");
    }

    #[test]
    fn keys_are_named_by_their_section_and_shown_masked() {
        let digest = "ab".repeat(32);
        let file = format!("[keys.ann]\nsha256 = \"{digest}\"\n[keys.bob-2]\nsha256 = \"{}\"", "cd".repeat(32));
        let effective = load(&file, &[], &[]).unwrap();
        assert_eq!(effective.config.keys.keys().collect::<Vec<_>>(), ["ann", "bob-2"]);
        assert_eq!(effective.config.keys["ann"].sha256.in_full(), digest);
        let printed = effective.to_string();
        assert!(printed.contains("\n[keys.ann]\nsha256 = \"abababab…\"  # from "), "{printed}");
        assert!(!printed.contains(&digest[..16]), "{printed}");
        let copied = load(&printed, &[], &[]).unwrap_err();
        assert!(copied.contains("64 hexadecimal digits"), "what is masked is no key: {copied}");
        let flags = [("keys.eve.sha256", digest.as_str())];
        assert_eq!(load("[keys]", &[], &flags).unwrap().config.keys.len(), 1);
    }

    #[test]
    fn quotas_of_a_key_stand_before_or_behind_its_digest_and_read_back() {
        let file = format!(
            "[keys.ann]\nbytes_stored_max = \"1 GiB\"\nsha256 = \"{}\"\n[keys.bob]\nsha256 = \"{}\"\nrequests_minute_max = 60",
            "ab".repeat(32),
            "cd".repeat(32)
        );
        let flags = [("keys.bob.batches_open_max", "0")];
        let effective = load(&file, &[], &flags).unwrap();
        let [ann, bob] = ["ann", "bob"].map(|name| effective.config.keys[name].clone());
        assert_eq!((ann.batches_open_max, ann.bytes_stored_max, ann.requests_minute_max), (None, Some(GIB), None));
        assert_eq!((bob.batches_open_max, bob.bytes_stored_max, bob.requests_minute_max), (Some(0), None, Some(60)));
        let printed = effective.to_string();
        assert!(
            printed.contains("bytes_stored_max = \"1 GiB\"") && printed.matches("[keys.ann]").count() == 1,
            "{printed}"
        );
        let whole = printed.replace("abababab…", &"ab".repeat(32)).replace("cdcdcdcd…", &"cd".repeat(32));
        assert_eq!(load(&whole, &[], &[]).unwrap().config, effective.config);
        let message = load(&file, &[], &[("keys.bob.requests_minute_max", "0")]).unwrap_err();
        assert_eq!(message, "keys.bob.requests_minute_max = 0 (from --set) is impossible: it must be at least 1");
    }

    #[test]
    fn keys_of_another_shape_are_errors_that_never_show_them() {
        let (digest, key) = ("ab".repeat(32), format!("consign_{}", "A".repeat(43)));
        let twice = format!("[keys.a]\nsha256 = \"{digest}\"\n[keys.b]\nsha256 = \"{digest}\"");
        let pasted = format!("[keys.a]\nsha256 = \"{key}\"");
        for (file, expected) in [
            ("keys = 1", "keys (from consign.toml) is a section: its settings stand below [keys]"),
            ("[keys]\nann = \"x\"", "keys.ann (from consign.toml) is a section: its settings stand below [keys.ann]"),
            ("[keys.ann]", "keys.ann (from consign.toml) names a key that has no sha256"),
            (
                "[keys.ann]\nsha265 = \"x\"",
                "keys.ann.sha265 (from consign.toml) is not a setting; did you mean keys.ann.sha256?",
            ),
            ("[keys.\"a b\"]\nsha256 = \"x\"", "keys.a b.sha256 (from consign.toml) is not a setting"),
            ("[keys.a]\nsha256 = 5", "keys.a.sha256 = 5 (from consign.toml) is impossible: it must be a text"),
            (&pasted, "keys.a.sha256 = \"…\" (from consign.toml) is impossible: it must be the SHA-256 of a key in 64"),
            (&twice, "keys.b.sha256 = \"abababab…\" (from consign.toml) is impossible: it must be that of another key"),
        ] {
            let message = load(file, &[], &[]).unwrap_err();
            assert!(message.starts_with(expected), "{message}");
            assert!(!message.contains(&key[..16]), "{message}");
        }
    }

    #[test]
    fn named_file_must_be_there_and_be_toml() {
        let missing = Path::new("no/such/consign.toml");
        let error = load_path(Some(missing), &[], &[]).unwrap_err();
        assert!(matches!(error, ConfigError::Unreadable { .. }), "{error}");
        let error = load_path(None, &[("CONSIGN_CONFIG", "no/such/consign.toml")], &[]).unwrap_err();
        assert!(error.to_string().contains("no/such/consign.toml"), "{error}");

        let message = load("listen = \"127.0.0.1:1\"\n\n[limits\n", &[], &[]).unwrap_err();
        assert!(message.starts_with("line 3 of the settings file consign.toml is not valid TOML: "), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }

    #[cfg(unix)]
    #[test]
    fn variable_that_is_no_text_is_named() {
        use std::os::unix::ffi::OsStringExt as _;
        let environment = [("CONSIGN_DATA_DIR".into(), OsString::from_vec(vec![0xff]))];
        let error = Config::load(Sources { file: None, environment, flags: Vec::new() }).unwrap_err();
        assert_eq!(error.to_string(), "the environment variable CONSIGN_DATA_DIR is not valid UTF-8");
    }

    #[test]
    fn every_setting_has_a_variable_of_its_own() {
        let settings = Effective::default().settings;
        let names: BTreeSet<String> = settings.iter().map(|setting| variable(&setting.key)).collect();
        assert_eq!(names.len(), settings.len());
        assert!(OTHER_VARIABLES.iter().all(|name| !names.contains(*name)));
    }
}
