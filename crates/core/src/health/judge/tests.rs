//! Samples as letters, one a second: `+` good, `-` bad, `?` unknown.

use proptest::{collection::vec, prelude::*};

use super::*;

fn rules() -> Rules {
    Rules {
        samples_min: 3,
        failures_max: 2,
        start_time: Duration::from_secs(3),
        time_limit: Duration::from_secs(10),
        failure_rise_percent_max: 20,
    }
}

fn sample(letter: char) -> Sample {
    match letter {
        '+' => Sample::Good,
        '-' => Sample::Bad("status 500".to_owned()),
        _ => Sample::Unknown("no answer".to_owned()),
    }
}

/// The first verdict and after how many samples it came.
fn judged(samples: &str, before: Option<Baseline>) -> Option<(usize, Verdict)> {
    let mut judge = Judge::new(rules(), before);
    samples.chars().enumerate().find_map(|(at, letter)| {
        let verdict = judge.take(sample(letter), Duration::from_secs(at as u64 + 1))?;
        Some((at + 1, verdict))
    })
}

#[test]
fn samples_come_to_a_verdict() {
    let cases = [
        ("", "none"),
        ("+", "none"),
        ("++", "none"),
        ("+++", "3 healthy"),
        // While it starts nothing counts against it.
        ("--+++", "5 healthy"),
        ("----", "4 unhealthy: 2 bad samples in a row: status 500"),
        // A start is over with the first good sample.
        ("+--", "3 unhealthy: 2 bad samples in a row: status 500"),
        // What isn't known neither mends nor breaks.
        ("+-?-", "4 unhealthy: 2 bad samples in a row: status 500"),
        ("+?+?+", "5 healthy"),
        (
            "??????????",
            "10 can't tell: 0 good, 0 bad and 10 unclear samples within the time limit; at last: no answer",
        ),
        (
            "++????????",
            "10 can't tell: 2 good, 0 bad and 8 unclear samples within the time limit; at last: no answer",
        ),
        // Now and then is too often.
        (
            "+-++-++-++-++",
            "10 unhealthy: 30 % of 10 samples were bad, and 20 % would be borne: status 500",
        ),
        ("+-+++++", "5 healthy"),
    ];
    for (samples, expected) in cases {
        let seen = match judged(samples, None) {
            None => "none".to_owned(),
            Some((at, Verdict::Healthy)) => format!("{at} healthy"),
            Some((at, Verdict::Unhealthy { reason })) => format!("{at} unhealthy: {reason}"),
            Some((at, Verdict::CantTell { reason })) => format!("{at} can't tell: {reason}"),
        };
        assert_eq!(seen, expected, "{samples}");
    }
}

#[test]
fn what_failed_before_may_fail_as_often_after() {
    let before = Baseline { good: 8, bad: 2, unknown: 0 };
    let samples = "+-+-+++";
    assert_eq!(judged(samples, Some(before)), Some((7, Verdict::Healthy)));
    assert_eq!(judged(samples, None), None);
}

proptest! {
    #[test]
    fn a_verdict_rests_on_samples(samples in vec(prop_oneof![Just('+'), Just('-'), Just('?')], 0..40)) {
        let samples: String = samples.into_iter().collect();
        let Some((at, verdict)) = judged(&samples, None) else { return Ok(()) };
        let seen: String = samples.chars().take(at).collect();
        let count = |letter| seen.chars().filter(|seen| *seen == letter).count();
        match verdict {
            Verdict::Healthy => {
                let known: String = seen.chars().filter(|letter| *letter != '?').collect();
                prop_assert!(known.ends_with("+++"), "{seen}");
            }
            Verdict::Unhealthy { .. } => prop_assert!(count('-') >= 2, "{seen}"),
            Verdict::CantTell { .. } => prop_assert_eq!(at, 10),
        }
        // It never goes on for longer than it may.
        prop_assert!(at <= 10, "{seen}");
    }

    #[test]
    fn without_a_bad_sample_nothing_is_unhealthy(samples in vec(prop_oneof![Just('+'), Just('?')], 0..40)) {
        let samples: String = samples.into_iter().collect();
        let verdict = judged(&samples, None).map(|(_, verdict)| verdict);
        let is_unhealthy = matches!(verdict, Some(Verdict::Unhealthy { .. }));
        prop_assert!(!is_unhealthy);
    }
}
