//! Restoring: an archive becomes indices again, equal to those that it was made of.
//!
//! All of the archive is read and held against its manifest before anything is written. Its indices are made with a mark, so
//! that the same command goes on where it was stopped; the mark goes once the content was found equal.

use std::collections::BTreeSet;

use lockstep_archive::{ArchiveError, ArchivedIndex, Location, Manifest, PartReader, verify_index};
use lockstep_core::compare::{Digest, document_hash, entry_hash};
use lockstep_elastic::{
    AliasAction, BulkBody, Created, IndexName, IndexState, Key, OpenState, Version, WriteReport,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    error::EngineError,
    report::Unit,
    session::Session,
    stage::{
        meter::Meter,
        window::{WindowReader, WindowWidth},
    },
};

/// In the `_meta` of an index that is being restored: the digest of the archive's manifest.
const RESTORE_MARK: &str = "lockstep_restore";
/// Settings while documents are written, `None` for the engine's own: replicas are filled once everything is in, nobody searches
/// meanwhile, and no pipeline changes what was archived.
const MEANWHILE: [(&str, Option<&str>); 5] = [
    ("index.number_of_replicas", Some("0")),
    ("index.auto_expand_replicas", None),
    ("index.refresh_interval", Some("-1")),
    ("index.default_pipeline", Some("_none")),
    ("index.final_pipeline", Some("_none")),
];
/// Bytes of a bulk request: as when sets are copied.
const BODY_BYTES: usize = 1024 * 1024;
const WINDOW_BYTES: u64 = 2 * 1024 * 1024;
const WINDOW_WIDTH_MAX: u64 = 10_000;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Restoration {
    /// The archive.
    pub archive: Location,
    /// What every name begins with, before the name that the index had.
    pub prefix: String,
    /// Whether the indices get the aliases that they had.
    pub with_aliases: bool,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Restored {
    /// The application.
    pub application: String,
    /// The release.
    pub release: String,
    /// The indices, by the names that they have now.
    pub indices: Vec<RestoredIndex>,
}

/// An index that was restored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RestoredIndex {
    /// Its name now.
    pub index: String,
    /// The name that it had.
    pub archived: String,
    /// Documents, nested objects not counted.
    pub documents: u64,
    /// The digest of its content, equal to that of the archived index.
    pub content: Digest,
    /// Aliases that it got.
    pub aliases: Vec<String>,
}

impl Session {
    /// Brings the indices of an archive back, and compares them with it by content.
    ///
    /// # Errors
    /// [`EngineError::Archive`] when the archive isn't whole, [`EngineError::NamesTaken`] when there is something under their
    /// names, [`EngineError::AliasesTaken`] when an alias that they should get leads elsewhere: then nothing was written. [`EngineError::NotRestored`] when the cluster has other content afterwards. What the
    /// cluster says; the same command goes on.
    pub async fn restore(&self, wish: &Restoration) -> Result<Restored, EngineError> {
        let manifest = self.unless_stopped(Manifest::read(&wish.archive)).await?;
        let digest = manifest.digest();
        let pairs = pairs(wish, &manifest)?;
        let done = self.check_free(&pairs, (&digest, wish.with_aliases)).await?;
        self.read_back(&wish.archive, &manifest).await?;
        let total = manifest.document_count();
        let meter = Meter::start("restoring", Unit::Documents, total, &self.reporter);
        let mut indices = Vec::new();
        for (archived, name) in &pairs {
            if done.contains(name.as_str()) {
                meter.add(archived.documents, 0);
            } else {
                self.restore_index((wish, &digest), archived, name, &meter).await?;
            }
            let has_aliases = wish.with_aliases;
            indices.push(RestoredIndex {
                index: name.to_string(),
                archived: archived.index.clone(),
                documents: archived.documents,
                content: archived.content,
                aliases: archived.aliases.keys().filter(|_| has_aliases).cloned().collect(),
            });
        }
        meter.finish(&self.reporter);
        self.complete(wish, &pairs).await?;
        let Manifest { application, release, .. } = manifest;
        Ok(Restored { application, release, indices })
    }

    /// Whether nothing has these names and aliases, but for what an earlier attempt made. Gives those that it had completed: they have the
    /// mark no more, others of the same archive still have it, and they have the content of the archive.
    async fn check_free(
        &self,
        pairs: &[(&ArchivedIndex, IndexName)],
        (digest, with_aliases): (&str, bool),
    ) -> Result<BTreeSet<String>, EngineError> {
        let present = self.cluster.indices().await?;
        let found = |name: &IndexName| present.iter().find(|index| index.name == name.as_str());
        let is_begun = pairs.iter().any(|(_, name)| found(name).and_then(mark) == Some(digest));
        let mut done = BTreeSet::new();
        let mut taken = Vec::new();
        for (archived, name) in pairs {
            let is_alias = present.iter().any(|index| index.aliases.contains_key(name.as_str()));
            let Some(index) = found(name) else {
                taken.extend(is_alias.then(|| name.to_string()));
                continue;
            };
            if mark(index) == Some(digest) {
                continue;
            }
            let is_equal = is_begun
                && index.state == OpenState::Open
                && self.content(name.as_str(), &index.uuid).await? == archived.content;
            if is_equal {
                done.insert(name.to_string());
            } else {
                taken.push(name.to_string());
            }
        }
        if !taken.is_empty() {
            return Err(EngineError::NamesTaken { names: taken });
        }
        if with_aliases {
            check_aliases(pairs, &present)?;
        }
        Ok(done)
    }

    /// Reads an archive back, and holds all of it against its manifest.
    pub(crate) async fn read_back(
        &self,
        place: &Location,
        manifest: &Manifest,
    ) -> Result<(), EngineError> {
        let total = manifest.document_count();
        let meter = Meter::start("checking", Unit::Documents, total, &self.reporter);
        for index in &manifest.indices {
            self.check_going_on()?;
            let told = |documents, bytes| meter.add(documents, bytes);
            self.unless_stopped(verify_index(place, index, &told)).await?;
        }
        meter.finish(&self.reporter);
        Ok(())
    }

    /// Makes an index, writes its documents, and compares what it has then with the archive.
    async fn restore_index(
        &self,
        (wish, digest): (&Restoration, &str),
        archived: &ArchivedIndex,
        name: &IndexName,
        meter: &Meter,
    ) -> Result<(), EngineError> {
        let uuid = self.make(archived, name, digest).await?;
        for part in &archived.parts {
            let mut reader = self.unless_stopped(PartReader::open(&wish.archive, part)).await?;
            while let Some(block) = self.unless_stopped(reader.block()).await? {
                self.check_going_on()?;
                let documents = self.write_block((&reader, &block), name).await?;
                meter.add(documents, block.len() as u64);
            }
        }
        let content = self.content(name.as_str(), &uuid).await?;
        if content == archived.content {
            return Ok(());
        }
        Err(EngineError::NotRestored {
            index: name.to_string(),
            found: content.to_string(),
            archived: archived.content.to_string(),
        })
    }

    /// Makes an index with the mark, unless an earlier attempt did. Gives its unique id.
    async fn make(
        &self,
        archived: &ArchivedIndex,
        name: &IndexName,
        digest: &str,
    ) -> Result<String, EngineError> {
        let mut mapping = archived.mapping.clone();
        if !mapping.is_object() {
            mapping = json!({});
        }
        let meta = mapping.get("_meta").cloned().unwrap_or_else(|| json!({}));
        let mut meta = meta.as_object().cloned().unwrap_or_default();
        meta.insert(RESTORE_MARK.to_owned(), json!(digest));
        if let Some(mapping) = mapping.as_object_mut() {
            mapping.insert("_meta".to_owned(), Value::Object(meta));
        }
        let mut settings = own_settings(&archived.settings);
        for (key, value) in MEANWHILE {
            match value {
                Some(value) => settings.insert(key.to_owned(), json!(value)),
                None => settings.remove(key),
            };
        }
        let body = json!({"settings": settings, "mappings": mapping});
        let uuid = match self.cluster.create_index(name.as_str(), &body).await {
            Ok(Created::Created { uuid } | Created::AlreadyExists { uuid }) => uuid,
            Err(failure) if failure.outcome_unknown() => {
                self.cluster.index_uuid(name.as_str()).await?.ok_or(failure)?
            }
            Err(failure) => return Err(failure.into()),
        };
        let made = self.cluster.index(name.as_str()).await?;
        // Somebody may have made one of this name at the same moment.
        if made.as_ref().and_then(mark) != Some(digest) {
            return Err(EngineError::NamesTaken { names: vec![name.to_string()] });
        }
        Ok(uuid)
    }

    /// Writes the documents of a block; how many there were.
    async fn write_block(
        &self,
        (reader, block): (&PartReader<'_>, &[u8]),
        name: &IndexName,
    ) -> Result<u64, EngineError> {
        let mut bodies = vec![BulkBody::with_capacity(BODY_BYTES)];
        let mut documents = 0;
        reader.documents(block, |line| {
            if bodies.last().is_none_or(|body| body.len_bytes() >= BODY_BYTES) {
                bodies.push(BulkBody::with_capacity(BODY_BYTES));
            }
            let Some(body) = bodies.last_mut() else { return Ok(()) };
            let key = Key { id: line.id, routing: line.routing };
            documents += 1;
            // Whatever is written twice comes to the same, and the application counts on from there.
            body.index(name, key, Version::AtLeast(1), line.source).map_err(|unwritable| {
                ArchiveError::Document { id: line.id.to_owned(), reason: unwritable.to_string() }
            })
        })?;
        for body in bodies.into_iter().filter(|body| !body.is_empty()) {
            let WriteReport { poison, .. } = self.cluster.write_all(body).await?;
            if let Some(first) = poison.first() {
                let reason = first.rejection.reason.clone();
                let id = first.item.id.clone();
                return Err(ArchiveError::Document { id, reason }.into());
            }
        }
        Ok(documents)
    }

    /// The digest of what an index has.
    async fn content(&self, index: &str, uuid: &str) -> Result<Digest, EngineError> {
        let mut content = Digest::default();
        for position in self.cluster.watermark_of(index, uuid).await? {
            let width = WindowWidth::new(WINDOW_BYTES, WINDOW_WIDTH_MAX);
            let range = (0, position.max_seq_no);
            let mut reader =
                WindowReader::new(&self.cluster, (index, position.number), range, width);
            while let Some((page, _)) = reader.next().await? {
                self.check_going_on()?;
                for hit in page.hits() {
                    let hash = document_hash(hit.source).map_err(|error| {
                        let (id, reason) = (hit.id.to_string(), error.to_string());
                        EngineError::Archive(ArchiveError::Document { id, reason })
                    })?;
                    content.add(entry_hash(&hit.id, hit.routing.as_deref(), hash));
                }
            }
        }
        Ok(content)
    }

    /// Gives the indices the settings that they had, their aliases if so asked, and takes the marks away last.
    async fn complete(
        &self,
        wish: &Restoration,
        pairs: &[(&ArchivedIndex, IndexName)],
    ) -> Result<(), EngineError> {
        let mut actions = Vec::new();
        for (archived, name) in pairs {
            let own = own_settings(&archived.settings);
            let settings: Map<String, Value> = MEANWHILE
                .into_iter()
                .map(|(key, _)| (key.to_owned(), own.get(key).cloned().unwrap_or(Value::Null)))
                .collect();
            self.cluster.put_settings(&[name], &Value::Object(settings)).await?;
            actions.extend(archived.aliases.iter().map(|(alias, properties)| AliasAction::Add {
                index: name.to_string(),
                alias: alias.clone(),
                properties: properties.clone(),
            }));
        }
        if wish.with_aliases && !actions.is_empty() {
            // Restoring takes hours, in which others may have got them.
            check_aliases(pairs, &self.cluster.indices().await?)?;
            // Repeated after a lost answer, it comes to the same.
            self.cluster.change_aliases(&actions).await?;
        }
        for (archived, name) in pairs {
            let meta = archived.mapping.get("_meta").cloned().unwrap_or_else(|| json!({}));
            self.cluster.put_mapping(name.as_str(), &json!({"_meta": meta})).await?;
        }
        Ok(())
    }

    /// Waits for what a place for archives does, but no longer than the command goes on.
    pub(crate) fn unless_stopped<T, E: Into<EngineError>>(
        &self,
        doing: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, EngineError>> {
        // Parts on their way are large.
        let doing = Box::pin(doing);
        async move {
            tokio::select! {
                done = doing => done.map_err(Into::into),
                () = self.stop.cancelled() => Err(EngineError::Interrupted),
            }
        }
    }

    fn check_going_on(&self) -> Result<(), EngineError> {
        if self.stop.is_cancelled() { Err(EngineError::Interrupted) } else { Ok(()) }
    }
}

/// Whether the aliases of the archived indices lead to nothing else: an application that finds two sets under one alias would
/// mix them up.
fn check_aliases(
    pairs: &[(&ArchivedIndex, IndexName)],
    present: &[IndexState],
) -> Result<(), EngineError> {
    let wanted: BTreeSet<&String> =
        pairs.iter().flat_map(|(archived, _)| archived.aliases.keys()).collect();
    let is_own = |index: &&IndexState| pairs.iter().any(|(_, name)| name.as_str() == index.name);
    let elsewhere = |alias: &&String| {
        let mut others = present.iter().filter(|index| !is_own(index));
        others.any(|index| index.aliases.contains_key(*alias))
    };
    let aliases: Vec<String> = wanted.into_iter().filter(elsewhere).cloned().collect();
    if aliases.is_empty() { Ok(()) } else { Err(EngineError::AliasesTaken { aliases }) }
}

/// The indices of an archive, each with the name that it gets.
fn pairs<'a>(
    wish: &Restoration,
    manifest: &'a Manifest,
) -> Result<Vec<(&'a ArchivedIndex, IndexName)>, EngineError> {
    let named = manifest.indices.iter().map(|archived| {
        let name = format!("{}{}", wish.prefix, archived.index);
        match IndexName::parse(&name) {
            Ok(parsed) => Ok((archived, parsed)),
            Err(error) => Err(EngineError::UnfitName { name, reason: error.to_string() }),
        }
    });
    named.collect()
}

/// The archive that an index is being restored from.
fn mark(index: &IndexState) -> Option<&str> {
    index.mapping.pointer("/_meta").and_then(|meta| meta.get(RESTORE_MARK)).and_then(Value::as_str)
}

/// The settings that an index can be made with: not those that an engine gives by itself, and no block. The tier is one that
/// Elasticsearch gives to every index, and that OpenSearch takes for an attribute which its nodes don't have: an index with it is
/// never allocated there.
fn own_settings(settings: &Map<String, Value>) -> Map<String, Value> {
    const GIVEN: [&str; 7] = [
        "index.uuid",
        "index.creation_date",
        "index.provided_name",
        "index.history.uuid",
        "index.verified_before_close",
        "index.replication.type",
        "index.routing.allocation.include._tier_preference",
    ];
    const GIVEN_STARTS: [&str; 4] =
        ["index.version.", "index.blocks.", "index.resize.", "index.routing.allocation.initial_"];
    settings
        .iter()
        .filter(|(key, _)| {
            !GIVEN.contains(&key.as_str())
                && !GIVEN_STARTS.iter().any(|start| key.starts_with(start))
        })
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_made_with_its_own_settings_only() {
        let rows = [
            ("index.number_of_shards", true),
            ("index.analysis.analyzer.names.type", true),
            ("index.default_pipeline", true),
            ("index.routing.allocation.require.box", true),
            ("index.routing.allocation.include._tier_preference", false),
            ("index.routing.allocation.initial_recovery._id", false),
            ("index.version.created", false),
            ("index.uuid", false),
            ("index.blocks.write", false),
        ];
        let settings = rows.iter().map(|(key, _)| ((*key).to_owned(), json!("x"))).collect();
        let own = own_settings(&settings);
        for (key, is_kept) in rows {
            assert_eq!(own.contains_key(key), is_kept, "{key}");
        }
    }
}
