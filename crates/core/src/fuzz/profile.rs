//! What live documents look like: which fields they have, how often, of which types. No value is kept, except where a field
//! has few different texts again and again.

use std::collections::BTreeMap;

use serde_json::Value;

use super::shape::{Field, Shape, Values};

/// Different texts of a field that are kept as its words.
const WORDS_MAX: usize = 8;
/// How often each of them must stand there on average.
const WORD_COUNT_MIN: u64 = 4;
/// Letters of a text that may be a word.
const WORD_LETTERS_MAX: usize = 40;
/// Different fields of an object that are told apart; a document with more has names that are data.
const FIELDS_MAX: usize = 1_000;

/// What was seen of documents.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Objects that were seen.
    count: u64,
    fields: BTreeMap<String, Seen>,
}

/// What was seen of a field, or of the elements of its lists.
#[derive(Debug, Clone, Default)]
struct Seen {
    count: u64,
    nulls: u64,
    booleans: u64,
    wholes: u64,
    fractions: u64,
    texts: u64,
    moments: u64,
    letters_max: usize,
    /// Texts and how often each was seen, as long as they are few.
    words: BTreeMap<String, u64>,
    has_too_many_words: bool,
    objects: u64,
    object: Profile,
    lists: u64,
    len_max: usize,
    element: Option<Box<Self>>,
}

impl Profile {
    /// Takes a document in.
    pub fn add(&mut self, document: &Value) {
        let Some(members) = document.as_object() else { return };
        self.count += 1;
        for (name, value) in members {
            if self.fields.len() >= FIELDS_MAX && !self.fields.contains_key(name) {
                continue;
            }
            let seen = self.fields.entry(name.clone()).or_default();
            seen.add(value);
        }
    }

    /// How many documents were taken in.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What documents may look like that are like these. What a field's values look like that are no texts, such as dates and
    /// addresses, their mapping knows better.
    pub fn shape(&self, of_mapping: &Shape) -> Shape {
        let field = |(name, seen): (&String, &Seen)| {
            let percent = (seen.count * 100).checked_div(self.count).unwrap_or_default();
            let presence = u8::try_from(percent.clamp(1, 100)).unwrap_or(100);
            (name.clone(), Field { presence, values: seen.values(of_mapping.fields.get(name)) })
        };
        Shape { fields: self.fields.iter().map(field).collect(), strays: Vec::new() }
    }
}

impl Seen {
    fn add(&mut self, value: &Value) {
        self.count += 1;
        match value {
            Value::Null => self.nulls += 1,
            Value::Bool(_) => self.booleans += 1,
            Value::Number(number) if number.is_f64() => self.fractions += 1,
            Value::Number(_) => self.wholes += 1,
            Value::String(text) => self.add_text(text),
            Value::Array(list) => {
                self.lists += 1;
                self.len_max = self.len_max.max(list.len());
                let element = self.element.get_or_insert_default();
                for one in list {
                    element.add(one);
                }
            }
            Value::Object(_) => {
                self.objects += 1;
                self.object.add(value);
            }
        }
    }

    fn add_text(&mut self, text: &str) {
        if is_moment(text) {
            self.moments += 1;
            return;
        }
        self.texts += 1;
        let letters = text.chars().count();
        self.letters_max = self.letters_max.max(letters);
        if self.has_too_many_words {
            return;
        }
        let is_new = !self.words.contains_key(text);
        if letters > WORD_LETTERS_MAX || (is_new && self.words.len() >= WORDS_MAX) {
            self.has_too_many_words = true;
            self.words.clear();
            return;
        }
        *self.words.entry(text.to_owned()).or_default() += 1;
    }

    fn values(&self, of_mapping: Option<&Field>) -> Vec<(u64, Values)> {
        let is_few = !self.words.is_empty()
            && self.words.values().sum::<u64>() >= WORD_COUNT_MIN * self.words.len() as u64;
        let texts = if is_few {
            Values::OneOf(self.words.keys().cloned().collect())
        } else {
            Values::Text(self.letters_max)
        };
        let typed = of_mapping.map(Field::typed).unwrap_or_default();
        let inside = of_mapping.and_then(Field::inside).cloned().unwrap_or_default();
        let mut values = vec![
            (self.nulls, Values::Null),
            (self.objects, Values::Object(self.object.shape(&inside))),
        ];
        if let Some(element) = &self.element {
            let field = Field { presence: 100, values: element.values(of_mapping) };
            values.push((self.lists, Values::List(Box::new(field), self.len_max.min(5))));
        }
        if typed.is_empty() || is_few {
            values.extend(self.singles(texts));
        } else {
            let count = self.booleans + self.wholes + self.fractions + self.texts + self.moments;
            // All weights count the same values.
            let scale: u64 = typed.iter().map(|(weight, _)| weight).sum();
            for (weight, _) in &mut values {
                *weight *= scale;
            }
            values.extend(typed.into_iter().map(|(weight, values)| (weight * count, values)));
        }
        values.retain(|(weight, _)| *weight > 0);
        values
    }

    /// Single values as they were seen.
    fn singles(&self, texts: Values) -> Vec<(u64, Values)> {
        vec![
            (self.booleans, Values::Boolean),
            (self.wholes, Values::Whole(64)),
            (self.fractions, Values::Fraction),
            (self.texts, texts),
            (self.moments, Values::Moment),
        ]
    }
}

/// Whether a text is written like a moment, as `2020-01-02T…`.
fn is_moment(text: &str) -> bool {
    let shape = "0000-00-00T";
    text.len() > shape.len()
        && text.bytes().zip(shape.bytes()).all(|(found, wanted)| match wanted {
            b'0' => found.is_ascii_digit(),
            other => found == other,
        })
}
