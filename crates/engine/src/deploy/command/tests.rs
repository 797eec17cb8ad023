//! Real processes: how they end, what they say, and that none is left behind.

use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::{super::stand::listener, *};

/// Runs a text in a shell; gives the outcome and what was heard.
async fn run(
    script: &str,
    limit_ms: u64,
    stop: CancellationToken,
) -> (Result<(), EngineError>, Vec<String>) {
    let words = ["sh", "-c", script].map(str::to_owned).to_vec();
    let time_limit = Duration::from_millis(limit_ms);
    let command = Command { words, folder: None, time_limit };
    let (listener, heard) = listener();
    let listener = Listener { stop, ..listener };
    let outcome = command.run(&[("LOCKSTEP_VERSION", "2.0")], &listener).await;
    (outcome, heard.lines())
}

#[tokio::test]
async fn what_a_command_says_is_told_and_its_end_decides() {
    let cases = [
        ("echo a; echo b >&2; echo $LOCKSTEP_VERSION", Ok(()), vec!["  2.0", "  a", "  b"]),
        ("exit 0", Ok(()), vec![]),
        (
            "printf half; exit 3",
            Err(("K0202", "exit status: 3; it said at last: half")),
            vec!["  half"],
        ),
        ("kill -TERM $$", Err(("K0202", "signal: 15")), vec![]),
        // What goes on in the background doesn't hold it up.
        ("sleep 30 & echo on", Ok(()), vec!["  on"]),
    ];
    for (script, expected, words) in cases {
        let begun = Instant::now();
        let (outcome, mut lines) = run(script, 20_000, CancellationToken::new()).await;
        lines.sort();
        assert_eq!(lines, words, "{script}");
        match (outcome, expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err((code, part))) => {
                assert_eq!(error.code(), code, "{error}");
                assert!(error.to_string().contains(part), "{error}");
            }
            (seen, expected) => panic!("{script}: {seen:?} instead of {expected:?}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(15), "{script}");
    }
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let alive = folder.path().join("alive");
    // The child would leave a mark two seconds later.
    let script = format!("(sleep 2; touch {}) & echo begun; sleep 30", alive.display());
    for stops in [false, true] {
        let stop = CancellationToken::new();
        let stopping = async {
            if stops {
                time::sleep(Duration::from_millis(300)).await;
                stop.cancel();
            }
        };
        let limit_ms = if stops { 20_000 } else { 300 };
        let ((outcome, lines), ()) = tokio::join!(run(&script, limit_ms, stop.clone()), stopping);
        assert_eq!(lines, ["  begun"]);
        let error = outcome.unwrap_err();
        assert_eq!(error.code(), if stops { "I0001" } else { "K0203" }, "{error}");
    }
    time::sleep(Duration::from_millis(2_500)).await;
    assert!(!alive.try_exists().unwrap());
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told() {
    let words = vec!["/nonexistent/deploy".to_owned()];
    let command = Command { words, folder: None, time_limit: Duration::from_secs(1) };
    let error = command.run(&[], &listener().0).await.unwrap_err();
    assert_eq!(error.code(), "K0201");
    assert!(error.to_string().contains("/nonexistent/deploy"), "{error}");
}

#[tokio::test]
async fn endless_output_is_bounded() {
    let (outcome, lines) = run("yes | head -c 3000000", 20_000, CancellationToken::new()).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(lines.len(), LINES_TOLD_MAX + 1);
}
