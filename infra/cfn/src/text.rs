//! Text that is checked at compile time, such as the ARN of a certificate.

/// Declares a text type that a `const fn` checks. A constant with an invalid text does not
/// compile.
///
/// The text is `'static`, so the type has no destructor. With a destructor, a constant of settings
/// could not extend another constant with `..DEV` (error E0493).
#[macro_export]
macro_rules! checked_text {
    ($(#[doc = $doc:literal])+ $name:ident, $check:ident, $error:ident: $expected:literal) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
        pub struct $name(&'static str);

        #[doc = concat!("Error: the text is not a valid [`", stringify!($name), "`].")]
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error($expected)]
        pub struct $error;

        impl $name {
            /// Creates the value of a constant.
            ///
            /// # Panics
            /// If the text is not valid. In a constant, that is a compile error.
            pub const fn new(text: &'static str) -> Self {
                assert!($check(text.as_bytes()), $expected);
                $name(text)
            }

            /// Returns the text.
            pub const fn as_str(&self) -> &'static str {
                self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $error;

            /// Checks a text. A valid text stays in memory until the process ends.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if $check(text.as_bytes()) {
                    Ok($name(text.to_owned().leak()))
                } else {
                    Err($error)
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.0)
            }
        }
    };
}

/// Returns the text after a prefix; `None` if the text does not begin with the prefix.
pub const fn strip_prefix<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (mut text, mut prefix) = (text, prefix);
    while let [expected, prefix_tail @ ..] = prefix {
        match text {
            [byte, tail @ ..] if *byte == *expected => text = tail,
            _ => return None,
        }
        prefix = prefix_tail;
    }
    Some(text)
}

/// Skips the leading bytes that are in `alphabet`. Returns the rest, or `None` if there are fewer
/// than `least` such bytes.
pub const fn skip_all<'a>(text: &'a [u8], least: usize, alphabet: &[u8]) -> Option<&'a [u8]> {
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        let mut letters = alphabet;
        while let [letter, others @ ..] = letters
            && *letter != *byte
        {
            letters = others;
        }
        if letters.is_empty() {
            break;
        }
        rest = tail;
    }
    if text.len() - rest.len() >= least {
        Some(rest)
    } else {
        None
    }
}

/// Returns true if the text has only bytes of `alphabet`, and at least `least` of them.
pub const fn has_only(text: &[u8], least: usize, alphabet: &[u8]) -> bool {
    matches!(skip_all(text, least, alphabet), Some([]))
}
