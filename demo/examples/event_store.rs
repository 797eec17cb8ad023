//! The demo application on a cluster of your own: `seed URL [TENANTS [DOCUMENTS]]`, `check URL`, `clear URL [TENANTS]`, and
//! `traffic URL [TENANTS [DOCUMENTS [SECONDS [OPERATIONS_PER_SECOND]]]]` on what was just seeded.

use std::{env, error::Error, io::Write as _, process::ExitCode, time::Duration};

use lockstep_demo::{
    CheckOptions, Release, SeedOptions, Traffic, TrafficOptions, check, check_traffic, clear, seed,
};

const USAGE: &str =
    "usage: event_store seed|check|clear|traffic URL [TENANTS [DOCUMENTS [SECONDS [RATE]]]]";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (text, code) = match run(&arguments).await {
        Ok(text) => (text, ExitCode::SUCCESS),
        Err(error) => (format!("error: {error}"), ExitCode::FAILURE),
    };
    // Nothing can be told to a reader who has gone.
    drop(writeln!(std::io::stdout(), "{text}"));
    code
}

async fn run(arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let (verb, url, numbers) = match arguments {
        [verb, url, numbers @ ..] => (*verb, *url, numbers),
        _ => return Err(USAGE.into()),
    };
    let mut options = SeedOptions::default();
    if let Some(tenants) = numbers.first() {
        options.tenants = tenants.parse()?;
    }
    if let Some(documents) = numbers.get(1) {
        options.documents = documents.parse()?;
    }
    match verb {
        "seed" => Ok(format!("{:?}", seed(url, &options).await?)),
        "check" => Ok(format!("{:#?}", check(url, &CheckOptions::default()).await?)),
        "traffic" => traffic(url, options, numbers.get(2..).unwrap_or_default()).await,
        "clear" => Ok(format!("{} indices removed", clear(url, options.tenants).await?)),
        _ => Err(USAGE.into()),
    }
}

/// Runs traffic on release 1.0 and checks it.
async fn traffic(url: &str, seed: SeedOptions, numbers: &[&str]) -> Result<String, Box<dyn Error>> {
    let mut options = TrafficOptions::new(seed);
    let seconds = numbers.first().unwrap_or(&"10").parse()?;
    if let Some(rate) = numbers.get(1) {
        options.operations_per_second = rate.parse()?;
    }
    let traffic = Traffic::start(url, options).await?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let ledger = traffic.stop().await?;
    let report = check_traffic(url, &ledger, Release::V1_0, 10).await?;
    let (counts, rate) = (ledger.counts(), ledger.counts().operations_per_second());
    Ok(format!("{counts:#?}\n{rate} operations per second\n{report:#?}"))
}
