//! The clock of the story: each act begins at 2:47 PM and runs in real time.

use std::time::Duration;

const START: u64 = (14 * 60 + 47) * 60;

/// The hands of the clock: "2:47:05 PM".
pub fn at(since: Duration) -> String {
    let seconds = START + since.as_secs();
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let half = if hour < 12 { "AM" } else { "PM" };
    let hour = match hour % 12 {
        0 => 12,
        other => other,
    };
    format!("{hour}:{minute:02}:{second:02} {half}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_begins_at_2_47_pm() {
        assert_eq!(at(Duration::ZERO), "2:47:00 PM");
        assert_eq!(at(Duration::from_millis(12_999)), "2:47:12 PM");
        assert_eq!(at(Duration::from_secs(13 * 60)), "3:00:00 PM");
        assert_eq!(at(Duration::from_secs(10 * 3600)), "12:47:00 AM");
    }
}
