//! The real process of the function between a Lambda Runtime API, a Lambda that runs the real API
//! function, and a CodeDeploy that records the reported results.

#![cfg(test)]

mod aws;
mod process;
