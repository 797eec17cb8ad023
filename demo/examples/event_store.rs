//! The demo application on a cluster of your own: `seed URL [TENANTS [DOCUMENTS]]`, `check URL`, `clear URL [TENANTS]`.

use std::{env, error::Error, io::Write as _, process::ExitCode};

use lockstep_demo::{CheckOptions, SeedOptions, check, clear, seed};

const USAGE: &str = "usage: event_store seed|check|clear URL [TENANTS [DOCUMENTS]]";

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
        "clear" => Ok(format!("{} indices removed", clear(url, options.tenants).await?)),
        _ => Err(USAGE.into()),
    }
}
