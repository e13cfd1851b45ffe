//! What one worker has claimed, by the ids that its records carry.

use std::sync::Arc;

use crate::ticket::{Origin, Ticket};

/// An id is a place in the table and the generation of that place, so that an answer which crossed
/// with an abort is told from one to the place's next tenant.
const PLACE_BITS: u32 = 20;
const PLACE_MASK: u32 = (1 << PLACE_BITS) - 1;

/// A request that a worker holds.
pub(crate) struct Claim {
    pub(crate) origin: Origin,
    pub(crate) ticket: Arc<Ticket>,
    /// When it was taken, in milliseconds of the bridge's clock.
    pub(crate) since: u32,
    pub(crate) stage: Stage,
}

/// How far the worker has come with its answer: it decides which records may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Unanswered,
    /// The head of a streamed response was submitted.
    Streaming,
    /// The connection was taken over.
    Tunnel,
    /// A WebSocket was opened.
    Socket,
}

#[derive(Default)]
struct Place {
    generation: u32,
    claim: Option<Claim>,
}

/// The table of a worker's claims.
#[derive(Default)]
pub(crate) struct Claims {
    places: Vec<Place>,
    free: Vec<u32>,
    held: usize,
    unanswered: usize,
}

impl Claims {
    /// The id that the next `enter` will use.
    pub(crate) fn next_id(&mut self) -> u32 {
        if self.free.is_empty() {
            let place = self.places.len() as u32;
            assert!(
                place <= PLACE_MASK,
                "a worker holds more requests than ids exist"
            );
            self.places.push(Place::default());
            self.free.push(place);
        }
        let place = self.free[self.free.len() - 1];
        place | self.places[place as usize].generation << PLACE_BITS
    }

    /// Enters a claim under the id that `next_id` gave.
    pub(crate) fn enter(&mut self, id: u32, origin: Origin, ticket: Arc<Ticket>, since: u32) {
        let place = self.free.pop();
        debug_assert_eq!(place, Some(id & PLACE_MASK));
        self.places[(id & PLACE_MASK) as usize].claim = Some(Claim {
            origin,
            ticket,
            since,
            stage: Stage::Unanswered,
        });
        self.held += 1;
        self.unanswered += 1;
    }

    /// The claim with this id, if it still stands.
    pub(crate) fn get(&mut self, id: u32) -> Option<&mut Claim> {
        let place = self.places.get_mut((id & PLACE_MASK) as usize)?;
        if place.generation != id >> PLACE_BITS {
            return None;
        }
        place.claim.as_mut()
    }

    /// Ends a claim; its id is no longer valid.
    pub(crate) fn remove(&mut self, id: u32) -> Option<Claim> {
        self.get(id)?;
        let index = id & PLACE_MASK;
        let place = &mut self.places[index as usize];
        place.generation = (place.generation + 1) & (u32::MAX >> PLACE_BITS);
        self.free.push(index);
        self.held -= 1;
        let claim = place.claim.take()?;
        if claim.stage == Stage::Unanswered {
            self.unanswered -= 1;
        }
        Some(claim)
    }

    /// The answer of a request that was `Unanswered` has begun.
    pub(crate) fn begun(&mut self) {
        self.unanswered -= 1;
    }

    /// How many requests wait for the beginning of their answers.
    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// The claims that stand.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Claim> {
        self.places.iter().filter_map(|place| place.claim.as_ref())
    }

    /// How many requests the worker holds.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Ends every claim.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Claim> {
        self.held = 0;
        self.unanswered = 0;
        self.free.clear();
        std::mem::take(&mut self.places)
            .into_iter()
            .filter_map(|place| place.claim)
    }
}
