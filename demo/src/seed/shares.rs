//! How the documents are divided among tenants, indices and months.

use crate::{
    application::{LogicalIndex, Release},
    documents::{Document, Random, document},
    seed::SeedOptions,
};

/// One document in so many is first written in an older form.
const REWRITTEN_ONE_IN: u64 = 50;
/// Beside one document in so many, another one is written and deleted.
const DELETED_ONE_IN: u64 = 100;

/// Documents of one index.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) tenant: String,
    pub(crate) tenant_number: u64,
    pub(crate) index: LogicalIndex,
    pub(crate) month: Option<&'static str>,
    /// Number of its first document: ids are unique over all months of an index.
    pub(crate) first: u64,
    pub(crate) count: u64,
}

impl Share {
    /// The document with a number. Version 0 is the one that is seeded; others are for those who write it again: the
    /// same id, another content.
    pub(crate) fn document(&self, seed: u64, number: u64, version: u32) -> Option<Document> {
        let mut parts = vec![seed, self.tenant_number, self.kind(), number];
        if version > 0 {
            parts.push(u64::from(version));
        }
        document(self.index.name, number, self.month, &mut Random::new(&parts))
    }

    /// Tells logical indices apart: the first letters of the name as a number.
    fn kind(&self) -> u64 {
        self.index.name.bytes().take(8).fold(0, |number, byte| (number << 8) | u64::from(byte))
    }
}

/// Whether the document with this number is first written empty.
pub(crate) fn is_rewritten(number: u64) -> bool {
    number % REWRITTEN_ONE_IN == 3
}

/// The id that is written and deleted before the document with this number, if one is.
pub(crate) fn deleted_before(number: u64) -> Option<String> {
    (number % DELETED_ONE_IN == 5).then(|| format!("gone-{number}"))
}

/// How many of a thousand documents an index gets.
fn weight(name: &str) -> u64 {
    match name {
        "event" => 600,
        "profile" | "order" => 120,
        "note" | "audit" => 60,
        "visit" => 40,
        _ => 0,
    }
}

/// Divides the documents; tenant n gets n parts, and what rounding leaves goes to the last events.
pub(crate) fn shares(options: &SeedOptions, tenants: &[String]) -> Vec<Share> {
    let parts: u64 = (1..=u64::from(options.tenants)).sum();
    let mut shares = Vec::new();
    let mut left = options.documents;
    for (tenant, number) in tenants.iter().zip(1_u64..) {
        for index in Release::V1_0.indices() {
            let partitions = index.partitions();
            let divisor = parts * 1000 * u64::try_from(partitions.len()).unwrap_or(1);
            let product = u128::from(options.documents) * u128::from(number * weight(index.name));
            let count = u64::try_from(product / u128::from(divisor)).unwrap_or(0);
            let mut first = 0;
            for month in partitions {
                let (tenant, index) = (tenant.clone(), *index);
                shares.push(Share { tenant, tenant_number: number, index, month, first, count });
                first += count;
                left = left.saturating_sub(count);
            }
        }
    }
    if let Some(last) = shares.iter_mut().rfind(|share| share.month.is_some()) {
        last.count += left;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::tenant_names;

    #[test]
    fn shares_add_up_to_the_documents_asked_for() {
        for (tenants, documents) in [(1, 1), (5, 100_000), (6, 120_000), (7, 999), (100, 12_345)] {
            let options = SeedOptions { tenants, documents, seed: 1 };
            let shares = shares(&options, &tenant_names(tenants));
            assert_eq!(shares.iter().map(|share| share.count).sum::<u64>(), documents);
        }
    }
}
