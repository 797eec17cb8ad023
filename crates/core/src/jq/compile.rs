//! From the text of a program to what runs, or to everything that is wrong with it.

use std::{fmt, ops::Range};

use jaq_core::{
    Compiler, Filter,
    compile::Undefined,
    data::JustLut,
    load::{Arena, Error, File, Loader, lex, parse, span},
};
use jaq_json::Val;

use super::language;

/// Bytes of a program's text. Deeper programs need more of the stack than [`STACK_BYTES`].
pub const PROGRAM_BYTES_MAX: usize = 16 << 10;

/// Stack for compiling, of which the machine gives only what is used: the compiler goes deeper with each bracket, and no
/// program of [`PROGRAM_BYTES_MAX`] can use it up.
const STACK_BYTES: usize = 256 << 20;

/// What a program works on.
pub(super) type Data = JustLut<Val>;

/// A program that can run.
pub struct Compiled {
    pub(super) filter: Filter<Data>,
}

impl fmt::Debug for Compiled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Compiled").finish_non_exhaustive()
    }
}

/// One mistake in a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub fix: String,
    /// Which bytes of the program; empty at its end.
    pub span: Range<usize>,
}

/// Compiles a program.
///
/// # Errors
/// All mistakes that can be told, at least one.
pub fn compile(program: &str) -> Result<Compiled, Vec<Mistake>> {
    if program.len() > PROGRAM_BYTES_MAX {
        return Err(vec![Mistake {
            message: format!(
                "a program has at most {PROGRAM_BYTES_MAX} bytes, and this one has {}",
                program.len()
            ),
            fix: "write several operations `jq` one after the other".to_owned(),
            span: 0..0,
        }]);
    }
    stacker::grow(STACK_BYTES, || compile_within(program))
}

fn compile_within(program: &str) -> Result<Compiled, Vec<Mistake>> {
    let arena = Arena::default();
    let loader = Loader::new(language::definitions());
    let modules = loader.load(&arena, File { code: program, path: () }).map_err(|files| {
        files.into_iter().flat_map(|(_, error)| mistakes(program, error)).collect::<Vec<_>>()
    })?;
    let compiler = Compiler::<_, Data>::default().with_funs(language::functions());
    let filter = compiler.compile(modules).map_err(|files| {
        let all = files.into_iter().flat_map(|(_, undefined)| undefined);
        all.map(|(name, kind)| unknown(program, name, &kind)).collect::<Vec<_>>()
    })?;
    Ok(Compiled { filter })
}

fn mistakes(program: &str, error: Error<&str>) -> Vec<Mistake> {
    match error {
        Error::Io(modules) => modules.into_iter().map(|(path, _)| module(program, path)).collect(),
        Error::Lex(all) => all.into_iter().map(|error| unreadable(program, error)).collect(),
        Error::Parse(all) => all.into_iter().map(|error| unexpected(program, error)).collect(),
    }
}

fn module(program: &str, path: &str) -> Mistake {
    Mistake {
        message: format!("there is no module `{path}`: a program can't load files"),
        fix: "write what it needs into the program".to_owned(),
        span: span(program, path),
    }
}

/// A character that no token has.
fn unreadable(program: &str, (expected, rest): lex::Error<&str>) -> Mistake {
    let Range { start, end: _ } = span(program, rest);
    let character = rest.chars().next();
    let what = expected.as_str();
    let message = match (&expected, character) {
        (lex::Expect::Delim(opened), _) => {
            let opened_at = span(program, opened);
            return Mistake {
                message: format!("there is no {what} for this `{opened}`"),
                fix: "write it".to_owned(),
                span: opened_at,
            };
        }
        (_, None) => format!("a {what} is missing at the end"),
        (lex::Expect::Token, Some(character)) => format!("`{character}` means nothing here"),
        (_, Some(character)) => format!("a {what} is expected here, not `{character}`"),
    };
    let end = start + character.map_or(0, char::len_utf8);
    Mistake { message, fix: FIX.to_owned(), span: start..end }
}

/// A token that can't stand where it stands.
fn unexpected(program: &str, (expected, found): parse::Error<&str>) -> Mistake {
    let place = span(program, found);
    let what = match expected {
        parse::Expect::Nothing => "the end of the program".to_owned(),
        parse::Expect::Just(token) => format!("`{token}`"),
        other => other.as_str().to_owned(),
    };
    let message = match first_line(found) {
        "" => format!("the program ends where {what} is expected"),
        found => format!("`{found}` stands where {what} is expected"),
    };
    Mistake { message, fix: FIX.to_owned(), span: place }
}

const FIX: &str = "correct it there, or just before";

fn unknown(program: &str, name: &str, kind: &Undefined) -> Mistake {
    let what = match kind {
        Undefined::Filter(0) => "function".to_owned(),
        Undefined::Filter(1) => "function with one argument".to_owned(),
        Undefined::Filter(count) => format!("function with {count} arguments"),
        Undefined::Mod | Undefined::Var | Undefined::Label => kind.as_str().to_owned(),
        other => other.as_str().to_owned(),
    };
    let (message, fix) = match language::reason(name) {
        Some(reason) => {
            (format!("there is no {what} `{name}`: {reason}"), "do without it".to_owned())
        }
        None => {
            (format!("there is no {what} `{name}`"), "correct the name, or define it".to_owned())
        }
    };
    Mistake { message, fix, span: span(program, name) }
}

/// A token may be a block of many lines.
fn first_line(token: &str) -> &str {
    token.lines().next().unwrap_or_default()
}
