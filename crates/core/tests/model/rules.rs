//! How the modelled driver behaves, and what the modelled network may do: as it should be, or with one thing changed.

use super::{faults::Weather, shape::Kind};

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
    /// Whoever follows a dead driver doesn't wait until what that one sent can't arrive any more.
    NoSilence,
    /// Whoever follows a dead driver, and ends soon after, lets the next one know nothing of that.
    SilenceForgotten,
    /// Nobody looks where the log of a clone ends, nor whether an attempt before has made it.
    CloneUnseen,
    /// A clone is made while copies of the old index lag behind.
    CloneOfLaggingCopies,
    /// Who follows a dead driver doesn't wait for blocks that are under way.
    CloneWithoutSilence,
    /// Who sleeps while a clone is made says that it is there, though another driver has dropped it.
    ClonesOfSleepersKept,
    /// Documents are delivered under whatever version is next.
    DeliverUnderAnyVersion,
    /// What is delivered anew has the version that it had the first time.
    DeliverAnewInTurn,
    /// Numbers of two logs give the same versions.
    DeliveriesShareVersions,
    /// What was delivered is not read back.
    NothingReadBack,
    /// Nobody looks whether two envelopes hold one document.
    ClashesDelivered,
    /// Nobody looks whether two envelopes hold one document before it is delivered.
    ClashesOverlooked,
    /// Two envelopes that hold one document are taken for two documents that become one, without another pass.
    ClashesTakenAtOnce,
    /// Nobody counts what is addressed to an index.
    LettersUncounted,
    /// What no envelope holds is deleted under its own version.
    StrayDeletedAtItsVersion,
    /// Who follows a dead driver trusts what was read back before everything had arrived.
    TakeoverTrustsReadBack,
    /// The gate doesn't wait for envelopes that are not on every copy.
    GateLeavesEnvelopes,
}

/// All changes.
pub(crate) const CHANGES: [Change; 38] = [
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
    Change::NoSilence,
    Change::CloneUnseen,
    Change::CloneOfLaggingCopies,
    Change::CloneWithoutSilence,
    Change::ClonesOfSleepersKept,
    Change::DeliverUnderAnyVersion,
    Change::SilenceForgotten,
    Change::DeliverAnewInTurn,
    Change::DeliveriesShareVersions,
    Change::NothingReadBack,
    Change::ClashesDelivered,
    Change::ClashesOverlooked,
    Change::ClashesTakenAtOnce,
    Change::LettersUncounted,
    Change::StrayDeletedAtItsVersion,
    Change::TakeoverTrustsReadBack,
    Change::GateLeavesEnvelopes,
];

impl Change {
    /// What histories are about in which it matters.
    fn kind(self) -> Option<Kind> {
        match self {
            Self::DeliverUnderAnyVersion
            | Self::DeliverAnewInTurn
            | Self::DeliveriesShareVersions
            | Self::NothingReadBack
            | Self::ClashesDelivered
            | Self::ClashesTakenAtOnce
            | Self::LettersUncounted
            | Self::StrayDeletedAtItsVersion
            | Self::GateLeavesEnvelopes => Some(Kind::Spread),
            Self::ClashesOverlooked | Self::TakeoverTrustsReadBack => Some(Kind::Clashing),
            Self::NoSilence => None,
            Self::CloneUnseen
            | Self::CloneOfLaggingCopies
            | Self::SilenceForgotten
            | Self::CloneWithoutSilence
            | Self::ClonesOfSleepersKept => Some(Kind::Cloned),
            _other => Some(Kind::OneToOne),
        }
    }
}

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
    /// What every history is about; none: each chooses.
    pub(crate) kind: Option<Kind>,
}

impl Rules {
    /// One thing is changed, and histories have the kind of trouble in which it matters.
    pub(crate) fn changed(change: Change) -> Self {
        let weather = match change {
            Change::DeleteAtOnce | Change::CloneOfLaggingCopies => Some(Weather::Failovers),
            Change::DeleteAtCopyVersion | Change::GateLeavesEnvelopes => Some(Weather::Strays),
            Change::FlowBlocksUnsure | Change::TakeoverTrustsReadBack => Some(Weather::Sleepers),
            Change::SilenceForgotten => Some(Weather::Mixed),
            _other => None,
        };
        Self { change: Some(change), gap: None, weather, kind: change.kind() }
    }

    /// One thing is left open, and histories have the kind of trouble in which it matters.
    pub(crate) fn open(gap: Gap) -> Self {
        let weather = match gap {
            Gap::MendAboveCheckpoint | Gap::FailoverUnseen => Weather::Failovers,
            Gap::CopiesAfterFence | Gap::GateCountsMoved => Weather::Strays,
            Gap::TakeoverWithoutWrite => Weather::Crowd,
            Gap::ResumeWithoutRefresh | Gap::BlocksAfterLease => Weather::Mixed,
        };
        Self { change: None, gap: Some(gap), weather: Some(weather), kind: None }
    }

    pub(crate) fn is(&self, change: Change) -> bool {
        self.change == Some(change)
    }

    pub(crate) fn has(&self, gap: Gap) -> bool {
        self.gap == Some(gap)
    }
}
