//! What stands in `lockstep.yaml`: the cluster, the pack, how a tag is changed, how health is watched.
//!
//! It is read like a pack: all mistakes at once, each with its place and what to do about it. Paths are kept as they are written;
//! who reads the file knows what they are relative to. What is not here: the file itself, flags and variables, which come before
//! it, and anything that is secret. The file names files and variables that hold secrets.

pub mod deploy;

pub mod health;

mod value;

use std::{collections::BTreeMap, time::Duration};

use self::{
    deploy::DeployConfiguration,
    health::HealthConfiguration,
    value::{no_secret, path, url},
};
use crate::pack::{
    PackFiles, code,
    diagnostic::{Diagnostics, Findings},
    fields::{Fields, text},
    place::Place,
    yaml::{self, Entry},
};

/// What a file of configuration says. What it doesn't say is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Configuration {
    /// Where the cluster is, and who asks.
    pub cluster: ClusterConfiguration,
    /// The folder of the application's pack.
    pub pack: Option<String>,
    /// The name of the application, where no pack is at hand.
    pub application: Option<String>,
    /// How the tag of the application is changed.
    pub deploy: DeployConfiguration,
    /// How it is told whether the application is well.
    pub health: Option<HealthConfiguration>,
}

/// Where the cluster is, and who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterConfiguration {
    /// Its address, without user and password.
    pub url: Option<String>,
    /// The name of the user.
    pub user: Option<String>,
    /// A file that holds the user's password.
    pub password_file: Option<String>,
    /// A file that holds an API key.
    pub api_key_file: Option<String>,
    /// A file that holds a bearer token.
    pub token_file: Option<String>,
    /// A file of PEM certificates to trust instead of the system's.
    pub ca: Option<String>,
}

/// Reads a file of configuration. `file` is its name in messages.
///
/// # Errors
/// All mistakes, when there is one.
pub fn read(file: &str, content: &[u8]) -> Result<Configuration, Diagnostics> {
    let files = files(file, content);
    let mut findings = Findings::default();
    let place = Place::file(file);
    let configuration = if let Some(text) = files.text(file) {
        yaml::parse(&place, text, &mut findings)
            .and_then(|node| Configuration::read(&node, &place, &mut findings))
    } else {
        let fix = "save it as UTF-8";
        findings.error(code::NOT_TEXT, &place, "the file is not UTF-8 text", fix);
        None
    };
    let has_errors = findings.has_errors();
    match configuration.filter(|_| !has_errors) {
        Some(configuration) => Ok(configuration),
        None => Err(findings.into_diagnostics(&files)),
    }
}

/// The mistakes of a file as text that shows the lines they are in.
pub fn render(diagnostics: &Diagnostics, file: &str, content: &[u8]) -> String {
    diagnostics.render(&files(file, content), false)
}

fn files(file: &str, content: &[u8]) -> PackFiles {
    PackFiles { files: BTreeMap::from([(file.to_owned(), content.to_vec())]) }
}

impl Configuration {
    fn read(node: &yaml::Node, file: &Place, findings: &mut Findings) -> Option<Self> {
        // A file of comments alone says nothing.
        if matches!(node.kind, yaml::Kind::Null) {
            return Some(Self::default());
        }
        let mut fields = Fields::open(node, ("a configuration", file), findings)?;
        let cluster = fields.optional("cluster");
        let pack = fields.optional("pack");
        let application = fields.optional("application");
        let deploy = fields.optional("deploy");
        let health = fields.optional("health");
        fields.finish(findings);
        Some(Self {
            cluster: cluster
                .and_then(|entry| ClusterConfiguration::read(entry, findings))
                .unwrap_or_default(),
            pack: pack.and_then(|entry| path(entry, findings)),
            application: application.and_then(|entry| text(entry, findings)).map(|text| text.value),
            deploy: deploy
                .and_then(|entry| DeployConfiguration::read(entry, findings))
                .unwrap_or_default(),
            health: health.and_then(|entry| HealthConfiguration::read(entry, findings)),
        })
    }
}

impl ClusterConfiguration {
    fn read(entry: &Entry, findings: &mut Findings) -> Option<Self> {
        let place = &entry.key.place;
        let mut fields = Fields::open(&entry.node, ("`cluster`", place), findings)?;
        for (name, instead) in
            [("password", "password_file"), ("api_key", "api_key_file"), ("token", "token_file")]
        {
            if let Some(entry) = fields.refused(name) {
                no_secret(entry, instead, findings);
            }
        }
        let address = fields.optional("url");
        let user = fields.optional("user");
        let password_file = fields.optional("password_file");
        let api_key_file = fields.optional("api_key_file");
        let token_file = fields.optional("token_file");
        let ca = fields.optional("ca");
        fields.finish(findings);
        let ways = [user.or(password_file), api_key_file, token_file];
        if let [Some(_), Some(second), ..]
        | [Some(_), _, Some(second)]
        | [_, Some(_), Some(second)] = ways
        {
            let message = "several ways to say who asks stand here";
            let fix = "keep one: `user` with `password_file`, `api_key_file`, or `token_file`";
            findings.error(code::CONFIGURATION_TOGETHER, &second.key.place, message, fix);
        }
        Some(Self {
            url: address.and_then(|entry| url(entry, findings)),
            user: user.and_then(|entry| text(entry, findings)).map(|text| text.value),
            password_file: password_file.and_then(|entry| path(entry, findings)),
            api_key_file: api_key_file.and_then(|entry| path(entry, findings)),
            token_file: token_file.and_then(|entry| path(entry, findings)),
            ca: ca.and_then(|entry| path(entry, findings)),
        })
    }
}

/// A time span as a file or a flag writes it: `500ms`, `30s`, `5m`, `2h`.
///
/// # Errors
/// What to write instead.
pub fn duration(text: &str) -> Result<Duration, String> {
    value::duration_of(text)
}
