//! Time as the core sees it: an argument, never a clock.

use core::time::Duration;

/// A moment on the caller's monotonic clock, in microseconds since an origin of the caller's choosing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// Later than every moment there is: the deadline of what has none.
    pub const NEVER: Time = Time(u64::MAX);
    /// The origin of the caller's clock.
    pub const ZERO: Time = Time(0);

    /// From milliseconds, as `performance.now()` gives them. What is negative or not a number is the origin.
    pub fn from_millis(millis: f64) -> Time {
        Time((millis * 1000.0) as u64)
    }

    /// From microseconds.
    pub const fn from_micros(micros: u64) -> Time {
        Time(micros)
    }

    /// In milliseconds; [`Time::NEVER`] is infinity.
    pub fn as_millis(self) -> f64 {
        if self == Time::NEVER {
            f64::INFINITY
        } else {
            self.0 as f64 / 1000.0
        }
    }

    /// Whole milliseconds since the origin.
    pub fn as_whole_millis(self) -> u64 {
        self.0 / 1000
    }

    /// The time that passed since `earlier`, zero when it did not.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This moment and `duration` more; saturates at [`Time::NEVER`].
    pub fn after(self, duration: Duration) -> Time {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Time(self.0.saturating_add(micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_stays_never() {
        assert_eq!(Time::NEVER.after(Duration::from_secs(1)), Time::NEVER);
        assert_eq!(Time::NEVER.as_millis(), f64::INFINITY);
        assert_eq!(Time::from_millis(f64::INFINITY), Time::NEVER);
    }

    #[test]
    fn what_is_no_time_is_the_origin() {
        assert_eq!(Time::from_millis(-1.0), Time::ZERO);
        assert_eq!(Time::from_millis(f64::NAN), Time::ZERO);
    }
}
