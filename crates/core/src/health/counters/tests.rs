//! Pages become readings, readings become samples.

use proptest::prelude::*;

use super::*;

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

/// What a page says of errors and requests; why it says nothing, where it doesn't.
fn read(page: &str, errors: &str) -> String {
    match Reading::read(page, &selector(errors), &selector("requests_total")) {
        Ok(reading) => {
            let sum = |values: &BTreeMap<String, f64>| {
                values.values().fold(0.0, |sum, value| sum + value)
            };
            format!("{} of {}", sum(&reading.errors), sum(&reading.total))
        }
        Err(reason) => reason,
    }
}

/// Requests of an application, as a client of Prometheus writes them.
const PAGE: &str = "# HELP requests_total All requests \\ of today.\n\
    # TYPE requests_total counter\n\
    requests_total{status=\"200\", path=\"/a \\\"b\\\" \\\\ {}\",} 90 1700000000000\n\
    \n\
    \trequests_total { status = \"500\" } 3.0\n\
    requests_total{status=\"503\"} +2e0\n\
    # a comment\n\
    temperature -3.5\n\
    nothing NaN\n\
    # TYPE waits summary\n\
    waits{quantile=\"0.5\"} +Inf\n\
    waits_count 7\n\
    # TYPE never_total counter\n";

#[test]
fn a_page_says_how_many_requests_failed() {
    let cases = [
        ("requests_total{status=\"500\"}", "3 of 95"),
        ("requests_total{status='500'}", "3 of 95"),
        ("requests_total{status=~\"5..\"}", "5 of 95"),
        ("requests_total{status!~\"2..\"}", "5 of 95"),
        ("requests_total{status!=\"200\",}", "5 of 95"),
        ("requests_total { status =~ \"5..\" , path = \"\" }", "5 of 95"),
        ("requests_total{path=\"/a \\\"b\\\" \\\\ {}\"}", "90 of 95"),
        ("requests_total{}", "95 of 95"),
        // A pattern has to fit the whole value.
        ("requests_total{status=~\"50\"}", "0 of 95"),
        ("waits_count", "7 of 95"),
        // It is known, and there was none.
        ("never_total", "0 of 95"),
        ("requests_total{status=\"418\"}", "0 of 95"),
        ("errors_total", "there is no series `errors_total`"),
        ("requests_total{state=\"500\"}", "no series `requests_total` has a label `state`"),
        ("waits", "`waits` counts nothing: it is a summary"),
        ("nothing", "`nothing` stands at NaN, which no counter does"),
        ("temperature", "`temperature` stands at -3.5, which no counter does"),
    ];
    for (errors, expected) in cases {
        assert_eq!(read(PAGE, errors), expected, "{errors}");
    }
}

#[test]
fn what_is_no_page_of_counters_is_told_with_its_line() {
    let cases = [
        ("", "there is no series `requests_total`"),
        ("requests_total 12", "its last line has no end, so it may have been cut"),
        ("<html>\n", "line 1 is none of a page of counters: it begins with no name: `<html>`"),
        (
            "a 1\n{\"status\": \"up\"}\n",
            "line 2 is none of a page of counters: it begins with no name: `{\"status\": \"up\"}`",
        ),
        ("ok\n", "line 1 is none of a page of counters: it has no value: `ok`"),
        ("a b\n", "line 1 is none of a page of counters: `b` is no number: `a b`"),
        (
            "a 1 soon\n",
            "line 1 is none of a page of counters: something stands behind its value: `a 1 soon`",
        ),
        (
            "a{b=1} 1\n",
            "line 1 is none of a page of counters: a value has to stand in \": `a{b=1} 1`",
        ),
        ("a{b} 1\n", "line 1 is none of a page of counters: the label `b` has no value: `a{b} 1`"),
        ("a{b=\"1} 1\n", "line 1 is none of a page of counters: a value has no end: `a{b=\"1} 1`"),
        (
            "a{b=\"\\t\"} 1\n",
            "line 1 is none of a page of counters: `\\t` stands for nothing: `a{b=\"\\t\"} 1`",
        ),
        (
            "a{b=\"1\" c=\"2\"} 1\n",
            "line 1 is none of a page of counters: its labels have no end: `a{b=\"1\" c=\"2\"} 1`",
        ),
        (
            "a{b=\"1\",b=\"2\"} 1\n",
            "line 1 is none of a page of counters: the label `b` stands there twice: `a{b=\"1\",b=\"2\"} 1`",
        ),
        (
            "a{x=\"1\",y=\"\"} 1\na{y=\"\", x=\"1\"} 2\n",
            "line 2 is none of a page of counters: this series stands there twice: `a{y=\"\", x=\"1\"} 2`",
        ),
        (
            "# TYPE requests_total gauge\nrequests_total 1\n",
            "`requests_total` counts nothing: it is a gauge",
        ),
        (
            "# TYPE requests_total\n",
            "line 1 is none of a page of counters: it names no kind: `# TYPE requests_total`",
        ),
        // Known, but there is nothing that could be a share of it.
        ("# TYPE requests_total counter\n", "no series is `requests_total`"),
    ];
    for (page, expected) in cases {
        assert_eq!(read(page, "requests_total"), expected, "{page}");
    }
}

#[test]
fn what_selects_nothing_is_told() {
    let cases = [
        ("", "it begins with no name of a series"),
        ("{a=\"1\"}", "it begins with no name of a series"),
        ("5xx", "it begins with no name of a series"),
        ("a b", "`b` stands behind its end"),
        ("a{b=\"1\"}[5m]", "`[5m]` stands behind its end"),
        ("rate(a)", "`(a)` stands behind its end"),
        ("a{b\"1\"}", "behind `b` stands none of = != =~ !~"),
        ("a{b=1}", "a value has to stand in \""),
        ("a{b=~\"(\"}", "`(` is no pattern"),
        ("a{b=\"1\"", "its labels have no end"),
        ("a{", "a label has no name"),
    ];
    for (text, expected) in cases {
        assert_eq!(Selector::parse(text).unwrap_err(), expected, "{text}");
    }
}

/// A look at the counters: `errors/requests`, each of them one series or two (`ok+new`); `!` for a page that can't be read.
fn look(text: &str) -> Result<Reading, String> {
    let (errors, total) = text.split_once('/').ok_or("no answer")?;
    let values = |text: &str| {
        let numbers = text.split('+').map(|number| number.parse().unwrap());
        numbers.enumerate().map(|(at, number)| (at.to_string(), number)).collect()
    };
    Ok(Reading { errors: values(errors), total: values(total) })
}

/// The samples that looks come to as letters, and the last reason.
fn watched(mut watch: RateWatch, looks: &str) -> (String, String, Counted) {
    let mut last = String::new();
    let letters = looks.split_whitespace().map(|text| match watch.take(look(text)) {
        Sample::Good => '+',
        Sample::Bad(reason) => {
            last = reason;
            '-'
        }
        Sample::Unknown(reason) => {
            last = reason;
            '?'
        }
    });
    (letters.collect(), last, watch.counted())
}

fn rules() -> RateRules {
    RateRules { requests_min: 10, failure_factor_max: 2, failure_percent_max: 5 }
}

#[test]
fn looks_before_the_change_come_to_what_others_are_held_against() {
    let cases = [
        ("0/100", "?", (0, 0)),
        ("0/100 0/105 1/110 1/120", "??++", (1, 20)),
        // However bad it is, it is what the application was like.
        ("0/0 50/100", "?+", (50, 100)),
        // Started again: what was counted stays counted.
        ("5/100 6/120 0/2 1/12", "?+?+", (2, 30)),
        // What can't be read is a gap, not a new beginning.
        ("0/0 ! 2/40", "??+", (2, 40)),
    ];
    for (looks, letters, (errors, total)) in cases {
        let (seen, _, counted) = watched(RateWatch::before(rules()), looks);
        assert_eq!((seen.as_str(), counted), (letters, Counted { errors, total }), "{looks}");
    }
}

/// Before the change, the letters of looks afterwards, and the last reason; an empty one where it doesn't matter.
type Case<'a> = (Counted, &'a str, &'a str, &'a str);

fn check(cases: &[Case<'_>]) {
    for (before, looks, letters, reason) in cases {
        let (seen, told, _) = watched(RateWatch::after(rules(), *before), looks);
        assert_eq!(seen, *letters, "{looks}: {told}");
        assert!(reason.is_empty() || told == *reason, "{looks}: {told}");
    }
}

const USUAL: Counted = Counted { errors: 10, total: 100 };

#[test]
fn looks_afterwards_are_held_against_what_was_before() {
    let none = Counted { errors: 0, total: 100 };
    let unknown = Counted { errors: 0, total: 9 };
    check(&[
        // Twice as many are borne, and not more.
        (USUAL, "0/0 4/20 8/40", "?++", ""),
        (
            USUAL,
            "0/0 5/20",
            "?-",
            "5 of 20 requests failed, 25.0 %; it was 10.0 % before, and 2 times that would be borne, or 5 %",
        ),
        // A share that is borne whatever was before.
        (none, "0/0 1/20 2/41", "?++", ""),
        (
            none,
            "0/0 2/20",
            "?-",
            "2 of 20 requests failed, 10.0 %; it was 0.0 % before, and 2 times that would be borne, or 5 %",
        ),
        // Without a time before, only what is borne anyway can be told.
        (unknown, "0/0 1/20", "?+", ""),
        (
            unknown,
            "0/0 20/20",
            "??",
            "20 of 20 requests failed, 100.0 %, and nothing is known of the time before the change",
        ),
        (
            USUAL,
            "0/0 30/20",
            "??",
            "30 errors were counted and 20 requests: they don't belong together",
        ),
        (USUAL, "0/0 0/1e300", "?+", ""),
    ]);
}

#[test]
fn looks_that_say_too_little_are_told() {
    let back = "a counter went back: the application was started again, or others answer as well";
    let worse = "9 of 20 requests failed, 45.0 %; it was 10.0 % before, and 2 times that would be borne, or 5 %";
    check(&[
        // Too few say nothing, until there are enough of them together.
        (USUAL, "0/0 5/5 9/9 9/20", "???-", worse),
        (USUAL, "0/0 5/5", "??", "5 requests were counted, and 10 are needed"),
        (USUAL, "7/700 7/700 7/700", "???", "0 requests were counted, and 10 are needed"),
        // The first look may be that of a container which is about to end.
        (USUAL, "90/900 0/3 1/13", "??+", back),
        (USUAL, "0/0 ! 9/20", "??-", worse),
        // A series that is new began at 0; one that is gone means another process.
        (USUAL, "0/100 0+9/120", "?-", worse),
        (USUAL, "0/100+50 0/170", "??", back),
        // One that went back isn't hidden by another one that rose.
        (USUAL, "0/100+50 0/90+90", "??", back),
    ]);
}

proptest! {
    #[test]
    fn no_page_brings_it_down(page in "[a-z#{}=\"\\\\,0-9. \n]{0,200}") {
        drop(Reading::read(&page, &selector("a{b=\"c\"}"), &selector("a")));
    }

    #[test]
    fn no_selector_brings_it_down(text in "[a-c{}=!~\"'\\\\,( ]{0,30}") {
        drop(Selector::parse(&text));
    }

    /// What the application does no worse than before isn't held against it.
    #[test]
    fn the_same_share_is_good(errors in 0_u32..1_000, more in 0_u32..1_000, times in 1_u32..50) {
        let (errors, total) = (u64::from(errors), u64::from(errors) + u64::from(more) + 10);
        let before = Counted { errors, total };
        let now = format!("{}/{}", errors * u64::from(times), total * u64::from(times));
        let (seen, told, _) = watched(RateWatch::after(rules(), before), &format!("0/0 {now}"));
        prop_assert_eq!(seen, "?+", "{}", told);
    }
}
