//! Walls: the dependencies of a service, from one file or from code.

use std::cell::RefCell;

use napi::Env;
use napi::bindgen_prelude::BigInt;
use napi_derive::napi;
use seawall::check::Finding;
use seawall::policy::Problem;
use seawall::wall::{Reloaded, WallError, WallOptions};
use seawall::{Misuse, Moment, Policy, Seawall};

use crate::answer::{misconfigured, misused};
use crate::dependency;
use crate::slots::{Slots, free, make, with};
use crate::time::{clock_from, moment};

thread_local! {
    static WALLS: Slots<Seawall> = const { Slots::new() };
    static TROUBLE: RefCell<Option<Trouble>> = const { RefCell::new(None) };
}

/// One thing that is wrong with a file or a policy.
#[napi(object)]
#[derive(Clone)]
pub struct WallProblem {
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub key: String,
    pub message: String,
    pub nearest: Option<String>,
    pub lint: Option<String>,
    pub arithmetic: Option<String>,
}

/// Why the last function about a wall answered with an error: `kind` says where to look.
#[napi(object)]
#[derive(Clone)]
pub struct Trouble {
    /// file, check, policy, name, duplicate, unknown, no_file
    pub kind: String,
    pub text: String,
    pub problems: Vec<WallProblem>,
}

/// One thing that the check of a wall warns of.
#[napi(object)]
pub struct WallFinding {
    pub id: String,
    pub is_error: bool,
    pub dependency: Option<String>,
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub key: String,
    pub message: String,
    pub arithmetic: Option<String>,
    pub text: String,
}

/// What a reload changed, by name.
#[napi(object)]
pub struct WallReloaded {
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
}

fn of_problem(problem: &Problem) -> WallProblem {
    WallProblem {
        file: problem.file.clone(),
        line: problem.line,
        column: problem.column,
        key: problem.key.clone(),
        message: problem.message.clone(),
        nearest: problem.nearest.clone(),
        lint: problem.lint.map(str::to_owned),
        arithmetic: problem.arithmetic.clone(),
    }
}

fn of_error(finding: &Finding) -> WallProblem {
    WallProblem {
        file: finding.file.clone(),
        line: finding.line,
        column: finding.column,
        key: finding.key.clone(),
        message: finding.message.clone(),
        nearest: None,
        lint: Some(finding.id.to_owned()),
        arithmetic: finding.arithmetic.clone(),
    }
}

fn trouble(error: &WallError) -> f64 {
    let (kind, problems) = match error {
        WallError::File(error) => ("file", error.problems.iter().map(of_problem).collect()),
        WallError::Check(findings) => {
            let errors = findings.iter().filter(|finding| finding.is_error());
            ("check", errors.map(of_error).collect())
        }
        WallError::Policy(error) => ("policy", error.problems.iter().map(of_problem).collect()),
        // A policy that was read has no setting out of range; this is for completeness.
        WallError::Config(error) => return misconfigured(*error),
        WallError::Name(_) => ("name", Vec::new()),
        WallError::Duplicate(_) => ("duplicate", Vec::new()),
        WallError::Unknown { .. } => ("unknown", Vec::new()),
        WallError::NoFile => ("no_file", Vec::new()),
    };
    let kept = Trouble {
        kind: kind.to_owned(),
        text: error.to_string(),
        problems,
    };
    let is_unknown = matches!(error, WallError::Unknown { .. });
    let _ = TROUBLE.try_with(|cell| {
        if let Ok(mut cell) = cell.try_borrow_mut() {
            *cell = Some(kept);
        }
    });
    // Below -110, so that nobody takes it for a setting of a primitive.
    misused(if is_unknown {
        Misuse::Unknown
    } else {
        Misuse::Argument
    })
}

/// What the last answer -112 or -113 of a function about walls was about; told once.
#[napi(catch_unwind)]
pub fn read_trouble() -> Option<Trouble> {
    let taken = TROUBLE.try_with(|cell| cell.try_borrow_mut().ok()?.take());
    taken.ok().flatten()
}

fn options(now_ms: f64, seed: Option<BigInt>) -> WallOptions {
    let options = Seawall::options().clock(clock_from(moment(now_ms)));
    match seed {
        Some(seed) => options.seed(seed.get_u64().1),
        None => options,
    }
}

fn kept(env: &Env, wall: Result<Seawall, WallError>) -> f64 {
    match wall {
        Ok(wall) => make(env, &WALLS, Ok(Box::new(wall))),
        Err(error) => trouble(&error),
    }
}

/// An empty wall's handle.
#[napi(catch_unwind)]
pub fn wall_new(env: Env, now_ms: f64, seed: Option<BigInt>) -> f64 {
    kept(&env, Ok(options(now_ms, seed).build()))
}

/// The handle of a wall from a file.
#[napi(catch_unwind)]
pub fn wall_open(env: Env, path: String, now_ms: f64, seed: Option<BigInt>) -> f64 {
    kept(&env, options(now_ms, seed).open(path))
}

/// The handle of a wall from a text that messages call `name`.
#[napi(catch_unwind)]
pub fn wall_parse(env: Env, text: String, name: String, now_ms: f64, seed: Option<BigInt>) -> f64 {
    kept(&env, options(now_ms, seed).parse(&text, &name))
}

#[napi(catch_unwind)]
pub fn wall_free(env: Env, handle: u32) -> bool {
    free(&env, &WALLS, handle)
}

/// The handle of a new dependency with the policy of a text.
#[napi(catch_unwind)]
pub fn wall_define(env: Env, handle: u32, name: String, policy: String, now_ms: f64) -> f64 {
    let defined = with(&WALLS, handle, |wall| {
        let policy = Policy::parse(&policy).map_err(WallError::Policy)?;
        wall.define_at(&name, policy, moment(now_ms).now())
    });
    match defined {
        Ok(Ok(dependency)) => dependency::keep(&env, dependency),
        Ok(Err(error)) => trouble(&error),
        Err(misuse) => misused(misuse),
    }
}

/// 0 when the policy of a text is in force for a dependency that there is.
#[napi(catch_unwind)]
pub fn wall_redefine(handle: u32, name: String, policy: String, now_ms: f64) -> f64 {
    let redefined = with(&WALLS, handle, |wall| {
        let policy = Policy::parse(&policy).map_err(WallError::Policy)?;
        wall.redefine_at(&name, policy, moment(now_ms).now())
    });
    match redefined {
        Ok(Ok(())) => 0.0,
        Ok(Err(error)) => trouble(&error),
        Err(misuse) => misused(misuse),
    }
}

/// The handle of a dependency that there is. Each asking makes a handle of its own for the same state.
#[napi(catch_unwind)]
pub fn wall_dependency(env: Env, handle: u32, name: String) -> f64 {
    match with(&WALLS, handle, |wall| wall.dependency(&name)) {
        Ok(Ok(dependency)) => dependency::keep(&env, dependency),
        Ok(Err(error)) => trouble(&error),
        Err(misuse) => misused(misuse),
    }
}

/// What the file changed; nothing when it was refused, and then why is kept.
#[napi(catch_unwind)]
pub fn wall_reload(handle: u32, now_ms: f64) -> Option<WallReloaded> {
    let reloaded = with(&WALLS, handle, |wall| wall.reload_at(moment(now_ms).now())).ok()?;
    match reloaded {
        Ok(Reloaded {
            added,
            changed,
            removed,
        }) => Some(WallReloaded {
            added,
            changed,
            removed,
        }),
        Err(error) => {
            trouble(&error);
            None
        }
    }
}

/// The names of all dependencies, sorted.
#[napi(catch_unwind)]
pub fn wall_names(handle: u32) -> Option<Vec<String>> {
    with(&WALLS, handle, Seawall::names).ok()
}

/// What the check warns of.
#[napi(catch_unwind)]
pub fn wall_findings(handle: u32) -> Option<Vec<WallFinding>> {
    let findings = with(&WALLS, handle, Seawall::findings).ok()?;
    let told = findings.iter().map(|finding| WallFinding {
        id: finding.id.to_owned(),
        is_error: finding.is_error(),
        dependency: finding.dependency.clone(),
        file: finding.file.clone(),
        line: finding.line,
        column: finding.column,
        key: finding.key.clone(),
        message: finding.message.clone(),
        arithmetic: finding.arithmetic.clone(),
        text: finding.to_string(),
    });
    Some(told.collect())
}
