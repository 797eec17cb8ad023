//! Where the tag of an image stands in a compose file or in the file of variables beside it, and those files with another tag.
//! Nothing but the tag changes: comments, quotes and layout stay byte for byte. Who reads and writes the files is not here.

mod reading;

use std::ops::Range;

use self::reading::{Reading, line};
use super::tag::TagForm;

/// The files, and what the environment says.
#[derive(Clone, Copy)]
pub struct ComposeFiles<'a> {
    /// The compose file.
    pub compose: &'a str,
    /// The file `.env` beside it, if there is one.
    pub variables: Option<&'a str>,
    /// What a variable is in the environment, which beats `.env`.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
}

impl std::fmt::Debug for ComposeFiles<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ComposeFiles").finish_non_exhaustive()
    }
}

/// Whose tag is meant.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Services by name.
    pub services: &'a [String],
    /// The image without its tag.
    pub image: Option<&'a str>,
}

/// Where a tag stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPlace {
    /// The service.
    pub service: String,
    /// The tag as a container would have it.
    pub tag: String,
    file: File,
    /// The bytes that are replaced.
    span: Range<usize>,
    /// What stands around them within the tag.
    around: (String, String),
}

/// One of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// The compose file.
    Compose,
    /// The file of variables.
    Variables,
}

/// The files with another tag; `None` for one that stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// The compose file.
    pub compose: Option<String>,
    /// The file of variables.
    pub variables: Option<String>,
}

/// Why a tag can't be told or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeProblem {
    /// What kind of problem it is.
    pub kind: ProblemKind,
    /// In which file.
    pub file: File,
    /// In which line, from 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub fix: String,
}

/// The kinds of problems; each has a code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The file is not well-formed.
    Malformed,
    /// The service or the image isn't there.
    Absent,
    /// More than one place is meant.
    Ambiguous,
    /// There is no tag that could be changed here.
    Unchangeable,
    /// The tag isn't a version.
    NotAVersion,
    /// Tags differ between services.
    Different,
}

/// Finds the tags that are meant. Each of them is the tag of a version.
///
/// # Errors
/// The first thing that is wrong.
pub fn find(
    files: ComposeFiles<'_>,
    wanted: Wanted<'_>,
    form: &TagForm,
) -> Result<Vec<TagPlace>, ComposeProblem> {
    let reading = Reading::new(files);
    let mut places = Vec::new();
    for service in reading.services(wanted)? {
        let place = reading.place(&service)?;
        if form.version(&place.tag).is_none() {
            let at = if place.file == File::Compose { Some(place.span.start) } else { None };
            let line = match place.file {
                File::Compose => at.map(|at| line(files.compose, at)),
                File::Variables => files.variables.map(|text| line(text, place.span.start)),
            };
            return Err(ComposeProblem {
                kind: ProblemKind::NotAVersion,
                file: place.file,
                line,
                message: format!("the tag `{}` of `{}` is no version", place.tag, place.service),
                fix: "write the version that runs now, or say in `deploy: {tag: …}` what tags look like".to_owned(),
            });
        }
        places.push(place);
    }
    Ok(places)
}

/// The one tag that all places have.
///
/// # Errors
/// When they differ.
pub fn common_tag(places: &[TagPlace]) -> Result<String, ComposeProblem> {
    let first = places.first().map(|place| place.tag.clone()).unwrap_or_default();
    match places.iter().find(|place| place.tag != first) {
        None => Ok(first),
        Some(other) => Err(ComposeProblem {
            kind: ProblemKind::Different,
            file: other.file,
            line: None,
            message: format!(
                "`{}` has the tag {first} and `{}` the tag {}",
                places.first().map(|place| place.service.as_str()).unwrap_or_default(),
                other.service,
                other.tag
            ),
            fix: "give all of them the tag that runs now".to_owned(),
        }),
    }
}

/// The files with this tag at all places.
///
/// # Errors
/// When a tag can't stand at one of the places.
pub fn with_tag(
    files: ComposeFiles<'_>,
    places: &[TagPlace],
    tag: &str,
) -> Result<Changed, ComposeProblem> {
    let mut edits: Vec<(File, Range<usize>, &str)> = Vec::new();
    for place in places {
        let (before, after) = &place.around;
        let inner =
            tag.strip_prefix(before.as_str()).and_then(|tag| tag.strip_suffix(after.as_str()));
        let inner = inner.filter(|inner| !inner.is_empty()).ok_or_else(|| ComposeProblem {
            kind: ProblemKind::Unchangeable,
            file: place.file,
            line: None,
            message: format!(
                "the tag {tag} can't be made of `{before}…{after}`, as `{}` has it",
                place.service
            ),
            fix: "let the variable hold the whole tag".to_owned(),
        })?;
        let edit = (place.file, place.span.clone(), inner);
        // Several services may have one variable.
        if place.tag != tag && !edits.contains(&edit) {
            edits.push(edit);
        }
    }
    let changed = |which: File, text: &str| {
        let mut own: Vec<_> = edits.iter().filter(|(file, ..)| *file == which).collect();
        own.sort_by_key(|(_, span, _)| std::cmp::Reverse(span.start));
        if own.is_empty() {
            return None;
        }
        let mut text = text.to_owned();
        for (_, span, inner) in own {
            text.replace_range(span.clone(), inner);
        }
        Some(text)
    };
    Ok(Changed {
        compose: changed(File::Compose, files.compose),
        variables: files.variables.and_then(|text| changed(File::Variables, text)),
    })
}

#[cfg(test)]
mod tests;
