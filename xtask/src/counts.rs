//! Reading the numbers of passed and failed tests out of what test runners print. Each reader only
//! knows the line that its runner prints; whether the run was good is also asked of its exit code.

use std::collections::BTreeSet;

/// How many tests passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that ran and were right.
    pub passed: u64,
    /// Tests that ran and were wrong, or did not get to the end.
    pub failed: u64,
    /// Tests that were not run.
    pub skipped: u64,
}

impl Counts {
    /// Both together.
    pub fn plus(self, other: Counts) -> Counts {
        Counts {
            passed: self.passed.saturating_add(other.passed),
            failed: self.failed.saturating_add(other.failed),
            skipped: self.skipped.saturating_add(other.skipped),
        }
    }

    /// All tests that were seen.
    pub fn total(self) -> u64 {
        self.passed
            .saturating_add(self.failed)
            .saturating_add(self.skipped)
    }
}

/// `cargo test`: the sum over lines `test result: ok. 12 passed; 0 failed; 1 ignored; ...`.
pub fn cargo(text: &str) -> Counts {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("test result:"))
        .map(|line| Counts {
            passed: before(line, "passed"),
            failed: before(line, "failed"),
            skipped: before(line, "ignored"),
        })
        .fold(Counts::default(), Counts::plus)
}

/// `pytest`: its last summary, `===== 1 failed, 120 passed, 2 skipped in 1.23s =====`. A test that
/// cannot be set up is an error there; here it failed.
pub fn pytest(text: &str) -> Counts {
    let summary = text.lines().rev().find(|line| {
        let line = line.trim_matches(['=', ' ']);
        line.contains(" in ")
            && [
                " passed",
                " failed",
                " error",
                " skipped",
                " xfailed",
                "no tests ran",
            ]
            .iter()
            .any(|word| line.contains(word))
            && line.ends_with(['s', ')'])
    });
    let Some(line) = summary else {
        return Counts::default();
    };
    Counts {
        passed: before(line, "passed").saturating_add(before(line, "xfailed")),
        failed: before(line, "failed")
            .saturating_add(before(line, "error"))
            .saturating_add(before(line, "errors"))
            .saturating_add(before(line, "xpassed")),
        skipped: before(line, "skipped"),
    }
}

/// `node --test`: the sums at its end, `# pass 12` in TAP and `ℹ pass 12` on a terminal. A
/// cancelled test failed; a todo was skipped. A run in several parts has several such ends.
pub fn node(text: &str) -> Counts {
    let mut counts = Counts::default();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) else {
            continue;
        };
        let mut words = rest.split_whitespace();
        let (Some(word), Some(number), None) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let Ok(number) = number.parse::<u64>() else {
            continue;
        };
        match word {
            "pass" => counts.passed = counts.passed.saturating_add(number),
            "fail" | "cancelled" => counts.failed = counts.failed.saturating_add(number),
            "skipped" | "todo" => counts.skipped = counts.skipped.saturating_add(number),
            _ => {}
        }
    }
    counts
}

/// `go test -v`: lines `--- PASS: TestVectors/breaker (0.00s)`. A test that only holds subtests is
/// not counted beside them. A package that does not build has no such line and counts as one failure.
pub fn go(text: &str) -> Counts {
    let mut ended: Vec<(&str, &str)> = Vec::new();
    let mut parents: BTreeSet<(usize, String)> = BTreeSet::new();
    let mut package = 0;
    let mut counts = Counts::default();
    let mut seen: Vec<usize> = Vec::new();
    for line in text.lines() {
        if line.starts_with("FAIL\t") || line.starts_with("ok  \t") || line.starts_with("?   \t") {
            package += 1;
            if line.contains("[build failed]") || line.contains("[setup failed]") {
                counts.failed = counts.failed.saturating_add(1);
            }
        }
        let Some(rest) = line.trim_start().strip_prefix("--- ") else {
            continue;
        };
        let Some((how, rest)) = rest.split_once(": ") else {
            continue;
        };
        let Some(name) = rest.split_whitespace().next() else {
            continue;
        };
        let mut parent = name;
        while let Some((above, _)) = parent.rsplit_once('/') {
            parents.insert((package, above.to_string()));
            parent = above;
        }
        ended.push((how, name));
        seen.push(package);
    }
    for ((how, name), package) in ended.into_iter().zip(seen) {
        let only_holds_others = parents.contains(&(package, name.to_string()));
        match how {
            "PASS" if !only_holds_others => counts.passed = counts.passed.saturating_add(1),
            "FAIL" if !only_holds_others => counts.failed = counts.failed.saturating_add(1),
            "SKIP" => counts.skipped = counts.skipped.saturating_add(1),
            _ => {}
        }
    }
    counts
}

/// Runners made by hand (C, C++, Java): the sum over lines that end with
/// `N passed, N failed` or `N passed, N failed, N skipped`.
pub fn by_hand(text: &str) -> Counts {
    text.lines()
        .filter_map(closing_line)
        .fold(Counts::default(), Counts::plus)
}

fn closing_line(line: &str) -> Option<Counts> {
    let words: Vec<&str> = line
        .split_whitespace()
        .map(|word| word.trim_matches([',', ':']))
        .collect();
    let (words, skipped) = match words.as_slice() {
        [before @ .., number, "skipped"] => (before, number.parse().ok()?),
        whole => (whole, 0),
    };
    let [.., passed, "passed", failed, "failed"] = words else {
        return None;
    };
    Some(Counts {
        passed: passed.parse().ok()?,
        failed: failed.parse().ok()?,
        skipped,
    })
}

/// How many vector cases a runner says it passed, in a line that holds `vectors passed: N`. Runners
/// say it once; of several (a jar tested on two JDKs) the smallest tells the truth about all.
pub fn vectors(text: &str) -> Option<u64> {
    text.lines()
        .filter_map(|line| line.split_once("vectors passed: "))
        .filter_map(|(_, rest)| {
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            number.parse().ok()
        })
        .min()
}

/// The number in front of a word, 0 when the word is not there.
fn before(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line
        .split_whitespace()
        .map(|part| part.trim_matches(['=', ',', ';', '.']))
        .collect();
    words
        .windows(2)
        .find_map(|pair| match pair {
            [number, name] if *name == word => number.parse().ok(),
            _ => None,
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn cargo_results_of_all_crates_are_added() {
        let text = "\
running 12 tests
test a::b ... ok
test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.00s
   Doc-tests seawall
test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s
";
        assert_eq!(cargo(text), counts(16, 2, 1));
        assert_eq!(cargo("error: could not compile"), counts(0, 0, 0));
    }

    #[test]
    fn pytest_counts_come_from_its_last_summary_and_errors_are_failures() {
        assert_eq!(pytest("===== 120 passed in 1.23s ====="), counts(120, 0, 0));
        assert_eq!(
            pytest("== 1 failed, 2 passed, 3 skipped, 1 xfailed, 2 errors in 61.00s (0:01:01) =="),
            counts(3, 3, 3)
        );
        assert_eq!(pytest("2 passed, 1 error in 0.10s"), counts(2, 1, 0));
        assert_eq!(pytest("==== no tests ran in 0.01s ===="), counts(0, 0, 0));
        assert_eq!(
            pytest("ImportError: no module named seawall"),
            counts(0, 0, 0)
        );
    }

    #[test]
    fn node_counts_are_read_in_both_of_its_styles() {
        let tap = "ok 1 - a\n# tests 14\n# suites 2\n# pass 12\n# fail 1\n# cancelled 1\n# skipped 2\n# todo 0\n# duration_ms 61.5\n";
        assert_eq!(node(tap), counts(12, 2, 2));
        let spec =
            "✔ a (1ms)\nℹ tests 3\nℹ pass 3\nℹ fail 0\nℹ cancelled 0\nℹ skipped 0\nℹ todo 0\n";
        assert_eq!(node(spec), counts(3, 0, 0));
        assert_eq!(node("# pass the salt\n# fail"), counts(0, 0, 0));
    }

    #[test]
    fn go_counts_leaves_not_the_tests_that_hold_them() {
        let text = "\
=== RUN   TestVectors
    --- PASS: TestVectors/breaker (0.00s)
    --- FAIL: TestVectors/limiter (0.00s)
--- FAIL: TestVectors (0.01s)
--- PASS: TestAlone (0.00s)
--- SKIP: TestLater (0.00s)
FAIL
FAIL\texample.org/seawall\t0.02s
--- PASS: TestVectors (0.00s)
ok  \texample.org/seawall/http\t0.01s
";
        assert_eq!(go(text), counts(3, 1, 1));
    }

    #[test]
    fn a_go_package_that_does_not_build_is_a_failure() {
        assert_eq!(
            go("FAIL\texample.org/seawall [build failed]\n"),
            counts(0, 1, 0)
        );
    }

    #[test]
    fn closing_lines_made_by_hand_are_added() {
        let text = "\
breaker: 12 passed, 0 failed
java 25: 40 passed, 1 failed, 2 skipped
all 3 passed so far
0 passed, 0 failed
";
        assert_eq!(by_hand(text), counts(52, 1, 2));
    }

    #[test]
    fn the_fewest_vectors_that_a_runner_passed_are_what_counts() {
        assert_eq!(
            vectors("    vectors_test.go:9: vectors passed: 131\n"),
            Some(131)
        );
        assert_eq!(
            vectors("vectors passed: 131\nvectors passed: 130, on java 17"),
            Some(130)
        );
        assert_eq!(vectors("131 passed, 0 failed"), None);
    }
}
