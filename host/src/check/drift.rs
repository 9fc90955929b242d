//! Drift: one dependency, several files, different policies.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Severity};
use crate::file::File;
use crate::policy::problem::join;
use crate::policy::read::POLICY_KEYS;
use crate::policy::{Policy, lines};

/// Differences that are shown before the rest is counted.
const DIFFERENCES_SHOWN: usize = 6;

/// SW009 for every file that gives a dependency another policy than the first file that has it.
pub(super) fn drift(files: &[File]) -> Vec<Finding> {
    let mut first: BTreeMap<&str, (&File, &Policy)> = BTreeMap::new();
    let mut findings = Vec::new();
    for file in files {
        for (name, policy) in &file.dependencies {
            let (other, theirs) = *first.entry(name).or_insert((file, policy));
            let differences = differences(policy, theirs);
            let Some((key, ..)) = differences.first() else {
                continue;
            };
            let place = file.place_of(name, key);
            findings.push(Finding {
                id: "SW009",
                severity: Severity::Warning,
                dependency: Some(name.clone()),
                file: file.name.clone(),
                line: place.line,
                column: place.column,
                key: join("dependency", name),
                message: format!("another policy than in {}:{}", other.name, other.line(name)),
                arithmetic: Some(shown(&differences)),
            });
        }
    }
    findings
}

/// A setting, ours and theirs; `None` where it is not set.
type Difference = (String, Option<String>, Option<String>);

/// Settings in which two policies differ, in the order in which people write them.
fn differences(ours: &Policy, theirs: &Policy) -> Vec<Difference> {
    if ours == theirs {
        return Vec::new();
    }
    let (ours, theirs) = (tables(ours), tables(theirs));
    let nothing = Settings::new();
    let mut found = Vec::new();
    for name in POLICY_KEYS {
        let (ours, theirs) = (ours.get(name), theirs.get(name));
        match (ours, theirs) {
            (Some(ours), Some(theirs)) if is_table(ours) == is_table(theirs) => {
                let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
                let pairs = keys.into_iter().map(|key| {
                    (
                        key.clone(),
                        ours.get(key).cloned(),
                        theirs.get(key).cloned(),
                    )
                });
                found.extend(pairs.filter(|(_, ours, theirs)| ours != theirs));
            }
            // A table that only one of them has is one difference, not twenty.
            _ if ours != theirs => {
                let told = |settings: Option<&Settings>| {
                    let settings = settings.unwrap_or(&nothing);
                    if is_table(settings) {
                        Some("a table".to_string())
                    } else {
                        settings.values().next().cloned()
                    }
                };
                found.push((name.to_string(), told(ours), told(theirs)));
            }
            _ => {}
        }
    }
    found
}

type Settings = BTreeMap<String, String>;

/// The settings of a policy by the key of the policy's own table that they are under.
fn tables(policy: &Policy) -> BTreeMap<String, Settings> {
    let mut tables = BTreeMap::<String, Settings>::new();
    for (key, value) in lines(policy) {
        let name = key.split(['.', '[']).next().unwrap_or_default().to_string();
        tables.entry(name).or_default().insert(key, value);
    }
    tables
}

fn is_table(settings: &Settings) -> bool {
    settings.keys().any(|key| key.contains(['.', '[']))
}

fn shown(differences: &[Difference]) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_string());
    let mut shown: Vec<String> = differences
        .iter()
        .take(DIFFERENCES_SHOWN)
        .map(|(key, ours, theirs)| {
            format!("{key} is {} here and {} there", value(ours), value(theirs))
        })
        .collect();
    if let Some(more) = differences
        .len()
        .checked_sub(DIFFERENCES_SHOWN)
        .filter(|more| *more > 0)
    {
        shown.push(format!("{more} more"));
    }
    shown.join(", ")
}
