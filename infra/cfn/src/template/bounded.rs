//! Whole numbers with bounds that are checked while compiling.

/// Declares a number type whose `new` is meant for constants: a value outside
/// of the bounds then does not compile.
#[macro_export]
macro_rules! bounded {
    ($(#[doc = $doc:literal])+ $name:ident: $min:literal..=$max:literal) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
        pub struct $name(u32);

        impl $name {
            #[doc = concat!("The largest: ", $max, ".")]
            pub const MAX: Self = $name($max);

            #[doc = concat!("A value from ", $min, " to ", $max, "; use it in a constant or a `const` block.")]
            ///
            /// # Panics
            /// Outside of these bounds; in a constant that is a compile error.
            pub const fn new(value: u32) -> Self {
                assert!(
                    matches!(value, $min..=$max),
                    concat!(stringify!($name), " has to be from ", $min, " to ", $max)
                );
                $name(value)
            }

            /// The number.
            pub const fn get(self) -> u32 {
                self.0
            }
        }
    };
}
