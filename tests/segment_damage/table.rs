//! What came of all rounds, by kind of damage.

use std::collections::BTreeMap;
use std::fmt;

use super::damage::Kind;

/// What came of one round.
#[derive(Default)]
pub struct Outcome {
    pub is_found: bool,
    pub files_hit: usize,
    /// Files that were not hit and are not as before, or that were hit and look well.
    pub files_lost_beyond: usize,
    pub panics: usize,
    /// What went wrong, with the words that show it again.
    pub complaints: Vec<String>,
}

#[derive(Default)]
pub struct Table {
    rows: BTreeMap<Kind, Row>,
    pub complaints: Vec<String>,
}

#[derive(Default)]
struct Row {
    rounds: usize,
    found: usize,
    files_hit: usize,
    files_lost_beyond: usize,
    panics: usize,
}

impl Table {
    pub fn add(&mut self, kind: Kind, outcome: Outcome) {
        let Outcome { is_found, files_hit, files_lost_beyond, panics, complaints } = outcome;
        let row = self.rows.entry(kind).or_default();
        row.rounds += 1;
        row.found += usize::from(is_found);
        row.files_hit += files_hit;
        row.files_lost_beyond += files_lost_beyond;
        row.panics += panics;
        self.complaints.extend(complaints);
    }

    /// Whether damage of every kind was found in part of the rounds.
    pub fn is_of_all_kinds(&self) -> bool {
        self.rows.len() == 3 && self.rows.values().all(|row| row.found > 0 && row.files_hit > 0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "damage    rounds  found  files hit  lost beyond those  panics")?;
        for (kind, row) in &self.rows {
            let Row { rounds, found, files_hit, files_lost_beyond, panics } = row;
            let kind = format!("{kind:?}").to_lowercase();
            writeln!(f, "{kind:<8} {rounds:>7} {found:>6} {files_hit:>10} {files_lost_beyond:>18} {panics:>7}")?;
        }
        Ok(())
    }
}
