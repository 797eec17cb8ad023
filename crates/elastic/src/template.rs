//! Composable index templates.

use http::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::path::Path;
use crate::transport::{Effect, Request};

/// A composable index template.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Its body as the engine states it: `index_patterns`, `priority`, `template`, …
    #[serde(rename = "index_template")]
    pub body: Value,
}

#[derive(Deserialize)]
struct TemplateList {
    #[serde(default)]
    index_templates: Vec<Template>,
}

impl Cluster {
    /// All composable templates, by name.
    pub async fn templates(&self) -> Result<Vec<Template>, Failure> {
        let request = Request::get(Path::fixed("/_index_template"));
        let mut list = match self.send_optional(&request).await? {
            Some(answer) => answer.read::<TemplateList>()?.index_templates,
            None => Vec::new(),
        };
        list.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(list)
    }

    /// One composable template, when it is there.
    pub async fn template(&self, name: &str) -> Result<Option<Template>, Failure> {
        let request = Request::get(template_path(name));
        let Some(answer) = self.send_optional(&request).await? else {
            return Ok(None);
        };
        // A pattern would match several: only the exact name counts.
        let list = answer.read::<TemplateList>()?.index_templates;
        Ok(list.into_iter().find(|template| template.name == name))
    }

    /// Creates or replaces a composable template.
    pub async fn put_template(&self, name: &str, body: &Value) -> Result<(), Failure> {
        let request = Request::new(Method::PUT, template_path(name), Effect::Repeatable).json(body);
        self.send_acknowledged(&request).await.map(drop)
    }

    /// Deletes a composable template. `false` when there was none.
    pub async fn delete_template(&self, name: &str) -> Result<bool, Failure> {
        if self.template(name).await?.is_none() {
            return Ok(false);
        }
        let request = Request::new(Method::DELETE, template_path(name), Effect::Repeatable);
        match self.send_acknowledged(&request).await {
            Ok(_) => Ok(true),
            // Somebody else was faster, or an earlier attempt of ours whose answer was lost.
            Err(failure) if failure.status() == Some(404) => Ok(true),
            Err(failure) => Err(failure),
        }
    }
}

fn template_path(name: &str) -> Path {
    Path::fixed("/_index_template").segment(name)
}
