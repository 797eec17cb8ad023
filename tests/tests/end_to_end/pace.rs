//! The pace that finds itself: a cluster that pushes back, and a disk that is full for a while. The run slows down or waits,
//! says why, and goes on.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lockstep_core::{plan::model::Limits, run::state::RunState};
use lockstep_engine::{
    journal::OrdersRecord,
    report::{Event, PaceNews},
    session::{Ending, Wish},
    status::status,
};
use lockstep_pocket::{Fault, FaultKind};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, time::sleep};

use crate::{
    Load, Outcome, Scenario,
    stand::{Stand, demo_pack, wish},
};

const DOCUMENTS: u64 = 5_000;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: true, play };
    vec![
        scenario("a_cluster_that_pushes_back_is_written_to_more_slowly", pushed_back),
        scenario("a_full_disk_is_waited_for", full_disk),
    ]
}

/// Many small windows, so that there is a pace to see.
fn wish_of_small_windows() -> Wish {
    let limits = Limits { window_width_max: 20, ..wish("2.0").limits };
    Wish { limits, ..wish("2.0") }
}

/// News of the pace, as they come.
#[derive(Clone, Default)]
struct News(Arc<Mutex<Vec<PaceNews>>>);

impl News {
    fn note(&self, event: &Event) {
        if let Event::Pace(news) = event {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(news.clone());
        }
    }

    fn all(&self) -> Vec<PaceNews> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn wait_for(&self, reason: &str) -> Outcome {
        for _ in 0..300 {
            if self.all().iter().any(|news| news.reason.contains(reason)) {
                return Ok(());
            }
            sleep(Duration::from_millis(100)).await;
        }
        Err(format!("nobody said `{reason}`: {:?}", self.all()).into())
    }
}

/// Stops a run when it has begun and orders a rate: from the first step on, the next driver keeps it.
async fn begin_slowly(stand: &Stand, wish: &Wish) -> Outcome {
    let begun = stand.session_with(|event, stop| {
        if let Event::Entered { state: RunState::Preparing, .. } = event {
            stop.cancel();
        }
    });
    assert!(begun.upgrade(&demo_pack(), wish).await.is_err(), "it was stopped");
    let slowly = |orders: &mut OrdersRecord| orders.documents_per_second_max = Some(400);
    stand.session().order("event-store", slowly).await?;
    Ok(())
}

fn pushed_back(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(DOCUMENTS).await?;
        let wish = wish_of_small_windows();
        begin_slowly(stand, &wish).await?;
        let pocket = stand.pocket.as_ref().ok_or("no pocket cluster")?;
        let error_type = "rejected_execution_exception".to_owned();
        let kind = FaultKind::Status { status: 429, error_type };
        pocket.plan_fault(Fault::new("/_bulk", kind).nth(10).times(6));
        let heard = News::default();
        let listener = heard.clone();
        let session = stand.session_with(move |event, _| listener.note(event));
        let ending = session.upgrade(&demo_pack(), &wish).await?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        let news = heard.all();
        let told: Vec<(usize, &str)> =
            news.iter().map(|news| (news.requests, news.reason.as_str())).collect();
        let Some(((1, first), (2, last))) = told.first().zip(told.last()) else {
            return Err(format!("slower, then as before: {news:?}").into());
        };
        assert!(first.starts_with("the cluster pushed back"), "{news:?}");
        assert_eq!(*last, "the cluster is quiet again", "{news:?}");
        assert_eq!(stand.check_switched().await?, DOCUMENTS);
        stand.clean().await
    })
}

fn full_disk(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(DOCUMENTS).await?;
        let wish = wish_of_small_windows();
        begin_slowly(stand, &wish).await?;
        let heard = News::default();
        let listener = heard.clone();
        let session = stand.session_with(move |event, _| listener.note(event));
        let pack = demo_pack();
        let watermark = async |free: Value| {
            let key = "cluster.routing.allocation.disk.watermark.high";
            stand.send("PUT", "/_cluster/settings", json!({"transient": {key: free}})).await
        };
        let filling = async {
            // No disk has so much room.
            watermark(json!("1000tb")).await?;
            heard.wait_for("over its high watermark").await?;
            let copied = async || {
                let run = status(&stand.session().cluster, "event-store").await?.run;
                Ok::<_, crate::Trouble>(run.map(|run| (run.copied.read, run.record.state.name())))
            };
            sleep(Duration::from_millis(1_500)).await;
            let before = copied().await?;
            sleep(Duration::from_millis(1_500)).await;
            assert_eq!(copied().await?, before, "nothing is written to a full disk");
            assert!(before.is_some_and(|(copied, _)| copied < DOCUMENTS), "{before:?}");
            watermark(Value::Null).await?;
            heard.wait_for("there is room on the disks again").await
        };
        let (ending, filled) = tokio::join!(session.upgrade(&pack, &wish), filling);
        let restored = watermark(Value::Null).await;
        filled?;
        restored?;
        assert!(matches!(ending?, Ending::Switched { .. }));
        assert_eq!(stand.check_switched().await?, DOCUMENTS);
        stand.clean().await
    })
}
