//! A governor beside a cluster that is a formula: so many requests are worked on at once, the others queue.

use proptest::{collection::vec, prelude::*};

use super::*;

const MB: usize = 1024 * 1024;
const LIMITS: Allowed = Allowed { requests: 4, bytes: 2 * MB };

/// A cluster that works on that many requests at the same time, each a millisecond for 32 KB.
struct Model {
    at_once: usize,
    now: Duration,
}

impl Model {
    /// Writes at full speed for a while. Gives what was told.
    fn write(&mut self, governor: &mut Governor, seconds: u64) -> Vec<Reason> {
        let mut told = Vec::new();
        let end = self.now + Duration::from_secs(seconds);
        while self.now < end {
            let Allowed { requests, bytes } = governor.allowed();
            let alone = Duration::from_micros(bytes as u64 * 1_000 / 32_768);
            // More than are worked on at once share that work among them.
            let [all, busy] =
                [requests, requests.min(self.at_once)].map(|n| u32::try_from(n).unwrap());
            let time = alone * all / busy;
            self.now += time;
            let written = Written { bytes: bytes as u64, time, has_queued: true };
            told.extend((0..requests).filter_map(|_| governor.written(self.now, written)));
        }
        told
    }
}

#[test]
fn it_finds_how_many_requests_carry_more() {
    for (at_once, expected) in [(1, 2), (2, 2), (3, 3), (4, 4), (8, 4)] {
        let mut governor = Governor::new(LIMITS);
        let mut model = Model { at_once, now: Duration::ZERO };
        assert_eq!(governor.allowed().requests, 2, "it begins with few");
        let told = model.write(&mut governor, 10);
        assert_eq!(governor.allowed().requests, expected, "a cluster that does {at_once} at once");
        assert_eq!(told, [], "looking for the pace is no news");
        // The cluster got busier meanwhile: two more others at work there.
        model.at_once = 2;
        model.write(&mut governor, 150);
        let found = governor.allowed().requests;
        assert!(found <= 3, "{at_once}: {found} carry no more than two do");
    }
}

#[test]
fn who_never_waits_tries_nothing() {
    let mut governor = Governor::new(LIMITS);
    for beat in 1..1_000_u64 {
        let written = Written { bytes: 1_000, time: Duration::from_millis(100), has_queued: false };
        governor.written(Duration::from_millis(beat * 100), written);
    }
    assert_eq!(governor.allowed(), Governor::new(LIMITS).allowed());
}

#[test]
fn it_is_halved_at_once_and_given_back_step_by_step() {
    let mut governor = Governor::new(LIMITS);
    let mut model = Model { at_once: 4, now: Duration::ZERO };
    model.write(&mut governor, 10);
    let before = governor.allowed();
    assert_eq!(before.requests, 4);
    assert_eq!(governor.pushed_back(model.now), Some(Reason::PushedBack { times: 1 }));
    assert_eq!(governor.allowed(), Allowed { requests: 2, bytes: before.bytes / 2 });
    for _ in 0..3 {
        assert_eq!(governor.pushed_back(model.now), None, "one trouble is one trouble");
    }
    model.now += COOL_TIME;
    assert_eq!(governor.pushed_back(model.now), Some(Reason::PushedBack { times: 4 }));
    assert_eq!(governor.allowed().requests, 1);
    model.now += COOL_TIME;
    assert_eq!(governor.pushed_back(model.now).is_some(), before.bytes / 4 > BYTES_MIN);
    assert_eq!(governor.allowed().requests, 1, "never none");
    assert_eq!(model.write(&mut governor, 4), [], "nothing is given back before it is quiet");
    assert_eq!(governor.allowed().requests, 1);
    assert_eq!(model.write(&mut governor, 30), [Reason::Quiet]);
    assert_eq!(governor.allowed().requests, 4);
    assert!(governor.allowed().bytes >= before.bytes);
}

#[test]
fn slow_searches_slow_it_down_when_they_stay_slow() {
    // Means of one look after the other, in milliseconds; how often it was slowed down.
    let cases: &[(&str, &[u64], usize)] = &[
        ("as usual", &[10, 12, 9, 11, 14], 0),
        ("once", &[10, 10, 90, 10, 90, 10], 0),
        ("they stay slow", &[10, 10, 90, 95], 1),
        ("and slower still", &[10, 10, 90, 95, 90, 95], 2),
        ("fast ones that are a little less fast", &[1, 1, 8, 9, 8, 9], 0),
        ("slow ones that always were", &[200, 210, 190, 205, 220], 0),
    ];
    for (name, means, expected) in cases {
        let mut governor = Governor::new(Allowed { requests: 64, bytes: 16 * MB });
        governor.allowed = governor.limits();
        let told = means.iter().enumerate().filter_map(|(look, mean)| {
            governor.searched(Duration::from_secs(look as u64 * 2), Duration::from_millis(*mean))
        });
        assert_eq!(told.count(), *expected, "{name}");
    }
}

#[test]
fn a_filling_disk_slows_it_and_a_full_one_is_waited_for() {
    let node = || "n1".to_owned();
    let mut governor = Governor::new(LIMITS);
    let at = Duration::from_secs;
    assert_eq!(governor.disk(at(0), Disk::Roomy), None);
    assert_eq!(governor.allowed().requests, 2);
    let low = governor.disk(at(2), Disk::Low { node: node() });
    assert_eq!(low, Some(Reason::DiskLow { node: node() }));
    assert_eq!((governor.allowed().requests, governor.full_disk()), (1, None));
    let full = governor.disk(at(4), Disk::Full { node: node() });
    assert_eq!(full, Some(Reason::DiskFull { node: node() }));
    assert_eq!(governor.disk(at(6), Disk::Full { node: node() }), None, "told once");
    assert_eq!(governor.full_disk(), Some(("n1", at(4))));
    assert_eq!(governor.disk(at(8), Disk::Roomy), Some(Reason::DiskRoomy));
    assert_eq!((governor.allowed().requests, governor.full_disk()), (2, None));
}

#[test]
fn bodies_that_take_long_are_cut_and_grow_again() {
    let mut governor = Governor::new(LIMITS);
    let mut now = Duration::ZERO;
    let mut write = |governor: &mut Governor, millis| {
        for _ in 0..100 {
            now += Duration::from_millis(millis);
            let time = Duration::from_millis(millis);
            governor.written(now, Written { bytes: 1, time, has_queued: false });
        }
    };
    write(&mut governor, 900);
    assert_eq!(governor.allowed().bytes, BYTES_MIN);
    write(&mut governor, 100);
    assert_eq!(governor.allowed().bytes, BYTES_MIN, "that is as it should be");
    write(&mut governor, 40);
    assert!(governor.allowed().bytes > BYTES_MIN);
}

/// What may happen to a governor.
#[derive(Debug, Clone)]
enum Happening {
    Written { bytes: u64, millis: u64, has_queued: bool },
    PushedBack,
    Searched(u64),
    Disk(u8),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => (0..u64::MAX / 4_096, 0..5_000_u64, any::<bool>()).prop_map(
            |(bytes, millis, has_queued)| Happening::Written { bytes, millis, has_queued }
        ),
        1 => Just(Happening::PushedBack),
        1 => (0..1_000_u64).prop_map(Happening::Searched),
        1 => (0..3_u8).prop_map(Happening::Disk),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_it_stays_within_its_limits_and_recovers(
        requests in 0..20_usize,
        bytes in 0..8 * MB,
        happenings in vec((0..3_000_u64, happening()), 0..400),
    ) {
        let mut governor = Governor::new(Allowed { requests, bytes });
        let limits = governor.limits();
        let mut now = Duration::ZERO;
        for (pause, happening) in happenings {
            now += Duration::from_millis(pause);
            let node = "n".to_owned();
            match happening {
                Happening::Written { bytes, millis, has_queued } => {
                    let time = Duration::from_millis(millis);
                    governor.written(now, Written { bytes, time, has_queued });
                }
                Happening::PushedBack => drop(governor.pushed_back(now)),
                Happening::Searched(millis) => {
                    governor.searched(now, Duration::from_millis(millis));
                }
                Happening::Disk(0) => drop(governor.disk(now, Disk::Roomy)),
                Happening::Disk(1) => drop(governor.disk(now, Disk::Low { node })),
                Happening::Disk(_) => drop(governor.disk(now, Disk::Full { node })),
            }
            let allowed = governor.allowed();
            prop_assert!((1..=limits.requests).contains(&allowed.requests), "{allowed:?}");
            prop_assert!((1..=limits.bytes).contains(&allowed.bytes), "{allowed:?}");
        }
        governor.disk(now, Disk::Roomy);
        prop_assert_eq!(governor.full_disk(), None);
        // A cluster that can do everything at once is used to the full again, and large bodies are sent again.
        let mut model = Model { at_once: limits.requests, now };
        model.write(&mut governor, 400);
        prop_assert!(governor.allowed().requests + 1 >= limits.requests, "{governor:?}");
        prop_assert!(governor.trouble.is_none());
    }
}
