//! The lease: who has it drives the run, or carries back what is written after the switch.

use super::{
    super::{
        journal::{Kept, Key, Record},
        rules::Change,
    },
    link::{Link, Stop},
};

/// A lease that was taken.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) number: u64,
    version: u64,
}

impl Lease {
    /// Takes it, whoever has it.
    pub(super) async fn take(link: &Link) -> Result<Self, Stop> {
        let found = link.read(Key::Lease).await?;
        let last = match &found {
            Some(Kept { record: Record::Lease { number, .. }, .. }) => *number,
            Some(other) => panic!("not a lease: {other:?}"),
            None => 0,
        };
        if matches!(&found, Some(Kept { record: Record::Lease { is_free: false, .. }, .. })) {
            link.note_dead();
        }
        let number = last + 1;
        let record = Record::Lease { number, holder: link.slot, is_free: false };
        let expected = found.map(|kept| kept.version);
        let Kept { version, record: _ } = link.write(Key::Lease, expected, record).await?;
        Ok(Self { number, version })
    }

    fn record(&self, link: &Link, is_free: bool) -> Record {
        Record::Lease { number: self.number, holder: link.slot, is_free }
    }

    /// Makes sure that nobody else took it.
    pub(super) async fn confirm(&mut self, link: &Link) -> Result<(), Stop> {
        let record = self.record(link, false);
        self.version = link.write(Key::Lease, Some(self.version), record).await?.version;
        link.may_have_slept(false);
        Ok(())
    }

    /// Gives it back. Whether that works or not: the next driver finds out.
    pub(super) async fn release(self, link: &Link) {
        // What somebody sent before may still arrive: whoever comes next has to know.
        let is_free = !link.follows_dead() || link.is(Change::SilenceForgotten);
        let record = self.record(link, is_free);
        drop(link.write(Key::Lease, Some(self.version), record).await);
    }
}
