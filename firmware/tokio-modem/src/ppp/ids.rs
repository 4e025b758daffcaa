//! Set of identifiers of requests that may still be answered.

/// A set of identifiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ids([u64; 4]);

impl Ids {
    pub(super) const EMPTY: Self = Self([0; 4]);

    pub(super) fn insert(&mut self, id: u8) {
        let (word, bit) = place(id);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    pub(super) fn contains(&self, id: u8) -> bool {
        let (word, bit) = place(id);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }
}

fn place(id: u8) -> (usize, u64) {
    (usize::from(id >> 6), 1 << (id & 63))
}
