//! How a call ended, and how strictly a primitive acts.

/// How a call or an attempt ended. When several of a user's predicates match, ignored wins over failure,
/// and failure over success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// It did what was asked.
    Success = 0,
    /// It failed in a way that says something about the dependency.
    Failure = 1,
    /// It says nothing about the dependency: cancelled by the caller, the caller's own mistake, excluded.
    Ignored = 2,
}

impl Outcome {
    /// The outcome of a number that came over a language border.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Success),
            1 => Some(Self::Failure),
            2 => Some(Self::Ignored),
            _ => None,
        }
    }

    /// The precedence of the classification, for bindings: ignored, else failure, else success.
    #[must_use]
    pub const fn classify(ignored: bool, failure: bool) -> Self {
        match (ignored, failure) {
            (true, _) => Self::Ignored,
            (false, true) => Self::Failure,
            (false, false) => Self::Success,
        }
    }
}

/// How strictly a primitive acts on what it decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Mode {
    /// Decide and refuse.
    #[default]
    Enforce = 0,
    /// Decide and count, never refuse: for trying a setting on live traffic.
    Shadow = 1,
    /// Neither decide nor count.
    Off = 2,
}

impl Mode {
    /// The mode of a number that came over a language border.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Enforce),
            1 => Some(Self::Shadow),
            2 => Some(Self::Off),
            _ => None,
        }
    }
}
