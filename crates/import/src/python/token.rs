//! A Python file as words, texts and signs. Line breaks and indentation mean nothing within what is read here.

use crate::mistake::{Mistake, PYTHON, Place};

/// What a Python file is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A name or a keyword.
    Name(String),
    /// A text.
    Text(String),
    /// A text with an escape, a prefix or a placeholder, whose value isn't worked out.
    Composed,
    /// A number, as it is written.
    Number(String),
    /// One sign.
    Sign(char),
}

/// A Python file, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct PythonText {
    /// The file.
    pub(crate) file: Place,
    /// Its parts, each with its line.
    pub(crate) tokens: Vec<(Token, usize)>,
}

impl PythonText {
    /// Takes a file apart.
    pub(crate) fn read(file: &Place, text: &str) -> Result<Self, Mistake> {
        let mut letters = Letters { rest: text, line: 1 };
        let mut tokens = Vec::new();
        while let Some(letter) = letters.peek() {
            let line = letters.line;
            let unended = || {
                let fix = "give a folder whose files are whole";
                Mistake::new(PYTHON, file.line(line), "a text has no end", fix)
            };
            let token = match letter {
                '#' => {
                    letters.take_while(|letter| letter != '\n');
                    continue;
                }
                _ if letter.is_whitespace() || letter == '\\' => {
                    letters.next();
                    continue;
                }
                '"' | '\'' => letters.text("").ok_or_else(unended)?,
                _ if letter.is_alphabetic() || letter == '_' => {
                    let name =
                        letters.take_while(|letter| letter.is_alphanumeric() || letter == '_');
                    match letters.peek() {
                        Some('"' | '\'') if is_prefix(&name) => {
                            letters.text(&name).ok_or_else(unended)?
                        }
                        _ => Token::Name(name),
                    }
                }
                _ if letter.is_ascii_digit() => Token::Number(letters.take_while(|letter| {
                    letter.is_alphanumeric() || letter == '_' || letter == '.'
                })),
                _ => {
                    letters.next();
                    Token::Sign(letter)
                }
            };
            tokens.push((token, line));
        }
        Ok(Self { file: file.clone(), tokens })
    }

    /// What is assigned to a name such as `self.resources`: the position behind the `=`, for every time.
    pub(crate) fn assignments(&self, target: &str) -> Vec<usize> {
        let mut pattern: Vec<Token> = Vec::new();
        for (position, part) in target.split('.').enumerate() {
            if position > 0 {
                pattern.push(Token::Sign('.'));
            }
            pattern.push(Token::Name(part.to_owned()));
        }
        let length = pattern.len();
        let starts = self
            .tokens
            .windows(length)
            .enumerate()
            .filter(|(_, window)| window.iter().map(|(token, _)| token).eq(&pattern));
        starts
            .filter(|(start, _)| {
                start.checked_sub(1).is_none_or(|before| !self.is_sign(before, '.'))
            })
            .filter_map(|(start, _)| self.behind_equals(start + length))
            .collect()
    }

    /// The position behind `=`, or behind `: TYPE =`.
    fn behind_equals(&self, mut position: usize) -> Option<usize> {
        if self.is_sign(position, ':') {
            let Some((Token::Name(_), _)) = self.tokens.get(position + 1) else { return None };
            position += 2;
        }
        let assigns = self.is_sign(position, '=') && !self.is_sign(position + 1, '=');
        assigns.then_some(position + 1)
    }

    pub(crate) fn is_sign(&self, position: usize, sign: char) -> bool {
        matches!(self.tokens.get(position), Some((Token::Sign(there), _)) if *there == sign)
    }
}

fn is_prefix(name: &str) -> bool {
    name.len() <= 2 && name.chars().all(|letter| "rbfuRBFU".contains(letter))
}

struct Letters<'a> {
    rest: &'a str,
    line: usize,
}

impl Letters<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut letters = self.rest.chars();
        let letter = letters.next()?;
        self.rest = letters.as_str();
        self.line += usize::from(letter == '\n');
        Some(letter)
    }

    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(letter) = self.peek().filter(|letter| fits(*letter)) {
            taken.push(letter);
            self.next();
        }
        taken
    }

    /// A text from its quote on; `None` when it has no end.
    fn text(&mut self, prefix: &str) -> Option<Token> {
        let quote = self.next()?;
        let triple: String = [quote; 2].iter().collect();
        let is_long = self.rest.starts_with(&triple);
        if is_long {
            self.next();
            self.next();
        } else if self.peek() == Some(quote) {
            self.next();
            return Some(composed(prefix, String::new(), false));
        }
        let (mut text, mut has_escape) = (String::new(), false);
        loop {
            let is_end = if is_long {
                self.rest.starts_with(&[quote; 3].iter().collect::<String>())
            } else {
                self.peek() == Some(quote)
            };
            if is_end {
                for _ in 0..if is_long { 3 } else { 1 } {
                    self.next();
                }
                return Some(composed(prefix, text, has_escape));
            }
            let letter = self.next()?;
            if letter == '\\' {
                has_escape = true;
                self.next()?;
            } else if letter == '\n' && !is_long {
                return None;
            }
            text.push(letter);
        }
    }
}

fn composed(prefix: &str, text: String, has_escape: bool) -> Token {
    if has_escape || !prefix.is_empty() { Token::Composed } else { Token::Text(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Token> {
        let text = PythonText::read(&Place::file("a.py"), text).unwrap();
        text.tokens.into_iter().map(|(token, _)| token).collect()
    }

    #[test]
    fn texts_end_where_python_ends_them() {
        let text = |text: &str| Token::Text(text.to_owned());
        assert_eq!(
            read(r#""a" 'b"c' "" '''d'e''' "#),
            [text("a"), text("b\"c"), text(""), text("d'e")]
        );
        assert_eq!(
            read(r#""a\"b" f"{c}" rb'd'"#),
            [Token::Composed, Token::Composed, Token::Composed]
        );
        assert_eq!(read("# 'a\nb"), [Token::Name("b".to_owned())]);
        let open = PythonText::read(&Place::file("a.py"), "x = 1\ny = 'open\n").unwrap_err();
        assert_eq!(open.place.to_string(), "a.py:2");
    }

    #[test]
    fn assignments_are_found_by_their_whole_name() {
        let text = "self.a = 1; other.self.a = 2; self.a == 3; a = 4; a: str = 5\nself.a[1] = 6";
        let text = PythonText::read(&Place::file("a.py"), text).unwrap();
        let values = |name: &str| -> Vec<Token> {
            let found = text.assignments(name).into_iter();
            found
                .filter_map(|position| text.tokens.get(position))
                .map(|(token, _)| token.clone())
                .collect()
        };
        let number = |text: &str| Token::Number(text.to_owned());
        assert_eq!(values("self.a"), [number("1")]);
        assert_eq!(values("a"), [number("4"), number("5")]);
    }
}
