//! Reads a compose file: which services are meant, and where their tags stand.

use super::{ComposeFiles, ComposeProblem, File, ProblemKind, TagPlace, Wanted};
use crate::{
    deploy::variables::{Reference, Variable, reference, variables},
    pack::{
        PackFiles,
        diagnostic::Findings,
        place::Place,
        yaml::{self, Entry, Kind, Node},
    },
};

/// A look at the files.
pub(super) struct Reading<'a> {
    files: ComposeFiles<'a>,
}

/// A service and its image.
pub(super) struct Service {
    name: String,
    image: Node,
}

impl<'a> Reading<'a> {
    pub(super) fn new(files: ComposeFiles<'a>) -> Self {
        Self { files }
    }

    fn problem(
        &self,
        kind: ProblemKind,
        place: Option<&Place>,
        (message, fix): (String, &str),
    ) -> ComposeProblem {
        let start = place.and_then(|place| place.span.as_ref()).map(|span| span.start);
        let line = start.map(|start| line(self.files.compose, start));
        ComposeProblem { kind, file: File::Compose, line, message, fix: fix.to_owned() }
    }

    /// The services that are meant, each with an image.
    pub(super) fn services(&self, wanted: Wanted<'_>) -> Result<Vec<Service>, ComposeProblem> {
        let all = self.all_services()?;
        let names = || all.iter().map(|entry| entry.key.value.as_str());
        let mut found = Vec::new();
        for name in wanted.services {
            let mut same = all.iter().filter(|entry| entry.key.value == *name);
            let Some(entry) = same.next() else {
                let known: Vec<&str> = names().collect();
                let told = (
                    format!("there is no service `{name}`; there are {}", known.join(", ")),
                    "name a service as the file does",
                );
                return Err(self.problem(ProblemKind::Absent, None, told));
            };
            if let Some(second) = same.next() {
                let told = (format!("the service `{name}` stands twice"), "keep one of the two");
                return Err(self.problem(ProblemKind::Ambiguous, Some(&second.key.place), told));
            }
            let image = self.image(entry)?.ok_or_else(|| {
                let told = (
                    format!("the service `{name}` has no `image` of its own"),
                    "write its image there, with its tag",
                );
                self.problem(ProblemKind::Absent, Some(&entry.key.place), told)
            })?;
            found.push(Service { name: name.clone(), image });
        }
        let Some(repository) = wanted.image else { return Ok(found) };
        let is_meant = |service: &Service| {
            text_of(&service.image).is_some_and(|text| is_image(text, repository))
        };
        if let Some(other) = found.iter().find(|service| !is_meant(service)) {
            let told = (
                format!("the service `{}` has another image than `{repository}`", other.name),
                "name services of that image, or leave `image` out",
            );
            return Err(self.problem(ProblemKind::Absent, Some(&other.image.place), told));
        }
        if wanted.services.is_empty() {
            found = self.by_image(&all, repository)?;
        }
        Ok(found)
    }

    fn by_image(&self, all: &[Entry], repository: &str) -> Result<Vec<Service>, ComposeProblem> {
        let mut found: Vec<Service> = Vec::new();
        for entry in all {
            let Some(image) = self.image(entry)? else { continue };
            if !text_of(&image).is_some_and(|text| is_image(text, repository)) {
                continue;
            }
            if let Some(first) = found.first() {
                let told = (
                    format!(
                        "the services `{}` and `{}` have the image `{repository}`",
                        first.name, entry.key.value
                    ),
                    "name the services that are meant with `services`",
                );
                return Err(self.problem(ProblemKind::Ambiguous, Some(&image.place), told));
            }
            found.push(Service { name: entry.key.value.clone(), image });
        }
        if found.is_empty() {
            let told = (
                format!("no service has the image `{repository}`"),
                "write the image as the file has it, without its tag",
            );
            return Err(self.problem(ProblemKind::Absent, None, told));
        }
        Ok(found)
    }

    fn all_services(&self) -> Result<Vec<Entry>, ComposeProblem> {
        let mut findings = Findings::default();
        let place = Place::file("compose");
        let Some(node) = yaml::parse(&place, self.files.compose, &mut findings) else {
            let files = PackFiles {
                files: [("compose".to_owned(), self.files.compose.as_bytes().to_vec())].into(),
            };
            let told = findings.into_diagnostics(&files);
            let first = told.iter().next();
            return Err(ComposeProblem {
                kind: ProblemKind::Malformed,
                file: File::Compose,
                line: first.and_then(|first| first.line),
                message: first.map_or_else(String::new, |first| first.message.clone()),
                fix: "mend it; `docker compose config` checks it".to_owned(),
            });
        };
        let services = member(&node, "services").map(|entry| entry.node.kind.clone());
        match services {
            Some(Kind::Mapping(services)) => Ok(services),
            Some(Kind::Null | Kind::Plain(_) | Kind::Text(_) | Kind::List(_)) | None => {
                let told =
                    ("the file has no `services`".to_owned(), "name a compose file with `file`");
                Err(self.problem(ProblemKind::Absent, None, told))
            }
        }
    }

    fn image(&self, service: &Entry) -> Result<Option<Node>, ComposeProblem> {
        let Kind::Mapping(fields) = &service.node.kind else { return Ok(None) };
        let mut images = fields.iter().filter(|field| field.key.value == "image");
        let Some(image) = images.next() else { return Ok(None) };
        match images.next() {
            None => Ok(Some(image.node.clone())),
            Some(second) => {
                let told = (
                    format!("the service `{}` has two images", service.key.value),
                    "keep one of the two",
                );
                Err(self.problem(ProblemKind::Ambiguous, Some(&second.key.place), told))
            }
        }
    }

    /// Where the tag of a service stands.
    pub(super) fn place(&self, service: &Service) -> Result<TagPlace, ComposeProblem> {
        let at = Some(&service.image.place);
        let unchangeable = |message: String, fix: &str| {
            self.problem(ProblemKind::Unchangeable, at, (message, fix))
        };
        let name = &service.name;
        let written = text_of(&service.image).ok_or_else(|| {
            unchangeable(format!("the image of `{name}` is no text"), "write `image: name:tag`")
        })?;
        let start = self.start(&service.image, written).ok_or_else(|| {
            unchangeable(
                format!("the image of `{name}` isn't written out where it stands"),
                "write it there, on one line, without an anchor",
            )
        })?;
        if written.contains('@') {
            let fix = "name it by its tag; a digest can't be told from a version";
            return Err(unchangeable(format!("the image of `{name}` is named by its digest"), fix));
        }
        let tag_at = tag_start(written).ok_or_else(|| {
            unchangeable(
                format!("the image of `{name}` has no tag"),
                "write the version that runs now behind it",
            )
        })?;
        let tag = written.get(tag_at..).unwrap_or_default();
        let absolute = start + tag_at;
        match reference(tag) {
            Ok(None) => Ok(TagPlace {
                service: name.clone(),
                tag: tag.to_owned(),
                file: File::Compose,
                span: absolute..absolute + tag.len(),
                around: Default::default(),
            }),
            Ok(Some(reference)) => self.referred(service, (tag, absolute), &reference),
            Err(reason) => Err(unchangeable(
                format!("the tag of `{name}` is `{tag}`: {reason}"),
                "write a version, or one variable such as `${TAG:-1.0}`",
            )),
        }
    }

    /// Where the tag of a service stands that has a variable in it.
    fn referred(
        &self,
        service: &Service,
        (tag, start): (&str, usize),
        reference: &Reference,
    ) -> Result<TagPlace, ComposeProblem> {
        let variable = &reference.name;
        let at = Some(&service.image.place);
        let unchangeable = |message: String, fix: &str| {
            self.problem(ProblemKind::Unchangeable, at, (message, fix))
        };
        if (self.files.environment)(variable).is_some() {
            return Err(unchangeable(
                format!(
                    "the variable {variable} is set in the environment, which beats every file"
                ),
                "unset it, and keep the tag in the file `.env`",
            ));
        }
        let (before, after) = (
            tag.get(..reference.span.start).unwrap_or_default().to_owned(),
            tag.get(reference.span.end..).unwrap_or_default().to_owned(),
        );
        let text = self.files.variables.unwrap_or_default();
        let found: Vec<Variable> =
            variables(text).into_iter().filter(|found| found.name == *variable).collect();
        if let [_, second, ..] = found.as_slice() {
            return Err(ComposeProblem {
                kind: ProblemKind::Ambiguous,
                file: File::Variables,
                line: Some(line(text, second.span.start)),
                message: format!("the variable {variable} stands twice"),
                fix: "keep one of the two".to_owned(),
            });
        }
        let default = reference.default.clone();
        let (file, span, value) = match (found.into_iter().next(), default) {
            (Some(found), default) => {
                let written = text.get(found.span.clone()).unwrap_or_default();
                let value = match default {
                    Some(default) if written.is_empty() && reference.is_for_empty => {
                        tag.get(default).unwrap_or_default()
                    }
                    Some(_) | None => written,
                };
                (File::Variables, found.span, value.to_owned())
            }
            (None, Some(default)) => {
                let value = tag.get(default.clone()).unwrap_or_default().to_owned();
                (File::Compose, start + default.start..start + default.end, value)
            }
            (None, None) => {
                return Err(unchangeable(
                    format!("nothing says what the variable {variable} is"),
                    "write `NAME=VERSION` into the file `.env` beside it",
                ));
            }
        };
        Ok(TagPlace {
            service: service.name.clone(),
            tag: format!("{before}{value}{after}"),
            file,
            span,
            around: (before, after),
        })
    }

    /// Where in the file a scalar begins, if it stands there letter by letter.
    fn start(&self, node: &Node, text: &str) -> Option<usize> {
        let span = node.place.span.clone()?;
        let written = self.files.compose.get(span.clone())?;
        [0, 1].into_iter().find_map(|quote| {
            let inner = written.get(quote..written.len().checked_sub(quote)?)?;
            let is_quoted = quote == 0 || written.starts_with(['"', '\'']);
            (inner == text && is_quoted).then_some(span.start + quote)
        })
    }
}

fn member<'a>(node: &'a Node, name: &str) -> Option<&'a Entry> {
    let Kind::Mapping(entries) = &node.kind else { return None };
    entries.iter().find(|entry| entry.key.value == name)
}

fn text_of(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Plain(text) | Kind::Text(text) => Some(text),
        Kind::Null | Kind::List(_) | Kind::Mapping(_) => None,
    }
}

/// Where the tag begins: behind the first colon after the last slash that stands outside of a variable.
fn tag_start(image: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut colon = None;
    for (at, letter) in image.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => colon = None,
            ':' if depth == 0 => colon = colon.or(Some(at + 1)),
            _ => {}
        }
    }
    colon.filter(|at| *at < image.len())
}

/// Whether an image has this name, whatever its tag.
fn is_image(written: &str, repository: &str) -> bool {
    let name = tag_start(written).map_or(written, |at| written.get(..at - 1).unwrap_or_default());
    name.split('@').next() == Some(repository)
}

/// The line of a byte, from 1.
pub(super) fn line(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or_default().matches('\n').count() + 1
}
