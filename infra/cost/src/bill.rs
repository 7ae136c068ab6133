//! A month's bill.

use crate::prices::{Item, PRICES, Price};

/// The quantities of a month, by item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bill([f64; PRICES.len()]);

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    pub service: &'static str,
    pub quantity: f64,
    pub unit: &'static str,
    /// Dollars for one unit.
    pub price: f64,
    pub dollars: f64,
}

impl Bill {
    /// Adds a quantity of an item, in the item's unit.
    pub(crate) fn add(&mut self, item: Item, quantity: f64) {
        self.0[item as usize] += quantity;
    }

    /// Returns the quantity of an item, in the item's unit.
    pub fn quantity(&self, item: Item) -> f64 {
        self.0[item as usize]
    }

    pub fn dollars(&self, item: Item) -> f64 {
        let quantity = self.quantity(item);
        let Price {
            dollars, beyond, ..
        } = item.price();
        match beyond {
            Some((first, further)) if quantity > first => {
                first * dollars + (quantity - first) * further
            }
            _ => quantity * dollars,
        }
    }

    /// Returns the dollars for all items.
    pub fn total(&self) -> f64 {
        PRICES.iter().map(|price| self.dollars(price.item)).sum()
    }

    /// Returns a line for each price, in the order of the price list.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        PRICES.iter().map(|price| Line {
            service: price.service,
            quantity: self.quantity(price.item),
            unit: price.unit,
            price: price.dollars,
            dollars: self.dollars(price.item),
        })
    }
}
