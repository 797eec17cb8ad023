//! A transform: programs that run here and scripts that run in the engine, in turn.

use super::{
    operation::{Operation, Script},
    program::Program,
};

/// What takes documents from one release to another: operations in order, taken apart by where they run.
#[derive(Debug, Clone)]
pub struct Transform {
    parts: Vec<Part>,
}

/// A stretch of operations that run at the same place.
#[derive(Debug, Clone)]
pub enum Part {
    /// Here.
    Program(Program),
    /// In the engine.
    Scripts(Scripts),
}

/// Scripts that the engine runs one after the other, on the same document.
#[derive(Debug, Clone, PartialEq)]
pub struct Scripts {
    /// Position of the first one in the list of operations; the others follow it.
    pub first_index: usize,
    /// At least one.
    pub scripts: Vec<Script>,
}

impl Transform {
    /// Takes operations apart, which are done in this order.
    pub fn new(operations: Vec<Operation>) -> Self {
        let mut parts = Vec::new();
        let mut natives: Vec<Operation> = Vec::new();
        for (index, operation) in operations.into_iter().enumerate() {
            let Operation::Painless(script) = operation else {
                natives.push(operation);
                continue;
            };
            if !natives.is_empty() {
                let first_index = index - natives.len();
                let operations = std::mem::take(&mut natives);
                parts.push(Part::Program(Program::part(operations, first_index)));
            }
            match parts.last_mut() {
                Some(Part::Scripts(before)) => before.scripts.push(script),
                Some(Part::Program(_)) | None => {
                    let scripts = Scripts { first_index: index, scripts: vec![script] };
                    parts.push(Part::Scripts(scripts));
                }
            }
        }
        // A transform without operations is the program that passes documents on.
        if !natives.is_empty() || parts.is_empty() {
            let before = parts.iter().map(Part::len).sum();
            parts.push(Part::Program(Program::part(natives, before)));
        }
        Self { parts }
    }

    /// The parts, in the order that documents go through them; at least one.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The one program that does everything; `None` when scripts take part.
    pub fn as_program(&self) -> Option<&Program> {
        match self.parts.as_slice() {
            [Part::Program(program)] => Some(program),
            _ => None,
        }
    }

    /// The stretches that the engine runs.
    pub fn scripts(&self) -> impl Iterator<Item = &Scripts> {
        self.parts.iter().filter_map(|part| match part {
            Part::Program(_) => None,
            Part::Scripts(scripts) => Some(scripts),
        })
    }
}

impl Part {
    /// Number of operations.
    fn len(&self) -> usize {
        match self {
            Self::Program(program) => program.operations().len(),
            Self::Scripts(scripts) => scripts.scripts.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `r` is a `remove`, `p` a script.
    fn shape(letters: &str) -> String {
        let operations = letters.chars().map(|letter| {
            let json = match letter {
                'p' => r#"{"painless":{"script":"ctx._source.a = 1"}}"#,
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
                    Part::Scripts(scripts) => ("p", scripts.first_index),
                };
                assert_eq!(first, next, "{letters}");
                next += part.len();
                name.repeat(part.len())
            })
            .collect();
        assert_eq!(next, letters.len());
        assert_eq!(transform.as_program().is_some(), !letters.contains('p'));
        parts.join("|")
    }

    #[test]
    fn operations_are_taken_apart_by_where_they_run() {
        for (letters, expected) in [
            ("", ""),
            ("rr", "rr"),
            ("p", "p"),
            ("pp", "pp"),
            ("rp", "r|p"),
            ("pr", "p|r"),
            ("rrpprp", "rr|pp|r|p"),
            ("prrp", "p|rr|p"),
        ] {
            assert_eq!(shape(letters), expected);
        }
    }
}
