//! Runs a pocket cluster until Ctrl-C: `cargo run -p lockstep-pocket --example pocket -- PORT
//! [opensearch|elasticsearch]`.

use std::io::Write as _;

use lockstep_pocket::{Flavour, Options, Pocket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().map_or(Ok(9200), |text| text.parse())?;
    let engine = match arguments.next().as_deref() {
        None | Some("opensearch") => Flavour::OpenSearch,
        Some("elasticsearch") => Flavour::Elasticsearch,
        Some(other) => {
            return Err(format!("{other} is neither opensearch nor elasticsearch").into());
        }
    };
    let pocket = Pocket::start(Options { port, engine, ..Options::default() }).await?;
    writeln!(std::io::stdout(), "{}", pocket.url())?;
    tokio::signal::ctrl_c().await?;
    pocket.stop().await;
    Ok(())
}
