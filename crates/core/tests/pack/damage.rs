//! Damaged packs: whatever is cut, doubled or replaced, reading ends with a pack or with an error that can be shown.

use lockstep_core::pack::{PackFiles, load, read};
use proptest::{prelude::*, sample::Index};

use crate::fixture::good;

/// What is put in the place of some bytes.
const SHREDS: [&str; 16] = [
    "", "{", "}", "[", "\"", ":", "- ", "\n", "\t", "null", "\u{feff}", "é", "*a", "&a ",
    "{tenant}", "dropped",
];

fn damage(files: &mut PackFiles, (file, start, length, shred): (Index, Index, usize, Index)) {
    let path = file.get(&files.files.keys().cloned().collect::<Vec<_>>()).clone();
    let content = files.files.get_mut(&path).expect("the path is one of theirs");
    let start = start.index(content.len() + 1);
    let end = (start + length).min(content.len());
    content.splice(start..end, shred.get(&SHREDS).bytes());
}

fn check(files: &PackFiles) -> Result<(), TestCaseError> {
    let reading = read(files);
    let rendered = reading.diagnostics.render(files, false);
    prop_assert_eq!(reading.pack.is_none(), reading.diagnostics.has_errors(), "{}", rendered);
    prop_assert_eq!(rendered.is_empty(), reading.diagnostics.is_empty());
    for one in reading.diagnostics.iter() {
        prop_assert!(!one.message.is_empty() && !one.fix.is_empty(), "{}", one);
        prop_assert_eq!(one.span.is_some(), one.line.is_some(), "{}", one);
    }
    prop_assert_eq!(load(files).is_ok(), reading.pack.is_some());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn damaged_texts_are_told(
        shreds in prop::collection::vec((any::<Index>(), any::<Index>(), 0_usize..12, any::<Index>()), 1..4),
    ) {
        let mut files = good();
        for shred in shreds {
            damage(&mut files, shred);
        }
        check(&files)?;
    }

    #[test]
    fn missing_lines_are_told(file in any::<Index>(), line in any::<Index>()) {
        let mut files = good();
        let path = file.get(&files.files.keys().cloned().collect::<Vec<_>>()).clone();
        let text = String::from_utf8(files.files[&path].clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let cut = line.index(lines.len());
        let kept = lines.iter().enumerate().filter(|(index, _)| *index != cut);
        let kept: Vec<&str> = kept.map(|(_, line)| *line).collect();
        files.files.insert(path, kept.join("\n").into_bytes());
        check(&files)?;
    }

    #[test]
    fn missing_files_are_told(file in any::<Index>()) {
        let mut files = good();
        let path = file.get(&files.files.keys().cloned().collect::<Vec<_>>()).clone();
        files.files.remove(&path);
        prop_assert!(load(&files).is_err());
        check(&files)?;
    }

    #[test]
    fn any_bytes_are_told(bytes in prop::collection::vec(any::<u8>(), 0..80), file in any::<Index>()) {
        let mut files = good();
        let path = file.get(&files.files.keys().cloned().collect::<Vec<_>>()).clone();
        files.files.insert(path, bytes);
        check(&files)?;
    }
}
