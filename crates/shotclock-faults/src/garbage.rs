//! Bytes without sense, the same for the same seed.

/// An endless source of garbage. Source: SplitMix64, by Sebastiano Vigna.
pub(crate) struct Garbage {
    state: u64,
}

impl Garbage {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Overwrites the bytes.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            let next = self.next().to_le_bytes();
            part.copy_from_slice(&next[..part.len()]);
        }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_published_sequence() {
        let mut garbage = Garbage::new(1_234_567);
        assert_eq!([garbage.next(), garbage.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn a_part_of_a_number_is_a_part_of_the_bytes() {
        let (mut short, mut long) = ([0; 11], [0; 16]);
        Garbage::new(7).fill(&mut short);
        Garbage::new(7).fill(&mut long);
        assert_eq!(short, long[..11]);
    }
}
