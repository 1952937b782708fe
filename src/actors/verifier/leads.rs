//! Of files with the same bytes that are on their way at one time, one leads: the others wait for its end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::batch::FileId;
use crate::spool::Sha256Digest;

/// What files have in common that one text can be the text of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bytes {
    pub owner: String,
    pub sha256: Sha256Digest,
    /// The type that the name claims.
    pub media_type: String,
}

/// Those that are led, by which file, and how its end is told: the channel closes.
type Led = HashMap<Bytes, (FileId, watch::Receiver<()>)>;

/// Who leads.
#[derive(Debug, Clone, Default)]
pub struct Leads(Arc<Mutex<Led>>);

/// That a file leads; dropped when its outcome is durable, or when it will have none in this run.
#[derive(Debug)]
pub struct Lead {
    bytes: Bytes,
    leads: Leads,
    _end: watch::Sender<()>,
}

/// A file's part among those with the same bytes.
pub enum Part {
    Leads(Lead),
    Follows {
        leader: FileId,
        /// The file that leads comes to its end when this does.
        end: watch::Receiver<()>,
    },
}

impl Leads {
    /// Takes the lead for a file, unless another has it.
    pub fn take(&self, bytes: Bytes, file: FileId) -> Part {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(bytes) {
            Entry::Occupied(led) => {
                let (leader, end) = led.get().clone();
                Part::Follows { leader, end }
            }
            Entry::Vacant(free) => {
                let (end, until_end) = watch::channel(());
                let bytes = free.key().clone();
                free.insert((file, until_end));
                Part::Leads(Lead { bytes, leads: self.clone(), _end: end })
            }
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.leads.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::BatchId;

    #[tokio::test]
    async fn one_leads_and_the_others_hear_of_its_end() {
        let leads = Leads::default();
        let bytes = || Bytes { owner: "local".into(), sha256: [7; 32], media_type: String::new() };
        let [first, second] = [0, 1].map(|index| BatchId::from_bytes([1; 16]).file(index));
        let Part::Leads(lead) = leads.take(bytes(), first) else { panic!("the first leads") };
        let Part::Follows { leader, mut end } = leads.take(bytes(), second) else { panic!("the second follows") };
        assert_eq!(leader, first);
        let others = Bytes { owner: "other".into(), ..bytes() };
        assert!(matches!(leads.take(others, second), Part::Leads(_)), "nobody else's");
        drop(lead);
        assert!(end.changed().await.is_err(), "the channel is closed");
        assert!(matches!(leads.take(bytes(), second), Part::Leads(_)), "the lead is free again");
    }
}
