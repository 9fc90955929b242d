//! The wall: every dependency of a service, from one file or from code.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seawall_core::{ConfigError, Moment, Nanos};

use crate::check::{Finding, check};
use crate::clock::Clock;
use crate::dependency::{Chance, Dependency, Snapshot};
use crate::event::{Events, Hooks};
use crate::file::{File, FileError};
use crate::policy::{Policy, PolicyError};

/// Every dependency of a service: policies from one file or from code, and their live state. Clones are the same
/// wall; any thread may use any of them. Opening and reloading read files and allocate; calls do neither.
///
/// ```
/// let wall = seawall::Seawall::parse("[dependency.ledger]\ntimeout = '1s'\n", "seawall.toml")?;
/// let ledger = wall.dependency("ledger")?;
/// assert_eq!(ledger.name(), "ledger");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Seawall(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    chance: Arc<Chance>,
    hooks: Arc<Hooks>,
    inside: Mutex<Inside>,
    /// Held from the reading of a file to its being in force, so that of two reloads the later text wins.
    reloading: Mutex<()>,
}

#[derive(Debug, Default)]
struct Inside {
    path: Option<PathBuf>,
    entries: BTreeMap<String, Entry>,
    /// Those that a reload took out: whoever holds one may go on using it.
    retired: BTreeMap<String, Entry>,
    findings: Vec<Finding>,
}

#[derive(Debug)]
struct Entry {
    dependency: Dependency,
    is_from_file: bool,
}

/// How a wall is to be opened, where the defaults do not serve: see [`Seawall::options`].
#[derive(Clone, Debug, Default)]
pub struct WallOptions {
    clock: Clock,
    seed: Option<u64>,
}

/// What a reload changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Dependencies that are new.
    pub added: Vec<String>,
    /// Dependencies whose policy is another one now.
    pub changed: Vec<String>,
    /// Dependencies that the file has no more. Whoever holds one goes on using its last policy.
    pub removed: Vec<String>,
}

/// Why a wall did not open, or a policy was not accepted.
#[derive(Debug)]
pub enum WallError {
    /// The file cannot be read, or says something wrong.
    File(FileError),
    /// The arithmetic of the policies does not work out: at least one finding is an error.
    Check(Vec<Finding>),
    /// A policy from code says something wrong.
    Policy(PolicyError),
    /// A setting is out of range.
    Config(ConfigError),
    /// No name for a dependency: 1 to 64 of `A-Z a-z 0-9 _ . -` are.
    Name(String),
    /// Two dependencies of one name.
    Duplicate(String),
    /// No dependency of this name; perhaps the other one was meant.
    Unknown {
        /// What was asked for.
        name: String,
        /// The nearest name there is.
        nearest: Option<String>,
    },
    /// There is no file to load again.
    NoFile,
}

impl WallOptions {
    /// Another clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Makes every random choice of the wall repeatable, for tests and simulations.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// An empty wall.
    #[must_use]
    pub fn build(self) -> Seawall {
        Seawall::empty(self.clock, self.seed)
    }

    /// Opens a file.
    ///
    /// # Errors
    /// As for [`Seawall::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<Seawall, WallError> {
        let path = path.as_ref();
        let file = File::read(path).map_err(WallError::File)?;
        self.wall_of(file, Some(path.to_owned()))
    }

    /// Reads `text` as a file that messages call `name`.
    ///
    /// # Errors
    /// As for [`Seawall::open`].
    pub fn parse(self, text: &str, name: &str) -> Result<Seawall, WallError> {
        let file = File::parse(text, name).map_err(WallError::File)?;
        self.wall_of(file, None)
    }

    fn wall_of(self, file: File, path: Option<PathBuf>) -> Result<Seawall, WallError> {
        let wall = Seawall::empty(self.clock, self.seed.or(file.seed));
        let now = wall.0.clock.now();
        wall.inside().path = path;
        wall.load(file, now)?;
        Ok(wall)
    }
}

impl Seawall {
    fn empty(clock: Clock, seed: Option<u64>) -> Self {
        Self(Arc::new(Shared {
            clock,
            chance: Arc::new(Chance::new(seed)),
            hooks: Arc::default(),
            inside: Mutex::default(),
            reloading: Mutex::default(),
        }))
    }

    /// An empty wall, for policies from code.
    #[must_use]
    pub fn new() -> Self {
        Self::options().build()
    }

    /// Another clock, a seed.
    #[must_use]
    pub fn options() -> WallOptions {
        WallOptions::default()
    }

    /// Opens the policies of a file.
    ///
    /// # Errors
    /// [`WallError::File`] with everything that is wrong in it, [`WallError::Check`] when the arithmetic of a
    /// policy does not work out. Nothing is half open.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, WallError> {
        Self::options().open(path)
    }

    /// Reads `text` as a file that messages call `name`.
    ///
    /// # Errors
    /// As for [`Seawall::open`].
    pub fn parse(text: &str, name: &str) -> Result<Self, WallError> {
        Self::options().parse(text, name)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        // Nothing under this lock leaves it half done, so a poisoned one is as good as any.
        self.0.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a dependency whose policy is written in code, checked as one of a file is.
    ///
    /// # Errors
    /// [`WallError::Duplicate`] when there is one of this name, [`WallError::Check`] and [`WallError::Config`] when
    /// the policy does not hold.
    pub fn define(&self, name: &str, policy: Policy) -> Result<Dependency, WallError> {
        self.define_at(name, policy, self.0.clock.now())
    }

    /// As [`Seawall::define`], with the state made at `now`.
    ///
    /// # Errors
    /// As there.
    pub fn define_at(
        &self,
        name: &str,
        policy: Policy,
        now: Nanos,
    ) -> Result<Dependency, WallError> {
        let warnings = passed(&of_code(name, &policy)?)?;
        let mut inside = self.inside();
        if inside.entries.contains_key(name) {
            return Err(WallError::Duplicate(name.to_owned()));
        }
        let dependency = self.made(name, policy, now)?;
        inside.findings.extend(warnings);
        let entry = Entry {
            dependency: dependency.clone(),
            is_from_file: false,
        };
        inside.entries.insert(name.to_owned(), entry);
        Ok(dependency)
    }

    /// Puts another policy in force for a dependency that code defined. Its state stays. One of a file gets the
    /// file's policy back with the next reload.
    ///
    /// # Errors
    /// [`WallError::Unknown`] when there is none of this name, else as for [`Seawall::define`]; the old policy
    /// stays in force then.
    pub fn redefine_at(&self, name: &str, policy: Policy, now: Nanos) -> Result<(), WallError> {
        let warnings = passed(&of_code(name, &policy)?)?;
        let dependency = self.dependency(name)?;
        // One change of policy at a time.
        let mut inside = self.inside();
        dependency.adopt(policy, now).map_err(WallError::Config)?;
        let is_of_another = |finding: &Finding| finding.dependency.as_deref() != Some(name);
        inside.findings.retain(is_of_another);
        inside.findings.extend(warnings);
        Ok(())
    }

    fn made(&self, name: &str, policy: Policy, now: Nanos) -> Result<Dependency, WallError> {
        let shared = &self.0;
        let (clock, chance) = (shared.clock.clone(), Arc::clone(&shared.chance));
        let events = Events::of(&shared.hooks);
        Dependency::new(name, policy, clock, chance, events, now).map_err(WallError::Config)
    }

    /// Everything of the file, or nothing.
    fn load(&self, file: File, now: Nanos) -> Result<Reloaded, WallError> {
        let warnings = passed(&file)?;
        let mut inside = self.inside();
        let mut fresh = Vec::new();
        for (name, policy) in &file.dependencies {
            match inside.entries.get(name) {
                Some(entry) if !entry.is_from_file => {
                    return Err(WallError::Duplicate(name.clone()));
                }
                Some(_) => {}
                None if inside.retired.contains_key(name) => {}
                None => fresh.push((name.clone(), self.made(name, policy.clone(), now)?)),
            }
        }
        // From here on nothing can fail: every policy has been validated.
        let mut reloaded = Reloaded::default();
        for (name, policy) in file.dependencies.clone() {
            if let Some(back) = inside.retired.remove(&name) {
                inside.entries.insert(name.clone(), back);
                reloaded.added.push(name.clone());
            }
            if let Some(entry) = inside.entries.get(&name)
                && *entry.dependency.policy() != policy
            {
                entry
                    .dependency
                    .adopt(policy, now)
                    .map_err(WallError::Config)?;
                if !reloaded.added.contains(&name) {
                    reloaded.changed.push(name);
                }
            }
        }
        for (name, dependency) in fresh {
            reloaded.added.push(name.clone());
            let entry = Entry {
                dependency,
                is_from_file: true,
            };
            inside.entries.insert(name, entry);
        }
        let is_named = |name: &String| file.dependencies.iter().any(|(other, _)| other == name);
        let gone = |(name, entry): (&String, &Entry)| {
            (entry.is_from_file && !is_named(name)).then(|| name.clone())
        };
        reloaded.removed = inside.entries.iter().filter_map(gone).collect();
        for name in &reloaded.removed {
            if let Some(entry) = inside.entries.remove(name) {
                inside.retired.insert(name.clone(), entry);
            }
        }
        // What was said of policies in code stands.
        let mut findings = std::mem::take(&mut inside.findings);
        findings.retain(|finding| {
            let entry = finding
                .dependency
                .as_ref()
                .and_then(|name| inside.entries.get(name));
            entry.is_some_and(|entry| !entry.is_from_file)
        });
        inside.findings = warnings;
        inside.findings.extend(findings);
        Ok(reloaded)
    }

    /// Reads the file again. State is kept; if anything in the file is wrong, nothing changes at all.
    ///
    /// # Errors
    /// As for [`Seawall::open`]; [`WallError::NoFile`] for a wall that was not opened from a file.
    pub fn reload(&self) -> Result<Reloaded, WallError> {
        self.reload_at(self.0.clock.now())
    }

    /// As [`Seawall::reload`], at `now`.
    ///
    /// # Errors
    /// As there.
    pub fn reload_at(&self, now: Nanos) -> Result<Reloaded, WallError> {
        let path = self.inside().path.clone().ok_or(WallError::NoFile)?;
        let reloading = self.0.reloading.lock();
        let _reloading = reloading.unwrap_or_else(PoisonError::into_inner);
        let file = File::read(&path).map_err(WallError::File)?;
        self.load(file, now)
    }

    /// The dependency of this name. Look it up once and keep it: this takes a lock, calls do not.
    ///
    /// # Errors
    /// [`WallError::Unknown`] with the nearest name there is.
    pub fn dependency(&self, name: &str) -> Result<Dependency, WallError> {
        let inside = self.inside();
        if let Some(entry) = inside.entries.get(name) {
            return Ok(entry.dependency.clone());
        }
        let names = inside.entries.keys().map(String::as_str);
        Err(WallError::Unknown {
            name: name.to_owned(),
            nearest: crate::policy::problem::nearest(name, names).map(str::to_owned),
        })
    }

    /// The names of all dependencies, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.inside().entries.keys().cloned().collect()
    }

    /// What the check of the policies warns of.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        self.inside().findings.clone()
    }

    /// What all dependencies look like now. Changes nothing.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Snapshot> {
        self.dependencies()
            .iter()
            .map(Dependency::snapshot)
            .collect()
    }

    /// All dependencies, by name.
    #[must_use]
    pub fn dependencies(&self) -> Vec<Dependency> {
        let inside = self.inside();
        let entries = inside.entries.values();
        entries.map(|entry| entry.dependency.clone()).collect()
    }

    /// Whether this process can decide about calls: always. A service whose dependency is down is not down
    /// itself, so this never asks one.
    #[must_use]
    pub const fn health(&self) -> bool {
        true
    }

    /// Where it gets its time from.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Those who want to know what happens at any dependency.
    pub(crate) fn hooks(&self) -> &Hooks {
        &self.0.hooks
    }
}

impl Default for Seawall {
    fn default() -> Self {
        Self::new()
    }
}

/// A policy from code as the file that it could stand in.
fn of_code(name: &str, policy: &Policy) -> Result<File, WallError> {
    if !crate::policy::read::is_name(name) {
        return Err(WallError::Name(name.to_owned()));
    }
    policy.validate().map_err(WallError::Policy)?;
    let mut file = File::default();
    file.dependencies.push((name.to_owned(), policy.clone()));
    Ok(file)
}

/// The warnings of a file, or its errors.
fn passed(file: &File) -> Result<Vec<Finding>, WallError> {
    let findings = check(std::slice::from_ref(file));
    if findings.iter().any(Finding::is_error) {
        return Err(WallError::Check(findings));
    }
    Ok(findings)
}

impl fmt::Display for WallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Check(findings) => {
                let errors = findings.iter().filter(|finding| finding.is_error());
                for (line, finding) in errors.enumerate() {
                    let separator = if line == 0 { "" } else { "\n" };
                    write!(f, "{separator}{finding}")?;
                }
                Ok(())
            }
            Self::Policy(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::Name(name) => write!(f, "{name:?} is no name: use 1 to 64 of A-Z a-z 0-9 _ . -"),
            Self::Duplicate(name) => write!(f, "dependency {name:?} is defined already"),
            Self::Unknown { name, nearest } => {
                write!(f, "no dependency is called {name:?}")?;
                match nearest {
                    Some(nearest) => write!(f, "; did you mean {nearest:?}?"),
                    None => Ok(()),
                }
            }
            Self::NoFile => f.write_str("this wall was not opened from a file"),
        }
    }
}

impl Error for WallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            Self::Policy(error) => Some(error),
            Self::Config(error) => Some(error),
            Self::Check(_)
            | Self::Name(_)
            | Self::Duplicate(_)
            | Self::Unknown { .. }
            | Self::NoFile => None,
        }
    }
}
