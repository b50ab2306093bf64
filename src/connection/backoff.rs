//! How long to wait after a failed dial.

use crate::time::{Duration, Time};

/// Full jitter: a random wait up to a bound that doubles with each attempt
/// (Brooker, "Exponential Backoff And Jitter"), counted from the failure.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    /// Of the next wait.
    bound: Duration,
    attempts: u32,
}

impl Backoff {
    /// The bound begins at `base` and ends at `cap`.
    pub fn new(base: Duration, cap: Duration) -> Backoff {
        Backoff { base, cap, bound: base.min(cap), attempts: 0 }
    }

    /// Dials that failed since the last success.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// A dial succeeded.
    pub fn reset(&mut self) {
        *self = Backoff::new(self.base, self.cap);
    }

    /// A dial failed at `failed`: when the next may begin. `random` is uniform over all values.
    pub fn next(&mut self, failed: Time, random: u64) -> Time {
        let bound = self.bound;
        self.bound = (bound * 2).min(self.cap);
        self.attempts = self.attempts.saturating_add(1);
        failed.after(Duration::from_micros(random % (bound.as_micros() + 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_under_a_bound_that_doubles_up_to_the_cap() {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        for attempt in 0..100u32 {
            let bound = Duration::from_millis(50 << attempt.min(6)).min(Duration::from_secs(2));
            let until = backoff.next(Time::ZERO, u64::MAX - u64::from(attempt));
            assert!(until.since(Time::ZERO) <= bound, "attempt {attempt}");
        }
        assert_eq!(backoff.attempts(), 100);
    }
}
