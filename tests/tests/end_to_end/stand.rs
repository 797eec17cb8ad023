//! A cluster that scenarios run on, one at a time, and the ways to work with it.

use std::{
    ops::Deref,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use lockstep_core::{
    pack::{PackFiles, model::Pack},
    plan::{model::Limits, tenants::TenantChoice},
    run::state::RunState,
};
use lockstep_demo::{CheckOptions, SeedOptions, check};
use lockstep_elastic::{Cluster as Client, Connection};
use lockstep_engine::{
    Databases, JqHosts, Session,
    journal::{JOURNAL_INDEX, QUARANTINE_INDEX},
    report::{Event, Reporter, Silent},
    session::Wish,
    status::status,
};
use lockstep_pocket::{Options, Pocket};
use lockstep_tests::clusters::{Cluster, real_clusters};
use serde_json::Value;
use tokio::{
    runtime::Runtime,
    sync::{Semaphore, SemaphorePermit},
};
use tokio_util::sync::CancellationToken;

/// What pocket clusters are called.
pub(crate) const POCKET: &str = "pocket";
/// They need little of a machine, and have the most scenarios.
const POCKETS: usize = 3;

/// A cluster under test.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) cluster: Cluster,
    /// Set for the pocket cluster, on which faults can be planned.
    pub(crate) pocket: Option<Pocket>,
}

/// Clusters of one kind, each of which one scenario has at a time.
pub(crate) struct Stands {
    pub(crate) name: String,
    free: Mutex<Vec<Stand>>,
    count: Semaphore,
}

/// Pocket clusters, and every engine that the environment names.
pub(crate) fn clusters(runtime: &Runtime) -> Result<Vec<Arc<Stands>>, Box<dyn std::error::Error>> {
    let mut pockets = Vec::new();
    for _ in 0..POCKETS {
        let pocket = runtime.block_on(Pocket::start(Options::default()))?;
        let cluster = Cluster { name: POCKET.to_owned(), url: pocket.url().to_owned() };
        pockets.push(Stand { cluster, pocket: Some(pocket) });
    }
    let mut clusters = vec![Stands::of(POCKET.to_owned(), pockets)];
    clusters.extend(
        real_clusters()?
            .into_iter()
            .map(|cluster| Stands::of(cluster.name.clone(), vec![Stand::of(cluster)])),
    );
    Ok(clusters)
}

impl Stands {
    fn of(name: String, free: Vec<Stand>) -> Arc<Self> {
        let count = Semaphore::new(free.len());
        Arc::new(Self { name, free: Mutex::new(free), count })
    }

    /// Waits until one is free.
    pub(crate) async fn take(&self) -> Result<Taken<'_>, Trouble> {
        let permit = self.count.acquire().await?;
        let stand = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let stand = stand.ok_or("more permits than clusters")?;
        Ok(Taken { stands: self, stand: Some(stand), _permit: permit })
    }
}

/// A cluster that is given back when this is dropped, however its scenario ended.
pub(crate) struct Taken<'a> {
    stands: &'a Stands,
    /// Empty only while it is given back.
    stand: Option<Stand>,
    _permit: SemaphorePermit<'a>,
}

impl Deref for Taken<'_> {
    type Target = Stand;

    fn deref(&self) -> &Stand {
        self.stand.as_ref().expect("it is given back at the end only")
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        // Before the permit is.
        let mut free = self.stands.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.extend(self.stand.take());
    }
}

impl Stand {
    /// A cluster that a scenario started for itself.
    pub(crate) fn of(cluster: Cluster) -> Self {
        Self { cluster, pocket: None }
    }

    /// Somebody who works on this cluster.
    pub(crate) fn session(&self) -> Session {
        let connection = Connection::parse(&self.cluster.url).expect("the test's address is one");
        let cluster = Client::new(connection).expect("the connection needs no certificates");
        Session {
            cluster,
            jq: JqHosts::none(),
            reporter: Arc::new(Silent),
            stop: CancellationToken::new(),
            databases: Databases::unknown(),
        }
    }

    /// The same, with somebody who listens and who may stop the work.
    pub(crate) fn session_with(
        &self,
        listen: impl Fn(&Event, &CancellationToken) + Send + Sync + 'static,
    ) -> Session {
        let session = self.session();
        let listener = Listener { listen: Box::new(listen), stop: session.stop.clone() };
        Session { reporter: Arc::new(listener), ..session }
    }

    /// Sends a request of a test's own, and gives the answer whatever its status.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Value,
    ) -> Result<Value, Trouble> {
        let method: reqwest::Method = method.parse()?;
        let mut request =
            reqwest::Client::new().request(method, format!("{}{path}", self.cluster.url));
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        Ok(serde_json::from_str(&request.send().await?.text().await?)?)
    }

    /// Seeds release 1.0 of the demo on a clean cluster.
    pub(crate) async fn seed(&self, documents: u64) -> Result<(), Trouble> {
        self.clean().await?;
        let options = SeedOptions { tenants: TENANTS, documents, seed: 1 };
        lockstep_demo::seed(&self.cluster.url, &options).await?;
        Ok(())
    }

    /// Asserts that the new set is what it must be and every alias is on it, and gives the number of documents.
    pub(crate) async fn check_switched(&self) -> Result<u64, Trouble> {
        let report = check(&self.cluster.url, &CheckOptions::default()).await?;
        if report.is_clean() {
            Ok(report.documents + report.dropped)
        } else {
            Err(format!("{report:?}").into())
        }
    }

    /// Names of all indices that fit a pattern.
    pub(crate) async fn indices(&self, pattern: &str) -> Result<Vec<String>, Trouble> {
        let found = self.send("GET", &format!("/{pattern}/_alias"), Value::Null).await?;
        let mut names: Vec<String> =
            found.as_object().map(|found| found.keys().cloned().collect()).unwrap_or_default();
        names.sort_unstable(); // an engine lists indices in any order
        Ok(names)
    }

    /// Asserts that nothing was left on a pocket cluster: another scenario would stumble over it. Engines have indices of
    /// their own.
    pub(crate) async fn check_empty(&self) -> Result<(), Trouble> {
        let left = if self.pocket.is_some() { self.indices("*").await? } else { Vec::new() };
        if left.is_empty() { Ok(()) } else { Err(format!("left behind: {left:?}").into()) }
    }

    /// Waits until the run of an application holds.
    pub(crate) async fn wait_until_held(&self, application: &str) -> Result<(), Trouble> {
        for _ in 0..1_200 {
            let run = status(&self.session().cluster, application).await.ok().and_then(|it| it.run);
            if run.is_some_and(|run| matches!(run.record.state, RunState::Holding { .. })) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err("the run was never held".into())
    }

    /// Removes what an earlier scenario left.
    pub(crate) async fn clean(&self) -> Result<(), Trouble> {
        if let Some(pocket) = &self.pocket {
            pocket.clear_faults();
        }
        lockstep_demo::clear(&self.cluster.url, TENANTS).await?;
        let session = self.session();
        for index in [JOURNAL_INDEX, QUARANTINE_INDEX] {
            if let Some(uuid) = session.cluster.index_uuid(index).await? {
                session.cluster.delete_index(index, &uuid).await?;
            }
        }
        Ok(())
    }
}

/// What may go wrong in a scenario.
pub(crate) type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// Tenants of the demo in every scenario.
pub(crate) const TENANTS: u32 = 3;

/// What a scenario does with an event.
type Listen = Box<dyn Fn(&Event, &CancellationToken) + Send + Sync>;

struct Listener {
    listen: Listen,
    stop: CancellationToken,
}

impl Reporter for Listener {
    fn report(&self, event: Event) {
        (self.listen)(&event, &self.stop);
    }
}

/// The demo's pack, checked.
pub(crate) fn demo_pack() -> Pack {
    let files = PackFiles { files: lockstep_demo::pack_files().into_iter().collect() };
    lockstep_engine::pack_folder::check(&files).unwrap_or_else(|error| panic!("{error:?}"))
}

/// An upgrade to a version, with small tasks so that even little data makes many.
pub(crate) fn wish(to: &str) -> Wish {
    // The machine may be busy with other clusters' scenarios.
    // What no step changes is cloned, however little it is.
    let limits = Limits {
        task_width_max: 500,
        fence_ms_max: 120_000,
        clone_documents_min: 1,
        ..Limits::default()
    };
    Wish {
        to: to.parse().expect("a version"),
        from: None,
        limits,
        is_held: false,
        documents_per_second_max: None,
        snapshot: None,
        tenants: TenantChoice::All,
    }
}

/// Sends a request from within an event, which can't wait for anything itself, and waits for its effect.
pub(crate) fn meddle(method: &'static str, url: String, body: Value) {
    let send = move || -> Result<(), Trouble> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut request = reqwest::Client::new().request(method.parse()?, url);
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        runtime.block_on(request.send())?.error_for_status()?;
        Ok(())
    };
    let sent = std::thread::spawn(send).join();
    assert!(matches!(sent, Ok(Ok(()))), "{sent:?}");
}

/// The program as it is built from the present sources, once.
pub(crate) fn program() -> Result<PathBuf, Trouble> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || {
        let folder = lockstep_tests::programs::build(&["lockstep"], "end_to_end");
        folder.map(|folder| folder.join("lockstep")).map_err(|error| error.to_string())
    };
    Ok(PROGRAM.get_or_init(build).clone()?)
}
