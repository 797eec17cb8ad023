//! What is live, and where the run stands: read from the journal, and where that knows nothing, told by what the cluster holds.

use lockstep_core::{
    plan::live::{LiveError, live_release},
    run::admission::{Admission, Refusal, RunFacts, Situation, admit},
    version::Version,
};

use super::{Admitted, Applicant, Look, News, Seen};
use crate::{
    error::EngineError,
    journal::{ApplicationRecord, DeployRecord, Journal, Kept, RunRecord, Write},
    session::application_record,
    survey::survey,
};

/// How indices are called that are the system's own, or Lockstep's: they say nothing of applications.
const OTHERS_NAMES: [&str; 2] = [".", "lockstep-"];

impl Applicant<'_> {
    /// Looks at the journal. Where no run is under way and the application's data is live, nothing but one record is read.
    pub(super) async fn look(&mut self) -> Result<Look, EngineError> {
        if self.cluster_uuid.is_none() {
            self.cluster_uuid = Some(self.looking.identity().await?.cluster_uuid);
        }
        let record = self.journal.read::<ApplicationRecord>(&self.wish.application).await?;
        let record = record.map(|kept| kept.record).unwrap_or_default();
        if let (None, Some(live)) = (&record.run, &record.live)
            && self.ask(&record, None, false) == Ok(Admission::Start)
        {
            return Ok(Look::Admitted(Admitted { live: live.clone() }));
        }
        let run = match record.run.as_ref().or(record.last_run.as_ref()) {
            Some(id) => Some(self.read_run(id).await?),
            None => None,
        };
        let deploy = self.journal.read::<DeployRecord>(&self.wish.application).await?;
        let is_return_asked =
            deploy.is_some_and(|kept| kept.record.is_major && kept.record.state.asks_for_return());
        self.judge(record, run, is_return_asked).await
    }

    /// Finds out what the journal doesn't know, as far as it is needed, and decides.
    async fn judge(
        &mut self,
        mut record: ApplicationRecord,
        run: Option<(RunRecord, Seen)>,
        is_return_asked: bool,
    ) -> Result<Look, EngineError> {
        let facts = run.as_ref().map(|(run, Seen { from, to, .. })| RunFacts {
            from,
            to,
            state: &run.state,
            is_under_way: record.run.is_some(),
        });
        let mut outcome = self.ask(&record, facts, is_return_asked);
        if matches!(outcome, Err(Refusal::LiveUnknown { .. })) {
            record.live = self.find_live().await?;
            if record.live.is_none() {
                return Ok(Look::Again);
            }
            outcome = self.ask(&record, facts, is_return_asked);
        }
        if matches!(outcome, Err(Refusal::DataPartsUnknown { .. })) {
            record.data_parts = self.pack()?.map(|pack| pack.data_parts);
            outcome = self.ask(&record, facts, is_return_asked);
        }
        match outcome {
            Ok(Admission::Start) => {
                let under_way = facts.filter(|run| run.is_under_way).map(RunFacts::live);
                let live = under_way.or(record.live.as_ref()).or(facts.map(RunFacts::live));
                let live = live.unwrap_or(&self.wish.version).clone();
                Ok(Look::Admitted(Admitted { live }))
            }
            Ok(Admission::Await(awaited)) => match run {
                Some((run, _)) => Ok(Look::Awaits { awaited, run: run.id, state: run.state }),
                None => Err(EngineError::Bug("an application waits for no run".to_owned())),
            },
            Err(Refusal::NoRun { is_left_over: false, .. }) if self.wish.is_auto => Ok(Look::Begin),
            Err(refusal) => Err(refusal.into()),
        }
    }

    fn ask(
        &self,
        record: &ApplicationRecord,
        run: Option<RunFacts<'_>>,
        is_return_asked: bool,
    ) -> Result<Admission, Refusal> {
        admit(Situation {
            application: &self.wish.application,
            version: &self.wish.version,
            data_parts: record.data_parts,
            live: record.live.as_ref(),
            run,
            is_return_asked,
        })
    }

    /// Where a run stands, and what of its plan is needed. The plan can be large, and doesn't change.
    async fn read_run(&mut self, id: &str) -> Result<(RunRecord, Seen), EngineError> {
        let missing = |what: &str| EngineError::JournalUnreadable {
            id: format!("{what}:{id}"),
            reason: "it is not there, although the application's record names it".to_owned(),
        };
        let run = self.journal.read::<RunRecord>(id).await?.ok_or_else(|| missing("run"))?.record;
        if let Some((_, seen)) = self.run.as_ref().filter(|(known, _)| known == id) {
            return Ok((run, seen.clone()));
        }
        let plan = self.journal.plan_head(id).await?.ok_or_else(|| missing("plan"))?;
        if Some(&plan.cluster.uuid) != self.cluster_uuid.as_ref() {
            return Err(EngineError::OtherCluster {
                planned: plan.cluster.uuid,
                found: self.cluster_uuid.clone().unwrap_or_default(),
            });
        }
        let seen = Seen { from: plan.from, to: plan.to, pack_digest: plan.pack_digest };
        self.run = Some((id.to_owned(), seen.clone()));
        Ok((run, seen))
    }

    /// Which version is live where the journal doesn't know the application. `None`: the journal has to be looked at again.
    async fn find_live(&mut self) -> Result<Option<Version>, EngineError> {
        if let Some(live) = &self.wish.live {
            return Ok(Some(live.clone()));
        }
        let application = self.wish.application.clone();
        let unknown = |reason: String| {
            let application = application.clone();
            Err(Refusal::LiveUnknown { application, reason }.into())
        };
        let looking = self.looking;
        let is_first_start = self.wish.is_first_start;
        let Some(pack) = self.pack()? else {
            let is_of_applications =
                |name: &str| !OTHERS_NAMES.iter().any(|start| name.starts_with(start));
            let indices = looking.indices().await?;
            let count = indices.iter().filter(|index| is_of_applications(&index.name)).count();
            return match (is_first_start, count) {
                (true, 0) => self.note_first_start(None).await,
                (true, count) => unknown(format!(
                    "Lockstep's journal doesn't know it, and without its pack nobody can tell whether it made some of the {count} \
                     indices of this cluster"
                )),
                (false, _) => unknown("Lockstep's journal doesn't know it".to_owned()),
            };
        };
        let data_parts = Some(pack.data_parts);
        match live_release(pack, &survey(looking).await?) {
            Ok(live) => Ok(Some(live)),
            Err(LiveError::NothingLive { .. }) if is_first_start => {
                self.note_first_start(data_parts).await
            }
            Err(LiveError::NothingLive { .. }) => {
                Err(Refusal::NothingThere { application: application.clone() }.into())
            }
            Err(error @ (LiveError::Ambiguous { .. } | LiveError::Names(_))) => {
                unknown(error.to_string())
            }
        }
    }

    /// Notes that this version is the first one: the next start has something to go by.
    async fn note_first_start(
        &mut self,
        data_parts: Option<usize>,
    ) -> Result<Option<Version>, EngineError> {
        let journal = Journal::new(&self.session.cluster, &self.wish.application);
        journal.ensure().await?;
        let kept: Kept<ApplicationRecord> =
            application_record(&journal, &self.wish.application).await?;
        let version = self.wish.version.clone();
        let record =
            ApplicationRecord { live: Some(version.clone()), data_parts, ..kept.record.clone() };
        if kept.record.live.is_some() || kept.record.run.is_some() {
            return Ok(None);
        }
        match journal.replace(&self.wish.application, &kept, record).await? {
            Write::Kept(_) => {
                self.tell(&News::FirstStart { version: version.clone() });
                Ok(Some(version))
            }
            Write::Conflict => Ok(None),
        }
    }
}
