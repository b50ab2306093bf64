//! The only source of chance in a schedule: a seed, or the bytes that a fuzzer makes up.

/// See the module. A schedule is its seed, or its bytes.
#[derive(Debug)]
pub enum Random {
    /// xorshift64* (Vigna).
    Seeded(u64),
    /// What is left, the next one last.
    Bytes(Vec<u8>),
}

impl Random {
    pub fn new(seed: u64) -> Random {
        // Neighbouring seeds must not begin alike, and zero must not stay zero.
        let mut random = Random::Seeded(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        random
    }

    /// Each choice takes a byte or two, so that a changed byte changes one choice and leaves the others.
    pub fn of(bytes: &[u8]) -> Random {
        Random::Bytes(bytes.iter().rev().copied().collect())
    }

    /// Whether the bytes are used up.
    pub fn is_spent(&self) -> bool {
        matches!(self, Random::Bytes(bytes) if bytes.is_empty())
    }

    pub fn next(&mut self) -> u64 {
        match self {
            Random::Seeded(state) => {
                *state ^= *state >> 12;
                *state ^= *state << 25;
                *state ^= *state >> 27;
                state.wrapping_mul(0x2545_f491_4f6c_dd1d)
            }
            Random::Bytes(bytes) => bytes.pop().unwrap_or_default().into(),
        }
    }

    /// Uniform below `bound`, which is not 0. Of bytes that are used up, the last: it ends every loop.
    pub fn below(&mut self, bound: usize) -> usize {
        match self {
            Random::Seeded(_) => ((self.next() >> 33) % bound as u64) as usize,
            Random::Bytes(bytes) if bytes.is_empty() => bound - 1,
            Random::Bytes(_) if bound > 256 => (self.next() << 8 | self.next()) as usize % bound,
            Random::Bytes(_) => self.next() as usize % bound,
        }
    }

    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}
