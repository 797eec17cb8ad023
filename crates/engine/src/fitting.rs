//! Asks an engine whether a release's mapping takes documents: in an index of its own, which is made for them and removed.
//!
//! No other index is touched. The index has a name that nobody else has, so whatever bears it is removed in the end, also
//! when the answer to a request was lost.

use std::time::Duration;

use lockstep_core::{
    inventory::EngineKind,
    pack::model::{LogicalIndex, Pack},
    plan::{
        model::TargetPlan,
        schema::{create_body, translate},
    },
};
use lockstep_elastic::{BulkBody, Cluster, Engine, Failure, Identity, IndexName, Key, Version};
use uuid::Uuid;

use crate::error::EngineError;

/// What the names of these indices begin with.
pub const NAME_PREFIX: &str = "lockstep-pack-test-";

/// Documents that are tried in one index: few enough for one request.
const TOGETHER_MAX: usize = 200;

/// How often the index is looked for when the answer to its making was lost: it may come a moment later.
const LOOKS_WHEN_UNSURE: u32 = 5;
/// Between two of these looks.
const LOOK_WAIT: Duration = Duration::from_secs(1);

/// What an engine says to a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// The mapping takes it.
    Taken,
    /// The mapping refuses it.
    Refused {
        /// Why, in the engine's words.
        reason: String,
    },
    /// The engine doesn't even make an index with this mapping and these settings.
    NoIndex {
        /// Why, in the engine's words.
        reason: String,
    },
}

/// A cluster that is asked.
#[derive(Debug, Clone)]
pub struct Fitter {
    cluster: Cluster,
    engine: EngineKind,
}

impl Fitter {
    /// Asks this cluster, which has introduced itself.
    pub fn new(cluster: Cluster, identity: &Identity) -> Self {
        let engine = match identity.engine {
            Engine::Elasticsearch => EngineKind::Elasticsearch,
            Engine::OpenSearch => EngineKind::Opensearch,
        };
        Self { cluster, engine }
    }

    /// Whether an index of a pack takes a document. Its pipelines are left out, as they are while documents are copied.
    ///
    /// # Errors
    /// [`EngineError::Cluster`] when the cluster can't be asked, or the index can't be removed afterwards.
    pub async fn fit(
        &self,
        pack: &Pack,
        logical: &LogicalIndex,
        document: &[u8],
    ) -> Result<Fit, EngineError> {
        let fit = self.fit_together(pack, logical, &[document]).await?.pop();
        fit.ok_or_else(|| EngineError::Bug("a document was not tried".to_owned()))
    }

    /// The same for many documents, each for itself: they are tried together, and one that is refused is tried alone as well,
    /// as a document before it may have given a field of a loose mapping its type.
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub async fn fit_each(
        &self,
        pack: &Pack,
        logical: &LogicalIndex,
        documents: &[&[u8]],
    ) -> Result<Vec<Fit>, EngineError> {
        let mut fits = Vec::with_capacity(documents.len());
        for some in documents.chunks(TOGETHER_MAX) {
            for (fit, document) in
                self.fit_together(pack, logical, some).await?.into_iter().zip(some)
            {
                fits.push(match fit {
                    Fit::Refused { .. } if some.len() > 1 => {
                        self.fit(pack, logical, document).await?
                    }
                    Fit::Taken | Fit::Refused { .. } | Fit::NoIndex { .. } => fit,
                });
            }
        }
        Ok(fits)
    }

    async fn fit_together(
        &self,
        pack: &Pack,
        logical: &LogicalIndex,
        documents: &[&[u8]],
    ) -> Result<Vec<Fit>, EngineError> {
        let name = format!("{NAME_PREFIX}{}", Uuid::now_v7().simple());
        let asked = self.asked(pack, logical, (&name, documents)).await;
        let is_unsure = asked.as_ref().is_err_and(Failure::outcome_unknown);
        // What is left behind matters more than why nothing was learned.
        self.remove(&name, if is_unsure { LOOKS_WHEN_UNSURE } else { 1 }).await?;
        Ok(asked?)
    }

    async fn asked(
        &self,
        pack: &Pack,
        logical: &LogicalIndex,
        (name, documents): (&str, &[&[u8]]),
    ) -> Result<Vec<Fit>, Failure> {
        let (schema, _translated) = translate(logical, self.engine, &pack.type_equivalents);
        let target = TargetPlan {
            index: name.to_owned(),
            schema: name.to_owned(),
            meta: None,
            shards: logical.shards.unwrap_or(1),
            replicas: 0,
            table: None,
        };
        match self.cluster.create_index(name, &create_body(&target, &schema, name)).await {
            Ok(_created) => {}
            Err(failure) if failure.status() == Some(400) => {
                let refused = Fit::NoIndex { reason: failure.reason().to_owned() };
                return Ok(vec![refused; documents.len()]);
            }
            Err(failure) => return Err(failure),
        }
        let mut fits = vec![Fit::Taken; documents.len()];
        let mut body = BulkBody::default();
        let index = IndexName::parse(name)?;
        for (position, (document, fit)) in documents.iter().zip(&mut fits).enumerate() {
            let id = position.to_string();
            // With its id as routing a document stands where it would anyway, and a mapping that requires routing is content.
            let key = Key { id: &id, routing: Some(&id) };
            if let Err(unwritable) = body.index(&index, key, Version::Internal, document) {
                *fit = Fit::Refused { reason: unwritable.to_string() };
            }
        }
        for poison in self.cluster.write_all(body).await?.poison {
            let position = poison.item.id.parse::<usize>().ok();
            if let Some(fit) = position.and_then(|position| fits.get_mut(position)) {
                *fit = Fit::Refused { reason: poison.rejection.reason };
            }
        }
        Ok(fits)
    }

    /// Removes the index, whatever became of its making.
    async fn remove(&self, name: &str, looks: u32) -> Result<(), Failure> {
        for look in 0..looks {
            if look > 0 {
                tokio::time::sleep(LOOK_WAIT).await;
            }
            if let Some(uuid) = self.cluster.index_uuid(name).await? {
                self.cluster.delete_index(name, &uuid).await?;
                return Ok(());
            }
        }
        Ok(())
    }
}
