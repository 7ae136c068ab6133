//! The table of AWS's error codes: the kind of each error, and a hint for each kind.
//!
//! The codes have these sources:
//!
//! - the services' lists of common errors, such as
//!   <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html> and
//!   <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>. The JSON protocols spell some
//!   of these codes differently, so the table has both spellings.
//! - the list of throttling errors in the crate aws-runtime
//! - the errors of CloudFormation's resource handlers:
//!   <https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html>

/// The kind of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The session has expired: every further call fails until the operator signs in.
    ExpiredSession,
    /// The time of the request differs too much from AWS's time.
    Clock,
    /// The signature is wrong, because of the secret access key or the clock.
    Signature,
    /// AWS does not know the credentials.
    Credentials,
    /// The account may not use the service.
    Account,
    /// The caller lacks a permission.
    Permission,
    /// Too many calls: the same call succeeds later.
    Throttled,
    /// Another operation on the stack was faster.
    Overtaken,
    /// The stack's last operation failed. No update is possible before recovery.
    FailedStack,
    /// A resource of this name exists outside the stack.
    NameTaken,
    /// The bucket is in another region.
    OtherRegion,
    /// The account has reached a limit.
    Quota,
    /// The resource does not exist in this account and region.
    Missing,
    /// A failure of AWS itself.
    Fault,
    /// AWS did not answer, for example because the connection failed. No code has this kind.
    Unreachable,
    /// The answer cannot be read, so it probably comes from a server that is not AWS. No code has this
    /// kind.
    NotAws,
}

impl Kind {
    pub(crate) const fn hint(self) -> &'static str {
        match self {
            Kind::ExpiredSession => {
                "the AWS session has expired: sign in again, for example with `aws login` or `aws sso login`"
            }
            Kind::Clock => {
                "this machine's clock differs from AWS's: set the clock, for example with `sudo timedatectl set-ntp true`"
            }
            Kind::Signature => {
                "the secret access key does not belong to the access key ID, or this machine's clock is wrong: check AWS_SECRET_ACCESS_KEY, or the profile's aws_secret_access_key, and the clock"
            }
            Kind::Credentials => {
                "AWS does not accept these credentials: check --profile and the AWS_* variables, and that the account has enabled the region"
            }
            Kind::Account => {
                "the account may not use this service: check the account in the AWS console, or pass another --profile or --region"
            }
            Kind::Permission => {
                "this identity lacks a permission: ask for it, or pass another --profile"
            }
            Kind::Throttled => "AWS is throttling this account: wait a minute and try again",
            Kind::Overtaken => "another deploy was faster: rerun, which makes a new plan",
            Kind::FailedStack => {
                "the stack's last operation failed: rerun the command, which then says how to repair the stack"
            }
            Kind::NameTaken => {
                "a resource of this name exists outside the stack: remove the resource, then rerun"
            }
            Kind::OtherRegion => {
                "the bucket is in another region: check --region, AWS_REGION and the profile's region"
            }
            Kind::Quota => {
                "the account has reached a quota: remove unused resources, or request a higher quota in Service Quotas"
            }
            Kind::Missing => {
                "this account and region have no such resource: check --env, --region and --profile"
            }
            Kind::Unreachable => "check the network, --region and --endpoint-url, then try again",
            Kind::NotAws => "if --endpoint-url is given, check that an AWS emulator listens there",
            Kind::Fault => {
                "AWS has failed, not this command: wait a minute and try again; https://health.aws.amazon.com lists outages"
            }
        }
    }
}

/// Finds the kind of an error by its code and its message.
pub(super) fn kind(code: &str, message: &str) -> Option<Kind> {
    let matches = |row: &&Row| {
        let (_, codes, texts) = row;
        let has_text = |text: &&str| message.contains(text);
        (codes.is_empty() || codes.split(' ').any(|known| known == code))
            && (texts.is_empty() || texts.iter().any(has_text))
    };
    TABLE.iter().find(matches).map(|(kind, ..)| *kind)
}

/// A kind, its codes (separated by spaces) and its texts. A row matches an error if it lists the error's
/// code and if the message contains one of its texts. An empty list of codes matches every code, and an
/// empty list of texts matches every message. `HTTP-403` stands for a response with that status and
/// without a code, such as S3's answer to HEAD.
type Row = (Kind, &'static str, &'static [&'static str]);

const SIGNATURE: &str = "SignatureDoesNotMatch InvalidSignature InvalidSignatureException";

/// The rows by precedence: the first matching row counts. A row with texts therefore precedes a row that
/// has the same code and no texts.
#[rustfmt::skip]
static TABLE: &[Row] = &[
    (Kind::ExpiredSession, "ExpiredToken ExpiredTokenException TokenRefreshRequired", &[]),
    // Some services report an expired session with a code that also has other meanings.
    (Kind::ExpiredSession, "", &["security token included in the request is expired", "Session token not found or invalid"]),
    (Kind::Clock, "RequestTimeTooSkewed RequestExpired", &[]),
    (Kind::Clock, SIGNATURE, &["Signature expired", "Signature not yet current"]),
    (Kind::Signature, SIGNATURE, &[]),
    (Kind::Credentials, "InvalidClientTokenId UnrecognizedClientException InvalidAccessKeyId InvalidToken AuthFailure \
        MissingAuthenticationToken MissingAuthenticationTokenException IncompleteSignature IncompleteSignatureException", &[]),
    (Kind::Account, "OptInRequired SubscriptionRequiredException AccountProblem AllAccessDisabled", &[]),
    (Kind::Permission, "AccessDenied AccessDeniedException UnauthorizedOperation UnauthorizedException NotAuthorized HTTP-403", &[]),
    // `THROTTLING_ERRORS` of aws-runtime, and status 429. `LimitExceededException` of that list is in the
    // row of quotas, because it usually means a quota that a retry does not raise.
    (Kind::Throttled, "Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException \
        RequestLimitExceeded TooManyRequestsException ProvisionedThroughputExceededException BandwidthLimitExceeded \
        TransactionInProgressException PriorRequestNotComplete EC2ThrottledException SlowDown HTTP-429", &[]),
    (Kind::Throttled, "ValidationError", &["Rate exceeded"]),
    (Kind::Overtaken, "ChangeSetNotFound ChangeSetNotFoundException InvalidChangeSetStatus InvalidChangeSetStatusException \
        OperationInProgressException", &[]),
    (Kind::FailedStack, "ValidationError", &["is in ROLLBACK_COMPLETE state and", "_FAILED state and can not be updated",
        "_FAILED state and cannot be updated"]),
    (Kind::Overtaken, "ValidationError", &["can not be updated", "cannot be updated", "can not be deleted while in status",
        "cannot be deleted while in status"]),
    (Kind::NameTaken, "AlreadyExists AlreadyExistsException ResourceAlreadyExistsException EntityAlreadyExists \
        EntityAlreadyExistsException BucketAlreadyExists BucketAlreadyOwnedByYou ResourceExistenceCheck \
        NAME_CONFLICT_VALIDATION", &[]),
    (Kind::OtherRegion, "PermanentRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException HTTP-301", &[]),
    (Kind::Quota, "LimitExceeded LimitExceededException ServiceQuotaExceededException ServiceLimitExceeded TooManyBuckets", &[]),
    (Kind::Missing, "ResourceNotFoundException NoSuchBucket NotFound QueueDoesNotExist \
        AWS.SimpleQueueService.NonExistentQueue HTTP-404", &[]),
    (Kind::Fault, "InternalFailure InternalError InternalServerError InternalServerException InternalServiceError \
        InternalServiceErrorException ServiceException ServiceUnavailable ServiceUnavailableException \
        HTTP-500 HTTP-502 HTTP-503 HTTP-504", &[]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_has_a_hint_and_matches_something() {
        for row @ (kind, codes, texts) in TABLE {
            assert!(!codes.is_empty() || !texts.is_empty(), "{row:?}");
            let hint = kind.hint();
            assert!(hint.contains(": ") && !hint.ends_with('.'), "{hint}");
        }
    }

    #[test]
    fn each_row_gives_its_kind_to_all_its_codes() {
        for row @ (expected, codes, texts) in TABLE {
            let text = texts.first().copied().unwrap_or_default();
            let codes = if codes.is_empty() { "Any" } else { *codes };
            for code in codes.split(' ') {
                assert_eq!(kind(code, text), Some(*expected), "{code}: {row:?}");
            }
        }
    }

    #[test]
    fn no_code_is_listed_twice_for_the_same_texts() {
        let mut listed = BTreeSet::new();
        for row @ (_, codes, texts) in TABLE {
            for code in codes.split(' ') {
                assert!(listed.insert((code, texts)), "{code}: {row:?}");
            }
        }
    }

    #[test]
    fn the_codes_that_operators_meet_are_listed() {
        for (code, message, expected) in [
            ("ExpiredToken", "", Kind::ExpiredSession),
            ("ExpiredTokenException", "", Kind::ExpiredSession),
            (
                "InvalidClientTokenId",
                "The security token included in the request is expired",
                Kind::ExpiredSession,
            ),
            ("RequestTimeTooSkewed", "", Kind::Clock),
            ("SignatureDoesNotMatch", "Signature expired: 1", Kind::Clock),
            ("InvalidSignatureException", "", Kind::Signature),
            ("RequestThrottled", "", Kind::Throttled),
            ("ChangeSetNotFound", "", Kind::Overtaken),
            (
                "ValidationError",
                "Stack:arn:aws:cloudformation:x is in UPDATE_IN_PROGRESS state and can not be updated.",
                Kind::Overtaken,
            ),
            (
                "ValidationError",
                "Stack:arn:aws:cloudformation:x is in ROLLBACK_COMPLETE state and can not be updated.",
                Kind::FailedStack,
            ),
            ("AlreadyExists", "", Kind::NameTaken),
            ("ResourceExistenceCheck", "", Kind::NameTaken),
            ("NAME_CONFLICT_VALIDATION", "", Kind::NameTaken),
            ("PermanentRedirect", "", Kind::OtherRegion),
        ] {
            assert_eq!(kind(code, message), Some(expected), "{code}");
        }
        assert_eq!(kind("ValidationError", "Template format error"), None);
    }
}
