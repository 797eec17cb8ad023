//! The command line: global flags and verbs. What a verb does is in `commands`, one file each.

use std::{fmt, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{commands, exit::EXIT_CODES_HELP};

/// Upgrade multi-tenant applications on Elasticsearch and OpenSearch while they run
///
/// Lockstep builds the new release's set of indices beside the live one, proves that the two agree, and switches all
/// tenants in one moment. `lockstep demo` shows it without any cluster.
#[derive(Debug, Parser)]
#[command(
    name = "lockstep",
    version,
    after_help = EXIT_CODES_HELP,
    max_term_width = 100,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Flags that every verb takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    #[command(flatten)]
    pub(crate) cluster: ClusterFlags,
    /// File that says where the cluster and the pack are, how tags are changed, how health is told; flags and variables beat it
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "LOCKSTEP_CONFIG",
        hide_env_values = true,
        help_heading = "Configuration"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON for programs instead of text for people
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// When to use colour; `NO_COLOR` is honoured
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Output"
    )]
    pub(crate) color: Color,
    /// Log more to stderr: -v what is done, -vv every request, -vvv everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
}

/// Where the cluster is, and who asks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterFlags {
    /// Address of the cluster
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "LOCKSTEP_CLUSTER",
        hide_env_values = true,
        default_value = "http://localhost:9200"
    )]
    pub(crate) cluster: String,
    /// Name of the user, with --password
    #[arg(long, global = true, value_name = "NAME", env = "LOCKSTEP_USER", hide_env_values = true)]
    pub(crate) user: Option<String>,
    /// Password of the user; prefer the variable, which other users of the machine can't see
    #[arg(
        long,
        global = true,
        value_name = "PASSWORD",
        env = "LOCKSTEP_PASSWORD",
        hide_env_values = true
    )]
    pub(crate) password: Option<Secret>,
    /// API key, as `id:key` or encoded
    #[arg(
        long,
        global = true,
        value_name = "KEY",
        env = "LOCKSTEP_API_KEY",
        hide_env_values = true
    )]
    pub(crate) api_key: Option<Secret>,
    /// Bearer token
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "LOCKSTEP_TOKEN",
        hide_env_values = true
    )]
    pub(crate) bearer_token: Option<Secret>,
    /// PEM certificates to trust instead of the system's
    #[arg(long, global = true, value_name = "FILE", env = "LOCKSTEP_CA", hide_env_values = true)]
    pub(crate) ca: Option<PathBuf>,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal that takes it
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// The text itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Tell what a cluster holds, without a pack; nothing is changed
    Survey(commands::survey::SurveyArguments),
    /// Show what an upgrade would do; nothing is changed
    Plan(commands::plan::PlanArguments),
    /// Go through an upgrade on live data, into throw-away indices, and tell what it would come to
    Rehearse(commands::rehearse::RehearseArguments),
    /// Upgrade an application, or go on with an upgrade that was stopped
    Upgrade(commands::upgrade::UpgradeArguments),
    /// Share the work of runs: help to copy, and drive when nobody does, until stopped
    Worker(commands::worker::WorkerArguments),
    /// Start an application once its data is live: as the entrypoint of its container, before its command
    Guard(commands::guard::GuardArguments),
    /// Let an upgrade that holds (`upgrade --hold`) go on to the switch
    Switch(commands::switch::SwitchArguments),
    /// Show the new set of an upgrade that holds, under names of its own that nothing is written through
    Preview(commands::preview::PreviewArguments),
    /// Take an application back to the release that it was switched from, with what it wrote since
    Rollback(commands::rollback::RollbackArguments),
    /// Give the way back up for good
    Finalize(commands::rollback::FinalizeArguments),
    /// Delete old sets for good that nobody can go back to and nobody uses, archived first if so asked
    Retire(commands::retire::RetireArguments),
    /// Bring the indices of an archive back, and compare them with it
    Restore(commands::restore::RestoreArguments),
    /// Let a run carry nothing over for now; it stays where it is
    Pause(commands::orders::OrderArguments),
    /// Let a paused run go on
    Resume(commands::orders::OrderArguments),
    /// Bound how fast a run carries documents over
    Pace(commands::orders::PaceArguments),
    /// Show which release is live and how far a run is
    Status(commands::status::StatusArguments),
    /// Tell who serves each tenant, what is waited for, whether there is a way back, and what if Lockstep died now
    Info(commands::info::InfoArguments),
    /// List the runs of an application: how each ended, and what became of the set that it left behind
    History(commands::history::HistoryArguments),
    /// Compare the live and the new set of a run; nothing is changed
    Verify(commands::verify::VerifyArguments),
    /// Look at documents that were rejected, and decide about them
    #[command(subcommand)]
    Quarantine(QuarantineVerb),
    /// Give a run up and drop its unfinished new set
    Abort(commands::abort::AbortArguments),
    /// Look for what a killed driver left behind, and mend what is provably Lockstep's own
    Doctor(commands::doctor::DoctorArguments),
    /// Work on packs
    #[command(subcommand)]
    Pack(PackVerb),
    /// Upgrade a small application on an embedded cluster, and check the outcome
    Demo(commands::demo::DemoArguments),
}

/// What to do with rejected documents.
#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineVerb {
    /// List documents that were set aside, with reasons
    List(commands::quarantine::ListArguments),
    /// Show one of them; with --json as it was
    Show(commands::quarantine::ShowArguments),
    /// Try again to carry them over, as they are now in the live set
    Retry(commands::quarantine::RetryArguments),
    /// Leave them out of the new set, for a reason
    Discard(commands::quarantine::DiscardArguments),
}

/// What to do with a pack.
#[derive(Debug, Subcommand)]
pub(crate) enum PackVerb {
    /// Write a small pack to begin with
    New(commands::pack_new::PackNewArguments),
    /// Draft a release and the step into it, from two sets that live in a cluster or from mappings
    Step(commands::pack_step::PackStepArguments),
    /// Find every mistake in a pack, and what probably was not meant; -v shows what is allowed
    Check(commands::pack_check::PackCheckArguments),
    /// Try the test cases of a pack: documents before and after a step
    Test(commands::pack_test::PackTestArguments),
    /// Take documents that nobody thought of through the steps of a pack, and show small ones that cause trouble
    Fuzz(commands::pack_fuzz::PackFuzzArguments),
    /// Remember what the releases of a pack are, so that nobody changes them any more
    Lock(commands::pack_lock::PackLockArguments),
    /// Print a page of a pack in Markdown: releases, indices, steps, ways back
    Docs(commands::pack_docs::PackDocsArguments),
    /// Print the JSON Schema of a pack's files, for editors
    Schema(commands::pack_schema::PackSchemaArguments),
    /// Make a pack from an application that is installed
    #[command(subcommand)]
    Import(ImportVerb),
}

/// Which application to make a pack from.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportVerb {
    /// Make a pack from installed Tracardis, one for each version
    Tracardi(commands::pack_import::TracardiArguments),
}

/// The folder of a pack.
#[derive(Debug, Clone, Args)]
pub(crate) struct PackFlag {
    /// Folder of the application's pack
    #[arg(
        long,
        value_name = "DIR",
        env = "LOCKSTEP_PACK",
        hide_env_values = true,
        default_value = "."
    )]
    pub(crate) pack: PathBuf,
}

/// Which application is meant.
#[derive(Debug, Clone, Args)]
pub(crate) struct ApplicationFlags {
    #[command(flatten)]
    pub(crate) pack: PackFlag,
    /// Name of the application, instead of its pack
    #[arg(long, value_name = "NAME")]
    pub(crate) application: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _};

    use super::*;

    /// Help of a command and of all below it, as it reads on a terminal of 100 columns.
    fn helps(command: &mut Command, path: &str, found: &mut Vec<(String, String)>) {
        let path = format!("{path}{}", command.get_name());
        found.push((path.clone(), command.render_long_help().to_string()));
        for inner in command.get_subcommands_mut() {
            helps(inner, &format!("{path} "), found);
        }
    }

    #[test]
    fn help_of_every_command_reads_as_it_did() {
        let mut command = Arguments::command().term_width(100);
        command.build();
        let mut found = Vec::new();
        helps(&mut command, "", &mut found);
        assert_eq!(found.len(), 39);
        for (path, help) in found {
            insta::assert_snapshot!(path.replace(' ', "_"), help);
        }
    }

    #[test]
    fn help_sentences_are_imperative_and_end_without_a_full_stop() {
        let mut command = Arguments::command();
        command.build();
        let mut open = vec![command];
        while let Some(command) = open.pop() {
            let about = command.get_about().map(ToString::to_string);
            let helps = command
                .get_arguments()
                .map(|argument| argument.get_help().map(ToString::to_string));
            for text in std::iter::once(about).chain(helps) {
                let text = text
                    .unwrap_or_else(|| panic!("something of {} has no help", command.get_name()));
                assert!(!text.ends_with('.'), "{text}");
            }
            open.extend(command.get_subcommands().cloned());
        }
    }
}
