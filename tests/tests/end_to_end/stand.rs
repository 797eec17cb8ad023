//! A cluster that scenarios run on, one at a time, and the ways to work with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lockstep_core::{
    pack::{PackFiles, model::Pack},
    plan::model::Limits,
};
use lockstep_elastic::{Cluster as Client, Connection};
use lockstep_engine::{Session, report::Silent, session::Wish};
use lockstep_pocket::{Options, Pocket};
use lockstep_tests::clusters::{Cluster, real_clusters};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// A cluster under test.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) cluster: Cluster,
    turns: Mutex<()>,
    _pocket: Option<Pocket>,
}

/// The pocket cluster and every engine that the environment names.
pub(crate) fn stands(runtime: &Runtime) -> Result<Vec<Arc<Stand>>, Box<dyn std::error::Error>> {
    let pocket = runtime.block_on(Pocket::start(Options::default()))?;
    let cluster = Cluster { name: "pocket".to_owned(), url: pocket.url().to_owned() };
    let stand =
        |cluster, pocket| Arc::new(Stand { cluster, turns: Mutex::new(()), _pocket: pocket });
    let mut stands = vec![stand(cluster, Some(pocket))];
    stands.extend(real_clusters()?.into_iter().map(|cluster| stand(cluster, None)));
    Ok(stands)
}

impl Stand {
    /// Waits until no other scenario runs here.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody who works on this cluster.
    pub(crate) fn session(&self) -> Session {
        let connection = Connection::parse(&self.cluster.url).expect("the test's address is one");
        let cluster = Client::new(connection).expect("the connection needs no certificates");
        Session { cluster, reporter: Arc::new(Silent), stop: CancellationToken::new() }
    }

    /// Removes what an earlier scenario left.
    pub(crate) async fn clean(
        &self,
        tenants: u32,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        lockstep_demo::clear(&self.cluster.url, tenants).await?;
        let session = self.session();
        if let Some(uuid) =
            session.cluster.index_uuid(lockstep_engine::journal::JOURNAL_INDEX).await?
        {
            session.cluster.delete_index(lockstep_engine::journal::JOURNAL_INDEX, &uuid).await?;
        }
        Ok(())
    }
}

/// The demo's pack, checked.
pub(crate) fn demo_pack() -> Pack {
    let files = PackFiles { files: lockstep_demo::pack_files().into_iter().collect() };
    lockstep_engine::pack_folder::check(&files).unwrap_or_else(|error| panic!("{error:?}"))
}

/// An upgrade to a version, with small tasks so that even little data makes many.
pub(crate) fn wish(to: &str) -> Wish {
    let limits = Limits { task_width_max: 500, ..Limits::default() };
    Wish { to: to.parse().expect("a version"), from: None, limits }
}
