//! Notes beside what was built, so that a slow step is repeated only when what it was made from
//! has changed.

use crate::repo;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// What a step was made from. Two stamps are equal when the same things went in.
pub struct Stamp {
    file: PathBuf,
    hasher: DefaultHasher,
}

impl Stamp {
    /// A stamp to be kept in this file, which should lie inside what the step makes: who deletes
    /// that deletes the stamp too.
    pub fn kept_in(file: impl Into<PathBuf>) -> Stamp {
        Stamp {
            file: file.into(),
            hasher: DefaultHasher::new(),
        }
    }

    /// Counts a word in: a version, an option.
    pub fn word(mut self, word: &str) -> Stamp {
        word.hash(&mut self.hasher);
        self
    }

    /// Counts the bytes of a file in; a file that is not there counts as such.
    pub fn file(mut self, path: &Path) -> Stamp {
        std::fs::read(path).ok().hash(&mut self.hasher);
        self
    }

    /// Whether the step was done with the same things before.
    pub fn is_current(&self) -> bool {
        std::fs::read_to_string(&self.file).is_ok_and(|kept| kept == self.text())
    }

    /// Notes that the step is done.
    pub fn keep(&self) -> Result<(), String> {
        repo::write(&self.file, self.text())
    }

    fn text(&self) -> String {
        format!("{:016x}\n", self.hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_current_until_a_file_it_was_made_from_changes() {
        let folder = repo::target("xtask-tests/stamp");
        repo::empty_folder(&folder).expect("folder");
        let (lock, stamp) = (folder.join("lock"), folder.join("stamp"));
        let of_now = || Stamp::kept_in(&stamp).word("v1").file(&lock);

        assert!(!of_now().is_current(), "nothing was done yet");
        of_now().keep().expect("keep");
        assert!(of_now().is_current());
        repo::write(&lock, "changed").expect("write");
        assert!(!of_now().is_current(), "the file appeared");
    }
}
