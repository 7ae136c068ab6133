//! Profiles with each kind of sign-in. The responses of IAM Identity Center, AWS Sign-In and STS are
//! scripted.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use ::xtask::child;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tempfile::TempDir;
use tests::scripted::{self, Answer, Scripted};
use tests::xtask::{self, Run};

use crate::assert_outcome;
use crate::machine_settings::{NOTHING_LISTENS, tls_server};
use crate::scripts::{self, CALLER, EVENTS_BEFORE, EVENTS_BEGUN, PROD, prod_by_id, refusal, stack};

const STACK: Answer = stack!("DescribeStacks" => "crypto-watch-dev", "UPDATE_COMPLETE", "");
const ASSUMED: Answer = Answer::ok(
    "AssumeRole",
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>\
     <SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>\
     <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser>\
     <AssumedRoleId>AROA:ops</AssumedRoleId><Arn>arn:aws:sts::111122223333:assumed-role/x/ops</Arn>\
     </AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>",
);
const ROLE_CREDENTIALS: Answer = Answer::ok(
    "GET /federation/credentials",
    r#"{"roleCredentials":{"accessKeyId":"ASIASSO","secretAccessKey":"secret","sessionToken":"token","expiration":4070908800000}}"#,
);
const RENEWED_SSO: Answer = Answer::ok(
    "POST /token",
    r#"{"accessToken":"renewed","tokenType":"Bearer","expiresIn":3600,"refreshToken":"next"}"#,
);
const RENEWED_LOGIN: Answer = Answer::ok(
    "POST /v1/token",
    r#"{"accessToken":{"accessKeyId":"ASIARENEWED","secretAccessKey":"secret","sessionToken":"token"},"tokenType":"aws_sigv4","expiresIn":900,"refreshToken":"next"}"#,
);
const SCRIPT: &[Answer] = &[
    STACK,
    CALLER,
    ASSUMED,
    ROLE_CREDENTIALS,
    RENEWED_SSO,
    RENEWED_LOGIN,
];

const PAST: &str = "2020-01-01T00:00:00Z";
const FUTURE: &str = "2099-01-01T00:00:00Z";

const SSO: &str = "\
[profile ops]
sso_session = corp
sso_account_id = 111122223333
sso_role_name = Admin
[sso-session corp]
sso_region = us-east-1
sso_start_url = https://corp.awsapps.com/start
";
/// The file of the session, named by the SHA-1 of `corp`.
const SSO_CACHE: &str = "sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
const LOGIN: &str = "[profile ops]\nlogin_session = arn:aws:iam::111122223333:user/ops\n";
/// The file of the session, named by the SHA-256 of the session's ARN.
const LOGIN_CACHE: &str =
    "login/cache/9a81860ff734c84a11caeeaaae0fb67edfb1d624e2892b4870d6f03bc880591e.json";
const ROLE: &str =
    "[profile ops]\nrole_arn = arn:aws:iam::111122223333:role/x\nsource_profile = base\n";
const MFA: &str = "mfa_serial = arn:aws:iam::111122223333:mfa/ops\nregion = us-east-1\n";
const KEYS: &str = "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = secret\n";
const SESSION_KEYS: &str = "[profile ops]\naws_access_key_id = ASIAKEYS\naws_secret_access_key = secret\naws_session_token = token\n";
/// A profile whose credentials a program prints. No message may contain the program's argument.
const PROCESS: &str =
    "[profile ops]\ncredential_process = $HOME/.aws/vault --passcode=confidential\n";

const NOT_FOUND: &str = "error: no usable AWS credentials were found: ";

/// A home directory with the files of the AWS CLI.
struct Home(TempDir);

impl Home {
    fn with(files: &[(&str, &str)]) -> Self {
        let home = Home(tempfile::tempdir().unwrap());
        for (path, text) in files {
            home.write(path, text);
        }
        home
    }

    /// Creates a home directory for [`PROCESS`], whose program prints these credentials.
    fn with_process(expiration: &str) -> Self {
        let home = Home::with(&[("config", PROCESS), ("runs", "")]);
        home.set_process(&format!(
            r#"echo '{{"Version":1,"AccessKeyId":"ASIAPROCESS","SecretAccessKey":"secret","SessionToken":"token","Expiration":"{expiration}"}}'"#
        ));
        home
    }

    /// Writes the program of [`PROCESS`], which also records each of its runs.
    fn set_process(&self, lines: &str) {
        let program = format!("#!/bin/sh\necho >> \"$HOME/.aws/runs\"\n{lines}\n");
        let path = self.write("vault", &program);
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    }

    fn process_runs(&self) -> usize {
        let runs = fs::read_to_string(self.0.path().join(".aws/runs"));
        runs.unwrap().lines().count()
    }

    fn write(&self, path: &str, text: &str) -> String {
        let path = self.0.path().join(".aws").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs a command with this directory, and an endpoint for the sign-in.
    async fn run(&self, sign_in: &str, command: &[&str], more: &[(&str, &str)]) -> Run {
        let config = self.0.path().join(".aws/config");
        let environment = [
            ("HOME", self.0.path().to_str().unwrap()),
            ("AWS_CONFIG_FILE", config.to_str().unwrap()),
            ("AWS_ENDPOINT_URL_SSO", sign_in),
            ("AWS_ENDPOINT_URL_SSO_OIDC", sign_in),
            ("AWS_ENDPOINT_URL_SIGNIN", sign_in),
            ("AWS_ENDPOINT_URL_STS", sign_in),
            ("AWS_REGION", "us-east-1"),
        ];
        xtask::run(command, &[&environment, more].concat()).await
    }

    async fn outputs(&self, endpoint: &Scripted) -> Run {
        let url = endpoint.url();
        let command = ["outputs", "--env", "dev", "--profile", "ops"];
        let command = [&command[..], &["--endpoint-url", url]].concat();
        self.run(url, &command, &[]).await
    }

    /// Asserts that a command signs its calls with an access key id.
    async fn signs_with(&self, access_key_id: &str) -> Scripted {
        let endpoint = Scripted::start(SCRIPT).await;
        let run = self.outputs(&endpoint).await;
        assert_eq!(run.code, 0, "{}", run.stderr);
        let calls = endpoint.requests("DescribeStacks");
        assert_eq!(calls[0].access_key_id, access_key_id);
        endpoint
    }

    /// Asserts that a command finds no credentials, and returns its stderr.
    async fn fails(&self, changes: &[Answer], error: &str, hint: &str) -> String {
        let endpoint = Scripted::start(&scripted::with_changes(changes, SCRIPT)).await;
        let run = self.outputs(&endpoint).await;
        assert_failed(&run, &format!("{NOT_FOUND}{error}"), hint);
        assert!(endpoint.requests("DescribeStacks").is_empty());
        run.stderr
    }

    async fn deploy_to_prod(&self, endpoint: &Scripted) -> Run {
        let command = [&scripts::prod_arguments(endpoint)[..], &["--yes"]].concat();
        let command = [&command[..], &["--profile", "ops"]].concat();
        self.run(endpoint.url(), &command, &[]).await
    }
}

#[track_caller]
fn assert_failed(run: &Run, error: &str, hint: &str) {
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains(error), "{error}: {}", run.stderr);
    let hint = format!("hint: {hint}");
    assert!(run.stderr.contains(&hint), "{hint}: {}", run.stderr);
}

fn sso_token(expires_at: &str, more: &str) -> String {
    format!(
        r#"{{"accessToken":"cached","expiresAt":"{expires_at}","region":"us-east-1","startUrl":"https://corp.awsapps.com/start"{more}}}"#
    )
}

/// Returns a session as `aws login` writes it. Its private key is the number 0x0707..07, in the
/// form of RFC 5915.
fn login_session(expires_at: &str) -> String {
    let version = [0x30, 49, 2, 1, 1, 4, 32];
    let of_curve_p256 = [0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let key = [&version[..], &[7; 32], &of_curve_p256].concat();
    let key = BASE64_STANDARD.encode(key);
    // A line of PEM has at most 64 characters.
    let (line, last) = key.split_at(64);
    let end = "EC PRIVATE KEY-----\\n";
    let key = format!("-----BEGIN {end}{line}\\n{last}\\n-----END {end}");
    format!(
        r#"{{"accessToken":{{"accessKeyId":"ASIALOGIN","secretAccessKey":"secret","sessionToken":"token","accountId":"111122223333","expiresAt":"{expires_at}"}},"tokenType":"aws_sigv4","refreshToken":"refresh","clientId":"arn:aws:signin:::devtools/same-device","dpopKey":"{key}"}}"#
    )
}

#[tokio::test]
async fn a_session_of_sso_signs_requests_and_is_renewed_after_expiry() {
    let token = sso_token(FUTURE, "");
    let home = Home::with(&[("config", SSO), (SSO_CACHE, &token)]);
    let endpoint = home.signs_with("ASIASSO").await;
    assert!(endpoint.requests(RENEWED_SSO.action).is_empty());
    let more = format!(
        r#","clientId":"id","clientSecret":"secret","refreshToken":"refresh","registrationExpiresAt":"{FUTURE}""#
    );
    let token = sso_token(PAST, &more);
    let home = Home::with(&[("config", SSO), (SSO_CACHE, &token)]);
    let endpoint = home.signs_with("ASIASSO").await;
    assert_eq!(endpoint.requests(RENEWED_SSO.action).len(), 1);
}

#[tokio::test]
async fn without_a_valid_session_of_sso_the_hint_names_the_sign_in_command() {
    let hint = "run `aws sso login --profile ops`\n";
    Home::with(&[("config", SSO)]).fails(&[], "", hint).await;
    let token = sso_token(PAST, "");
    let home = Home::with(&[("config", SSO), (SSO_CACHE, &token)]);
    home.fails(&[], "", hint).await;
    let token = sso_token(FUTURE, "");
    let home = Home::with(&[("config", SSO), (SSO_CACHE, &token)]);
    let signed_out = Answer::error(
        ROLE_CREDENTIALS.action,
        401,
        r#"{"__type":"UnauthorizedException","message":"Session token not found or invalid"}"#,
    );
    let error = "UnauthorizedException: Session token not found or invalid\n";
    home.fails(&[signed_out], error, hint).await;
}

#[tokio::test]
async fn a_session_of_aws_login_signs_requests_and_is_renewed_after_expiry() {
    let session = login_session(FUTURE);
    let home = Home::with(&[("config", LOGIN), (LOGIN_CACHE, &session)]);
    let endpoint = home.signs_with("ASIALOGIN").await;
    assert!(endpoint.requests(RENEWED_LOGIN.action).is_empty());
    let session = login_session(PAST);
    let home = Home::with(&[("config", LOGIN), (LOGIN_CACHE, &session)]);
    let endpoint = home.signs_with("ASIARENEWED").await;
    assert_eq!(endpoint.requests(RENEWED_LOGIN.action).len(), 1);
}

#[tokio::test]
async fn without_a_valid_session_of_aws_login_the_hint_names_the_sign_in_command() {
    let hint = "run `aws login --profile ops`\n";
    Home::with(&[("config", LOGIN)]).fails(&[], "", hint).await;
    let session = login_session(PAST);
    let home = Home::with(&[("config", LOGIN), (LOGIN_CACHE, &session)]);
    let expired = Answer::error(
        RENEWED_LOGIN.action,
        400,
        r#"{"__type":"AccessDeniedException","error":"TOKEN_EXPIRED","message":"the token has expired"}"#,
    );
    home.fails(&[expired], "", hint).await;
}

#[tokio::test]
async fn a_profile_named_by_the_variable_aws_profile_signs_in() {
    let session = login_session(PAST);
    let home = Home::with(&[("config", LOGIN), (LOGIN_CACHE, &session)]);
    let endpoint = Scripted::start(SCRIPT).await;
    let environment = [("AWS_PROFILE", "ops"), ("AWS_ENDPOINT_URL", endpoint.url())];
    let command = ["outputs", "--env", "dev"];
    let run = home.run(endpoint.url(), &command, &environment).await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    let calls = endpoint.requests("DescribeStacks");
    assert_eq!(calls[0].access_key_id, "ASIARENEWED");
}

#[tokio::test]
async fn a_credential_process_runs_once_and_is_named_if_it_fails() {
    let home = Home::with_process(FUTURE);
    home.signs_with("ASIAPROCESS").await;
    assert_eq!(home.process_runs(), 1);
    home.set_process("echo 'sign in first' >&2; exit 1");
    let error = "Error retrieving credentials: external process exited with code exit status: 1. Stderr: sign in first\n";
    let hint = "run `$HOME/.aws/vault ...`, the credential_process of the profile ops, and sign in where it asks\n";
    let stderr = home.fails(&[], error, hint).await;
    assert!(!stderr.contains("confidential"), "{stderr}");
}

const DENIED: Answer = refusal!(
    "AssumeRole",
    "AccessDenied",
    "not authorized to perform sts:AssumeRole"
);
const NOT_ASSUMED: &str = "the profile ops could not assume its role: AccessDenied: not authorized to perform sts:AssumeRole\n";

#[tokio::test]
async fn a_role_is_assumed_with_the_credentials_of_its_source() {
    let home = Home::with(&[("config", &[ROLE, KEYS].concat())]);
    let endpoint = home.signs_with("ASIAROLE").await;
    assert_eq!(endpoint.requests("AssumeRole")[0].access_key_id, "AKIABASE");
    let hint = "let the role's trust policy admit the source profile's identity, and that identity call sts:AssumeRole\n";
    home.fails(&[DENIED], NOT_ASSUMED, hint).await;

    let expired = refusal!("AssumeRole", "ExpiredToken", "the token is expired");
    let base = SESSION_KEYS.replace("profile ops", "profile base");
    let home = Home::with(&[("config", &[ROLE, &base].concat())]);
    let error = "the profile ops could not assume its role: ExpiredToken: the token is expired\n";
    let hint = "set new values of aws_access_key_id, aws_secret_access_key and aws_session_token in the profile base\n";
    home.fails(&[expired], error, hint).await;

    let base = SSO.replace("profile ops", "profile base");
    let home = Home::with(&[("config", &[ROLE, &base].concat())]);
    let hint = "run `aws sso login --profile base`\n";
    home.fails(&[], "", hint).await;
}

#[tokio::test]
async fn the_command_in_the_hint_for_a_role_with_mfa_gives_usable_credentials() {
    let home = Home::with(&[("config", &[ROLE, MFA, KEYS].concat())]);
    let hint = "run `eval \"$(aws configure export-credentials --profile ops --format env)\"`, which asks for the MFA code, then rerun with AWS_PROFILE=ops instead of --profile\n";
    let stderr = home.fails(&[DENIED], NOT_ASSUMED, hint).await;

    // This script replaces the AWS CLI, which prints these lines after it has asked for the code.
    let cli = home.write(
        "bin/aws",
        "#!/bin/sh\n\
         [ \"$*\" = 'configure export-credentials --profile ops --format env' ] || exit 1\n\
         echo export AWS_ACCESS_KEY_ID=ASIAMFA\necho export AWS_SECRET_ACCESS_KEY=secret\n\
         echo export AWS_SESSION_TOKEN=token\n",
    );
    fs::set_permissions(&cli, fs::Permissions::from_mode(0o700)).unwrap();
    let advice = stderr.split("hint: run `").nth(1).unwrap();
    let advice = advice.split('`').next().unwrap();
    let script = format!("PATH=\"${{0%/aws}}:$PATH\"; {advice}; env");
    let shell = child::command("sh").args(["-c", &script, &cli]).output();
    let variables = String::from_utf8(shell.unwrap().stdout).unwrap();
    let mut environment: Vec<(&str, &str)> = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| name.starts_with("AWS_"))
        .collect();
    assert_eq!(environment.len(), 3, "{variables}");

    let endpoint = Scripted::start(&scripted::with_changes(&[DENIED], SCRIPT)).await;
    // An empty `AWS_REGION` counts as not set, so the region is the profile's.
    environment.extend([
        ("AWS_PROFILE", "ops"),
        ("AWS_ENDPOINT_URL", endpoint.url()),
        ("AWS_REGION", ""),
    ]);
    let command = ["outputs", "--env", "dev"];
    let run = home.run(endpoint.url(), &command, &environment).await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    let calls = endpoint.requests("DescribeStacks");
    assert_eq!(calls[0].access_key_id, "ASIAMFA");
}

#[tokio::test]
async fn the_hint_for_an_expired_token_suits_the_kind_of_credentials() {
    let expired = [
        refusal!("GetCallerIdentity", "ExpiredToken", "the token is expired"),
        refusal!(
            "AssumeRoleWithWebIdentity",
            "ExpiredTokenException",
            "the token is expired"
        ),
        STACK,
    ];
    let endpoint = Scripted::start(&expired).await;
    let run = async |home: &Home, environment: &[(&str, &str)]| {
        let environment = [environment, &[("AWS_ENDPOINT_URL", endpoint.url())]].concat();
        let command = ["destroy", "--env", "dev", "--yes"];
        home.run(endpoint.url(), &command, &environment).await
    };
    let ops = [("AWS_PROFILE", "ops")];
    let token = sso_token(FUTURE, "");
    let script = scripted::with_changes(&[ROLE_CREDENTIALS], &expired);
    let sso = Scripted::start(&script).await;
    for (home, sign_in, hint) in [
        (
            Home::with(&[("config", SESSION_KEYS)]),
            &endpoint,
            "set new values of aws_access_key_id, aws_secret_access_key and aws_session_token in the profile ops\n",
        ),
        (
            Home::with(&[("config", LOGIN), (LOGIN_CACHE, &login_session(FUTURE))]),
            &endpoint,
            "run `aws login --profile ops`\n",
        ),
        (
            Home::with(&[("config", SSO), (SSO_CACHE, &token)]),
            &sso,
            "run `aws sso login --profile ops`\n",
        ),
        (
            Home::with_process(FUTURE),
            &endpoint,
            "run `$HOME/.aws/vault ...`, the credential_process of the profile ops, and sign in where it asks\n",
        ),
    ] {
        let environment = [&ops[..], &[("AWS_ENDPOINT_URL", sign_in.url())]].concat();
        let command = ["destroy", "--env", "dev", "--yes"];
        let failed = home.run(sign_in.url(), &command, &environment).await;
        let error = "error: could not read the caller's identity: ExpiredToken: ";
        let hint = format!("the AWS session has expired: {hint}");
        assert_failed(&failed, error, &hint);
    }

    let home = Home::with(&[("config", ""), ("token", "a.b.c")]);
    let keys = [
        ("AWS_ACCESS_KEY_ID", "ASIAENV"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "token"),
    ];
    let hint = "the AWS session has expired: set new values of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN\n";
    assert_failed(&run(&home, &keys).await, "ExpiredToken: ", hint);
    let path = home.write("token", "a.b.c");
    let web_identity = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &*path),
        ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/x"),
    ];
    let hint = "write a new token to the file of AWS_WEB_IDENTITY_TOKEN_FILE\n";
    assert_failed(&run(&home, &web_identity).await, NOT_FOUND, hint);
}

#[tokio::test]
async fn credentials_that_expire_during_a_deploy_are_renewed() {
    let home = Home::with_process(PAST);
    let endpoint = scripts::prod(&[]).await;
    assert_outcome(&home.deploy_to_prod(&endpoint).await, 0, "deployed");
    assert!(home.process_runs() > 2, "{}", home.process_runs());
}

#[tokio::test]
async fn a_session_that_expires_during_a_deploy_fails_with_a_hint_to_sign_in() {
    let of_events = refusal!(
        "DescribeStackEvents",
        "ExpiredToken",
        "the token is expired"
    );
    let changes = [
        EVENTS_BEFORE,
        EVENTS_BEGUN,
        of_events,
        prod_by_id!("UPDATE_IN_PROGRESS"),
    ];
    let script = [
        &[ROLE_CREDENTIALS],
        &*scripted::with_changes(&changes, PROD),
    ]
    .concat();
    let endpoint = scripts::start(&script).await;
    let token = sso_token(FUTURE, "");
    let home = Home::with(&[("config", SSO), (SSO_CACHE, &token)]);
    let lost = home.deploy_to_prod(&endpoint).await;
    let error = "error: the operation on crypto-watch-prod continues at AWS and cannot be followed any more: could not read the stack's events: ExpiredToken: the token is expired\n";
    let hint = "the AWS session has expired: run `aws sso login --profile ops`; then run the same command again";
    assert_failed(&lost, error, hint);

    // The program's ninth run, after the stack's update has begun, fails.
    let home = Home::with_process(PAST);
    let lines = fs::read_to_string(home.0.path().join(".aws/vault")).unwrap();
    let prints_credentials = lines.lines().nth(2).unwrap();
    home.set_process(&format!(
        "[ $(wc -l < \"$HOME/.aws/runs\") -lt 9 ] || {{ echo 'sign in first' >&2; exit 1; }}\n{prints_credentials}"
    ));
    let endpoint = scripts::prod(&[]).await;
    let lost = home.deploy_to_prod(&endpoint).await;
    let error = "no usable credentials: Error retrieving credentials: external process exited with code exit status: 1. Stderr: sign in first\n";
    let hint = "the AWS session has expired: run `$HOME/.aws/vault ...`, the credential_process of the profile ops, and sign in where it asks";
    assert_failed(&lost, error, hint);
}

/// Returns the kinds of sign-in that call another service, each with the response to this call.
fn sign_ins_with_a_call() -> [(Home, Answer); 3] {
    let token = sso_token(FUTURE, "");
    let sso = Home::with(&[("config", SSO), (SSO_CACHE, &token)]);
    let session = login_session(PAST);
    let login = Home::with(&[("config", LOGIN), (LOGIN_CACHE, &session)]);
    let role = Home::with(&[("config", &[ROLE, KEYS].concat())]);
    [
        (sso, ROLE_CREDENTIALS),
        (login, RENEWED_LOGIN),
        (role, ASSUMED),
    ]
}

#[tokio::test]
async fn the_sign_in_trusts_the_certificates_in_aws_ca_bundle() {
    let aws = Scripted::start(SCRIPT).await;
    let command = ["outputs", "--env", "dev", "--profile", "ops"];
    let command = [&command[..], &["--endpoint-url", aws.url()]].concat();
    for (home, answer) in sign_ins_with_a_call() {
        let (url, certificate) = tls_server(answer.body).await;
        let refused = home.run(&url, &command, &[]).await;
        let error = "its certificate is signed by an authority that this machine does not trust\n";
        assert_failed(&refused, error, "behind a proxy with its own certificates");
        let bundle = home.write("bundle.pem", &certificate);
        let trusting = [("AWS_CA_BUNDLE", &*bundle)];
        let run = home.run(&url, &command, &trusting).await;
        assert_eq!(run.code, 0, "{}: {}", answer.action, run.stderr);
    }
}

#[tokio::test]
async fn the_sign_in_uses_the_proxy_in_https_proxy() {
    let aws = Scripted::start(SCRIPT).await;
    let command = ["outputs", "--env", "dev", "--profile", "ops"];
    let command = [&command[..], &["--endpoint-url", aws.url()]].concat();
    let proxy = [("HTTPS_PROXY", NOTHING_LISTENS)];
    for (home, _) in sign_ins_with_a_call() {
        let refused = home
            .run("https://sign-in.example.com", &command, &proxy)
            .await;
        let error = "AWS could not be reached at sign-in.example.com through the proxy http://127.0.0.1:9: ";
        assert_failed(&refused, error, "check the network and the proxy");
    }
}
