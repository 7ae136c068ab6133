//! AWS's error codes: the meaning of each, and the way out.
//!
//! The codes are those of the services' lists of common errors, such as
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html>
//! and <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>, with their
//! spellings in the JSON protocols, and the codes of CloudFormation's resource handlers:
//! <https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html>.

/// The kind of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The session has expired: every further call fails until the operator signs in.
    ExpiredSession,
    /// The request's time differs from AWS's.
    Clock,
    /// The signature is wrong, because of the secret access key or the clock.
    Signature,
    /// AWS does not know the credentials, or the account may not use the service.
    Credentials,
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
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// The codes in all their spellings; empty for any code. `HTTP 403` stands for a
    /// response of that status without a code, as S3 gives to HEAD.
    codes: &'static [&'static str],
    /// Texts of which the message must contain one; empty for any message.
    texts: &'static [&'static str],
    pub(crate) kind: Kind,
    /// A clause: `the AWS session has expired`.
    pub(crate) meaning: &'static str,
    /// An imperative: `sign in again`.
    pub(crate) way_out: &'static str,
}

impl Row {
    fn matches(&self, code: &str, message: &str) -> bool {
        let has_code = self.codes.is_empty() || self.codes.contains(&code);
        let has_text = |text: &&str| message.contains(text);
        has_code && (self.texts.is_empty() || self.texts.iter().any(has_text))
    }

    pub(crate) fn hint(&self) -> String {
        format!("{}: {}", self.meaning, self.way_out)
    }
}

/// Finds the first row that matches a code and its message.
pub(crate) fn find(code: &str, message: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.matches(code, message))
}

/// Finds the first row of a kind.
pub(crate) fn of(kind: Kind) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.kind == kind)
}

/// The first row that matches counts. A row with texts is therefore before the row of the same
/// code without texts.
static TABLE: &[Row] = &[
    Row {
        codes: &[
            "ExpiredToken",
            "ExpiredTokenException",
            "TokenRefreshRequired",
        ],
        texts: &[],
        kind: Kind::ExpiredSession,
        meaning: "the AWS session has expired",
        way_out: SIGN_IN,
    },
    // Some services use a code that has other meanings too.
    Row {
        codes: &[],
        texts: &[
            "security token included in the request is expired",
            "Session token not found or invalid",
        ],
        kind: Kind::ExpiredSession,
        meaning: "the AWS session has expired",
        way_out: SIGN_IN,
    },
    Row {
        codes: &["RequestTimeTooSkewed", "RequestExpired"],
        texts: &[],
        kind: Kind::Clock,
        meaning: "this machine's clock differs from AWS's",
        way_out: SET_CLOCK,
    },
    Row {
        codes: SIGNATURE,
        texts: &["Signature expired", "Signature not yet current"],
        kind: Kind::Clock,
        meaning: "this machine's clock differs from AWS's",
        way_out: SET_CLOCK,
    },
    Row {
        codes: SIGNATURE,
        texts: &[],
        kind: Kind::Signature,
        meaning: "the secret access key does not belong to the access key ID, or this machine's clock is wrong",
        way_out: "check AWS_SECRET_ACCESS_KEY, or the profile's aws_secret_access_key, and the clock",
    },
    Row {
        codes: &[
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "InvalidAccessKeyId",
            "InvalidToken",
            "AuthFailure",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "IncompleteSignature",
            "IncompleteSignatureException",
        ],
        texts: &[],
        kind: Kind::Credentials,
        meaning: "AWS does not accept these credentials",
        way_out: "check --profile and the AWS_* variables, and that the account has enabled the region",
    },
    Row {
        codes: &[
            "OptInRequired",
            "SubscriptionRequiredException",
            "AccountProblem",
            "AllAccessDisabled",
        ],
        texts: &[],
        kind: Kind::Credentials,
        meaning: "the account may not use this service",
        way_out: "check the account in the AWS console, or pass another --profile or --region",
    },
    Row {
        codes: &[
            "AccessDenied",
            "AccessDeniedException",
            "UnauthorizedOperation",
            "UnauthorizedException",
            "NotAuthorized",
            "HTTP 403",
        ],
        texts: &[],
        kind: Kind::Permission,
        meaning: "this identity lacks a permission",
        way_out: "ask for it, or pass another --profile",
    },
    // `THROTTLING_ERRORS` of aws-runtime without the codes of other rows.
    Row {
        codes: &[
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestThrottled",
            "RequestThrottledException",
            "RequestLimitExceeded",
            "TooManyRequestsException",
            "ProvisionedThroughputExceededException",
            "BandwidthLimitExceeded",
            "PriorRequestNotComplete",
            "EC2ThrottledException",
            "SlowDown",
            "HTTP 429",
        ],
        texts: &[],
        kind: Kind::Throttled,
        meaning: "AWS is throttling this account",
        way_out: "wait a minute and try again",
    },
    Row {
        codes: &["ValidationError"],
        texts: &["Rate exceeded"],
        kind: Kind::Throttled,
        meaning: "AWS is throttling this account",
        way_out: "wait a minute and try again",
    },
    Row {
        codes: &[
            "ChangeSetNotFound",
            "ChangeSetNotFoundException",
            "InvalidChangeSetStatus",
            "InvalidChangeSetStatusException",
            "OperationInProgressException",
        ],
        texts: &[],
        kind: Kind::Overtaken,
        meaning: "another deploy was faster",
        way_out: PLAN_AGAIN,
    },
    Row {
        codes: &["ValidationError"],
        texts: &[
            "is in ROLLBACK_COMPLETE state and",
            "_FAILED state and can not be updated",
            "_FAILED state and cannot be updated",
        ],
        kind: Kind::FailedStack,
        meaning: "the stack's last operation failed",
        way_out: "rerun, which names the way out of the stack's status",
    },
    Row {
        codes: &["ValidationError"],
        texts: &[
            "can not be updated",
            "cannot be updated",
            "can not be deleted while in status",
            "cannot be deleted while in status",
        ],
        kind: Kind::Overtaken,
        meaning: "another deploy was faster",
        way_out: PLAN_AGAIN,
    },
    Row {
        codes: &[
            "AlreadyExists",
            "AlreadyExistsException",
            "ResourceAlreadyExistsException",
            "EntityAlreadyExists",
            "EntityAlreadyExistsException",
            "BucketAlreadyExists",
            "BucketAlreadyOwnedByYou",
            "ResourceExistenceCheck",
            "NAME_CONFLICT_VALIDATION",
        ],
        texts: &[],
        kind: Kind::NameTaken,
        meaning: "a resource of this name exists outside the stack",
        way_out: "remove the resource, then rerun",
    },
    Row {
        codes: &[
            "PermanentRedirect",
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException",
            "HTTP 301",
        ],
        texts: &[],
        kind: Kind::OtherRegion,
        meaning: "the bucket is in another region",
        way_out: "check --region, AWS_REGION and the profile's region",
    },
    Row {
        codes: &[
            "LimitExceeded",
            "LimitExceededException",
            "ServiceQuotaExceededException",
            "ServiceLimitExceeded",
            "TooManyBuckets",
        ],
        texts: &[],
        kind: Kind::Quota,
        meaning: "the account has reached a quota",
        way_out: "remove unused resources, or request a higher quota in Service Quotas",
    },
    Row {
        codes: &[
            "ResourceNotFoundException",
            "NoSuchBucket",
            "NotFound",
            "QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue",
            "HTTP 404",
        ],
        texts: &[],
        kind: Kind::Missing,
        meaning: "this account and region have no such resource",
        way_out: "check --env, --region and --profile",
    },
    Row {
        codes: &[
            "InternalFailure",
            "InternalError",
            "InternalServerError",
            "InternalServerException",
            "InternalServiceError",
            "InternalServiceErrorException",
            "ServiceException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "HTTP 500",
            "HTTP 502",
            "HTTP 503",
            "HTTP 504",
        ],
        texts: &[],
        kind: Kind::Fault,
        meaning: "AWS has failed, not this command",
        way_out: "wait a minute and try again; https://health.aws.amazon.com lists outages",
    },
];

const SIGNATURE: &[&str] = &[
    "SignatureDoesNotMatch",
    "InvalidSignature",
    "InvalidSignatureException",
];
const SIGN_IN: &str = "sign in again, for example with `aws sso login`";
const SET_CLOCK: &str = "set the clock, for example with `sudo timedatectl set-ntp true`";
const PLAN_AGAIN: &str = "rerun, which makes a new plan";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_has_words_and_a_way_out() {
        for row in TABLE {
            assert!(
                !row.codes.is_empty() || !row.texts.is_empty(),
                "it matches everything: {row:?}"
            );
            for words in [row.meaning, row.way_out] {
                assert!(words.split(' ').count() >= 3, "{row:?}");
                assert!(!words.contains('\n') && !words.ends_with('.'), "{row:?}");
                assert!(
                    words.starts_with(|first: char| first.is_alphabetic()),
                    "{row:?}"
                );
            }
        }
    }

    #[test]
    fn every_row_is_the_first_one_for_each_of_its_codes() {
        for row in TABLE {
            let text = row.texts.first().copied().unwrap_or_default();
            let codes = if row.codes.is_empty() {
                &["Any"]
            } else {
                row.codes
            };
            for code in codes {
                let found = find(code, text).map(|found| std::ptr::eq(found, row));
                assert_eq!(found, Some(true), "{code}: {row:?}");
            }
        }
    }

    #[test]
    fn no_code_is_listed_twice_for_the_same_texts() {
        let mut listed = BTreeSet::new();
        for row in TABLE {
            for code in row.codes {
                assert!(listed.insert((code, row.texts)), "{code}: {row:?}");
            }
        }
    }

    #[test]
    fn the_codes_that_operators_meet_are_listed() {
        for (code, message, kind) in [
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
            assert_eq!(
                find(code, message).map(|row| row.kind),
                Some(kind),
                "{code}"
            );
        }
        assert!(find("ValidationError", "Template format error").is_none());
    }
}
