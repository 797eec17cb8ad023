//! Rules of `date`, as in `table`.

use super::table::check;

/// From, to, zone, value, what it becomes; `-` where it can't.
const DATES: &[(&str, &str, &str, &str, &str)] = &[
    ("epoch_millis", "iso", "UTC", "1577934245678", r#""2020-01-02T03:04:05.678Z""#),
    ("epoch_millis", "iso", "UTC", r#""1577934245678""#, r#""2020-01-02T03:04:05.678Z""#),
    ("epoch_millis", "iso", "UTC", "0", r#""1970-01-01T00:00:00.000Z""#),
    ("epoch_millis", "iso", "UTC", "-0", r#""1970-01-01T00:00:00.000Z""#),
    ("epoch_millis", "iso", "UTC", "-1", r#""1969-12-31T23:59:59.999Z""#),
    ("epoch_millis", "iso", "UTC", "1.5e3", r#""1970-01-01T00:00:01.500Z""#),
    ("epoch_millis", "iso", "UTC", "0.000001", r#""1970-01-01T00:00:00.000000001Z""#),
    ("epoch_millis", "iso", "UTC", "0.0000001", "-"),
    ("epoch_millis", "iso", "UTC", "253402300799999", "-"),
    ("epoch_millis", "iso", "UTC", "9007199254740993", "-"),
    ("epoch_millis", "iso", "UTC", "1e400", "-"),
    ("epoch_millis", "iso", "UTC", "1e-400", "-"),
    ("epoch_millis", "iso", "UTC", "123456789012345678901", "-"),
    ("epoch_millis", "iso", "UTC", r#""+1""#, "-"),
    ("epoch_millis", "iso", "UTC", r#"" 1""#, "-"),
    ("epoch_millis", "iso", "UTC", r#""""#, "-"),
    ("epoch_millis", "iso", "UTC", "true", "-"),
    ("epoch_millis", "iso", "UTC", "{}", "-"),
    ("epoch_millis", "iso", "UTC", "null", "null"),
    ("epoch_millis", "iso", "UTC", "[0,[null]]", r#"["1970-01-01T00:00:00.000Z",[null]]"#),
    ("epoch_millis", "iso", "+02:00", "0", r#""1970-01-01T02:00:00.000+02:00""#),
    ("epoch_millis", "iso", "-03:30", "0", r#""1969-12-31T20:30:00.000-03:30""#),
    ("epoch_millis", "epoch_second", "UTC", "2000", "2"),
    ("epoch_millis", "epoch_second", "UTC", "2001", "-"),
    ("epoch_second", "epoch_millis", "UTC", "1577934245.678", "1577934245678"),
    ("epoch_second", "epoch_millis", "UTC", "1577934245.6789", "-"),
    ("epoch_second", "epoch_second", "UTC", "1.0", "1"),
    ("iso", "epoch_millis", "UTC", r#""2020-01-02T03:04:05.678Z""#, "1577934245678"),
    ("iso", "epoch_millis", "UTC", r#""2020-01-02T03:04:05.678000Z""#, "1577934245678"),
    ("iso", "epoch_millis", "UTC", r#""2020-01-02T03:04:05.6780001Z""#, "-"),
    ("iso", "epoch_millis", "UTC", r#""2020-01-02T05:04:05.678+02:00""#, "1577934245678"),
    ("iso", "epoch_millis", "UTC", r#""2020-01-02T05:04:05.678+0200""#, "1577934245678"),
    ("iso", "epoch_millis", "UTC", r#""2020-01-02T05:04:05.678+02""#, "1577934245678"),
    ("iso", "epoch_millis", "+02:00", r#""2020-01-02T05:04:05.678""#, "1577934245678"),
    ("iso", "epoch_millis", "+02:00", r#""2020-01-02T03:04:05.678Z""#, "1577934245678"),
    ("iso", "epoch_second", "UTC", r#""2020""#, "1577836800"),
    ("iso", "epoch_second", "UTC", r#""2020-01""#, "1577836800"),
    ("iso", "epoch_second", "UTC", r#""2020-01-02""#, "1577923200"),
    ("iso", "epoch_second", "UTC", r#""2020-01-02T03""#, "1577934000"),
    ("iso", "epoch_second", "UTC", r#""2020-01-02T03:04Z""#, "1577934240"),
    ("iso", "epoch_second", "UTC", r#""2020-02-30""#, "-"),
    ("iso", "epoch_second", "UTC", r#""2020-1-2""#, "-"),
    ("iso", "epoch_second", "UTC", r#""2020-01-02 03:04:05""#, "-"),
    ("iso", "epoch_second", "UTC", r#""2020-01-02T03:04:60""#, "-"),
    ("iso", "epoch_second", "UTC", r#""2020-01-02T03:04:05.""#, "-"),
    ("iso", "epoch_second", "UTC", r#""2020-01-02T03:04:05.0000000000""#, "-"),
    ("iso", "epoch_second", "UTC", r#""2020-01-02T03:04:05+02:0""#, "-"),
    ("iso", "epoch_second", "UTC", r#""2020-01-02T03:04:05 Z""#, "-"),
    ("iso", "epoch_second", "UTC", "2020", "-"),
    ("iso", "iso", "UTC", r#""2020-01-02T03:04:05Z""#, r#""2020-01-02T03:04:05.000Z""#),
    ("iso", "iso", "UTC", r#""2020-01-02T03:04:05.1234Z""#, r#""2020-01-02T03:04:05.1234Z""#),
    ("iso", "iso", "UTC", r#""0000-01-01T00:00:00.000Z""#, r#""0000-01-01T00:00:00.000Z""#),
    ("iso", "iso", "+02:00", r#""9999-12-31T23:00:00.000Z""#, "-"),
    ("%d.%m.%Y", "iso", "UTC", r#""02.01.2020""#, r#""2020-01-02T00:00:00.000Z""#),
    ("%d.%m.%Y", "iso", "UTC", r#""02.01.2020 ""#, "-"),
    ("%d.%m.%Y", "iso", "UTC", r#""2020-01-02""#, "-"),
    (
        "%Y-%m-%d %H:%M:%S%:z",
        "iso",
        "UTC",
        r#""2020-01-02 03:04:05+02:00""#,
        r#""2020-01-02T01:04:05.000Z""#,
    ),
    (
        "%d %b %Y %I:%M %p",
        "iso",
        "UTC",
        r#""02 Jan 2020 03:04 PM""#,
        r#""2020-01-02T15:04:00.000Z""#,
    ),
    ("iso", "%d.%m.%Y", "UTC", r#""2020-01-02""#, r#""02.01.2020""#),
    ("iso", "%d.%m.%Y", "UTC", r#""2020-01-02T00:00:00.001Z""#, "-"),
    (
        "iso",
        "%d.%m.%Y %H:%M:%S%.f",
        "+02:00",
        r#""2020-01-02T03:04:05.6Z""#,
        r#""02.01.2020 05:04:05.6""#,
    ),
];

#[test]
fn dates() {
    for (from, to, zone, value, expected) in DATES {
        let source = format!(r#"{{"a":{value},"b":0}}"#);
        for (otherwise, impossible) in [
            ("reject", "T0116".to_owned()),
            ("keep", source.clone()),
            ("remove", r#"{"b":0}"#.to_owned()),
            ("null", r#"{"a":null,"b":0}"#.to_owned()),
        ] {
            let operation = format!(
                r#"{{"date":{{"field":"a","from":"{from}","to":"{to}","zone":"{zone}","otherwise":"{otherwise}"}}}}"#
            );
            let possible = format!(r#"{{"a":{expected},"b":0}}"#);
            let outcome = if *expected == "-" { impossible } else { possible };
            check(&[(&operation, &source, &outcome)]);
        }
    }
    check(&[(
        r#"{"date":{"field":"i.a","from":"epoch_second","to":"epoch_millis"}}"#,
        r#"{"i":[{"a":1},{"b":1},{"a":["2"]}]}"#,
        r#"{"i":[{"a":1000},{"b":1},{"a":[2000]}]}"#,
    )]);
}
