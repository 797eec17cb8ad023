//! What a guard says while it waits, in lines of a container's log.

use lockstep_core::{
    run::{admission::Awaited, state::Problem},
    version::Version,
};
use lockstep_engine::admission::{News, Waiting};

use super::quantity::{counted, percent};

/// That an application may start.
pub(crate) fn admitted_line(application: &str, version: &Version, live: &Version) -> String {
    format!("guard: {application} {version} may start, {live} is live")
}

/// One piece of news, in one line.
pub(crate) fn news_line(application: &str, version: &Version, news: &News) -> String {
    let me = format!("guard: {application} {version}");
    match news {
        News::Unreachable { reason } => format!("{me} waits for the cluster: {reason}"),
        News::Waiting(waiting) => format!("{me} waits: {}", waiting_text(waiting)),
        News::Driving { state, from, to } => {
            format!(
                "{me}: nobody drives the run from {from} to {to}, which is {state}; this guard does now"
            )
        }
        News::Beginning { to } => format!("{me}: no run leads to {to}; this guard upgrades now"),
        News::Setback { reason } => format!("{me}: {reason}; this guard looks again"),
        News::FirstStart { version } => {
            format!("{me}: nothing of it is there yet; {version} is noted as live")
        }
    }
}

fn waiting_text(waiting: &Waiting) -> String {
    let Waiting { awaited, from, to, state, copied, documents, driver, hindrance } = waiting;
    let run = format!("the run from {from} to {to} is {state}");
    let who = match (driver, hindrance) {
        (Some(driver), _) => format!("{driver} drives it"),
        (None, None) => "whoever drives it is silent".to_owned(),
        (None, Some(hindrance)) => {
            let next = next_command(awaited, to);
            format!("nobody drives it, and this guard doesn't: {hindrance}; {next} goes on with it")
        }
    };
    match awaited {
        Awaited::Run if *state == "copying" => {
            let share = percent(*copied, *documents);
            let documents = counted(*documents, "document", "documents");
            format!("{run}, {share} % of {documents}; {who}")
        }
        Awaited::Return if !state.starts_with("return") => {
            format!("{run}, and the tag is being put back; the data comes after it")
        }
        Awaited::Run | Awaited::Switch | Awaited::Return => format!("{run}; {who}"),
        Awaited::GivingUp => format!("{run}, which drops its new set; `lockstep abort` ends that"),
        Awaited::Operator { problem } => {
            let Problem { code, message, hint, .. } = problem;
            format!("{run} and needs an operator: {message} [{code}]; {hint}")
        }
    }
}

fn next_command(awaited: &Awaited, to: &Version) -> String {
    match awaited {
        Awaited::Return => "`lockstep rollback` or a worker".to_owned(),
        Awaited::Run | Awaited::Switch | Awaited::GivingUp | Awaited::Operator { .. } => {
            format!("`lockstep upgrade --to {to}` or a worker")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    fn line(news: &News) -> String {
        news_line("shop", &version("2.0.1"), news)
    }

    fn waiting(awaited: Awaited, state: &'static str, driver: Option<&str>) -> News {
        News::Waiting(Box::new(Waiting {
            awaited,
            from: version("1.0"),
            to: version("2.0"),
            state,
            copied: 5_400,
            documents: 12_000,
            driver: driver.map(str::to_owned),
            hindrance: driver.is_none().then_some("it has no pack"),
        }))
    }

    #[test]
    fn every_piece_of_news_is_one_line() {
        let problem = Problem {
            code: "R0208".to_owned(),
            message: "2 documents are in quarantine".to_owned(),
            hint: "look at `lockstep quarantine list`".to_owned(),
            documents: Vec::new(),
            document_count: 2,
        };
        let (from, to) = (version("1.0"), version("2.0"));
        let news = [
            News::Unreachable { reason: "no connection".to_owned() },
            waiting(Awaited::Run, "copying", Some("host/7")),
            waiting(Awaited::Run, "verifying", None),
            waiting(Awaited::Switch, "fencing", Some("host/7")),
            waiting(Awaited::Switch, "holding", None),
            waiting(Awaited::Return, "returning", None),
            waiting(Awaited::Return, "switched", None),
            waiting(Awaited::GivingUp, "aborting", None),
            waiting(Awaited::Operator { problem }, "halted", None),
            News::Driving { state: "holding", from, to },
            News::Beginning { to: version("2.0.1") },
            News::Setback { reason: "host/7 drives this run".to_owned() },
            News::FirstStart { version: version("2.0.1") },
        ];
        let mut lines: Vec<String> = news.iter().map(line).collect();
        lines.push(admitted_line("shop", &version("2.0.1"), &version("2.0")));
        insta::assert_snapshot!(lines.join("\n"), @r"
        guard: shop 2.0.1 waits for the cluster: no connection
        guard: shop 2.0.1 waits: the run from 1.0 to 2.0 is copying, 45 % of 12,000 documents; host/7 drives it
        guard: shop 2.0.1 waits: the run from 1.0 to 2.0 is verifying; nobody drives it, and this guard doesn't: it has no pack; `lockstep upgrade --to 2.0` or a worker goes on with it
        guard: shop 2.0.1 waits: the run from 1.0 to 2.0 is fencing; host/7 drives it
        guard: shop 2.0.1 waits: the run from 1.0 to 2.0 is holding; nobody drives it, and this guard doesn't: it has no pack; `lockstep upgrade --to 2.0` or a worker goes on with it
        guard: shop 2.0.1 waits: the run from 1.0 to 2.0 is returning; nobody drives it, and this guard doesn't: it has no pack; `lockstep rollback` or a worker goes on with it
        guard: shop 2.0.1 waits: the run from 1.0 to 2.0 is switched, and the tag is being put back; the data comes after it
        guard: shop 2.0.1 waits: the run from 1.0 to 2.0 is aborting, which drops its new set; `lockstep abort` ends that
        guard: shop 2.0.1 waits: the run from 1.0 to 2.0 is halted and needs an operator: 2 documents are in quarantine [R0208]; look at `lockstep quarantine list`
        guard: shop 2.0.1: nobody drives the run from 1.0 to 2.0, which is holding; this guard does now
        guard: shop 2.0.1: no run leads to 2.0.1; this guard upgrades now
        guard: shop 2.0.1: host/7 drives this run; this guard looks again
        guard: shop 2.0.1: nothing of it is there yet; 2.0.1 is noted as live
        guard: shop 2.0.1 may start, 2.0 is live
        ");
    }

    #[test]
    fn programs_read_what_is_waited_for_in_fields() {
        let seen = serde_json::to_value(waiting(Awaited::Run, "copying", Some("host/7"))).unwrap();
        let expected = serde_json::json!({
            "event": "waiting",
            "for": "run",
            "from": "1.0",
            "to": "2.0",
            "state": "copying",
            "copied": 5_400,
            "documents": 12_000,
            "driver": "host/7",
            "hindrance": null,
        });
        assert_eq!(seen, expected);
    }
}
