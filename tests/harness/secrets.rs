//! The emulator's Secrets Manager.

use serde_json::json;

use crate::ministack::Ministack;

impl Ministack {
    pub async fn create_secret(&self, name: &str, text: &str) {
        let secret = json!({ "Name": name, "SecretString": text });
        let action = "secretsmanager.CreateSecret";
        self.call("secretsmanager", action, &secret).await;
    }

    /// Adds a version to a secret and makes it the current version.
    pub async fn put_secret_value(&self, name: &str, text: &str) {
        let secret = json!({ "SecretId": name, "SecretString": text });
        let action = "secretsmanager.PutSecretValue";
        self.call("secretsmanager", action, &secret).await;
    }

    /// Schedules the deletion of a secret in seven days.
    pub async fn delete_secret(&self, name: &str) {
        let secret = json!({ "SecretId": name, "RecoveryWindowInDays": 7 });
        let action = "secretsmanager.DeleteSecret";
        self.call("secretsmanager", action, &secret).await;
    }
}
