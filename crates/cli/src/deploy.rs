//! From flags and the file of configuration to how a tag is changed and how health is told. Flags beat the file.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};
use lockstep_core::configuration::{
    deploy::{
        ComposeConfiguration, ExecConfiguration, HeaderValue, HttpConfiguration,
        KubernetesConfiguration, Method, is_object_name,
    },
    health::HealthConfiguration,
};
use lockstep_engine::deploy::{
    Command, Compose, Deployer, Exec, Hook, Kubernetes, Way, drive::DeployWish,
};

use crate::{commands::Context, configuration::ConfigurationFile, error::CommandError};

/// How long a command, a hook or a rollout may take when only flags describe it.
const TIME_LIMIT: Duration = Duration::from_mins(10);
/// Where a pod finds who it is.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Flags about the tag and the health of the application.
#[derive(Debug, Args)]
#[command(next_help_heading = "Deploying")]
pub(crate) struct DeployFlags {
    /// Change the application's tag as well, in this way; what is needed for it stands in the file of configuration, or in
    /// the flags below
    #[arg(long, value_name = "HOW")]
    deploy: Option<How>,
    /// Compose file in which the tag stands
    #[arg(long, value_name = "FILE", requires = "deploy")]
    compose_file: Option<PathBuf>,
    /// Service whose tag is meant; may be given several times
    #[arg(long, value_name = "NAME", requires = "deploy")]
    compose_service: Vec<String>,
    /// Program that changes the tag; it finds the version in `LOCKSTEP_VERSION`
    #[arg(long, value_name = "PROGRAM", requires = "deploy")]
    deploy_command: Option<String>,
    /// Address that is called to change the tag
    #[arg(long, value_name = "URL", requires = "deploy")]
    deploy_url: Option<String>,
    /// Deployment whose image is changed
    #[arg(long, value_name = "NAMESPACE/NAME", requires = "deploy")]
    deployment: Option<String>,
    /// Page that answers 200 while the application is well
    #[arg(long, value_name = "URL", requires = "deploy")]
    health_url: Option<String>,
    /// Take tag and data back by itself in this case
    #[arg(long, value_name = "WHEN", requires = "deploy")]
    rollback_on: Option<RollbackOn>,
    /// Go on although there is no way back, with --rollback-on
    #[arg(long, requires = "rollback_on")]
    accept_no_way_back: bool,
}

/// The ways to change a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum How {
    /// Edit a compose file, then `docker compose up -d`
    Compose,
    /// Run a command
    Exec,
    /// Call a hook
    Http,
    /// Patch a Deployment
    Kubernetes,
}

/// When to go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RollbackOn {
    /// The application isn't well after the switch
    Unhealthy,
}

impl DeployFlags {
    /// What is asked of the engine; `None` when no tag is to be changed.
    pub(crate) fn wish(&self, context: &Context) -> Result<Option<DeployWish>, CommandError> {
        let Some(how) = self.deploy else { return Ok(None) };
        let file = &context.configuration;
        let way = match how {
            How::Compose => Way::Compose(self.compose(file)?),
            How::Exec => Way::Exec(self.exec(file)?),
            How::Http => Way::Http(self.http(file)?),
            How::Kubernetes => Way::Kubernetes(self.kubernetes(file)?),
        };
        let health = match &self.health_url {
            Some(url) => {
                let ca = file.says.health.as_ref().and_then(|health| health.ca.clone());
                let page = HealthConfiguration::of_url(&checked(url, "--health-url")?);
                Some(HealthConfiguration { ca, ..page })
            }
            None => file.says.health.clone(),
        };
        let health_ca = match health.as_ref().and_then(|health| health.ca.as_ref()) {
            Some(ca) => Some(certificates(file.path(ca))?),
            None => None,
        };
        let rolls_back = self.rollback_on == Some(RollbackOn::Unhealthy);
        if rolls_back && health.is_none() {
            return Err(CommandError::Usage {
                message: "--rollback-on needs to know what healthy means".to_owned(),
                hint: "give --health-url, or write a section `health` into the file of configuration",
            });
        }
        Ok(Some(DeployWish {
            deployer: Deployer { form: file.says.deploy.tag.clone(), way },
            health,
            health_ca,
            rolls_back,
            accepts_no_way_back: self.accept_no_way_back,
        }))
    }

    fn compose(&self, file: &ConfigurationFile) -> Result<Compose, CommandError> {
        let written = file.says.deploy.compose.as_ref();
        let path = match (&self.compose_file, written) {
            (Some(path), _) => path.clone(),
            (None, Some(written)) => file.path(&written.file),
            (None, None) => {
                return Err(unsaid(
                    "compose",
                    "give --compose-file and --compose-service, or write `deploy: {compose: {file: …, services: […]}}`",
                ));
            }
        };
        let written = written.cloned().unwrap_or_else(|| ComposeConfiguration {
            file: String::new(),
            services: Vec::new(),
            image: None,
            apply: None,
            time_limit: TIME_LIMIT,
        });
        let ComposeConfiguration { file: _, services, image, apply, time_limit } = written;
        let (services, image) = if self.compose_service.is_empty() {
            (services, image)
        } else {
            (self.compose_service.clone(), None)
        };
        if services.is_empty() && image.is_none() {
            return Err(unsaid("compose", "name the service with --compose-service"));
        }
        Ok(Compose { file: path, services, image, apply, time_limit })
    }

    fn exec(&self, file: &ConfigurationFile) -> Result<Exec, CommandError> {
        let command = match (&self.deploy_command, &file.says.deploy.exec) {
            (Some(program), _) => {
                Command { words: vec![program.clone()], folder: None, time_limit: TIME_LIMIT }
            }
            (None, Some(ExecConfiguration { command, time_limit })) => Command {
                words: words(command, &file.folder),
                folder: folder(&file.folder),
                time_limit: *time_limit,
            },
            (None, None) => {
                return Err(unsaid(
                    "exec",
                    "give --deploy-command, or write `deploy: {exec: {command: […]}}`",
                ));
            }
        };
        Ok(Exec { command })
    }

    fn http(&self, file: &ConfigurationFile) -> Result<Hook, CommandError> {
        let address =
            self.deploy_url.as_ref().map(|url| checked(url, "--deploy-url")).transpose()?;
        let mut written = match (&file.says.deploy.http, &address) {
            (Some(written), _) => written.clone(),
            (None, Some(url)) => HttpConfiguration::of_url(url),
            (None, None) => {
                return Err(unsaid(
                    "http",
                    "give --deploy-url, or write `deploy: {http: {url: …}}`",
                ));
            }
        };
        if let Some(url) = address {
            written.url = url;
        }
        let HttpConfiguration { method, url, headers, body, statuses, time_limit, attempts, ca } =
            written;
        let ca = ca.map(|ca| certificates(file.path(&ca))).transpose()?;
        let headers: Result<Vec<(String, String)>, CommandError> =
            headers.into_iter().map(|(name, value)| Ok((name, header(value, file)?))).collect();
        let method = match method {
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
        };
        Ok(Hook { method, url, headers: headers?, body, statuses, time_limit, attempts, ca })
    }

    fn kubernetes(&self, file: &ConfigurationFile) -> Result<Kubernetes, CommandError> {
        let mut written = match (&file.says.deploy.kubernetes, &self.deployment) {
            (Some(written), _) => written.clone(),
            (None, Some(_)) => KubernetesConfiguration::default(),
            (None, None) => {
                return Err(unsaid(
                    "kubernetes",
                    "give --deployment, or write `deploy: {kubernetes: {deployment: …}}`",
                ));
            }
        };
        if let Some(flag) = &self.deployment {
            let (namespace, name) = flag.split_once('/').unwrap_or_default();
            if !is_object_name(namespace) || !is_object_name(name) {
                return Err(CommandError::Usage {
                    message: format!("`{flag}` is no namespace and name of a Deployment"),
                    hint: "write --deployment NAMESPACE/NAME",
                });
            }
            (written.namespace, written.deployment) = (Some(namespace.to_owned()), name.to_owned());
        }
        let own = |name: &str| Path::new(SERVICE_ACCOUNT).join(name);
        let is_inside = written.server.is_none();
        let server = match written.server {
            Some(server) => server,
            None => inside()?,
        };
        let ca = match (&written.ca, is_inside) {
            (Some(ca), _) => Some(file.path(ca)),
            (None, true) => Some(own("ca.crt")),
            (None, false) => None,
        };
        let ca = ca.map(certificates).transpose()?;
        let namespace = match written.namespace {
            Some(namespace) => namespace,
            None => fs::read_to_string(own("namespace")).map_err(|_unreadable| {
                unsaid("kubernetes", "say which `namespace` the Deployment is in")
            })?,
        };
        let token_file = match (written.token_file, is_inside) {
            (Some(token), _) => Some(file.path(&token)),
            (None, true) => Some(own("token")),
            (None, false) => None,
        };
        Ok(Kubernetes {
            server,
            token_file,
            ca,
            namespace: namespace.trim().to_owned(),
            deployment: written.deployment,
            containers: written.containers,
            time_limit: written.time_limit.unwrap_or(TIME_LIMIT),
        })
    }
}

fn certificates(path: PathBuf) -> Result<Vec<u8>, CommandError> {
    fs::read(&path).map_err(|source| CommandError::CertificateFile { path, source })
}

/// The API as a pod finds it.
fn inside() -> Result<String, CommandError> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let (host, port) = (variable("KUBERNETES_SERVICE_HOST"), variable("KUBERNETES_SERVICE_PORT"));
    let host = host.ok_or_else(|| {
        unsaid(
            "kubernetes",
            "this is no pod: say where the API is with `server`, `token_file` and `ca`",
        )
    })?;
    // An address of version 6 stands in brackets.
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    Ok(format!("https://{host}:{}", port.unwrap_or_else(|| "443".to_owned())))
}

/// The folder that commands of the file run in; `None` where that is the present one.
fn folder(folder: &Path) -> Option<PathBuf> {
    (!folder.as_os_str().is_empty()).then(|| folder.to_owned())
}

/// A command of the file. Where its program is named by a path, that is relative to the file as well.
fn words(command: &[String], folder: &Path) -> Vec<String> {
    let mut words = command.to_vec();
    if let Some(program) = words.first_mut()
        && program.contains('/')
        && Path::new(program.as_str()).is_relative()
    {
        // A path that the system would look up from where Lockstep runs, not from where the program will.
        let path = folder.canonicalize().unwrap_or_else(|_unresolved| folder.to_owned());
        let below = program.strip_prefix("./").unwrap_or(program);
        *program = path.join(below).to_string_lossy().into_owned();
    }
    words
}

fn header(value: HeaderValue, file: &ConfigurationFile) -> Result<String, CommandError> {
    match value {
        HeaderValue::Text(text) => Ok(text),
        HeaderValue::File(path) => {
            let path = file.path(&path);
            let text = fs::read_to_string(&path)
                .map_err(|source| CommandError::SecretFile { path: path.clone(), source })?;
            Ok(text.trim().to_owned())
        }
        HeaderValue::Environment(name) => env::var(&name).map_err(|_unset| CommandError::Usage {
            message: format!("a header comes from the variable {name}, which isn't set"),
            hint: "set it, or name a file in the configuration",
        }),
    }
}

/// An address that a flag gives.
fn checked(url: &str, flag: &str) -> Result<String, CommandError> {
    let parsed = url::Url::parse(url).ok();
    let is_usable =
        parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_usable {
        return Ok(url.to_owned());
    }
    Err(CommandError::Usage {
        message: format!("`{url}` is no address for {flag}"),
        hint: "write http://host:port/path or https://host:port/path",
    })
}

fn unsaid(how: &str, hint: &'static str) -> CommandError {
    CommandError::Usage { message: format!("too little is said for --deploy {how}"), hint }
}
