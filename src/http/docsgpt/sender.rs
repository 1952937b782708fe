//! Who sends a request to one of DocsGPT's routes: shown by a header, or as `api_key` in the query or the form, which may
//! stand behind the files. Without keys everybody is `local`, whatever they show.

use std::iter;

use actix_web::{HttpMessage, HttpRequest, web};

use super::refusal::Refusal;
use crate::http::auth::{Caller, Keyring, shown};

/// The sender of a request, as far as is known.
pub struct Sender<'a> {
    request: &'a HttpRequest,
    keyring: &'a Keyring,
    caller: Option<Caller>,
    /// Whether the caller stands whatever else is shown: a header wins over an `api_key`.
    is_certain: bool,
}

impl<'a> Sender<'a> {
    /// What header and query say.
    ///
    /// # Errors
    /// When they show a key that is none of ours, or one that has made too many requests.
    pub fn of(request: &'a HttpRequest, keyring: &'a Keyring) -> Result<Self, Refusal> {
        let caller = keyring.identify(shown(request.headers())).map_err(|_| Refusal::InvalidToken)?;
        let is_certain = caller.is_some();
        let mut sender = Self { request, keyring, caller: None, is_certain };
        match caller {
            Some(caller) => sender.turns_out(caller)?,
            None => {
                if let Some(key) = query(request, "api_key") {
                    sender.shows(key.as_bytes())?;
                }
            }
        }
        Ok(sender)
    }

    /// Takes in an `api_key`. An empty one shows nothing.
    ///
    /// # Errors
    /// When it is none of ours, or another caller's than the one before, or has made too many requests.
    pub fn shows(&mut self, key: &[u8]) -> Result<(), Refusal> {
        let key = key.trim_ascii();
        if self.is_certain || key.is_empty() {
            return Ok(());
        }
        let caller = self.keyring.identify(iter::once(key)).ok().flatten().ok_or(Refusal::InvalidKey)?;
        match &self.caller {
            Some(known) if known.owner() == caller.owner() => Ok(()),
            Some(_) => Err(Refusal::InvalidKey),
            None => self.turns_out(caller),
        }
    }

    /// Who it is, if that is known by now.
    pub const fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }

    /// Who it is.
    ///
    /// # Errors
    /// When nothing showed it.
    pub fn known(self) -> Result<Caller, Refusal> {
        self.caller.ok_or(Refusal::NobodyKnown)
    }

    fn turns_out(&mut self, caller: Caller) -> Result<(), Refusal> {
        caller.quotas().count_request().map_err(|exceeded| Refusal::Other(exceeded.into()))?;
        // For the line in the log.
        self.request.extensions_mut().insert(caller.clone());
        self.caller = Some(caller);
        Ok(())
    }
}

/// A parameter of the query, if it is there and says anything; of several the first, as Flask reads them.
pub fn query(request: &HttpRequest, name: &str) -> Option<String> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string()).ok()?.into_inner();
    pairs.into_iter().find(|(known, _)| known == name).map(|(_, value)| value).filter(|value| !value.is_empty())
}
