//! Which field of a document a path means: nested, dotted, or within the elements of an array.
//!
//! A search runs within one object, the *frame*: the document, or an element of an array on the way. What is written
//! where is not here but in `place`.

use super::{
    document::{NodeId, Shape, Workspace},
    rejection::Refusal,
};

/// What a path means within a frame.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    /// One field.
    Field(NodeId),
    /// Fields in the elements of an array; the rest of the path counts from there.
    InArray(ArrayOnTheWay),
    /// Nothing; the value that got furthest along the path.
    Missing(Reached),
}

/// An array that stands on a path before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ArrayOnTheWay {
    pub(super) array: NodeId,
    /// Bytes of the path that lead to the array, the dot behind them included.
    pub(super) offset: usize,
}

/// How far a path can be followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    pub(super) node: NodeId,
    /// Bytes of the path that lead there, the dot behind them included; 0 for the frame.
    pub(super) offset: usize,
    /// Whether two values are equally far.
    pub(super) twice: bool,
}

/// How a key relates to a path.
enum Match {
    No,
    Whole,
    /// The key is the front of the path, up to a dot; bytes up to behind the dot.
    Front(usize),
    /// The path is the front of the key, up to a dot: the member is a part of the field.
    Part,
}

struct Search {
    field: Option<NodeId>,
    array: Option<ArrayOnTheWay>,
    count: usize,
    /// Whether a part of the field stands by itself, as `a.b` does of `a`.
    in_parts: bool,
    reached: Reached,
}

impl Search {
    fn has_something(&self) -> bool {
        self.count > 0 || self.in_parts
    }
}

impl Workspace {
    /// Looks for a path within a frame; a path that names two fields there is refused, and one to an object whose members are
    /// written dotted: what an operation does to the object would pass them over.
    pub(super) fn find(&mut self, frame: NodeId, path: &str) -> Result<Found, Refusal> {
        let search = self.search(frame, path)?;
        if search.count > 1 {
            return Err(Refusal::ambiguous(path));
        }
        if search.in_parts {
            return Err(Refusal::in_parts(path));
        }
        Ok(match (search.field, search.array) {
            (Some(field), _) => Found::Field(field),
            (None, Some(array)) => Found::InArray(array),
            (None, None) => Found::Missing(search.reached),
        })
    }

    /// The frames within an array: its objects, those of arrays inside it included. Scalars are passed over.
    pub(super) fn frames(&mut self, array: NodeId) -> Result<Vec<NodeId>, Refusal> {
        let mut frames = Vec::new();
        self.collect_frames(array, &mut frames)?;
        Ok(frames)
    }

    fn collect_frames(&mut self, array: NodeId, frames: &mut Vec<NodeId>) -> Result<(), Refusal> {
        let mut next = self.first_child(array)?;
        while let Some(element) = next {
            match self.shape(element) {
                Shape::Object => frames.push(element),
                Shape::Array => self.collect_frames(element, frames)?,
                Shape::String | Shape::Number | Shape::Boolean | Shape::Null => {}
            }
            next = self.next_sibling(element);
        }
        Ok(())
    }

    fn search(&mut self, frame: NodeId, path: &str) -> Result<Search, Refusal> {
        let reached = Reached { node: frame, offset: 0, twice: false };
        let mut search = Search { field: None, array: None, count: 0, in_parts: false, reached };
        self.search_object(frame, path, 0, &mut search)?;
        Ok(search)
    }

    /// Recursion is bounded by the nesting of the document.
    fn search_object(
        &mut self,
        object: NodeId,
        path: &str,
        offset: usize,
        search: &mut Search,
    ) -> Result<(), Refusal> {
        let rest = path.as_bytes().get(offset..).unwrap_or_default();
        let first = rest.first().copied().unwrap_or_default();
        let mut next = self.first_child(object)?;
        while let Some(member) = next {
            if self.key_may_begin_with(member, first) {
                match key_match(self.key(member), rest) {
                    Match::No => {}
                    Match::Whole => {
                        search.count += 1;
                        search.field = Some(member);
                    }
                    Match::Front(length) => self.follow(member, path, offset + length, search)?,
                    Match::Part => search.in_parts = true,
                }
            }
            next = self.next_sibling(member);
        }
        Ok(())
    }

    fn follow(
        &mut self,
        node: NodeId,
        path: &str,
        offset: usize,
        search: &mut Search,
    ) -> Result<(), Refusal> {
        if offset >= search.reached.offset {
            let twice = offset == search.reached.offset;
            search.reached = Reached { node, offset, twice };
        }
        match self.shape(node) {
            Shape::Object => self.search_object(node, path, offset, search),
            Shape::Array => {
                if self.holds(node, path.get(offset..).unwrap_or_default())? {
                    search.count += 1;
                    search.array = Some(ArrayOnTheWay { array: node, offset });
                }
                Ok(())
            }
            Shape::String | Shape::Number | Shape::Boolean | Shape::Null => Ok(()),
        }
    }

    /// Whether any element of an array has the field. One that has it twice is refused by whoever works on it.
    fn holds(&mut self, array: NodeId, path: &str) -> Result<bool, Refusal> {
        for frame in self.frames(array)? {
            if self.search(frame, path)?.has_something() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[inline]
fn key_match(key: &[u8], path: &[u8]) -> Match {
    match path.strip_prefix(key) {
        Some([]) => Match::Whole,
        Some([b'.', ..]) => Match::Front(key.len() + 1),
        None if matches!(key.strip_prefix(path), Some([b'.', ..])) => Match::Part,
        Some(_) | None => Match::No,
    }
}
