//! Text that is checked at compile time, such as the ARN of a certificate.

/// Declares a type of text that a `const fn` checks, at compile time if the text is in a
/// constant.
///
/// The text is `'static`, so that settings need no destructor: a constant with a
/// destructor cannot be the base of another constant (E0493), as `STAGING` is of
/// `PROD`.
#[macro_export]
macro_rules! checked_text {
    ($(#[doc = $doc:literal])+ $name:ident, $check:ident, $error:ident: $expected:literal) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
        pub struct $name(&'static str);

        #[doc = concat!("The text is no [`", stringify!($name), "`].")]
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error($expected)]
        pub struct $error;

        impl $name {
            /// Makes the text for the settings.
            ///
            /// # Panics
            /// If the text is not valid; in a constant that is a compile error.
            pub const fn new(text: &'static str) -> Self {
                assert!($check(text.as_bytes()), $expected);
                $name(text)
            }

            /// As text.
            pub const fn as_str(&self) -> &str {
                self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $error;

            /// Keeps a valid text until the process ends.
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

/// Returns the rest after a prefix.
pub const fn after<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
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

/// Returns the rest after all leading bytes of an alphabet, if there are at least
/// `least` of them.
pub const fn after_all<'a>(text: &'a [u8], least: usize, alphabet: &[u8]) -> Option<&'a [u8]> {
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        let mut letters = alphabet;
        let mut known = false;
        while let [letter, others @ ..] = letters {
            known = known || *letter == *byte;
            letters = others;
        }
        if !known {
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
