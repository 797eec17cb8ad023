//! Which tenants an upgrade is for: all of them, unless an operator says otherwise, with a reason that the plan keeps.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::build::PlanError;
use crate::{
    inventory::Inventory,
    names::{Recognised, ReleaseNames},
};

/// Why tenants that nobody named are left out, when others were.
const NOT_ASKED_FOR: &str = "the upgrade was asked for others only";

/// Which tenants are meant, by their names in the live release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TenantChoice {
    /// All.
    #[default]
    All,
    /// All but these.
    Except {
        /// Their names.
        tenants: BTreeSet<String>,
        /// Why.
        reason: String,
    },
    /// These.
    Only(BTreeSet<String>),
}

/// A tenant that stays on the live release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExcludedTenant {
    /// Its name in the live release.
    pub tenant: String,
    /// Why, in the operator's words.
    pub reason: String,
}

/// Tells who is left out.
///
/// # Errors
/// [`PlanError`] when somebody is named who isn't there, or nobody would be left.
pub(super) fn excluded(
    choice: &TenantChoice,
    names: &ReleaseNames,
    inventory: &Inventory,
) -> Result<Vec<ExcludedTenant>, PlanError> {
    let (named, reason) = match choice {
        TenantChoice::All => return Ok(Vec::new()),
        TenantChoice::Except { tenants, reason } => (tenants, reason.as_str()),
        TenantChoice::Only(tenants) => (tenants, NOT_ASKED_FOR),
    };
    let known: BTreeSet<String> = inventory
        .indices
        .keys()
        .filter_map(|index| match names.recognise(index) {
            Recognised::Known { tenant, .. } => Some(tenant),
            Recognised::Unknown { .. }
            | Recognised::Ignored
            | Recognised::Ambiguous(_)
            | Recognised::Foreign => None,
        })
        .collect();
    if let Some(stranger) = named.difference(&known).next() {
        return Err(PlanError::UnknownTenant {
            tenant: stranger.clone(),
            known: known.into_iter().collect(),
        });
    }
    let out: Vec<&String> = match choice {
        TenantChoice::Only(_) => known.difference(named).collect(),
        TenantChoice::All | TenantChoice::Except { .. } => named.iter().collect(),
    };
    if out.len() == known.len() {
        return Err(PlanError::NoTenantLeft);
    }
    let excluded =
        |tenant: &String| ExcludedTenant { tenant: tenant.clone(), reason: reason.to_owned() };
    Ok(out.into_iter().map(excluded).collect())
}
