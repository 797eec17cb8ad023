//! How the tag of an application is changed: the section `deploy`, one part for each way.

use std::{collections::BTreeMap, time::Duration};

use super::value::{bounded, duration, is_written, no_secret, path, url};
use crate::{
    deploy::tag::TagForm,
    pack::{
        code,
        diagnostic::Findings,
        fields::{Fields, boolean, list, map_of, text, texts, word},
        yaml::{Entry, Kind},
    },
};

/// How long a command may take when nobody says so: images have to be fetched.
const COMMAND_TIME_MAX: Duration = Duration::from_mins(10);
/// How long an answer may take when nobody says so.
const HOOK_TIME_MAX: Duration = Duration::from_mins(1);
/// How often a hook is called at the most, when it may be called again.
const HOOK_ATTEMPTS_MAX: u32 = 10;

/// The ways to change a tag that a file describes. Which one is taken the command says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeployConfiguration {
    /// What a tag looks like; a version alone when nothing is said.
    pub tag: TagForm,
    /// By a compose file.
    pub compose: Option<ComposeConfiguration>,
    /// By a command.
    pub exec: Option<ExecConfiguration>,
    /// By a call over HTTP.
    pub http: Option<HttpConfiguration>,
    /// By a Deployment of Kubernetes.
    pub kubernetes: Option<KubernetesConfiguration>,
}

/// A compose file in which the tag stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeConfiguration {
    /// The file.
    pub file: String,
    /// The services whose images are meant, by name; at least one of this and `image`.
    pub services: Vec<String>,
    /// The image, without its tag.
    pub image: Option<String>,
    /// The command that makes it so; `docker compose up -d` with the services where nothing is said.
    pub apply: Option<Vec<String>>,
    /// How long that command may take.
    pub time_limit: Duration,
}

/// A command that changes the tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecConfiguration {
    /// The command and its arguments; no shell takes part.
    pub command: Vec<String>,
    /// How long it may take.
    pub time_limit: Duration,
}

/// A hook that changes the tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfiguration {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: String,
    /// Headers by name.
    pub headers: BTreeMap<String, HeaderValue>,
    /// The body, with `{version}`, `{from}` and `{application}` for what they say.
    pub body: String,
    /// Statuses that mean success; any of 200 to 299 when there is none.
    pub statuses: Vec<u32>,
    /// How long one answer may take.
    pub time_limit: Duration,
    /// How often it is called until it succeeds; more than once only where it is said to be repeatable.
    pub attempts: u32,
    /// A file of PEM certificates to trust instead of the system's.
    pub ca: Option<String>,
}

/// A method that may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
}

/// Where the value of a header comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// It stands here, and is no secret.
    Text(String),
    /// A file holds it.
    File(String),
    /// A variable holds it.
    Environment(String),
}

/// A Deployment whose image is changed. What isn't said is taken from what every pod is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KubernetesConfiguration {
    /// The address of the API.
    pub server: Option<String>,
    /// A file that holds the token.
    pub token_file: Option<String>,
    /// A file of PEM certificates.
    pub ca: Option<String>,
    /// The namespace.
    pub namespace: Option<String>,
    /// The Deployment.
    pub deployment: String,
    /// The containers in it whose images are meant, init containers included; the only container when nothing is said.
    pub containers: Vec<String>,
    /// How long the rollout may take.
    pub time_limit: Option<Duration>,
}

impl DeployConfiguration {
    pub(super) fn read(entry: &Entry, findings: &mut Findings) -> Option<Self> {
        let place = &entry.key.place;
        let mut fields = Fields::open(&entry.node, ("`deploy`", place), findings)?;
        let tag = fields.optional("tag");
        let compose = fields.optional("compose");
        let exec = fields.optional("exec");
        let http = fields.optional("http");
        let kubernetes = fields.optional("kubernetes");
        fields.finish(findings);
        Some(Self {
            tag: tag.and_then(|entry| tag_form(entry, findings)).unwrap_or_default(),
            compose: compose.and_then(|entry| ComposeConfiguration::read(entry, findings)),
            exec: exec.and_then(|entry| ExecConfiguration::read(entry, findings)),
            http: http.and_then(|entry| HttpConfiguration::read(entry, findings)),
            kubernetes: kubernetes.and_then(|entry| KubernetesConfiguration::read(entry, findings)),
        })
    }
}

fn tag_form(entry: &Entry, findings: &mut Findings) -> Option<TagForm> {
    let written = text(entry, findings)?;
    match TagForm::parse(&written.value) {
        Ok(form) => Some(form),
        Err(reason) => {
            let message = format!("`{}` is no form of a tag: {reason}", written.value);
            let fix = "write `{version}` where the version stands, such as `v{version}` or `{version}-slim`";
            findings.error(code::CONFIGURATION_VALUE, &written.place, message, fix);
            None
        }
    }
}

impl ComposeConfiguration {
    fn read(entry: &Entry, findings: &mut Findings) -> Option<Self> {
        let place = &entry.key.place;
        let mut fields = Fields::open(&entry.node, ("`compose`", place), findings)?;
        let file = fields.required(("file", "compose.yaml"), findings);
        let services = fields.optional("services");
        let image = fields.optional("image");
        let apply = fields.optional("apply");
        let limit = fields.optional("time_limit");
        fields.finish(findings);
        if services.or(image).is_none() {
            let message = "nothing says whose tag is meant";
            let fix = "add `services: [api]`, or `image: registry/application`";
            findings.error(code::CONFIGURATION_TOGETHER, place, message, fix);
        }
        let services = services.map_or(Some(Vec::new()), |entry| words(entry, findings));
        let apply = apply.map(|entry| words(entry, findings));
        Some(Self {
            file: file.and_then(|entry| path(entry, findings))?,
            services: services?,
            image: image.and_then(|entry| text(entry, findings)).map(|text| text.value),
            apply: apply.unwrap_or_default(),
            time_limit: limit
                .and_then(|entry| duration(entry, findings))
                .unwrap_or(COMMAND_TIME_MAX),
        })
    }
}

impl ExecConfiguration {
    fn read(entry: &Entry, findings: &mut Findings) -> Option<Self> {
        let place = &entry.key.place;
        let mut fields = Fields::open(&entry.node, ("`exec`", place), findings)?;
        let command = fields.required(("command", "[./deploy.sh]"), findings);
        let limit = fields.optional("time_limit");
        fields.finish(findings);
        Some(Self {
            command: command.and_then(|entry| words(entry, findings))?,
            time_limit: limit
                .and_then(|entry| duration(entry, findings))
                .unwrap_or(COMMAND_TIME_MAX),
        })
    }
}

const METHODS: [(&str, Method); 3] =
    [("POST", Method::Post), ("PUT", Method::Put), ("PATCH", Method::Patch)];

impl Method {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }
}

impl HttpConfiguration {
    /// A hook that is described by its address alone.
    pub fn of_url(url: &str) -> Self {
        Self {
            method: Method::Post,
            url: url.to_owned(),
            headers: BTreeMap::new(),
            body: DEFAULT_BODY.to_owned(),
            statuses: Vec::new(),
            time_limit: HOOK_TIME_MAX,
            attempts: 1,
            ca: None,
        }
    }

    fn read(entry: &Entry, findings: &mut Findings) -> Option<Self> {
        let place = &entry.key.place;
        let mut fields = Fields::open(&entry.node, ("`http`", place), findings)?;
        let address = fields.required(("url", "https://deployer/hooks/shop"), findings);
        let method = fields.optional("method");
        let headers = fields.optional("headers");
        let body = fields.optional("body");
        let statuses = fields.optional("status");
        let limit = fields.optional("time_limit");
        let repeatable = fields.optional("repeatable");
        let attempts = fields.optional("attempts");
        let ca = fields.optional("ca");
        fields.finish(findings);
        let is_repeatable = repeatable.and_then(|entry| boolean(entry, findings)).unwrap_or(false);
        let times = attempts.and_then(|entry| bounded(entry, (1, HOOK_ATTEMPTS_MAX), findings));
        if let Some(entry) = attempts
            && !is_repeatable
            && times.is_some_and(|times| times > 1)
        {
            let message = "a call that isn't said to be repeatable is made once";
            let fix =
                "add `repeatable: true` if a second call does no harm, or leave `attempts` out";
            findings.error(code::CONFIGURATION_TOGETHER, &entry.key.place, message, fix);
        }
        Some(Self {
            method: method
                .and_then(|entry| word(entry, &METHODS, findings))
                .map_or(Method::Post, |method| method.value),
            url: address.and_then(|entry| url(entry, findings))?,
            headers: headers
                .map(|entry| map_of(entry, "`headers`", findings, HeaderValue::read))
                .unwrap_or_default(),
            body: body
                .and_then(|entry| text(entry, findings))
                .map_or_else(|| DEFAULT_BODY.to_owned(), |body| body.value),
            statuses: statuses.map(|entry| read_statuses(entry, findings)).unwrap_or_default(),
            time_limit: limit.and_then(|entry| duration(entry, findings)).unwrap_or(HOOK_TIME_MAX),
            attempts: times.unwrap_or(1),
            ca: ca.and_then(|entry| path(entry, findings)),
        })
    }
}

const DEFAULT_BODY: &str =
    "{\"application\":\"{application}\",\"version\":\"{version}\",\"from\":\"{from}\"}";

/// Headers whose values are secrets wherever they are used.
const SECRET_HEADERS: [&str; 5] =
    ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token"];

impl HeaderValue {
    fn read(entry: &Entry, findings: &mut Findings) -> Option<Self> {
        let name = entry.key.value.to_ascii_lowercase();
        let is_secret = SECRET_HEADERS.contains(&name.as_str());
        if matches!(entry.node.kind, Kind::Mapping(_)) {
            let place = &entry.key.place;
            let mut fields = Fields::open(&entry.node, ("a header", place), findings)?;
            let file = fields.optional("file");
            let variable = fields.optional("environment");
            fields.finish(findings);
            return match (file, variable) {
                (Some(file), None) => path(file, findings).map(Self::File),
                (None, Some(name)) => {
                    text(name, findings).map(|name| Self::Environment(name.value))
                }
                (None, None) | (Some(_), Some(_)) => {
                    let message = "a header comes from one place";
                    let fix = "write `{file: path}` or `{environment: NAME}`";
                    findings.error(code::CONFIGURATION_TOGETHER, place, message, fix);
                    None
                }
            };
        }
        if is_secret && is_written(entry) {
            no_secret(entry, "{file: path}", findings);
            return None;
        }
        text(entry, findings).map(|text| Self::Text(text.value))
    }
}

fn read_statuses(entry: &Entry, findings: &mut Findings) -> Vec<u32> {
    let mut statuses = Vec::new();
    for node in list(entry, findings).unwrap_or_default() {
        let item = Entry { key: entry.key.clone(), node: node.clone() };
        statuses.extend(bounded(&item, (200, 399), findings));
    }
    statuses
}

impl KubernetesConfiguration {
    fn read(entry: &Entry, findings: &mut Findings) -> Option<Self> {
        let place = &entry.key.place;
        let mut fields = Fields::open(&entry.node, ("`kubernetes`", place), findings)?;
        if let Some(entry) = fields.refused("token") {
            no_secret(entry, "token_file", findings);
        }
        let server = fields.optional("server");
        let token_file = fields.optional("token_file");
        let ca = fields.optional("ca");
        let namespace = fields.optional("namespace");
        let deployment = fields.required(("deployment", "shop"), findings);
        let container = fields.optional("container");
        let limit = fields.optional("time_limit");
        fields.finish(findings);
        Some(Self {
            server: server.and_then(|entry| url(entry, findings)),
            token_file: token_file.and_then(|entry| path(entry, findings)),
            ca: ca.and_then(|entry| path(entry, findings)),
            namespace: namespace.and_then(|entry| object_name(entry, findings)),
            deployment: deployment.and_then(|entry| object_name(entry, findings))?,
            containers: container
                .and_then(|entry| object_names(entry, findings))
                .unwrap_or_default(),
            time_limit: limit.and_then(|entry| duration(entry, findings)),
        })
    }
}

/// One name of an object of Kubernetes, or a list of at least one.
fn object_names(entry: &Entry, findings: &mut Findings) -> Option<Vec<String>> {
    if !matches!(entry.node.kind, Kind::List(_)) {
        return object_name(entry, findings).map(|name| vec![name]);
    }
    let nodes = list(entry, findings)?;
    if nodes.is_empty() {
        let message = format!("`{}` names nothing", entry.key.value);
        let fix = "write a name, or a list of names";
        findings.error(code::CONFIGURATION_VALUE, &entry.key.place, message, fix);
    }
    let names = nodes.iter().map(|node| {
        let item = Entry { key: entry.key.clone(), node: node.clone() };
        object_name(&item, findings)
    });
    names.collect()
}

/// The name of an object of Kubernetes: lower case letters, digits, `-` and `.`, so it is safe in a path.
fn object_name(entry: &Entry, findings: &mut Findings) -> Option<String> {
    let written = text(entry, findings)?;
    if is_object_name(&written.value) {
        return Some(written.value);
    }
    let message = format!("`{}` is no name of an object of Kubernetes", written.value);
    let fix = "write lower case letters, digits and `-`";
    findings.error(code::CONFIGURATION_VALUE, &written.place, message, fix);
    None
}

/// Whether a text can be the name of an object of Kubernetes.
pub fn is_object_name(text: &str) -> bool {
    let is_letter =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    (1..=253).contains(&text.len())
        && text.bytes().all(is_letter)
        && !text.starts_with(['-', '.'])
        && !text.ends_with(['-', '.'])
}

/// A list of words with at least one, none of them empty.
fn words(entry: &Entry, findings: &mut Findings) -> Option<Vec<String>> {
    let words: Vec<String> = texts(entry, findings)?.into_iter().map(|word| word.value).collect();
    if words.first().is_none_or(String::is_empty) {
        let message = format!("`{}` has no first word", entry.key.value);
        let fix = "write a list of words, such as `[docker, compose, up, -d]`";
        findings.error(code::CONFIGURATION_VALUE, &entry.key.place, message, fix);
        return None;
    }
    Some(words)
}
