//! Tests of the verify function's real process. Test doubles are the Lambda Runtime API, a Lambda that
//! runs the real API function, and a CodeDeploy that records the reported results.

#![cfg(test)]

mod aws;
mod process;
