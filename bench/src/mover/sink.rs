//! The sink: a pocket cluster, in front of which windows of the source come from prebuilt bytes and bulk bodies for the
//! target are read and forgotten. Everything else (survey, journal, lease) is the pocket cluster's.
//!
//! One thread a connection, blocking: it has to cost little, because it shares the machine with what is measured.

use std::{
    io::{self, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use lockstep_elastic::{Cluster, Connection};
use lockstep_pocket::{Options, Pocket};
use reqwest::Method as Verb;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    page::{BULK_HEAD, BULK_TAIL, Pieces, WINDOW_HEAD, WINDOW_TAIL},
    relay::{Behind, Request, answer, buffered},
};
use crate::{
    application::{SOURCE, TARGET, index_body},
    arguments::SinkOptions,
    document::Documents,
    error::BenchError,
    rest::Rest,
    worker::stop_with_parent,
};

/// The most items of one bulk body for which outcomes are there.
const ITEMS_MAX: u64 = 40_000;

/// What all connections share.
#[derive(Debug)]
struct Sink {
    /// `HOST:PORT` of the pocket cluster.
    behind: String,
    hits: Pieces,
    items: Pieces,
    /// The answer about the source's shards.
    stats: Vec<u8>,
    window_title: String,
    stats_title: String,
    /// The beginning of a bulk body that goes to the target.
    bulk_beginning: Vec<u8>,
}

/// Serves until nobody is at the other end of our input.
pub(crate) async fn serve(options: &SinkOptions) -> Result<(), BenchError> {
    let failed = |error: lockstep_pocket::PocketError| BenchError::Bug(error.to_string());
    let pocket = Pocket::start(Options::default()).await.map_err(failed)?;
    let cluster = Cluster::new(Connection::parse(pocket.url())?)?;
    cluster.create_index(SOURCE, &index_body(options.shards)).await?;
    let stats_path = format!("/{SOURCE}/_stats/docs?level=shards");
    let mut stats = Rest::new(pocket.url())?.call(Verb::GET, &stats_path, None).await?;
    fill(&mut stats, options)?;
    let documents = Documents::new(options.bytes);
    let sink = Arc::new(Sink {
        behind: pocket.url().trim_start_matches("http://").to_owned(),
        hits: Pieces::hits(documents, options.shard_documents())?,
        items: Pieces::items(ITEMS_MAX)?,
        stats: stats.to_string().into_bytes(),
        window_title: format!("POST /{SOURCE}/_search?preference=_shards"),
        stats_title: format!("GET {stats_path}"),
        bulk_beginning: format!(r#"{{"index":{{"_index":"{TARGET}""#).into_bytes(),
    });
    let told = "the sink can't listen on 127.0.0.1";
    let listener = TcpListener::bind("127.0.0.1:0").map_err(BenchError::system(told))?;
    let address = listener.local_addr().map_err(BenchError::system(told))?;
    thread::spawn(move || accept(&listener, &sink));
    writeln!(io::stdout(), "http://{address}")
        .map_err(BenchError::system("the address can't be told"))?;
    let stop = CancellationToken::new();
    stop_with_parent(stop.clone());
    stop.cancelled().await;
    pocket.stop().await;
    Ok(())
}

/// Puts as many documents into what is said about each shard as the sink gives.
fn fill(stats: &mut Value, options: &SinkOptions) -> Result<(), BenchError> {
    let count = options.shard_documents();
    let shards = stats
        .pointer_mut(&format!("/indices/{SOURCE}/shards"))
        .and_then(Value::as_object_mut)
        .ok_or_else(|| BenchError::Bug("the pocket cluster tells nothing of shards".to_owned()))?;
    for copies in shards.values_mut() {
        for copy in copies.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            copy.insert("docs".to_owned(), json!({"count": count, "deleted": 0}));
            let last = count - 1;
            let numbers =
                json!({"max_seq_no": last, "local_checkpoint": last, "global_checkpoint": last});
            copy.insert("seq_no".to_owned(), numbers);
        }
    }
    Ok(())
}

fn accept(listener: &TcpListener, sink: &Arc<Sink>) {
    for stream in listener.incoming() {
        let sink = Arc::clone(sink);
        thread::spawn(move || {
            if let Err(error) = stream.and_then(|stream| sink.converse(stream)) {
                // The worker sees its connection end, and says so; this tells why.
                drop(writeln!(io::stderr(), "sink: {error}"));
            }
        });
    }
}

impl Sink {
    fn converse(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut output = stream.try_clone()?;
        let mut input = buffered(stream);
        let mut behind: Option<Behind> = None;
        let mut request = Request::default();
        while request.read(&mut input)? {
            let title = request.title();
            if title.starts_with(&self.window_title) {
                let (first, last) = window(&request.body)
                    .ok_or_else(|| io::Error::other(format!("{title}: this is no window")))?;
                let hits = self.hits.between(first, last);
                answer(&mut output, [WINDOW_HEAD.as_bytes(), hits, WINDOW_TAIL.as_bytes()])?;
            } else if title.starts_with("POST /_bulk")
                && request.body.starts_with(&self.bulk_beginning)
            {
                let lines = memchr::memchr_iter(b'\n', &request.body).count();
                let last = u64::try_from(lines / 2).map_err(io::Error::other)?.saturating_sub(1);
                if last >= ITEMS_MAX {
                    return Err(io::Error::other(format!("{title}: {last} items are too many")));
                }
                let items = self.items.between(0, last);
                answer(&mut output, [BULK_HEAD.as_bytes(), items, BULK_TAIL.as_bytes()])?;
            } else if title == self.stats_title {
                answer(&mut output, [&self.stats, b"", b""])?;
            } else {
                let behind = match &mut behind {
                    Some(behind) => behind,
                    None => behind.insert(Behind::open(&self.behind)?),
                };
                behind.exchange(&request, &mut output)?;
            }
        }
        Ok(())
    }
}

/// First and last number of the window that a search asks for.
fn window(body: &[u8]) -> Option<(u64, u64)> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let range = body.pointer("/query/constant_score/filter/range/_seq_no")?;
    Some((range.get("gte")?.as_u64()?, range.get("lte")?.as_u64()?))
}
