//! How fast one core hashes documents of about 1 KB by content.
//!
//! `cargo run --release -p lockstep-core --example compare_speed`

#![expect(clippy::print_stdout, reason = "a measuring program prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a measuring program looks at the clock")]

use std::{hint::black_box, time::Instant};

use lockstep_core::{
    compare::{BucketedDigest, document_hash, entry_hash},
    json::compact,
};

/// Documents of one measurement.
const DOCUMENT_COUNT: u32 = 2_000;

/// Measurements; the best one counts, as others may share the machine. Many short ones, to find a quiet moment.
const ROUND_COUNT: usize = 300;

fn main() {
    let mut source = Vec::new();
    compact(include_bytes!("event.json"), &mut source).expect("the example is JSON");
    println!("document: {} bytes", source.len());
    measure("hash", &source, |_, source| {
        black_box(document_hash(source).expect("the example is JSON"));
    });
    let mut digest = BucketedDigest::new();
    let id = "0f6bd0b2-2f4c-4c25-9d71-6b2f5a4c1e77";
    measure("hash, digest", &source, |routing, source| {
        let hash = document_hash(source).expect("the example is JSON");
        digest.add(id, entry_hash(id, Some(routing), hash));
    });
    black_box(digest.total());
}

fn measure(name: &str, source: &[u8], mut work: impl FnMut(&str, &[u8])) {
    let mut best_seconds = f64::INFINITY;
    for _ in 0..ROUND_COUNT {
        let start = Instant::now();
        for _ in 0..DOCUMENT_COUNT {
            work(black_box("tenant"), black_box(source));
        }
        best_seconds = best_seconds.min(start.elapsed().as_secs_f64());
    }
    let count = f64::from(DOCUMENT_COUNT);
    let bytes = f64::from(u32::try_from(source.len()).unwrap_or(u32::MAX));
    println!(
        "{name:>12}: {:>7.3} µs a document, {:>10.0} documents/s, {:>6.0} MB/s",
        best_seconds / count * 1e6,
        count / best_seconds,
        bytes * count / best_seconds / 1e6
    );
}
