//! Declarations that several services share.

/// Declares meanings of values: types without a value of their own.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug)]
            pub enum $name {}

            impl $crate::template::Referable for $name {}
        )+
    };
}

/// Declares kinds that are ARNs, and so may stand in the resources of a policy.
macro_rules! arns {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {
        $crate::resources::macros::kinds! { $($(#[doc = $doc])+ $name),+ }
        $(impl $crate::template::IsArn for $name {})+
    };
}

/// Declares types of properties that have one right value.
macro_rules! fixed {
    ($($(#[doc = $doc:literal])+ $name:ident = $value:expr),+ $(,)?) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub struct $name;

            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    $value.serialize(serializer)
                }
            }
        )+
    };
}

pub(super) use {arns, fixed, kinds};
