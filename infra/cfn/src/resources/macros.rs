//! Macros that declare resource types and the kinds of their values.

/// Declares kinds of values: types without instances, which distinguish values at compile time.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident),+ $(,)?) => {
        $(
            $(#[doc = $doc])*
            #[derive(Debug, Clone)]
            pub enum $name {}

            impl $crate::template::Referable for $name {}
        )+
    };
}

/// Declares kinds that are ARNs, for use in a policy's `Resource`.
macro_rules! arns {
    ($($(#[doc = $doc:literal])* $name:ident),+ $(,)?) => {
        $crate::resources::macros::kinds! { $($(#[doc = $doc])* $name),+ }
        $(impl $crate::template::IsArn for $name {})+
    };
}

/// Declares property types that have only one possible value.
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

/// Implements [`Resource`](crate::template::Resource) for a struct of properties. Each
/// `method = "Attribute" as Kind` adds a method for an attribute to the handle. `facts of Other`
/// copies `CREATE_ONLY`, `TAGS` and `NAME` from `Other`, a struct of the same resource type.
macro_rules! resource {
    (
        $name:ident = $type:expr,
        Ref = $ref:ty,
        facts of $other:ident,
        $($method:ident = $attribute:literal as $kind:ty,)*
    ) => {
        impl $crate::template::Resource for $name {
            const TYPE: &'static str = $type;
            const CREATE_ONLY: &'static [&'static str] = $other::CREATE_ONLY;
            const TAGS: $crate::template::TagForm = $other::TAGS;
            const NAME: Option<$crate::template::NameProperty> = $other::NAME;
            type Ref = $ref;
            type UpdatePolicy = $crate::template::NoUpdatePolicy;
        }

        $crate::resources::macros::resource! { @attributes $name $($method = $attribute as $kind,)* }
    };
    (
        $name:ident = $type:expr,
        Ref = $ref:ty,
        $(UpdatePolicy = $policy:ty,)?
        $(name = $name_property:tt,)?
        tags = $tags:ident,
        create_only = [$($create_only:literal),* $(,)?],
        $($method:ident = $attribute:literal as $kind:ty,)*
    ) => {
        impl $crate::template::Resource for $name {
            const TYPE: &'static str = $type;
            const CREATE_ONLY: &'static [&'static str] = &[$($create_only),*];
            const TAGS: $crate::template::TagForm = $crate::template::TagForm::$tags;
            $(
                const NAME: Option<$crate::template::NameProperty> =
                    Some($crate::template::NameProperty $name_property);
            )?
            type Ref = $ref;
            type UpdatePolicy = $crate::resources::macros::resource!(@policy $($policy)?);
        }

        $crate::resources::macros::resource! { @attributes $name $($method = $attribute as $kind,)* }
    };
    (@policy) => { $crate::template::NoUpdatePolicy };
    (@policy $policy:ty) => { $policy };
    (@attributes $name:ident) => {};
    (@attributes $name:ident $($method:ident = $attribute:literal as $kind:ty,)+) => {
        impl $crate::template::Handle<$name> {
            $(
                #[doc = concat!("Returns `Fn::GetAtt ", $attribute, "`.")]
                pub fn $method(&self) -> $crate::template::Value<$kind> {
                    self.attribute($attribute)
                }
            )+
        }
    };
}

/// Declares `TYPES`: the [`ResourceType`](crate::template::ResourceType) of each struct.
macro_rules! types {
    ($($name:ident),+) => {
        pub(super) const TYPES: &[$crate::template::ResourceType] =
            &[$($crate::template::ResourceType::of::<$name>()),+];
    };
}

pub(super) use {arns, fixed, kinds, resource, types};
