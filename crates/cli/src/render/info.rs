//! Who serves each tenant now, and what the state of the run means.

use lockstep_engine::info::{Info, RunInfo, SetInfo, TenantInfo};

use super::{
    BOLD, Text,
    history::retired_facts,
    quantity::counted,
    styled,
    table::{Column, table},
};

/// Tenants that are told one by one; with --json all are.
const TENANTS_SHOWN: usize = 50;

/// An application as it stands.
pub(crate) fn render(info: &Info) -> Text {
    let mut text = Text::default();
    let Some(run) = &info.run else {
        text.line(format_args!(
            "{}: Lockstep has no run of it in this cluster",
            styled(BOLD, &info.application)
        ));
        text.advice("next", "lockstep plan --to VERSION");
        return text;
    };
    let RunInfo { from, to, state, since, .. } = run;
    text.line(styled(BOLD, format_args!("{} {from} → {to}: {state}", info.application)));
    text.fact("now", format_args!("{}, since {since}", run.happens));
    text.fact("way back", &run.way_back);
    text.fact("waits for", run.waits_for.as_deref().unwrap_or("nothing"));
    text.fact("driver", run.driver.as_deref().unwrap_or("nobody"));
    text.fact("if it dies", &run.if_it_dies);
    if let Some(retired) = &run.retired {
        retired_facts(&mut text, retired);
    }
    let rows = run.tenants.iter().take(TENANTS_SHOWN).map(|tenant| row(run, tenant)).collect();
    let columns = [
        Column::Words("tenant"),
        Column::Words("reads"),
        Column::Words("writes"),
        Column::Words("old set"),
        Column::Words("new set"),
    ];
    text.add(&table(&columns, rows, None));
    let more = run.tenants.len().saturating_sub(TENANTS_SHOWN) as u64;
    if more > 0 {
        text.line(format_args!(" and {}", counted(more, "more tenant", "more tenants")));
    }
    for (tenant, reason) in &run.excluded {
        text.fact("left out", format_args!("{tenant} stays on {from}: {reason}"));
    }
    text
}

fn row(run: &RunInfo, tenant: &TenantInfo) -> Vec<String> {
    let TenantInfo { tenant, reads, writes, old, new } = tenant;
    let releases = |releases: &[String], none: &str| match releases {
        [] => none.to_owned(),
        some => some.join(" and "),
    };
    vec![
        tenant.clone(),
        releases(reads, "no aliases"),
        releases(writes, "nowhere"),
        set(&run.from, *old),
        set(&run.to, *new),
    ]
}

/// `2.0: 4 of 4 indices, 2 blocked`
fn set(release: &str, set: SetInfo) -> String {
    let SetInfo { planned, present, blocked, aliases: _ } = set;
    let blocked = match blocked {
        0 => String::new(),
        blocked => format!(", {blocked} blocked"),
    };
    format!("{release}: {present} of {planned}{blocked}")
}

#[cfg(test)]
mod tests {
    use lockstep_engine::{history::Retired, journal::ArchiveReference};

    use super::*;

    fn plain(text: &Text) -> String {
        anstream::adapter::strip_str(text.as_str()).to_string()
    }

    #[test]
    fn who_serves_whom_is_told_tenant_by_tenant() {
        let tenant = |tenant: &str, reads: &[&str], writes: &[&str], blocked| TenantInfo {
            tenant: tenant.to_owned(),
            reads: reads.iter().map(|&release| release.to_owned()).collect(),
            writes: writes.iter().map(|&release| release.to_owned()).collect(),
            old: SetInfo { planned: 4, present: 4, blocked, aliases: 0 },
            new: SetInfo { planned: 4, present: 3, blocked: 0, aliases: 2 },
        };
        let run = RunInfo {
            id: "0190f".to_owned(),
            from: "1.0".to_owned(),
            to: "2.0".to_owned(),
            state: "switched",
            since: "2026-01-02T03:04:05Z".to_owned(),
            driver: Some("host/7".to_owned()),
            happens: "2.0 is live".to_owned(),
            way_back: "yes".to_owned(),
            waits_for: None,
            if_it_dies: "2.0 stays live".to_owned(),
            retired: None,
            tenants: vec![
                tenant("acme", &["2.0"], &["2.0"], 4),
                tenant("globex", &[], &["1.0", "2.0"], 0),
            ],
            excluded: vec![("old-shop".to_owned(), "moves in May".to_owned())],
        };
        let info = Info {
            application: "event-store".to_owned(),
            live: Some("2.0".to_owned()),
            run: Some(run.clone()),
        };
        insta::assert_snapshot!("info", plain(&render(&info)));
        let archive =
            ArchiveReference { location: "s3://old/1.0".to_owned(), blake3: "b3".to_owned() };
        let retired = Retired {
            index_count: 8,
            open_count: 0,
            document_count: 1_200,
            bytes: 4_096,
            at: "2026-02-02T03:04:05Z".to_owned(),
            archive: Some(archive),
        };
        let gone = SetInfo { planned: 4, ..SetInfo::default() };
        let mut tenants = run.tenants.clone();
        for tenant in &mut tenants {
            tenant.old = gone;
        }
        let run = RunInfo {
            state: "finalized",
            happens: "2.0 is live for good".to_owned(),
            way_back: "no: it was given up for good".to_owned(),
            retired: Some(retired),
            tenants,
            ..run
        };
        let info = Info { run: Some(run), ..info };
        insta::assert_snapshot!("info_of_a_retired_set", plain(&render(&info)));
        let info = Info { application: "event-store".to_owned(), live: None, run: None };
        insta::assert_snapshot!("info_without_a_run", plain(&render(&info)));
    }
}
