//! Time as the core sees it: an argument, never a clock.

use core::ops::{Add, Div, Mul};

/// A length of time, in whole microseconds up to half a million years.
///
/// The standard library's keeps seconds and nanoseconds apart. Arithmetic on deadlines, which is on the path of every
/// command, takes one instruction with this type and a dozen with that one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

impl Duration {
    /// No time.
    pub const ZERO: Duration = Duration(0);

    /// From microseconds.
    pub const fn from_micros(micros: u64) -> Duration {
        Duration(micros)
    }

    /// From milliseconds.
    pub const fn from_millis(millis: u64) -> Duration {
        Duration(millis.saturating_mul(1_000))
    }

    /// From seconds.
    pub const fn from_secs(seconds: u64) -> Duration {
        Duration(seconds.saturating_mul(1_000_000))
    }

    /// In microseconds.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// This minus `other`, or zero if `other` is longer.
    pub const fn saturating_sub(self, other: Duration) -> Duration {
        Duration(self.0.saturating_sub(other.0))
    }
}

impl Add for Duration {
    type Output = Duration;

    fn add(self, other: Duration) -> Duration {
        Duration(self.0.saturating_add(other.0))
    }
}

impl Mul<u32> for Duration {
    type Output = Duration;

    fn mul(self, times: u32) -> Duration {
        Duration(self.0.wrapping_mul(u64::from(times)))
    }
}

impl Div<u32> for Duration {
    type Output = Duration;

    fn div(self, parts: u32) -> Duration {
        Duration(self.0 / u64::from(parts))
    }
}

/// A moment on the caller's monotonic clock, in microseconds since an origin of the caller's choosing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// Later than every other moment: means no deadline.
    pub const NEVER: Time = Time(u64::MAX);
    /// The origin of the caller's clock.
    pub const ZERO: Time = Time(0);

    /// From milliseconds, as `performance.now()` returns them. Negative values and NaN become the origin.
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

    /// The time since `earlier`; zero if `earlier` is later.
    pub const fn since(self, earlier: Time) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }

    /// This moment plus `duration`; saturates at [`Time::NEVER`].
    pub const fn after(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(duration.0))
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
