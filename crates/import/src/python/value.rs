//! Values that can be read without executing anything.

use super::{PythonText, Token};
use crate::mistake::{Mistake, PYTHON, Place};

/// A value and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `"text"`
    Text(String),
    /// `40`, as it is written
    Number(String),
    /// `True`, `False`
    Boolean(bool),
    /// `None`
    Nothing,
    /// `tracardi.event_partitioning`
    Name(String),
    /// `(a, b)`
    Tuple(Vec<Value>),
    /// `{a: b}`, in order
    Dictionary(Vec<(Value, Value)>),
    /// `Index(multi_index=True)`: what is called, and its arguments, each with its name if it has one.
    Call(String, Vec<(Option<String>, Value)>),
}

/// How deep values may be nested; index lists need 2.
const DEPTH_MAX: usize = 16;

impl PythonText {
    /// The one value that is assigned to a name; `None` when there is no such assignment.
    pub(crate) fn assigned(&self, target: &str) -> Result<Option<Value>, Mistake> {
        match self.assignments(target).as_slice() {
            [] => Ok(None),
            [position] => Reader { text: self, position: *position }.value(0).map(Some),
            [_, second, ..] => {
                let line = self.tokens.get(*second).map_or(1, |(_, line)| *line);
                let message =
                    format!("`{target}` is assigned a second time, so its value isn't known");
                Err(self.more_than_data(line, message))
            }
        }
    }

    /// The value that stands at a position.
    pub(crate) fn value_at(&self, position: usize) -> Result<Value, Mistake> {
        Reader { text: self, position }.value(0)
    }

    fn more_than_data(&self, line: usize, message: String) -> Mistake {
        let fix = "give an installation as it was published; a file that was changed so far can't be imported";
        Mistake::new(PYTHON, self.file.line(line), message, fix)
    }

    /// The place of a line.
    pub(crate) fn place(&self, line: usize) -> Place {
        self.file.line(line)
    }
}

struct Reader<'a> {
    text: &'a PythonText,
    position: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, Mistake> {
        let line = self.line();
        if depth > DEPTH_MAX {
            return Err(self.unexpected("values that are nested this deeply are not understood"));
        }
        let token = self.text.tokens.get(self.position).map(|(token, _)| token.clone());
        let kind = match token {
            Some(Token::Text(mut text)) => {
                self.position += 1;
                // Texts that stand beside each other are one.
                while let Some(Token::Text(more)) = self.going_on(depth) {
                    text.push_str(more);
                    self.position += 1;
                }
                Kind::Text(text)
            }
            Some(Token::Number(number)) => {
                self.position += 1;
                Kind::Number(number)
            }
            Some(Token::Name(name)) => self.named(name, depth)?,
            Some(Token::Sign('(')) => Kind::Tuple(self.items(')', depth, Self::value)?),
            Some(Token::Sign('{')) => Kind::Dictionary(self.items('}', depth, Self::pair)?),
            Some(Token::Composed | Token::Sign(_)) | None => {
                return Err(self
                    .unexpected("a text, a number, a name, `(`, `{` or a call is expected here"));
            }
        };
        self.ended(depth)?;
        Ok(Value { kind, line })
    }

    fn named(&mut self, first: String, depth: usize) -> Result<Kind, Mistake> {
        self.position += 1;
        match first.as_str() {
            "True" => return Ok(Kind::Boolean(true)),
            "False" => return Ok(Kind::Boolean(false)),
            "None" => return Ok(Kind::Nothing),
            _ => {}
        }
        let mut name = first;
        while self.text.is_sign(self.position, '.') {
            let Some((Token::Name(part), _)) = self.text.tokens.get(self.position + 1) else {
                return Err(self.unexpected("a name is expected behind `.`"));
            };
            name = format!("{name}.{part}");
            self.position += 2;
        }
        if self.text.is_sign(self.position, '(') {
            return Ok(Kind::Call(name, self.items(')', depth, Self::argument)?));
        }
        Ok(Kind::Name(name))
    }

    /// What stands between brackets, with commas between.
    fn items<T>(
        &mut self,
        end: char,
        depth: usize,
        read: impl Fn(&mut Self, usize) -> Result<T, Mistake>,
    ) -> Result<Vec<T>, Mistake> {
        self.position += 1;
        let mut items = Vec::new();
        while !self.text.is_sign(self.position, end) {
            items.push(read(self, depth + 1)?);
            if self.text.is_sign(self.position, ',') {
                self.position += 1;
            } else if !self.text.is_sign(self.position, end) {
                return Err(self.unexpected(&format!("`,` or `{end}` is expected here")));
            }
        }
        self.position += 1;
        Ok(items)
    }

    fn pair(&mut self, depth: usize) -> Result<(Value, Value), Mistake> {
        let key = self.value(depth)?;
        if !self.text.is_sign(self.position, ':') {
            return Err(self.unexpected("`:` is expected here"));
        }
        self.position += 1;
        Ok((key, self.value(depth)?))
    }

    fn argument(&mut self, depth: usize) -> Result<(Option<String>, Value), Mistake> {
        let name = match self.text.tokens.get(self.position) {
            Some((Token::Name(name), _)) if self.text.is_sign(self.position + 1, '=') => {
                self.position += 2;
                Some(name.clone())
            }
            _ => None,
        };
        Ok((name, self.value(depth)?))
    }

    /// A value that goes on, such as `"a" + b` or `f(x)[0]`, would be another value than the one read.
    fn ended(&self, depth: usize) -> Result<(), Mistake> {
        let goes_on = match self.going_on(depth) {
            Some(Token::Sign(sign)) => "[(+-*/%|&<>.@".contains(*sign),
            Some(Token::Name(word)) => {
                ["if", "or", "and", "for", "in", "is", "not"].contains(&word.as_str())
            }
            Some(Token::Composed) => true,
            Some(Token::Text(_) | Token::Number(_)) | None => false,
        };
        if goes_on {
            return Err(
                self.unexpected("this is worked out by Python, and nothing is executed here")
            );
        }
        Ok(())
    }

    /// The next token; outside of brackets only if it stands on the same line.
    fn going_on(&self, depth: usize) -> Option<&Token> {
        let (token, line) = self.text.tokens.get(self.position)?;
        let (_, before) = self.text.tokens.get(self.position.checked_sub(1)?)?;
        (depth > 0 || line == before).then_some(token)
    }

    fn line(&self) -> usize {
        let token = self.text.tokens.get(self.position).or(self.text.tokens.last());
        token.map_or(1, |(_, line)| *line)
    }

    fn unexpected(&self, message: &str) -> Mistake {
        self.text.more_than_data(self.line(), message.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let text = PythonText::read(&Place::file("a.py"), text).unwrap();
        match text.assigned("x") {
            Ok(value) => format!("{:?}", value.map(|value| value.kind)),
            Err(mistake) => format!("{}: {}", mistake.place, mistake.message),
        }
    }

    #[test]
    fn data_is_read_and_more_than_data_is_refused() {
        let cases = [
            ("x = 'a'", r#"Some(Text("a"))"#),
            ("x = ('a' 'b')", r#"Some(Tuple([Value { kind: Text("ab"), line: 1 }]))"#),
            ("x = a.b", r#"Some(Name("a.b"))"#),
            ("x = None\ny = 1", "Some(Nothing)"),
            ("x = f(40)", r#"Some(Call("f", [(None, Value { kind: Number("40"), line: 1 })]))"#),
            ("x = 4 + 5", "a.py:1: this is worked out by Python, and nothing is executed here"),
            ("x = {}", "Some(Dictionary([]))"),
            ("y = 1", "None"),
            ("x = 'a' + b", "a.py:1: this is worked out by Python, and nothing is executed here"),
            (
                "x = 'a' if b else 'c'",
                "a.py:1: this is worked out by Python, and nothing is executed here",
            ),
            (
                "x = {\n'a': f'b'}",
                "a.py:2: a text, a number, a name, `(`, `{` or a call is expected here",
            ),
            (
                "x = {\n**a}",
                "a.py:2: a text, a number, a name, `(`, `{` or a call is expected here",
            ),
            ("x = 'a'\n'b'", r#"Some(Text("a"))"#),
            ("x = 'a'\n@b", r#"Some(Text("a"))"#),
            ("x = {\n'a'\n'b' 'c'}", "a.py:3: `:` is expected here"),
            (
                "x = f(a, b=",
                "a.py:1: a text, a number, a name, `(`, `{` or a call is expected here",
            ),
            ("x = 'a'\nx = 'b'", "a.py:2: `x` is assigned a second time, so its value isn't known"),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text), expected, "{text}");
        }
    }
}
