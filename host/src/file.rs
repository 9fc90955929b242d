//! File: `seawall.toml`, the dependencies of a service and what they may cost.

mod syntax;

pub(crate) use syntax::syntax;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::policy::problem::{Notes, Place, join};
use crate::policy::read::{self, is_name};
use crate::policy::section::Section;
use crate::policy::units::quoted;
use crate::policy::{Policy, show};

pub use crate::policy::Problem;

/// The largest file that is read. A thousand dependencies need a quarter of it.
pub const LARGEST_FILE: usize = 1 << 20;

const FILE_KEYS: [&str; 5] = ["service", "region", "worker_threads", "seed", "dependency"];

/// What a `seawall.toml` says. Nothing happens until it is given to a wall.
///
/// ```
/// use seawall::File;
///
/// let file = File::parse("[dependency.payments]\ntimeout = \"2s\"\n", "seawall.toml")?;
/// assert_eq!(file.dependencies[0].0, "payments");
///
/// let error = File::parse("[dependency.payments]\ntimeuot = \"2s\"\n", "seawall.toml").unwrap_err();
/// assert_eq!(
///     error.to_string().lines().last(),
///     Some(r#"seawall.toml:2:1: dependency.payments.timeuot: unknown key; did you mean "timeout"?"#),
/// );
/// # Ok::<(), seawall::FileError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// The file as it was named.
    pub name: String,
    /// The service whose dependencies these are.
    pub service: Option<String>,
    /// The region whose processes share state; not in force yet.
    pub region: Option<String>,
    /// Threads that serve requests, 1 to 1,000,000, to be compared with the bulkheads.
    pub worker_threads: Option<u32>,
    /// Makes every random choice repeatable, for tests.
    pub seed: Option<u64>,
    /// The dependencies in the order of the file; names are unique.
    pub dependencies: Vec<(String, Policy)>,
    places: BTreeMap<String, Place>,
}

/// Why a file cannot be used. It is refused as a whole.
#[derive(Debug)]
pub struct FileError {
    /// Everything that is wrong, in the order of the text; at least one.
    pub problems: Vec<Problem>,
    /// What the system said when the file could not be read.
    pub unreadable: Option<io::Error>,
}

impl fmt::Display for FileError {
    /// One problem a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(&self.problems, f)
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.unreadable.as_ref().map(|error| error as _)
    }
}

impl File {
    /// Reads a file of at most [`LARGEST_FILE`] bytes.
    ///
    /// # Errors
    /// The file cannot be read, or everything that is wrong in it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let (file, problems) = Self::examine_path(path)?;
        file.sound(problems)
    }

    /// Reads the text of a file; `name` is how problems call it.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn parse(text: &str, name: &str) -> Result<Self, FileError> {
        let (file, problems) = Self::examine(text, name);
        file.sound(problems)
    }

    /// What can be understood of a text, and everything that is wrong with it: dependencies with a wrong
    /// setting are left out, those that only a lint refuses are not. For tools; services use [`File::parse`].
    #[must_use]
    pub fn examine(text: &str, name: &str) -> (Self, Vec<Problem>) {
        if text.len() > LARGEST_FILE {
            let problem = Problem {
                file: name.to_string(),
                message: format!("the file is larger than {LARGEST_FILE} bytes"),
                ..Problem::default()
            };
            return (Self::named(name), vec![problem]);
        }
        syntax::read(text, name, |table, notes, twice| {
            contents(table, notes, twice, name)
        })
    }

    /// As [`File::examine`], from a path.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn examine_path(path: &Path) -> Result<(Self, Vec<Problem>), FileError> {
        let name = path.display().to_string();
        let bytes = bytes(path).map_err(|error| FileError {
            problems: vec![Problem {
                file: name.clone(),
                message: format!("cannot be read: {error}"),
                ..Problem::default()
            }],
            unreadable: Some(error),
        })?;
        Ok(match std::str::from_utf8(&bytes) {
            Ok(text) => Self::examine(text, &name),
            Err(error) => {
                let sound = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let text = String::from_utf8_lossy(sound);
                let notes = Notes::new(&name, &text);
                notes.note(text.len(), "", "the file is not UTF-8 from here on");
                (Self::named(&name), notes.into_problems())
            }
        })
    }

    /// A file of one dependency whose policy was written in code, to be checked as one that was read.
    ///
    /// # Errors
    /// The name is none, or everything that is wrong with the policy.
    pub fn of_code(dependency: &str, policy: Policy) -> Result<Self, FileError> {
        let path = join("dependency", dependency);
        let mut problems = Vec::new();
        if !is_name(dependency) {
            let message = format!(
                "{} is no name: use 1 to 64 of A-Z a-z 0-9 _ . -",
                quoted(dependency)
            );
            problems.push(Problem {
                key: path.clone(),
                message,
                ..Problem::default()
            });
        }
        if let Err(error) = policy.validate() {
            let below = |problem: Problem| Problem {
                key: format!("{path}.{}", problem.key),
                ..problem
            };
            problems.extend(error.problems.into_iter().map(below));
        }
        let file = Self {
            dependencies: vec![(dependency.to_string(), policy)],
            ..Self::named("")
        };
        file.sound(problems)
    }

    /// The policy of a dependency.
    #[must_use]
    pub fn policy(&self, dependency: &str) -> Option<&Policy> {
        self.dependencies
            .iter()
            .find(|(name, _)| name == dependency)
            .map(|(_, policy)| policy)
    }

    /// The line on which a dependency begins; 0 when there is none of that name.
    #[must_use]
    pub fn line(&self, dependency: &str) -> u32 {
        self.place_of(dependency, "").line
    }

    /// Where a setting of a dependency stands, or the next table around it.
    pub(crate) fn place_of(&self, dependency: &str, key: &str) -> Place {
        let mut path = join("dependency", dependency);
        let mut place = self.places.get(&path).copied().unwrap_or_default();
        for key in key.split('.').filter(|key| !key.is_empty()) {
            path = join(&path, key);
            match self.places.get(&path) {
                Some(below) => place = *below,
                None => break,
            }
        }
        place
    }

    /// Where a key of the file itself stands.
    pub(crate) fn place(&self, key: &str) -> Place {
        self.places.get(key).copied().unwrap_or_default()
    }

    fn named(name: &str) -> Self {
        Self {
            name: name.to_string(),
            ..Self::default()
        }
    }

    fn sound(self, problems: Vec<Problem>) -> Result<Self, FileError> {
        if problems.is_empty() {
            Ok(self)
        } else {
            Err(FileError {
                problems,
                unreadable: None,
            })
        }
    }
}

/// One byte more than is allowed, so that an endless file ends.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(LARGEST_FILE)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    std::fs::File::open(path)?
        .take(most)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads the tables of a file.
fn contents<'a>(table: &'a DeTable<'a>, notes: &'a Notes<'a>, twice: &[usize], name: &str) -> File {
    let root = Section::root(table, notes);
    root.expect(&FILE_KEYS, &[("dependency.NAME", &read::POLICY_KEYS)]);
    let mut places = BTreeMap::new();
    locate("", table, notes, &mut places);
    let mut file = File {
        places,
        ..File::named(name)
    };
    if let Some(service) = root.text("service") {
        if service.is_empty() || service.chars().count() > 128 || service.contains(char::is_control)
        {
            root.complain(
                "service",
                format!(
                    "{} is no name: use 1 to 128 printable characters",
                    quoted(service)
                ),
            );
        }
        file.service = Some(service.to_string());
    }
    if let Some(region) = root.text("region") {
        let is_region = (1..=64).contains(&region.len())
            && region
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if !is_region {
            root.complain(
                "region",
                format!(
                    "{} is no region: use 1 to 64 of a-z 0-9 _ -",
                    quoted(region)
                ),
            );
        }
        file.region = Some(region.to_string());
    }
    file.worker_threads = root.count("worker_threads");
    if let Some(threads) = file.worker_threads {
        root.expect_count("worker_threads", threads, 1, 1_000_000);
    }
    file.seed = root.seed("seed");
    let Some(dependencies) = root.child("dependency", "tables such as [dependency.payments]")
    else {
        return file;
    };
    for (name, at) in dependencies.keys() {
        // Of two tables with one name nobody knows which is meant, and the parser has mixed them.
        if twice.contains(&at) {
            continue;
        }
        let Some(table) = dependencies.child(name, "a table such as [dependency.payments]") else {
            continue;
        };
        let policy = read::policy(&table);
        if !is_name(name) {
            let message = format!(
                "{} is no name: use 1 to 64 of A-Z a-z 0-9 _ . -",
                quoted(name)
            );
            notes.note(at, &dependencies.path(name), message);
        } else if let Some(policy) = policy {
            file.dependencies.push((name.to_string(), policy));
        }
    }
    file
}

/// Notes where every key stands.
fn locate(
    path: &str,
    table: &DeTable<'_>,
    notes: &Notes<'_>,
    places: &mut BTreeMap<String, Place>,
) {
    for (key, value) in table {
        let path = join(path, key.get_ref());
        places.insert(path.clone(), notes.place(key.span().start));
        if let DeValue::Table(table) = value.get_ref() {
            locate(&path, table, notes, places);
        }
    }
}
