//! The one refusal type, rendered in the shape that the engines use.
//!
//! Every module answers input it cannot honour with a [`Refusal`]; nothing here decides *when* to
//! refuse.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// What an engine answers when it does not do what was asked.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) kind: Cow<'static, str>,
    pub(crate) reason: String,
    /// Extra members beside `type` and `reason`, such as `index` and `index_uuid`.
    details: Vec<(&'static str, Value)>,
    caused_by: Option<Box<Self>>,
    /// The entry of `root_cause` where it differs from the refusal itself.
    root: Option<Box<Self>>,
}

impl Refusal {
    pub(crate) fn new(
        status: u16,
        kind: impl Into<Cow<'static, str>>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            status,
            kind: kind.into(),
            reason: reason.into(),
            details: Vec::new(),
            caused_by: None,
            root: None,
        }
    }

    pub(crate) fn illegal_argument(reason: impl Into<String>) -> Self {
        Self::new(400, "illegal_argument_exception", reason)
    }

    pub(crate) fn parsing(reason: impl Into<String>) -> Self {
        Self::new(400, "parsing_exception", reason)
    }

    pub(crate) fn mapper_parsing(reason: impl Into<String>) -> Self {
        Self::new(400, "mapper_parsing_exception", reason)
    }

    /// Several complaints about one request, numbered as the engines number them.
    pub(crate) fn validation(complaints: &[String]) -> Self {
        let numbered =
            complaints.iter().zip(1..).map(|(text, number)| format!("{number}: {text};"));
        let reason = format!("Validation Failed: {}", numbered.collect::<String>());
        Self::new(400, "action_request_validation_exception", reason)
    }

    pub(crate) fn index_not_found(name: &str) -> Self {
        Self::new(404, "index_not_found_exception", format!("no such index [{name}]"))
            .with("resource.type", json!("index_or_alias"))
            .with("resource.id", json!(name))
            .with("index_uuid", json!("_na_"))
            .with("index", json!(name))
    }

    pub(crate) fn with(mut self, key: &'static str, value: Value) -> Self {
        self.details.push((key, value));
        self
    }

    pub(crate) fn about_index(self, name: &str, uuid: &str) -> Self {
        self.with("index_uuid", json!(uuid)).with("index", json!(name))
    }

    pub(crate) fn caused_by(mut self, cause: Self) -> Self {
        self.caused_by = Some(Box::new(cause));
        self
    }

    pub(crate) fn rooted_in(mut self, root: Self) -> Self {
        self.root = Some(Box::new(root));
        self
    }

    /// The refusal as it stands inside a bulk item.
    pub(crate) fn cause_json(&self) -> Value {
        Value::Object(self.cause_map())
    }

    /// The whole answer body.
    pub(crate) fn body_json(&self) -> Value {
        let mut root = self.root.as_deref().unwrap_or(self).cause_map();
        root.shift_remove("caused_by");
        let mut error = Map::new();
        error.insert("root_cause".into(), json!([root]));
        error.append(&mut self.cause_map());
        json!({"error": error, "status": self.status})
    }

    fn cause_map(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("type".into(), json!(self.kind));
        map.insert("reason".into(), json!(self.reason));
        for (key, value) in &self.details {
            map.insert((*key).into(), value.clone());
        }
        if let Some(cause) = &self.caused_by {
            map.insert("caused_by".into(), cause.cause_json());
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_has_the_shape_of_the_engines() {
        let refusal = Refusal::mapper_parsing("failed to parse")
            .caused_by(Refusal::illegal_argument("For input string: \"a\""));
        assert_eq!(
            refusal.body_json(),
            json!({"error": {
                "root_cause": [{"type": "mapper_parsing_exception", "reason": "failed to parse"}],
                "type": "mapper_parsing_exception", "reason": "failed to parse",
                "caused_by": {"type": "illegal_argument_exception",
                              "reason": "For input string: \"a\""}},
                "status": 400})
        );
    }
}
