//! `lockstep rehearse`: goes through an upgrade beside the live system, and tells what it would come to.

use clap::Args;
use lockstep_engine::{
    EngineError,
    rehearsal::{RehearsalReport, RehearsalWish, Rehearsed},
};
use serde_json::json;

use super::{
    Context,
    plan::UpgradeFlags,
    upgrade::{WINDOW_DOCUMENTS_MAX, WINDOWS_MAX, limits, minor},
};
use crate::{
    connection::connect, error::CommandError, exit::Exit, progress::Teller,
    render::rehearsal::rehearsed, ui::Ui,
};

/// Flags of `lockstep rehearse`.
#[derive(Debug, Args)]
pub(crate) struct RehearseArguments {
    #[command(flatten)]
    upgrade: UpgradeFlags,
    /// Documents of each index to take at about, from its oldest to its newest
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    sample: u64,
    /// Take every document
    #[arg(long, conflicts_with = "sample")]
    full: bool,
    /// Show rejected documents themselves, some for each cause
    #[arg(long)]
    show_documents: bool,
    /// Windows of documents that are copied at the same time [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(WINDOWS_MAX)))]
    windows: Option<u16>,
    /// Documents that a window holds at the most; fewer go easier on the cluster [default: 10000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(WINDOW_DOCUMENTS_MAX)))]
    window_documents: Option<u16>,
}

/// Rehearses and reports.
pub(crate) async fn run(
    arguments: &RehearseArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let pack = arguments.upgrade.open_pack()?;
    let wish = RehearsalWish {
        upgrade: arguments.upgrade.wish(limits(arguments.windows, arguments.window_documents)),
        sample: (!arguments.full).then_some(arguments.sample),
        shows_documents: arguments.show_documents,
    };
    let cluster = connect(&context.global.cluster).await?.cluster;
    let teller = Teller::start(&context.ui);
    let session = context.session(cluster, &teller);
    let ended = session.rehearse(&pack, &wish).await;
    teller.finish();
    let report = match ended? {
        Rehearsed::Minor { plan } => return minor(&plan, context),
        Rehearsed::Done(report) => report,
    };
    if context.ui.is_json() {
        let mut line = json!(report);
        if let Some(fields) = line.as_object_mut() {
            fields.insert("event".to_owned(), json!("rehearsed"));
            fields.insert("is_ready".to_owned(), json!(report.is_ready()));
        }
        context.ui.json_line(&line)?;
    } else {
        let next = arguments.upgrade.upgrade_command(context);
        context.ui.data(rehearsed(&report, &next, Ui::data_width()).as_str())?;
    }
    Ok(exit(&report))
}

/// Documents that can't be carried have a code of their own; whatever else an upgrade would halt for is as it would be there.
fn exit(report: &RehearsalReport) -> Exit {
    match &report.problem {
        _ if report.is_ready() => Exit::Done,
        _ if report.rejected > 0 => Exit::Data,
        Some(problem) => CommandError::from(EngineError::Halted(Box::new(problem.clone()))).exit(),
        None => Exit::Halted,
    }
}
