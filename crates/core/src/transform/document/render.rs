//! Writing a document out: what nobody changed is repeated as it came, in runs as long as possible.

use std::{mem, ops::Range};

use super::{Inside, Node, NodeId, ROOT, Shape, Value, Workspace};
use crate::transform::rejection::Refusal;

impl Workspace {
    /// The document as it is now.
    pub(in crate::transform) fn render(&mut self) -> Result<&[u8], Refusal> {
        let value = self.value_of(ROOT)?;
        Ok(self.value_text(value).as_bytes())
    }

    /// The value that a node has now; what was changed inside is written out first.
    pub(in crate::transform) fn value_of(&mut self, id: NodeId) -> Result<Value, Refusal> {
        if self.node(id).inside != Inside::Changed {
            return Ok(self.node(id).value);
        }
        let start = self.text.len();
        let levels = self.write(id)?;
        self.check_room(0)?;
        Ok(Value { start, end: self.text.len(), levels })
    }

    /// Writes a value to the end of the text. Recursion is bounded, as nesting is.
    fn write(&mut self, id: NodeId) -> Result<u8, Refusal> {
        let node = *self.node(id);
        if node.inside != Inside::Changed {
            self.check_room(node.value.end - node.value.start)?;
            self.text.extend_from_within(node.value.start..node.value.end);
            return Ok(node.value.levels);
        }
        let is_object = self.shape(id) == Shape::Object;
        self.text.push(if is_object { '{' } else { '[' });
        let mut levels = 0;
        let mut run = None;
        let mut is_first = true;
        let mut child = self.skip_removed(node.first_child);
        while let Some(item) = child {
            let found = *self.node(item);
            if let Some(range) = self.untouched(&found, is_object) {
                run = Some(match run {
                    None => range,
                    Some(before) if self.follows(&before, &range) => before.start..range.end,
                    Some(before) => {
                        self.write_range(before, &mut is_first)?;
                        range
                    }
                });
                levels = levels.max(found.value.levels);
            } else {
                if let Some(before) = run.take() {
                    self.write_range(before, &mut is_first)?;
                }
                self.write_range(found.key.0..found.key.1, &mut is_first)?;
                if is_object {
                    self.text.push(':');
                }
                levels = levels.max(self.write(item)?);
            }
            child = self.next_sibling(item);
        }
        if let Some(before) = run {
            self.write_range(before, &mut is_first)?;
        }
        self.text.push(if is_object { '}' } else { ']' });
        Ok(levels + 1)
    }

    /// Where a member or element stands as a whole, if the text has it in the form in which it would be written.
    #[inline]
    fn untouched(&self, node: &Node, is_object: bool) -> Option<Range<usize>> {
        if node.inside == Inside::Changed {
            return None;
        }
        if !is_object {
            return Some(node.value.start..node.value.end);
        }
        let (start, end) = node.key;
        let joined = end + 1 == node.value.start && self.byte(end) == Some(b':');
        joined.then_some(start..node.value.end)
    }

    /// Whether two ranges have nothing between them but the comma that would be written.
    #[inline]
    fn follows(&self, before: &Range<usize>, next: &Range<usize>) -> bool {
        before.end + 1 == next.start && self.byte(before.end) == Some(b',')
    }

    /// Repeats a part of the text behind a comma, the first time without.
    fn write_range(&mut self, range: Range<usize>, is_first: &mut bool) -> Result<(), Refusal> {
        self.check_room(range.len())?;
        if !mem::take(is_first) {
            self.text.push(',');
        }
        self.text.extend_from_within(range);
        Ok(())
    }
}
