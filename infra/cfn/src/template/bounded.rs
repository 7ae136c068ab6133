//! Whole numbers with bounds that are checked at compile time.

/// Declares a number type for constants. A constant outside of the bounds does not compile.
#[macro_export]
macro_rules! bounded {
    ($(#[doc = $doc:literal])+ $name:ident: $min:literal..=$max:expr) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
        pub struct $name(u32);

        impl $name {
            /// The largest value.
            pub const MAX: Self = $name($max);

            #[doc = concat!("Creates the value of a constant, from ", $min, " to ", stringify!($max), ".")]
            ///
            /// # Panics
            /// If the value is out of bounds. In a constant, that is a compile error.
            pub const fn new(value: u32) -> Self {
                const MAX: u32 = $max;
                assert!(
                    matches!(value, $min..=MAX),
                    concat!(stringify!($name), " has to be from ", $min, " to ", stringify!($max))
                );
                $name(value)
            }

            /// Returns the number.
            pub const fn get(self) -> u32 {
                self.0
            }
        }
    };
}
