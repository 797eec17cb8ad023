//! Old sets: which may go, why others stay, what was deleted; and what was brought back.

use lockstep_engine::{
    restore::Restored,
    retire::{Fate, OldIndex, OldSet, Told},
};

use super::{
    BOLD, GREEN, Text, YELLOW,
    quantity::{bytes, count, counted},
    styled,
};

/// Indices that are told one by one for the same reason.
const INDICES_SHOWN: usize = 5;

/// What was found, before anything is done.
pub(crate) fn old_sets(application: &str, sets: &[OldSet]) -> Text {
    let mut text = Text::default();
    if sets.is_empty() {
        text.line(format_args!("{application}: there is no old set to retire"));
    }
    for set in sets {
        let what = match set.fate {
            Fate::Due => styled(GREEN, "may go"),
            Fate::Waits => styled(YELLOW, "waits"),
            Fate::Stays => styled(YELLOW, "stays"),
            Fate::Retired => styled(GREEN, "is gone"),
        };
        let left = set.indices.iter().filter(|index| !index.is_gone).count() as u64;
        text.line(format_args!(
            "{} of {application}: {what}, {}, {}",
            styled(BOLD, format_args!("the old set {}", set.release)),
            counted(left, "index", "indices"),
            bytes(set.bytes_left()),
        ));
        reasons(&mut text, set);
    }
    text
}

/// Why a set stays: of the whole, then of its indices, those with the same reason together.
fn reasons(text: &mut Text, set: &OldSet) {
    if let Some(Told { code, message, hint, reason: _ }) = &set.reason {
        text.line(format_args!("  {}: {message}", styled(YELLOW, code)));
        text.line(format_args!("    {hint}"));
    }
    let held: Vec<(&OldIndex, &Told)> = set
        .indices
        .iter()
        .filter_map(|index| index.reason.as_ref().map(|told| (index, told)))
        // A set that isn't given up stays for that; what is noted of its indices comes later.
        .filter(|_| set.given_up_at.is_some())
        .collect();
    let mut told = Vec::new();
    for (_, reason) in &held {
        let key = (reason.code, &reason.message);
        if told.contains(&key) {
            continue;
        }
        told.push(key);
        let same: Vec<&str> = held
            .iter()
            .filter(|(_, other)| (other.code, &other.message) == key)
            .map(|(index, _)| index.index.as_str())
            .collect();
        let label = styled(YELLOW, reason.code);
        text.line(format_args!("  {label}: {}: {}", listed(&same), reason.message));
        text.line(format_args!("    {}", reason.hint));
    }
}

fn listed(names: &[&str]) -> String {
    let shown: Vec<&str> = names.iter().take(INDICES_SHOWN).copied().collect();
    match names.len().saturating_sub(INDICES_SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What was deleted.
pub(crate) fn retired(sets: &[OldSet]) -> Text {
    let mut text = Text::default();
    for set in sets {
        let gone: Vec<&OldIndex> = set.indices.iter().filter(|index| index.is_gone).collect();
        let freed: u64 = gone.iter().map(|index| index.bytes).sum();
        let indices = counted(gone.len() as u64, "index", "indices");
        match set.fate {
            Fate::Retired => text.line(format_args!(
                "{} the old set {}: {indices}, {} freed",
                styled(GREEN, "retired"),
                set.release,
                bytes(freed)
            )),
            Fate::Due | Fate::Waits | Fate::Stays => {
                text.line(format_args!(
                    "{} the old set {}: {indices} gone, {} freed",
                    styled(YELLOW, "stopped within"),
                    set.release,
                    bytes(freed)
                ));
                reasons(&mut text, set);
            }
        }
        if let Some(archive) = &set.archive {
            text.fact("archive", format_args!("{}, BLAKE3 {}", archive.location, archive.blake3));
            let command = format!("lockstep restore {}", archive.location);
            text.advice("back", format_args!("`{command}` brings it back"));
        }
    }
    text
}

/// What was brought back.
pub(crate) fn restored(restored: &Restored) -> Text {
    let mut text = Text::default();
    let Restored { application, release, indices } = restored;
    let documents: u64 = indices.iter().map(|index| index.documents).sum();
    text.line(format_args!(
        "{} the set {release} of {application}: {}, {} documents, equal to the archive",
        styled(GREEN, "restored"),
        counted(indices.len() as u64, "index", "indices"),
        count(documents),
    ));
    for index in indices {
        let aliases = match index.aliases.as_slice() {
            [] => String::new(),
            aliases => format!(", as {}", aliases.join(", ")),
        };
        text.line(format_args!(
            "  {}: {}{aliases}",
            index.index,
            counted(index.documents, "document", "documents")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use lockstep_core::{compare::Digest, run::retire::Reason};
    use lockstep_engine::{journal::ArchiveReference, restore::RestoredIndex};

    use super::*;

    fn plain(text: &Text) -> String {
        anstream::adapter::strip_str(text.as_str()).to_string()
    }

    fn set(fate: Fate, reason: Option<Reason>, of_indices: [Option<Reason>; 2]) -> OldSet {
        let indices = ["acme-order-v1.0", "acme-profile-v1.0"].into_iter().zip(of_indices);
        let indices = indices.map(|(index, reason)| OldIndex {
            index: index.to_owned(),
            uuid: "u".to_owned(),
            documents: 1_000,
            bytes: 2_500_000,
            is_gone: fate == Fate::Retired,
            reason: reason.map(Told::from),
        });
        OldSet {
            run: "0190f".to_owned(),
            release: "1.0".to_owned(),
            given_up_at: (!matches!(reason, Some(Reason::NotFinalized { .. })))
                .then(|| "2026-01-02T03:04:05Z".to_owned()),
            fate,
            reason: reason.map(Told::from),
            archive: None,
            indices: indices.collect(),
        }
    }

    #[test]
    fn what_may_go_and_what_stays_is_told() {
        let aliased = Reason::Aliased { aliases: vec!["acme-order".to_owned()] };
        let young = Reason::TooYoung { left_seconds: 600_000 };
        let sets = [
            set(Fate::Due, None, [None, None]),
            set(Fate::Waits, Some(young), [None, None]),
            set(
                Fate::Stays,
                Some(Reason::NotFinalized { state: "switched".to_owned() }),
                [Some(aliased.clone()), None],
            ),
            set(Fate::Stays, None, [Some(aliased), Some(Reason::Written)]),
            set(Fate::Stays, None, [Some(Reason::Written), Some(Reason::Written)]),
        ];
        insta::assert_snapshot!("old_sets", plain(&old_sets("event-store", &sets)));
        insta::assert_snapshot!(plain(&old_sets("event-store", &[])), @"event-store: there is no old set to retire");
    }

    #[test]
    fn what_was_deleted_and_brought_back_is_told() {
        let archive = ArchiveReference {
            location: "/var/old/event-store-1.0-0190f".to_owned(),
            blake3: "b3".to_owned(),
        };
        let done = OldSet { archive: Some(archive), ..set(Fate::Retired, None, [None, None]) };
        let stopped = set(Fate::Stays, None, [None, Some(Reason::Read { count: 2 })]);
        insta::assert_snapshot!("retired", plain(&retired(&[done, stopped])));
        let index = RestoredIndex {
            index: "old-acme-order-v1.0".to_owned(),
            archived: "acme-order-v1.0".to_owned(),
            documents: 1_000,
            content: Digest::default(),
            aliases: vec!["acme-order".to_owned()],
        };
        let found = Restored {
            application: "event-store".to_owned(),
            release: "1.0".to_owned(),
            indices: vec![index],
        };
        insta::assert_snapshot!("restored", plain(&restored(&found)));
    }
}
