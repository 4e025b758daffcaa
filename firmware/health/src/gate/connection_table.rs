//! Bounded connection table with a count for each source; selects the connection to evict.

use std::{cmp::Reverse, net::IpAddr};

/// Identifier of one connection; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// Source of connections: an IPv4 address, or the /64 that one IPv6 subscriber has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    V4(u32),
    V6(u64),
}

impl Source {
    fn of(peer: IpAddr) -> Self {
        match peer.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }
}

/// What evicting a connection loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EvictionLoss {
    /// Its answer has been sent.
    Done,
    /// Its request has not arrived yet.
    Waiting,
}

/// Connection table with a fixed capacity; no allocation once it has been full.
#[derive(Debug)]
pub(crate) struct ConnectionTable<T> {
    most: usize,
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    sources: Vec<Count>,
    arrivals: u64,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    entry: Option<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    value: T,
    /// Index into the sources.
    source: usize,
    /// Order of arrival.
    arrival: u64,
}

#[derive(Debug)]
struct Count {
    source: Source,
    /// Connections of this source; the entry is free at 0.
    count: usize,
}

impl<T> ConnectionTable<T> {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            slots: Vec::new(),
            free: Vec::new(),
            sources: Vec::new(),
            arrivals: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.most
    }

    /// Adds a connection from `peer`; none if the table is full.
    pub(crate) fn insert(&mut self, peer: IpAddr, value: T) -> Option<Id> {
        if self.is_full() {
            return None;
        }
        let source = self.counted(Source::of(peer));
        let entry = Entry {
            value,
            source,
            arrival: self.arrivals,
        };
        self.arrivals += 1;
        if let Some(index) = self.free.pop() {
            let slot = self.slots.get_mut(usize::try_from(index).ok()?)?;
            slot.entry = Some(entry);
            let generation = slot.generation;
            return Some(Id { index, generation });
        }
        let index = u32::try_from(self.slots.len()).ok()?;
        self.slots.push(Slot {
            generation: 0,
            entry: Some(entry),
        });
        Some(Id {
            index,
            generation: 0,
        })
    }

    /// Counts one more connection of `source` and returns its index.
    fn counted(&mut self, source: Source) -> usize {
        let known = (self.sources.iter())
            .position(|known| known.count > 0 && known.source == source)
            .or_else(|| self.sources.iter().position(|known| known.count == 0));
        if let Some(index) = known
            && let Some(known) = self.sources.get_mut(index)
        {
            known.source = source;
            known.count += 1;
            return index;
        }
        self.sources.push(Count { source, count: 1 });
        self.sources.len() - 1
    }

    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        let slot = self.slots.get_mut(usize::try_from(id.index).ok()?)?;
        let current = slot.generation == id.generation;
        let entry = slot.entry.as_mut().filter(|_| current)?;
        Some(&mut entry.value)
    }

    pub(crate) fn get(&self, id: Id) -> Option<&T> {
        let slot = self.slots.get(usize::try_from(id.index).ok()?)?;
        let current = slot.generation == id.generation;
        let entry = slot.entry.as_ref().filter(|_| current)?;
        Some(&entry.value)
    }

    pub(crate) fn remove(&mut self, id: Id) -> Option<T> {
        let slot = self.slots.get_mut(usize::try_from(id.index).ok()?)?;
        let current = slot.generation == id.generation;
        let entry = slot.entry.take_if(|_| current)?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.index);
        if let Some(known) = self.sources.get_mut(entry.source) {
            known.count = known.count.saturating_sub(1);
        }
        Some(entry.value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        (self.entries()).map(|(id, entry)| (id, &entry.value))
    }

    fn entries(&self) -> impl Iterator<Item = (Id, &Entry<T>)> {
        (0..).zip(&self.slots).filter_map(|(index, slot)| {
            let generation = slot.generation;
            let entry = slot.entry.as_ref()?;
            Some((Id { index, generation }, entry))
        })
    }

    /// Returns the connection to evict: of the source with the most connections, the `newcomer`
    /// counted, one that loses nothing, else its oldest. Those without a worth are kept. A source
    /// that has less than its equal share of the table is never chosen.
    pub(crate) fn victim(
        &self,
        newcomer: Option<IpAddr>,
        eviction_loss: impl Fn(&T) -> Option<EvictionLoss>,
    ) -> Option<Id> {
        let newcomer = newcomer.map(Source::of);
        let candidates = self.entries().filter_map(|(id, entry)| {
            let eviction_loss = eviction_loss(&entry.value)?;
            let known = self.sources.get(entry.source)?;
            let count = known.count + usize::from(newcomer == Some(known.source));
            Some(((Reverse(count), eviction_loss, entry.arrival), id))
        });
        let (_, id) = candidates.min_by_key(|(rank, _)| *rank)?;
        Some(id)
    }
}
