//! A transform: programs that run here, programs in jq that run in a process of their own and scripts that run in the engine,
//! in turn.

use std::collections::BTreeSet;

use super::{
    jq::JqPart,
    operation::{Operation, Script},
    program::Program,
};

/// What takes documents from one release to another: operations in order, taken apart by where they run.
#[derive(Debug, Clone)]
pub struct Transform {
    parts: Vec<Part>,
    is_spreading: bool,
    destinations: BTreeSet<String>,
}

/// Operations that run at the same place.
#[derive(Debug, Clone)]
pub enum Part {
    /// Here.
    Program(Program),
    /// In a process of its own; one operation.
    Jq(JqPart),
    /// In the engine.
    Script(ScriptPart),
}

/// A script that the engine runs. Each is a part of its own, also where several follow each other: in one engine's call a
/// script would find what the one before left in memory (two fields that are one list, a `Float`), not the document that it
/// finds when the steps are done one by one.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptPart {
    /// Its position in the list of operations.
    pub index: usize,
    /// The script.
    pub script: Script,
}

impl Transform {
    /// Takes operations apart, which are done in this order.
    pub fn new(operations: Vec<Operation>) -> Self {
        let is_spreading = operations.iter().any(Operation::is_spreading);
        let destinations = operations.iter().flat_map(Operation::destinations);
        let destinations = destinations.map(str::to_owned).collect();
        let mut parts = Vec::new();
        let mut natives: Vec<Operation> = Vec::new();
        for (index, operation) in operations.into_iter().enumerate() {
            if let Operation::Painless(script) = operation {
                end_program(&mut natives, index, &mut parts);
                parts.push(Part::Script(ScriptPart { index, script }));
            } else if let Operation::Jq(step) = operation {
                end_program(&mut natives, index, &mut parts);
                parts.push(Part::Jq(JqPart { index, step }));
            } else {
                natives.push(operation);
            }
        }
        // A transform without operations is the program that passes documents on.
        if parts.is_empty() {
            parts.push(Part::Program(Program::part(natives, 0)));
        } else {
            let end = natives.len() + parts.iter().map(Part::len).sum::<usize>();
            end_program(&mut natives, end, &mut parts);
        }
        Self { parts, is_spreading, destinations }
    }

    /// The parts, in the order that documents go through them; at least one.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether it may make anything but one document, or one at another place.
    pub fn is_spreading(&self) -> bool {
        self.is_spreading
    }

    /// The keys of the logical indices that it may send documents to, besides the one that it leads to.
    pub fn destinations(&self) -> &BTreeSet<String> {
        &self.destinations
    }

    /// The one program that does everything; `None` when scripts or programs in jq take part.
    pub fn as_program(&self) -> Option<&Program> {
        match self.parts.as_slice() {
            [Part::Program(program)] => Some(program),
            _ => None,
        }
    }

    /// The scripts, which the engine runs.
    pub fn scripts(&self) -> impl Iterator<Item = &ScriptPart> {
        self.parts.iter().filter_map(|part| match part {
            Part::Program(_) | Part::Jq(_) => None,
            Part::Script(script) => Some(script),
        })
    }
}

/// Makes a part of the operations that run here and end before an index, if there are any.
fn end_program(natives: &mut Vec<Operation>, end: usize, parts: &mut Vec<Part>) {
    if !natives.is_empty() {
        let first_index = end - natives.len();
        parts.push(Part::Program(Program::part(std::mem::take(natives), first_index)));
    }
}

impl Part {
    /// Number of operations.
    fn len(&self) -> usize {
        match self {
            Self::Program(program) => program.operations().len(),
            Self::Jq(_) | Self::Script(_) => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `r` is a `remove`, `p` a script, `j` a program in jq.
    fn shape(letters: &str) -> String {
        let operations = letters.chars().map(|letter| {
            let json = match letter {
                'p' => r#"{"painless":{"script":"ctx._source.a = 1"}}"#,
                'j' => r#"{"jq":{"program":".a = 1"}}"#,
                _ => r#"{"remove":{"fields":["a"]}}"#,
            };
            serde_json::from_str(json).expect("an operation")
        });
        let transform = Transform::new(operations.collect());
        let mut next = 0;
        let parts: Vec<String> = transform
            .parts()
            .iter()
            .map(|part| {
                let (name, first) = match part {
                    Part::Program(program) => ("r", program.first_index()),
                    Part::Jq(jq) => ("j", jq.index),
                    Part::Script(script) => ("p", script.index),
                };
                assert_eq!(first, next, "{letters}");
                next += part.len();
                name.repeat(part.len())
            })
            .collect();
        assert_eq!(next, letters.len());
        assert_eq!(transform.as_program().is_some(), !letters.contains(['p', 'j']));
        parts.join("|")
    }

    #[test]
    fn operations_are_taken_apart_by_where_they_run() {
        for (letters, expected) in [
            ("", ""),
            ("rr", "rr"),
            ("p", "p"),
            ("pp", "p|p"),
            ("rp", "r|p"),
            ("pr", "p|r"),
            ("rrpprp", "rr|p|p|r|p"),
            ("prrp", "p|rr|p"),
            ("j", "j"),
            ("rjjr", "r|j|j|r"),
            ("pjprr", "p|j|p|rr"),
        ] {
            assert_eq!(shape(letters), expected);
        }
    }
}
