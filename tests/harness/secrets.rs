//! The emulator's Secrets Manager.

use serde_json::json;

use crate::ministack::Ministack;

impl Ministack {
    /// Makes a secret.
    pub async fn create_secret(&self, name: &str, text: &str) {
        let secret = json!({ "Name": name, "SecretString": text });
        let action = "secretsmanager.CreateSecret";
        self.call("secretsmanager", action, &secret).await;
    }

    /// Gives a secret a new version, which is the current one then.
    pub async fn put_secret_value(&self, name: &str, text: &str) {
        let secret = json!({ "SecretId": name, "SecretString": text });
        let action = "secretsmanager.PutSecretValue";
        self.call("secretsmanager", action, &secret).await;
    }

    /// Has a secret deleted when a week is over.
    pub async fn delete_secret(&self, name: &str) {
        let secret = json!({ "SecretId": name, "RecoveryWindowInDays": 7 });
        let action = "secretsmanager.DeleteSecret";
        self.call("secretsmanager", action, &secret).await;
    }
}
