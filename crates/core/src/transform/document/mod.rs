//! The lazy document: a tree that is opened only where an operation looks.
//!
//! A node is a range of text until it is opened; then its members or elements are nodes. What was not changed is
//! written as the bytes it came with. Values that operations make are appended to the same text, so that a value is
//! always a range, and moving one copies two numbers. Which field a path means is not here but in `search`.

mod render;

use std::{num::NonZeroU32, ops::Range};

use super::rejection::{Refusal, RejectionCode};
use crate::json::{DEPTH_MAX, NotJson, Scanner, StringToken, inner, text_of, unescape};

/// Memory for one document at a time. Keep one per thread and hand it to every call: nothing is carried over from one
/// document to the next but capacity.
#[derive(Debug, Default)]
pub struct Workspace {
    /// The source, then whatever operations have made.
    text: String,
    /// Nodes; the first is the document itself.
    nodes: Vec<Node>,
    /// The content of an escaped key while it is compared.
    key: Vec<u8>,
}

/// Bytes that a document may have with everything its operations made; an engine takes 100 MB in one request.
const TEXT_BYTES_MAX: usize = 256 << 20;

/// Nodes that may be opened in one document, some 64 bytes each.
const NODES_MAX: usize = 2 << 20;

/// What is kept for the next document at most, so that one large document does not stay in memory.
const KEPT_BYTES_MAX: usize = 4 << 20;
const KEPT_NODES_MAX: usize = 64 << 10;

/// Names a node of the document at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeId(NonZeroU32);

/// A value as text, with its levels of nesting: 0 for a scalar, 1 for `{}`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Value {
    start: usize,
    end: usize,
    pub(super) levels: u8,
}

/// What a value is, as far as paths care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

#[derive(Debug, Clone, Copy, Default)]
struct Node {
    /// Where the key stands, with quotes; empty in an array.
    key: (usize, usize),
    key_escaped: bool,
    /// The value as it came or was last set. Out of date once something inside was changed.
    value: Value,
    inside: Inside,
    removed: bool,
    parent: Option<NodeId>,
    next: Option<NodeId>,
    first_child: Option<NodeId>,
    last_child: Option<NodeId>,
}

/// What is known of the inside of an object or array.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Inside {
    /// Text that nobody has looked into.
    #[default]
    Closed,
    /// Children are nodes and stand as they came.
    Opened,
    /// Something inside was changed; all ancestors are marked as well.
    Changed,
}

/// The document itself.
pub(super) const ROOT: NodeId = NodeId(NonZeroU32::MIN);

impl Workspace {
    /// Memory that grows as documents need it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a document and opens its first level; all of it is validated on the way.
    pub(super) fn load(&mut self, source: &[u8]) -> Result<(), Refusal> {
        self.text.clear();
        self.text.shrink_to(KEPT_BYTES_MAX.max(source.len()));
        self.nodes.clear();
        self.nodes.shrink_to(KEPT_NODES_MAX);
        self.check_room(source.len())?;
        self.text.push_str(text_of(source)?);
        let mut scanner = Scanner::new(&self.text);
        scanner.whitespace();
        let start = scanner.position();
        if scanner.peek() != Some(b'{') {
            return Err(Refusal::new(RejectionCode::NotAnObject, "the document is not an object"));
        }
        let value = Value { start, end: self.text.len(), levels: 0 };
        self.nodes.push(Node { value, ..Node::default() });
        let end = self.open(ROOT)?;
        let mut behind = Scanner::at(&self.text, end);
        behind.end()?;
        self.node_mut(ROOT).value.end = end;
        Ok(())
    }

    /// Whether any operation has changed anything.
    pub(super) fn is_changed(&self) -> bool {
        self.node(ROOT).inside == Inside::Changed
    }

    /// What a node's value is.
    pub(super) fn shape(&self, id: NodeId) -> Shape {
        let value = self.node(id).value;
        // The first byte is right even where the rest is out of date.
        match self.byte(value.start) {
            Some(b'{') => Shape::Object,
            Some(b'[') => Shape::Array,
            Some(b'"') => Shape::String,
            Some(b't' | b'f') => Shape::Boolean,
            Some(b'n') => Shape::Null,
            _ => Shape::Number,
        }
    }

    /// The first member or element that was not removed. Opens the node if it is an object or array.
    pub(super) fn first_child(&mut self, id: NodeId) -> Result<Option<NodeId>, Refusal> {
        if self.node(id).inside == Inside::Closed
            && matches!(self.shape(id), Shape::Object | Shape::Array)
        {
            self.open(id)?;
        }
        Ok(self.skip_removed(self.node(id).first_child))
    }

    /// The next member or element that was not removed.
    pub(super) fn next_sibling(&self, id: NodeId) -> Option<NodeId> {
        self.skip_removed(self.node(id).next)
    }

    pub(super) fn parent(&self, id: NodeId) -> Option<NodeId> {
        self.node(id).parent
    }

    /// Whether a member's key may begin with this byte: a cheap look before [`Self::key`].
    #[inline]
    pub(super) fn key_may_begin_with(&self, id: NodeId, byte: u8) -> bool {
        let node = self.node(id);
        node.key_escaped || self.byte(node.key.0 + 1) == Some(byte)
    }

    /// A member's key by content. The slice may live in a buffer that the next call reuses.
    pub(super) fn key(&mut self, id: NodeId) -> &[u8] {
        let node = self.node(id);
        let (start, end) = node.key;
        let is_escaped = node.key_escaped;
        let literal = slice(&self.text, start..end);
        if !is_escaped {
            return inner(literal).as_bytes();
        }
        self.key.clear();
        unescape(literal, &mut self.key);
        &self.key
    }

    /// A scalar as it is written.
    pub(super) fn scalar_text(&self, id: NodeId) -> &str {
        self.value_text(self.node(id).value)
    }

    /// A value as it is written.
    pub(super) fn value_text(&self, value: Value) -> &str {
        slice(&self.text, value.start..value.end)
    }

    /// Appends a value that `write` puts into the text as valid JSON of so many levels.
    pub(super) fn make(
        &mut self,
        levels: u8,
        write: impl FnOnce(&mut String),
    ) -> Result<Value, Refusal> {
        let start = self.text.len();
        write(&mut self.text);
        self.check_room(0)?;
        Ok(Value { start, end: self.text.len(), levels })
    }

    /// Appends a value that repeats others: `{"key":`, the value, `}`.
    pub(super) fn make_around(
        &mut self,
        before: &str,
        value: Value,
        after: &str,
        levels: u8,
    ) -> Result<Value, Refusal> {
        self.check_room(before.len() + (value.end - value.start) + after.len())?;
        let start = self.text.len();
        self.text.push_str(before);
        self.text.extend_from_within(value.start..value.end);
        self.text.push_str(after);
        Ok(Value { start, end: self.text.len(), levels })
    }

    /// Puts another value in a node's place.
    pub(super) fn replace(&mut self, id: NodeId, value: Value) -> Result<(), Refusal> {
        self.check_depth(self.node(id).parent, value.levels)?;
        let node = self.node_mut(id);
        node.value = value;
        node.inside = Inside::Closed;
        node.first_child = None;
        node.last_child = None;
        self.mark_changed(self.node(id).parent);
        Ok(())
    }

    /// Gives a member another key; `key` is a JSON string with quotes.
    pub(super) fn replace_key(&mut self, id: NodeId, key: &str) -> Result<(), Refusal> {
        let value = self.make(0, |text| text.push_str(key))?;
        let node = self.node_mut(id);
        node.key = (value.start, value.end);
        node.key_escaped = key.contains('\\');
        self.mark_changed(self.node(id).parent);
        Ok(())
    }

    /// Puts a member behind the others of an object; `key` is a JSON string with quotes.
    pub(super) fn append(
        &mut self,
        object: NodeId,
        key: &str,
        value: Value,
    ) -> Result<(), Refusal> {
        self.check_depth(Some(object), value.levels)?;
        self.first_child(object)?;
        let literal = self.make(0, |text| text.push_str(key))?;
        let node = Node {
            key: (literal.start, literal.end),
            key_escaped: key.contains('\\'),
            value,
            parent: Some(object),
            ..Node::default()
        };
        self.push_child(object, node)?;
        self.mark_changed(Some(object));
        Ok(())
    }

    /// Takes a member or element away.
    pub(super) fn remove(&mut self, id: NodeId) {
        self.node_mut(id).removed = true;
        self.mark_changed(self.node(id).parent);
    }

    /// Makes nodes of what is inside and gives the position behind the value.
    fn open(&mut self, id: NodeId) -> Result<usize, Refusal> {
        let is_object = self.shape(id) == Shape::Object;
        let mut scanner = Scanner::at(&self.text, self.node(id).value.start);
        scanner.open();
        let mut first = true;
        let first_index = self.nodes.len();
        while let Some((key, value)) = next_item(&mut scanner, is_object, &mut first)? {
            let next = id_after(self.nodes.len())?;
            self.nodes.push(Node {
                key: (key.start, key.end),
                key_escaped: key.escaped,
                value,
                parent: Some(id),
                next: Some(next),
                ..Node::default()
            });
        }
        let position = scanner.position();
        let end_index = self.nodes.len();
        if let Some(last) = self.nodes.get_mut(first_index..).and_then(<[Node]>::last_mut) {
            last.next = None;
            self.node_mut(id).first_child = Some(id_of(first_index));
            self.node_mut(id).last_child = Some(id_of(end_index - 1));
        }
        self.node_mut(id).inside = Inside::Opened;
        Ok(position)
    }

    fn push_child(&mut self, parent: NodeId, node: Node) -> Result<(), Refusal> {
        id_after(self.nodes.len())?;
        let id = id_of(self.nodes.len());
        self.nodes.push(node);
        match self.node(parent).last_child {
            Some(last) => self.node_mut(last).next = Some(id),
            None => self.node_mut(parent).first_child = Some(id),
        }
        self.node_mut(parent).last_child = Some(id);
        Ok(())
    }

    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// A node is marked only if its ancestors are, so the way up can end at the first one that is.
    fn mark_changed(&mut self, from: Option<NodeId>) {
        let mut next = from;
        while let Some(id) = next {
            let node = self.node_mut(id);
            if node.inside == Inside::Changed {
                return;
            }
            node.inside = Inside::Changed;
            next = node.parent;
        }
    }

    fn check_depth(&self, parent: Option<NodeId>, levels: u8) -> Result<(), Refusal> {
        let mut total = usize::from(levels);
        let mut next = parent;
        while let Some(id) = next {
            total += 1;
            next = self.node(id).parent;
        }
        if total > usize::from(DEPTH_MAX) {
            return Err(Refusal::too_deep());
        }
        Ok(())
    }

    fn check_room(&self, additional: usize) -> Result<(), Refusal> {
        if self.text.len().saturating_add(additional) > TEXT_BYTES_MAX {
            let message = format!("it takes more than {TEXT_BYTES_MAX} bytes to work on it");
            return Err(Refusal::new(RejectionCode::TooLarge, message));
        }
        Ok(())
    }

    fn skip_removed(&self, from: Option<NodeId>) -> Option<NodeId> {
        let mut next = from;
        while let Some(id) = next {
            if !self.node(id).removed {
                return next;
            }
            next = self.node(id).next;
        }
        None
    }

    #[inline]
    fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(index(id)).expect("an id is given out for a node of this document only")
    }

    #[inline]
    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(index(id)).expect("an id is given out for a node of this document only")
    }
}

#[inline]
fn index(id: NodeId) -> usize {
    id.0.get() as usize - 1
}

/// The id of the node at this index, which is below [`NODES_MAX`].
#[inline]
fn id_of(index: usize) -> NodeId {
    let number = u32::try_from(index + 1).ok().and_then(NonZeroU32::new);
    NodeId(number.expect("NODES_MAX fits in 32 bits"))
}

/// The id of the node behind the one at this index; refused when there is no room for the one at this index.
#[inline]
fn id_after(index: usize) -> Result<NodeId, Refusal> {
    if index >= NODES_MAX {
        let message = format!("the operations look at more than {NODES_MAX} values of it");
        return Err(Refusal::new(RejectionCode::TooLarge, message));
    }
    Ok(id_of(index + 1))
}

#[inline]
fn slice(text: &str, range: Range<usize>) -> &str {
    text.get(range).expect("a range of a token lies within the text, between characters")
}

/// The next member or element, with the key of a member.
#[inline]
fn next_item(
    scanner: &mut Scanner<'_>,
    is_object: bool,
    first: &mut bool,
) -> Result<Option<(StringToken, Value)>, NotJson> {
    let key = if is_object {
        scanner.member(first)?
    } else {
        scanner.element(first)?.then_some(StringToken { start: 0, end: 0, escaped: false })
    };
    let Some(key) = key else { return Ok(None) };
    let start = scanner.position();
    // The outermost level is being opened; deeper nodes were within bounds when that one was.
    let levels = scanner.value(DEPTH_MAX - 1)?;
    Ok(Some((key, Value { start, end: scanner.position(), levels })))
}
