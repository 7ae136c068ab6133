//! Chains of causes: an error and the errors that led to it.

use std::error::Error;

/// Iterates over an error and its causes, the outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Finds the outermost error of type `T`.
pub(crate) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// Returns the innermost cause in one line. The outer errors of the SDK only name the step that
/// failed.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    in_one_line(&causes(error).last().unwrap_or(error).to_string())
}

/// Replaces every run of white space by one space.
pub(crate) fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
