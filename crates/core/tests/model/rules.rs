//! How the modelled driver behaves, and what the modelled network may do: as it should be, or with one thing changed.

use super::faults::Weather;

/// One thing that is not as it should be. Each has to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Windows go up to the highest number of the primary, not up to the global checkpoint.
    WatermarkIsHighest,
    /// Positions are read after the refresh, so that numbers are promised which no search sees yet.
    WatermarkAfterRefresh,
    /// A copy is deleted under its own version, not one above it.
    DeleteAtCopyVersion,
    /// Before a copy is deleted, neither the live set's copies are waited for, nor is it looked for once more.
    DeleteAtOnce,
    /// The live set isn't blocked before the gate.
    NoBlock,
    /// Documents are not counted in the gate.
    NoCounts,
    /// The gate doesn't wait for copies of the live set that lag behind.
    NoSettledLook,
    /// Nothing is carried over in the gate.
    NoLastCarry,
    /// Copies carry the version of the live document, not its sequence number.
    SourceVersion,
    /// On the way back versions begin where the new set's numbers do.
    NoBase,
    /// On the way back versions begin above the old index's first shard only.
    BaseOfFirstShard,
    /// The tenants' aliases are moved one call after the other.
    AliasesOneByOne,
    /// That the aliases were moved is journalled before they are.
    OutcomeBeforeEffect,
    /// The block is lifted before the state that needs it is left.
    UnblockAtSwitch,
    /// A missed fence leaves the block.
    BlockLeft,
    /// What was carried over is journalled before it is.
    MarksBeforeBulk,
    /// A driver writes its records over whatever is there.
    NoCompareAndSwap,
    /// A pass of what flows back lifts the block of the old set for everybody.
    FlowOpensToAll,
    /// The way back lifts the block of the old set for everybody when it begins.
    ReturnOpensToAll,
    /// A pass opens the old set before the journal says so.
    FlowOpensUntold,
    /// A worker blocks the old set after a pass without making sure that it still has the lease.
    FlowBlocksUnsure,
}

/// All changes.
pub(crate) const CHANGES: [Change; 21] = [
    Change::WatermarkIsHighest,
    Change::WatermarkAfterRefresh,
    Change::DeleteAtCopyVersion,
    Change::DeleteAtOnce,
    Change::NoBlock,
    Change::NoCounts,
    Change::NoSettledLook,
    Change::NoLastCarry,
    Change::SourceVersion,
    Change::NoBase,
    Change::BaseOfFirstShard,
    Change::AliasesOneByOne,
    Change::OutcomeBeforeEffect,
    Change::UnblockAtSwitch,
    Change::BlockLeft,
    Change::MarksBeforeBulk,
    Change::NoCompareAndSwap,
    Change::FlowOpensToAll,
    Change::ReturnOpensToAll,
    Change::FlowOpensUntold,
    Change::FlowBlocksUnsure,
];

/// What the engine, or the engines, leave open. The model has to show each of them, or it would not be true that the rest
/// depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Who takes the lease over goes on from the run's record without writing it first.
    TakeoverWithoutWrite,
    /// Copying that goes on reads windows again without a refresh, and finds what was mended since.
    ResumeWithoutRefresh,
    /// Mending reads documents by id, also such as are not on every copy of their shard yet.
    MendAboveCheckpoint,
    /// Nobody looks whether a primary of either set failed since they were compared. A write that was seen, and then lost
    /// with it, hid an acknowledged one, behind which following had gone on already.
    FailoverUnseen,
    /// The gate counts only what moved in the live set, and misses a late copy of what was deleted there.
    GateCountsMoved,
    /// A bulk of copies that nobody waits for any more may arrive after the fence, for the first time.
    CopiesAfterFence,
    /// A block, its lifting, a guard or an alias call may arrive after its sender's lease ended.
    BlocksAfterLease,
}

/// All gaps.
pub(crate) const GAPS: [Gap; 7] = [
    Gap::TakeoverWithoutWrite,
    Gap::ResumeWithoutRefresh,
    Gap::MendAboveCheckpoint,
    Gap::FailoverUnseen,
    Gap::GateCountsMoved,
    Gap::CopiesAfterFence,
    Gap::BlocksAfterLease,
];

/// What holds in a seed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub(crate) change: Option<Change>,
    pub(crate) gap: Option<Gap>,
    /// The kind of trouble that every history has; none: each has its own.
    pub(crate) weather: Option<Weather>,
}

impl Rules {
    /// One thing is changed, and histories have the kind of trouble in which it matters.
    pub(crate) fn changed(change: Change) -> Self {
        let weather = match change {
            Change::DeleteAtOnce => Some(Weather::Failovers),
            Change::DeleteAtCopyVersion => Some(Weather::Strays),
            Change::FlowBlocksUnsure => Some(Weather::Sleepers),
            _other => None,
        };
        Self { change: Some(change), gap: None, weather }
    }

    /// One thing is left open, and histories have the kind of trouble in which it matters.
    pub(crate) fn open(gap: Gap) -> Self {
        let weather = match gap {
            Gap::MendAboveCheckpoint | Gap::FailoverUnseen => Weather::Failovers,
            Gap::CopiesAfterFence | Gap::GateCountsMoved => Weather::Strays,
            Gap::TakeoverWithoutWrite => Weather::Crowd,
            Gap::ResumeWithoutRefresh | Gap::BlocksAfterLease => Weather::Mixed,
        };
        Self { change: None, gap: Some(gap), weather: Some(weather) }
    }

    pub(crate) fn is(&self, change: Change) -> bool {
        self.change == Some(change)
    }

    pub(crate) fn has(&self, gap: Gap) -> bool {
        self.gap == Some(gap)
    }
}
