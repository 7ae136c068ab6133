//! The history of a price or a rate: one sample for each five minutes.

use std::collections::BTreeMap;

use contract::items::attributes::SLOTS;
use contract::items::{HISTORY_DAYS, SLOT_MINUTES};

use crate::decimal::Decimal;
use crate::timestamp::Timestamp;

const SLOT_SECONDS: i64 = SLOT_MINUTES as i64 * 60;
const HOUR_SECONDS: i64 = 60 * 60;
const DAY_SECONDS: u32 = 24 * 60 * 60;

/// Five minutes of UTC that have one sample, such as 10:35:00 to 10:39:59.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(Timestamp);

/// The samples of a price in US dollars, or of a rate.
pub type Samples = BTreeMap<Slot, Decimal>;

impl Slot {
    /// Returns the slot that contains this time.
    pub fn of(time: Timestamp) -> Self {
        Self(time.floor(SLOT_SECONDS))
    }

    /// Returns the slot of an attribute (such as `m35`) of the item with an hour's samples
    /// (`YYYY-MM-DDTHH`).
    pub(crate) fn parse(hour: &str, attribute: &str) -> Option<Self> {
        let minute = SLOTS
            .contains(&attribute)
            .then(|| attribute.strip_prefix('m'))??;
        Timestamp::parse(&format!("{hour}:{minute}:00Z"))
            .ok()
            .map(Self)
    }

    /// Returns the first second of the slot.
    pub const fn start(self) -> Timestamp {
        self.0
    }

    /// Returns the hour of the slot: `YYYY-MM-DDTHH`.
    pub fn hour(self) -> String {
        self.0
            .to_string()
            .split(':')
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// Returns the attribute of the slot's sample, such as `m35`.
    pub(crate) fn attribute(self) -> &'static str {
        let seconds = self.0.unix_seconds() % HOUR_SECONDS;
        // The index is below 12: an hour has 3,600 seconds, and a slot 300.
        SLOTS[usize::try_from(seconds / SLOT_SECONDS).unwrap_or_default()]
    }

    /// Returns the time from which DynamoDB may delete the samples of the same hour.
    pub fn expires_at(self) -> Timestamp {
        self.0
            .floor(HOUR_SECONDS)
            .plus_seconds(HISTORY_DAYS * DAY_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_slot_is_the_five_minutes_that_contain_a_time() {
        let slot = Slot::of(Timestamp::parse("2026-01-15T10:39:59Z").unwrap());
        assert_eq!(slot.start().to_string(), "2026-01-15T10:35:00Z");
        assert_eq!(slot.hour(), "2026-01-15T10");
        assert_eq!(slot.attribute(), "m35");
        assert_eq!(slot.expires_at().to_string(), "2026-01-24T10:00:00Z");
    }

    #[test]
    fn an_unknown_attribute_and_an_invalid_hour_have_no_slot() {
        for (hour, attribute) in [
            ("2026-01-15T10", "m01"),
            ("2026-01-15T10", "ttl"),
            ("2026-01-15T25", "m00"),
            ("2026-01-15", "m00"),
        ] {
            assert_eq!(Slot::parse(hour, attribute), None, "{hour} {attribute}");
        }
    }

    proptest! {
        #[test]
        fn every_slot_reads_back_from_its_hour_and_attribute(seconds in 0..253_402_300_799_i64) {
            let slot = Slot::of(Timestamp::from_unix_seconds(seconds).unwrap());
            prop_assert_eq!(Slot::parse(&slot.hour(), slot.attribute()), Some(slot));
            prop_assert!((0..300).contains(&(seconds - slot.start().unix_seconds())));
        }
    }
}
