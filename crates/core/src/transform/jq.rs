//! What a program in jq sees of a document, and how what it makes gets back into the document.
//!
//! Programs run elsewhere, in a process that somebody watches; here is what happens before and after.

use std::borrow::Cow;

use super::{
    document::{NodeId, ROOT, Workspace},
    operation::{Documents, JqStep},
    outputs::Outputs,
    place::behind,
    rejection::{Refusal, Rejection, RejectionCode},
    search::{ArrayOnTheWay, Found},
    spread::Made,
};
use crate::{
    jq::Failure,
    json::{DEPTH_MAX, NotJson, Scanner, text_of},
};

/// A program in jq at its place among the operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JqPart {
    /// Position in the list of operations.
    pub index: usize,
    /// What it does.
    pub step: JqStep,
}

impl JqPart {
    /// The program that has to be run: the pack's, or, where it may make any number of documents, one that puts all that it
    /// makes into a list.
    pub fn program(&self) -> Cow<'_, str> {
        match self.step.documents {
            Documents::One => Cow::Borrowed(&self.step.program),
            // A comment at its end must not hide the bracket.
            Documents::Any => Cow::Owned(format!("[{}\n]", self.step.program)),
        }
    }

    /// The values that the program has to be run for: the document, or each value of the field, which may be none.
    ///
    /// # Errors
    /// [`Rejection`] when the document can't be read, or the field is there twice.
    pub fn take(
        &self,
        workspace: &mut Workspace,
        source: &[u8],
    ) -> Result<Vec<Vec<u8>>, Rejection> {
        let Some(field) = &self.step.field else {
            // It may be nested deeper than programs should ever see.
            check(source).map_err(|fault| self.rejection(Refusal::from(fault)))?;
            return Ok(vec![source.to_vec()]);
        };
        let mut found = Vec::new();
        workspace
            .load(source)
            .and_then(|()| workspace.find_all(ROOT, field.as_str(), &mut found))
            .map_err(|refusal| self.rejection(refusal))?;
        Ok(found.into_iter().map(|node| workspace.scalar_text(node).as_bytes().to_vec()).collect())
    }

    /// What the document becomes with what the program made of its values, as many as were taken and in the same order.
    ///
    /// # Errors
    /// [`Rejection`] when what was made has no place in a document.
    pub fn put(
        &self,
        workspace: &mut Workspace,
        document: Made,
        values: Vec<Vec<u8>>,
    ) -> Result<Vec<Made>, Rejection> {
        match (&self.step.field, self.step.documents) {
            (None, Documents::Any) => {
                let outputs = Outputs { to: &self.step.to, document: &document };
                let made = outputs.read(workspace, &values);
                made.map_err(|refusal| self.rejection(refusal))
            }
            (None, Documents::One) => {
                let source = self.whole(values)?;
                Ok(vec![Made { source, ..document }])
            }
            (Some(_), _) if values.is_empty() => Ok(vec![document]),
            (Some(field), _) => {
                let source = workspace.replace_all((&document.source, field.as_str()), &values);
                let source = source.map_err(|refusal| self.rejection(refusal))?;
                Ok(vec![Made { source, ..document }])
            }
        }
    }

    /// That the program made nothing of a value.
    pub fn failed(&self, failure: Failure) -> Rejection {
        self.rejection(Refusal::new(failure.code, failure.message))
    }

    fn whole(&self, mut made: Vec<Vec<u8>>) -> Result<Vec<u8>, Rejection> {
        match (made.pop(), made.is_empty()) {
            (Some(document), true) if document.starts_with(b"{") => Ok(document),
            _ => {
                let message = "the program gives something else than an object";
                Err(self.rejection(Refusal::new(RejectionCode::JqResult, message)))
            }
        }
    }

    fn rejection(&self, refusal: Refusal) -> Rejection {
        Rejection {
            code: refusal.code,
            operation_index: Some(self.index),
            operation: Some("jq".to_owned()),
            field: self.step.field.as_ref().map(ToString::to_string),
            message: refusal.message,
        }
    }
}

fn check(source: &[u8]) -> Result<(), NotJson> {
    let mut scanner = Scanner::new(text_of(source)?);
    scanner.whitespace();
    scanner.value(DEPTH_MAX)?;
    scanner.end()
}

impl Workspace {
    /// The nodes of a field, one in every element where arrays are on the way.
    fn find_all(
        &mut self,
        frame: NodeId,
        path: &str,
        found: &mut Vec<NodeId>,
    ) -> Result<(), Refusal> {
        match self.find(frame, path)? {
            Found::Missing(_) => Ok(()),
            Found::Field(field) => {
                found.push(field);
                Ok(())
            }
            Found::InArray(ArrayOnTheWay { array, offset }) => {
                for element in self.frames(array)? {
                    self.find_all(element, behind(path, offset), found)?;
                }
                Ok(())
            }
        }
    }

    fn replace_all(
        &mut self,
        (source, path): (&[u8], &str),
        made: &[Vec<u8>],
    ) -> Result<Vec<u8>, Refusal> {
        self.load(source)?;
        let mut found = Vec::new();
        self.find_all(ROOT, path, &mut found)?;
        for (node, json) in found.into_iter().zip(made) {
            let json = text_of(json)?;
            let levels = Scanner::new(json).value(DEPTH_MAX)?;
            let value = self.make(levels, |text| text.push_str(json))?;
            self.replace(node, value)?;
        }
        Ok(self.render()?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::Document;

    /// Takes a document's values, makes of each what `program` says of it, and puts them back.
    fn through(step: &str, source: &str, program: impl Fn(&str) -> String) -> String {
        let step = serde_json::from_str(step).expect("a step");
        let (part, mut workspace) = (JqPart { index: 1, step }, Workspace::default());
        let made = part.take(&mut workspace, source.as_bytes()).and_then(|values| {
            let made = values.iter().map(|value| program(str::from_utf8(value).expect("text")));
            let made = made.map(String::into_bytes).collect();
            let document =
                Document { index: None, id: "1", routing: None, source: source.as_bytes() };
            part.put(&mut workspace, Made::of(document), made)
        });
        made.map_or_else(
            |rejection| rejection.to_string(),
            |made| {
                let texts =
                    made.into_iter().map(|one| String::from_utf8(one.source).expect("text"));
                texts.collect::<Vec<_>>().join(";")
            },
        )
    }

    #[test]
    fn a_field_goes_through_alone_and_the_rest_keeps_its_bytes() {
        let field = r#"{"program":"not run here","field":"a.b"}"#;
        let whole = r#"{"program":"not run here"}"#;
        let deep = format!("{}1{}", "[".repeat(129), "]".repeat(129));
        for (step, source, expected) in [
            (field, r#"{ "x": 1e3, "a": {"b": 1 } }"#, r#"{"x":1e3,"a":{"b":<1>}}"#),
            (field, r#"{"a.b": {"c" : 1}}"#, r#"{"a.b":<{"c" : 1}>}"#),
            // Every element on the way; a list at the end is one value.
            (
                field,
                r#"{"a":[{"b":1},{"c":2},{"b":[3,4]}]}"#,
                r#"{"a":[{"b":<1>},{"c":2},{"b":<[3,4]>}]}"#,
            ),
            (field, r#"{"a":{"b":null}}"#, r#"{"a":{"b":<null>}}"#),
            // Missing: not even read again.
            (field, r#"{ "a": { "c": 1 } }"#, r#"{ "a": { "c": 1 } }"#),
            (
                field,
                r#"{"a":{"b":1},"a.b":2}"#,
                "T0103: operation 2 (`jq` of `a.b`): `a.b` stands twice in the document, nested and dotted, or under the same key; remove one of them first",
            ),
            (field, "[]", "T0101: operation 2 (`jq` of `a.b`): the document is not an object"),
            (whole, r#"{ "a": 1 }"#, r#"<{ "a": 1 }>"#),
            (
                whole,
                &deep,
                "T0102: operation 2 (`jq`): the document can't be read: not JSON at byte 128: nested deeper than 128 levels",
            ),
        ] {
            // Angle brackets stand for a value that is one more level deep.
            let made = through(step, source, |value| format!(r#"{{"v":{value}}}"#));
            let expected = expected.replace('<', r#"{"v":"#).replace('>', "}");
            assert_eq!(made, expected);
        }
    }

    /// What a program makes of a document `1` with the routing `r`: `INDEX/ID@ROUTING SOURCE` of each, or the rejection.
    fn any(program: &str, source: &str) -> String {
        let step = serde_json::json!({"program": program, "documents": "any", "to": ["line"]});
        let step = serde_json::from_value(step).expect("a step");
        let (part, mut workspace) = (JqPart { index: 1, step }, Workspace::default());
        let compiled = crate::jq::compile(&part.program()).expect("it compiles");
        let source = source.as_bytes();
        let document = Made::of(Document { index: None, id: "1", routing: Some("r"), source });
        let made = part.take(&mut workspace, source).and_then(|values| {
            let made: Result<Vec<_>, _> = values.iter().map(|value| compiled.run(value)).collect();
            let made = made.map_err(|failure| part.failed(failure))?;
            part.put(&mut workspace, document, made)
        });
        let told = |one: Made| {
            let index = one.index.map(|index| format!("{index}/")).unwrap_or_default();
            let routing = one.routing.map(|routing| format!("@{routing}")).unwrap_or_default();
            format!("{index}{}{routing} {}", one.id, String::from_utf8(one.source).expect("text"))
        };
        made.map_or_else(
            |rejection| rejection.to_string(),
            |made| made.into_iter().map(told).collect::<Vec<_>>().join(" | "),
        )
    }

    #[test]
    fn where_there_may_be_any_an_output_says_where_it_belongs() {
        let lines = r#".l[] | . + {_id: "\(.n)-x", _index: "line", _routing: .n}"#;
        for (program, source, expected) in [
            (".", r#"{ "a": 1.10 }"#, r#"1@r {"a":1.10}"#),
            ("empty", "{}", ""),
            ("select(.a) # only some", r#"{"a":1}"#, r#"1@r {"a":1}"#),
            ("def f: {b: .}; .a | f", r#"{"a":1}"#, r#"1@r {"b":1}"#),
            (r"., {_id: 7, _routing: null, c: 1}", "{}", r#"1@r {} | 7 {"c":1}"#),
            (lines, r#"{"l":[{"n":1},{"n":2}]}"#, r#"line/1-x@1 {"n":1} | line/2-x@2 {"n":2}"#),
            // Only at the top, and only by these names.
            (".", r#"{"x":{"_id":"2"},"_idx":1}"#, r#"1@r {"x":{"_id":"2"},"_idx":1}"#),
            (
                ".a",
                r#"{"a":[1]}"#,
                "T0303: operation 2 (`jq`): the program gives something else than an object",
            ),
            (
                r#"{_index: "other"}"#,
                "{}",
                "T0406: operation 2 (`jq`): it is sent to `other`, which the step doesn't name; add the key of an index of the release to `to`",
            ),
            (r#"{_id: ""}"#, "{}", "T0404: operation 2 (`jq`): `_id` is empty"),
            ("{_id: null}", "{}", "T0404: operation 2 (`jq`): `_id` is no text, number or boolean"),
            (
                r#"{_id: ("x" * 513)}"#,
                "{}",
                "T0404: operation 2 (`jq`): its id would have 513 bytes, and an engine takes 512",
            ),
            (
                r#"{}, error("no")"#,
                "{}",
                r#"T0301: operation 2 (`jq`): the program gives an error: "no""#,
            ),
        ] {
            assert_eq!(any(program, source), expected, "{program}");
        }
    }

    #[test]
    fn what_a_program_makes_has_to_fit_into_a_document() {
        let whole = r#"{"program":"."}"#;
        let field = r#"{"program":".","field":"a"}"#;
        let deep = format!("{}1{}", "[".repeat(128), "]".repeat(128));
        for (step, made, expected) in [
            (
                whole,
                "[1]",
                "T0303: operation 2 (`jq`): the program gives something else than an object",
            ),
            (whole, "{}", "{}"),
            (field, "[1]", r#"{"a":[1]}"#),
            (
                field,
                &deep,
                "T0102: operation 2 (`jq` of `a`): the document would be nested deeper than 128 levels",
            ),
        ] {
            assert_eq!(through(step, r#"{"a":1}"#, |_| made.to_owned()), expected);
        }
    }
}
