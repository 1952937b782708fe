//! What is said of each batch that is sent, beside its files.

use clap::Args;
use serde_json::{Map, Value};

use crate::cli::CliError;
use crate::client::{Field, Limits};
use crate::webhooks::WebhookUrl;

/// The flags that say something of each batch.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is said of each batch that is sent")]
pub struct FieldArguments {
    /// A JSON object that is kept with it, and comes back with its status
    #[arg(long, value_name = "JSON", value_parser = metadata)]
    metadata: Option<String>,
    /// Who is told when it is completed, where the server signs webhooks
    #[arg(long, value_name = "URL", value_parser = webhook)]
    webhook: Option<String>,
}

impl FieldArguments {
    /// Whether anything is said.
    pub const fn are_given(&self) -> bool {
        self.metadata.is_some() || self.webhook.is_some()
    }

    /// What is said, as fields of a form.
    pub fn fields(&self) -> Vec<Field> {
        let Self { metadata, webhook } = self;
        let fields = [("metadata", metadata), ("webhook", webhook)].into_iter();
        fields.filter_map(|(name, value)| Some(Field { name, value: value.clone()? })).collect()
    }

    /// Whether this server takes it.
    pub fn check(&self, limits: &Limits) -> Result<(), CliError> {
        let max = limits.field_bytes_max;
        match self.fields().into_iter().find(|field| field.value.len() as u64 > max) {
            Some(Field { name, value }) => {
                let bytes = value.len();
                Err(CliError::Call(format!("--{name} has {bytes} bytes, and this server takes {max}")))
            }
            None => Ok(()),
        }
    }
}

fn metadata(text: &str) -> Result<String, &'static str> {
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("metadata is a JSON object, such as {\"case\": \"2026-17\"}"),
    }
}

fn webhook(text: &str) -> Result<String, &'static str> {
    match WebhookUrl::parse(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("a webhook is an http or https URL without a user name, a password or a fragment"),
    }
}
