//! How it is told whether an application is well: the section `health`.

use std::time::Duration;

use serde_json::Value;

use super::value::{bounded, duration, path, percent, url};
use crate::{
    health::{
        Rules,
        counters::{RateRules, Selector},
    },
    pack::{
        code,
        diagnostic::Findings,
        fields::{Fields, json, list, text},
        yaml::{Entry, Node},
    },
};

/// How long one probe may take when nobody says so.
const PROBE_TIME_MAX: Duration = Duration::from_secs(5);
/// Most probes in a file: all of them are asked in every round.
const PROBES_MAX: usize = 32;

/// What is asked, and how its answers are judged.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthConfiguration {
    /// What is asked in every round.
    pub probes: Vec<Probe>,
    /// A file of PEM certificates that pages are trusted by, instead of the system's.
    pub ca: Option<String>,
    /// Between two rounds.
    pub interval: Duration,
    /// How answers are judged.
    pub rules: Rules,
}

/// Something that is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Probe {
    /// A page of the application.
    Http(HttpProbe),
    /// A search as the application makes it, for every tenant.
    Search(SearchProbe),
    /// What the application counts itself.
    Counters(CountersProbe),
}

/// A page of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpProbe {
    /// Its address.
    pub url: String,
    /// The status that it must have.
    pub status: u32,
    /// A text that its body must hold.
    pub body: Option<String>,
    /// How long the answer may take.
    pub time_limit: Duration,
}

/// A search as the application makes it.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchProbe {
    /// The index or alias; `{tenant}` stands for each tenant's name.
    pub index: String,
    /// The query.
    pub query: Value,
    /// Documents that it must find, at least.
    pub hits_min: u64,
}

/// What the application counts itself: requests, and those of them that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct CountersProbe {
    /// The address of a page in the text format of Prometheus.
    pub url: String,
    /// The series that count requests which failed; their sum is meant.
    pub errors: Selector,
    /// The series that count all requests; their sum is meant.
    pub total: Selector,
    /// How the share of errors is judged.
    pub rules: RateRules,
    /// How long the answer may take.
    pub time_limit: Duration,
}

impl HealthConfiguration {
    /// A single page, judged as usual.
    pub fn of_url(url: &str) -> Self {
        let probe =
            HttpProbe { url: url.to_owned(), status: 200, body: None, time_limit: PROBE_TIME_MAX };
        Self { probes: vec![Probe::Http(probe)], ..Self::without_probes() }
    }

    fn without_probes() -> Self {
        let (interval, rules) = (Duration::from_secs(2), Rules::default());
        Self { probes: Vec::new(), ca: None, interval, rules }
    }

    pub(super) fn read(entry: &Entry, findings: &mut Findings) -> Option<Self> {
        let place = &entry.key.place;
        let mut fields = Fields::open(&entry.node, ("`health`", place), findings)?;
        let probes = fields.required(("probes", "[{http: {url: \"http://…\"}}]"), findings);
        let ca = fields.optional("ca");
        let interval = fields.optional("interval");
        let samples_min = fields.optional("samples_min");
        let failures_max = fields.optional("failures_max");
        let start_time = fields.optional("start_time");
        let limit = fields.optional("time_limit");
        let rise = fields.optional("failure_rise_percent_max");
        fields.finish(findings);
        let usual = Self::without_probes();
        let mut rules = usual.rules;
        let mut count = |entry: Option<&Entry>, usual: u32| {
            entry.and_then(|entry| bounded(entry, (1, 1_000), findings)).unwrap_or(usual)
        };
        rules.samples_min = count(samples_min, rules.samples_min);
        rules.failures_max = count(failures_max, rules.failures_max);
        let mut span = |entry: Option<&Entry>, usual: Duration| {
            entry.and_then(|entry| duration(entry, findings)).unwrap_or(usual)
        };
        let interval = span(interval, usual.interval);
        rules.start_time = span(start_time, rules.start_time);
        rules.time_limit = span(limit, rules.time_limit);
        if let Some(rise) = rise.and_then(|entry| percent(entry, findings)) {
            rules.failure_rise_percent_max = rise;
        }
        let needed = interval.saturating_mul(rules.samples_min).saturating_add(rules.start_time);
        if needed > rules.time_limit {
            let message = format!(
                "{} samples every {interval:?} after {:?} take longer than the time limit of {:?}",
                rules.samples_min, rules.start_time, rules.time_limit
            );
            let fix = "raise `time_limit`, or lower `samples_min`, `interval` or `start_time`";
            findings.error(code::CONFIGURATION_TOGETHER, place, message, fix);
        }
        let probes = probes.map(|entry| read_probes(entry, findings)).unwrap_or_default();
        let ca = ca.and_then(|entry| path(entry, findings));
        Some(Self { probes, ca, interval, rules })
    }
}

fn read_probes(entry: &Entry, findings: &mut Findings) -> Vec<Probe> {
    let Some(nodes) = list(entry, findings) else { return Vec::new() };
    if nodes.is_empty() || nodes.len() > PROBES_MAX {
        let message = format!("there are {} probes", nodes.len());
        let fix = format!("write from 1 to {PROBES_MAX} of them");
        findings.error(code::CONFIGURATION_VALUE, &entry.key.place, message, fix);
    }
    nodes.iter().filter_map(|node| Probe::read(node, entry, findings)).collect()
}

impl Probe {
    fn read(node: &Node, list: &Entry, findings: &mut Findings) -> Option<Self> {
        let mut fields = Fields::open(node, ("a probe", &list.key.place), findings)?;
        let http = fields.optional("http");
        let search = fields.optional("search");
        let counters = fields.optional("counters");
        fields.finish(findings);
        match (http, search, counters) {
            (Some(entry), None, None) => HttpProbe::read(entry, findings).map(Self::Http),
            (None, Some(entry), None) => SearchProbe::read(entry, findings).map(Self::Search),
            (None, None, Some(entry)) => CountersProbe::read(entry, findings).map(Self::Counters),
            (None, None, None)
            | (Some(_), Some(_), _)
            | (Some(_), _, Some(_))
            | (_, Some(_), Some(_)) => {
                let message = "a probe asks one thing";
                let fix = "write `http: {url: …}`, `search: {index: …}` or `counters: {url: …}`, each in an element of its own";
                findings.error(code::CONFIGURATION_TOGETHER, &node.place, message, fix);
                None
            }
        }
    }
}

impl HttpProbe {
    fn read(entry: &Entry, findings: &mut Findings) -> Option<Self> {
        let place = &entry.key.place;
        let mut fields = Fields::open(&entry.node, ("`http`", place), findings)?;
        let address = fields.required(("url", "http://localhost:8080/health"), findings);
        let status = fields.optional("status");
        let body = fields.optional("body");
        let limit = fields.optional("time_limit");
        fields.finish(findings);
        Some(Self {
            url: address.and_then(|entry| url(entry, findings))?,
            status: status.and_then(|entry| bounded(entry, (100, 599), findings)).unwrap_or(200),
            body: body.and_then(|entry| text(entry, findings)).map(|text| text.value),
            time_limit: limit.and_then(|entry| duration(entry, findings)).unwrap_or(PROBE_TIME_MAX),
        })
    }
}

impl SearchProbe {
    fn read(entry: &Entry, findings: &mut Findings) -> Option<Self> {
        let place = &entry.key.place;
        let mut fields = Fields::open(&entry.node, ("`search`", place), findings)?;
        let index = fields.required(("index", "\"{tenant}-order\""), findings);
        let query = fields.optional("query");
        let hits_min = fields.optional("hits_min");
        fields.finish(findings);
        let all = || Some(serde_json::json!({"match_all": {}}));
        Some(Self {
            index: index.and_then(|entry| text(entry, findings))?.value,
            query: query.map_or_else(all, |entry| json(&entry.node, findings))?,
            hits_min: u64::from(
                hits_min.and_then(|entry| bounded(entry, (0, 1_000), findings)).unwrap_or(1),
            ),
        })
    }
}

/// Most requests that a share of errors can be made to wait for.
const REQUESTS_MAX: u32 = 1_000_000;

impl CountersProbe {
    fn read(entry: &Entry, findings: &mut Findings) -> Option<Self> {
        let place = &entry.key.place;
        let mut fields = Fields::open(&entry.node, ("`counters`", place), findings)?;
        let address = fields.required(("url", "http://localhost:8080/metrics"), findings);
        let errors = fields.required(("errors", "'requests_total{status=~\"5..\"}'"), findings);
        let total = fields.required(("total", "requests_total"), findings);
        let requests_min = fields.optional("requests_min");
        let factor = fields.optional("failure_factor_max");
        let share = fields.optional("failure_percent_max");
        let limit = fields.optional("time_limit");
        fields.finish(findings);
        let usual = RateRules::default();
        let rules = RateRules {
            requests_min: requests_min
                .and_then(|entry| bounded(entry, (1, REQUESTS_MAX), findings))
                .unwrap_or(usual.requests_min),
            failure_factor_max: factor
                .and_then(|entry| bounded(entry, (1, 1_000), findings))
                .unwrap_or(usual.failure_factor_max),
            failure_percent_max: share
                .and_then(|entry| percent(entry, findings))
                .unwrap_or(usual.failure_percent_max),
        };
        // Everything is looked at before one that is missing ends it, so that every mistake is told.
        let address = address.and_then(|entry| url(entry, findings));
        let errors = errors.and_then(|entry| selector(entry, findings));
        let total = total.and_then(|entry| selector(entry, findings));
        let limit = limit.and_then(|entry| duration(entry, findings));
        Some(Self {
            url: address?,
            errors: errors?,
            total: total?,
            rules,
            time_limit: limit.unwrap_or(PROBE_TIME_MAX),
        })
    }
}

fn selector(entry: &Entry, findings: &mut Findings) -> Option<Selector> {
    let written = text(entry, findings)?;
    match Selector::parse(&written.value) {
        Ok(selector) => Some(selector),
        Err(reason) => {
            let message = format!("`{}` selects no series: {reason}", written.value);
            let fix = "write a name and what labels have to be, such as `requests_total` or `requests_total{status=~\"5..\"}`";
            findings.error(code::CONFIGURATION_VALUE, &written.place, message, fix);
            None
        }
    }
}
