//! Files of configuration: what they say, and every mistake as its author sees it.

use std::time::Duration;

use insta::assert_snapshot;
use lockstep_core::configuration::{Configuration, duration, read, render};

/// A file that says everything.
const WHOLE: &str = r#"
cluster:
  url: https://search:9200
  user: lockstep
  password_file: secrets/password
  ca: ca.pem
pack: packs/shop
application: shop
deploy:
  tag: v{version}
  compose: {file: compose.yaml, services: [api, worker], apply: [docker, compose, up, -d], time_limit: 2m}
  exec: {command: [./deploy.sh, production]}
  http:
    url: https://deployer/hooks/shop
    method: PUT
    headers: {authorization: {file: secrets/hook}, x-origin: lockstep, x-team: {environment: TEAM}}
    body: '{"tag": "{version}"}'
    status: [200, 202]
    repeatable: true
    attempts: 3
    ca: certificates/deployer.pem
  kubernetes: {server: https://api:6443, token_file: token, ca: ca.pem, namespace: shop, deployment: api, container: [guard, web]}
health:
  ca: certificates/shop.pem
  interval: 5s
  samples_min: 4
  failures_max: 2
  start_time: 1m
  time_limit: 10m
  failure_rise_percent_max: 10
  probes:
    - http: {url: http://shop/health, status: 204, body: ok, time_limit: 1s}
    - search: {index: "{tenant}-order", query: {term: {state: open}}, hits_min: 2}
    - counters: {url: http://shop/metrics, errors: 'requests_total{status=~"5.."}', total: requests_total, requests_min: 50, failure_factor_max: 3, failure_percent_max: 2, time_limit: 1s}
"#;

fn told(text: &str) -> String {
    match read("lockstep.yaml", text.as_bytes()) {
        Ok(configuration) => format!("no mistake: {configuration:?}"),
        Err(diagnostics) => render(&diagnostics, "lockstep.yaml", text.as_bytes()),
    }
}

#[test]
fn a_whole_file_is_read() {
    let configuration = read("lockstep.yaml", WHOLE.as_bytes()).unwrap();
    assert_snapshot!(format!("{configuration:#?}"));
}

#[test]
fn a_file_may_say_nothing() {
    for text in ["", "# nothing\n", "{}"] {
        assert_eq!(read("lockstep.yaml", text.as_bytes()).unwrap(), Configuration::default());
    }
}

#[test]
fn what_the_page_shows_can_be_read() {
    let page = include_str!("../../../docs/deploy.md");
    let blocks: Vec<&str> =
        page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        assert!(read("page", block.as_bytes()).is_ok(), "{}", told(block));
    }
}

#[test]
fn the_configuration_of_the_example_can_be_read() {
    let example = include_str!("../../../examples/kubernetes/deploy.yaml");
    let (_, rest) = example.split_once("  lockstep.yaml: |\n").unwrap();
    let lines = rest.lines().map_while(|line| line.strip_prefix("    "));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    let says = read("lockstep.yaml", text.as_bytes()).unwrap_or_else(|_| panic!("{}", told(&text)));
    let containers = says.deploy.kubernetes.unwrap().containers;
    let application = include_str!("../../../examples/kubernetes/application.yaml");
    assert_eq!(containers.len(), 2);
    for container in containers {
        assert!(application.contains(&format!("- name: {container}\n")), "{container}");
    }
    assert!(says.health.is_some());
}

#[test]
fn time_spans_have_a_unit_and_bounds() {
    for (text, milliseconds) in
        [("1ms", 1), ("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("24h", 86_400_000)]
    {
        assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
    }
    for text in ["", "5", "s", "0s", "-1s", "1.5s", "25h", "1d", "99999999999999999999s", "5 s"] {
        assert!(duration(text).is_err(), "{text}");
    }
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_do() {
    let cases = [
        ("not YAML", "cluster: {url: [\n"),
        ("no mapping", "- cluster\n"),
        ("an unknown section", "clutser: {}\n"),
        ("an unknown field", "cluster: {adress: http://h:1}\n"),
        ("a secret in the file", "cluster:\n  user: eve\n  password: hush\n  token: hush\n"),
        ("a secret in the address", "cluster: {url: \"https://eve:hush@h:9200\"}\n"),
        ("no address", "cluster: {url: localhost:9200}\n"),
        ("two ways to say who asks", "cluster: {user: eve, api_key_file: key}\n"),
        ("a path that is none", "pack: ''\n"),
        ("a form without a version", "deploy: {tag: latest}\n"),
        ("a form that no tag has", "deploy: {tag: \"a/{version}\"}\n"),
        ("a compose file without a service", "deploy: {compose: {file: c.yaml}}\n"),
        ("services that are no list", "deploy: {compose: {file: c.yaml, services: api}}\n"),
        ("no command", "deploy: {exec: {command: []}}\n"),
        ("a time span without a unit", "deploy: {exec: {command: [x], time_limit: 30}}\n"),
        (
            "a secret in a header",
            "deploy: {http: {url: http://h/, headers: {Authorization: Bearer hush}}}\n",
        ),
        (
            "a header from two places",
            "deploy: {http: {url: http://h/, headers: {a: {file: f, environment: E}}}}\n",
        ),
        ("a method that changes nothing", "deploy: {http: {url: http://h/, method: GET}}\n"),
        ("attempts without being repeatable", "deploy: {http: {url: http://h/, attempts: 3}}\n"),
        ("a status that is none", "deploy: {http: {url: http://h/, status: [200, 700]}}\n"),
        ("a name that no object has", "deploy: {kubernetes: {deployment: ../secrets}}\n"),
        (
            "containers that are none",
            "deploy: {kubernetes: {deployment: api, container: [A, b]}}\n",
        ),
        ("no container", "deploy: {kubernetes: {deployment: api, container: []}}\n"),
        ("no probe", "health: {probes: []}\n"),
        (
            "a probe of two kinds",
            "health: {probes: [{http: {url: http://h/}, search: {index: a}}]}\n",
        ),
        ("a probe without an address", "health: {probes: [{http: {status: 200}}]}\n"),
        (
            "counters that are misspelt",
            "health: {probes: [{counters: {url: http://h/, error: a, total: b}}]}\n",
        ),
        (
            "counters that select nothing",
            "health: {probes: [{counters: {url: http://h/, errors: 'rate(a)', total: 'a{b=1}', requests_min: 0, failure_percent_max: 101}}]}\n",
        ),
        (
            "more samples than time",
            "health: {samples_min: 100, interval: 10s, probes: [{http: {url: http://h/}}]}\n",
        ),
        (
            "several mistakes",
            "cluster: {url: x}\nhealth: {probes: [{http: {url: y, status: 9}}], interval: soon}\n",
        ),
    ];
    let mut text = String::new();
    for (name, file) in cases {
        text.extend(["## ", name, "\n", &told(file), "\n\n"]);
    }
    assert!(!text.contains("no mistake"), "{text}");
    assert!(!told("cluster: {password: hush}").contains("hush\""), "{text}");
    assert_snapshot!(text);
}
