//! What is in the sealed archive. It promises to bring nothing along but `seawall_*` and to ask the
//! program that links it for nothing but a clock and the memory functions of every C library.

use crate::run;
use std::path::Path;

/// All that the archive may ask for. `abort` is the end of a panic that cannot happen;
/// the offset table is a name of the linker's own.
const MAY_BE_ASKED_FOR: &[&str] = &[
    "abort",
    "bcmp",
    "clock_gettime",
    "getpid",
    "getrandom",
    "memcmp",
    "memcpy",
    "memmove",
    "memset",
    "_GLOBAL_OFFSET_TABLE_",
];

/// Parts of names that must not even be there under cover: an allocator, an unwinder, the text
/// machinery of panics.
const MUST_NOT_BE_THERE: [&str; 10] = [
    "__rust_alloc",
    "__rust_dealloc",
    "__rust_realloc",
    "__rg_alloc",
    "malloc",
    "_Unwind_",
    "eh_personality",
    "rust_begin_unwind",
    "panicking",
    "core3fmt",
];

/// What is wrong with an archive; nothing when it keeps its promise.
pub fn complaints(archive: &Path, expected: &[String]) -> Result<Vec<String>, String> {
    let mut nm = run::command("nm");
    nm.arg(archive);
    Ok(judge(&run::output(nm)?, expected))
}

/// Judges the output of `nm`. `expected` are the functions that the header declares.
fn judge(listing: &str, expected: &[String]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut exported = Vec::new();
    for line in listing.lines() {
        let mut words = line.split_whitespace().rev();
        let (Some(name), Some(kind)) = (words.next(), words.next()) else {
            continue;
        };
        let Some(kind) = kind.chars().next().filter(|_| kind.len() == 1) else {
            continue;
        };
        let is_wanted_from_outside = matches!(kind, 'U' | 'w' | 'v');
        if is_wanted_from_outside && !MAY_BE_ASKED_FOR.contains(&name) {
            complaints.push(format!("asks for `{name}`"));
        } else if !is_wanted_from_outside && kind.is_uppercase() {
            if name.starts_with("seawall_") {
                exported.push(name);
            } else {
                complaints.push(format!("exports `{name}`"));
            }
        }
        if let Some(part) = MUST_NOT_BE_THERE.iter().find(|part| name.contains(**part)) {
            complaints.push(format!("holds `{name}` ({part})"));
        }
    }
    for name in expected {
        if !exported.contains(&name.as_str()) {
            complaints.push(format!("lacks `{name}`, which the header declares"));
        }
    }
    for name in exported {
        if !expected.iter().any(|one| one == name) {
            complaints.push(format!(
                "exports `{name}`, which the header does not declare"
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
seawall.o:
                 U clock_gettime
                 U memcpy
0000000000000000 T seawall_breaker_bytes
0000000000000040 t _ZN12seawall_core7breaker4stepE
0000000000000000 r anon.1
";

    #[test]
    fn an_archive_that_keeps_its_promise_is_not_complained_about() {
        assert_eq!(judge(GOOD, &["seawall_breaker_bytes".into()]), [""; 0]);
    }

    #[test]
    fn what_is_exported_and_what_is_declared_must_agree() {
        let complaints = judge(GOOD, &["seawall_limiter_bytes".into()]);
        assert_eq!(
            complaints,
            [
                "lacks `seawall_limiter_bytes`, which the header declares",
                "exports `seawall_breaker_bytes`, which the header does not declare",
            ]
        );
    }

    #[test]
    fn allocator_unwinder_and_strangers_are_complained_about() {
        let bad = "
                 U malloc
                 U _Unwind_Resume
0000000000000000 T rust_eh_personality
0000000000000000 t _ZN4core9panicking5panicE
0000000000000000 V DW.ref.rust_eh_personality
";
        let complaints = judge(bad, &[]).join("\n");
        for part in [
            "asks for `malloc`",
            "asks for `_Unwind_Resume`",
            "exports `rust_eh_personality`",
            "holds `_ZN4core9panicking5panicE` (panicking)",
            "exports `DW.ref.rust_eh_personality`",
        ] {
            assert!(complaints.contains(part), "{part} in\n{complaints}");
        }
    }
}
