//! Digests: any order, any parts, and nothing cancels out.

use proptest::{collection::vec, prelude::*};

use crate::compare::{BUCKET_COUNT, BucketedDigest, Digest, bucket_of};

fn digest_of(entries: &[(String, u128)]) -> BucketedDigest {
    let mut digest = BucketedDigest::new();
    for (id, hash) in entries {
        digest.add(id, *hash);
    }
    digest
}

proptest! {
    #[test]
    fn order_and_parts_are_nothing(
        entries in vec(("[a-z]{1,4}", any::<u128>()), 0..40), at in any::<prop::sample::Index>(),
    ) {
        let whole = digest_of(&entries);
        let (front, back) = entries.split_at(at.index(entries.len() + 1));
        let mut parts = digest_of(back);
        parts.merge(&digest_of(front));
        prop_assert_eq!(&parts, &whole);
        prop_assert_eq!(whole.total().count, u64::try_from(entries.len()).unwrap());
        let wire = serde_json::to_string(&whole).unwrap();
        prop_assert_eq!(serde_json::from_str::<BucketedDigest>(&wire).unwrap(), whole);
    }

    #[test]
    fn a_changed_entry_shows_in_its_bucket(
        entries in vec(("[a-z]{1,4}", any::<u128>()), 1..40),
        at in any::<prop::sample::Index>(), other in 1..u128::MAX,
    ) {
        let whole = digest_of(&entries);
        let mut changed = entries.clone();
        let entry = at.index(entries.len());
        changed[entry].1 = changed[entry].1.wrapping_add(other);
        let changed = digest_of(&changed);
        prop_assert_eq!(whole.differing_buckets(&changed), vec![bucket_of(&entries[entry].0)]);
        prop_assert_ne!(whole.total(), changed.total());
    }
}

#[test]
fn an_entry_that_is_there_twice_does_not_vanish() {
    let (mut none, mut twice) = (Digest::default(), Digest::default());
    none.add(5);
    for _ in 0..3 {
        twice.add(5);
    }
    assert_ne!(none, twice);
    assert_ne!(none.sum, twice.sum);
}

#[test]
fn buckets_are_filled_evenly() {
    let mut counts = vec![0_u32; BUCKET_COUNT];
    for number in 0..BUCKET_COUNT * 16 {
        counts[usize::from(bucket_of(&format!("id-{number}")))] += 1;
    }
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(*least >= 1 && *most <= 48, "between {least} and {most} where 16 are expected");
}

#[test]
fn wire() {
    let digest = Digest { count: 2, sum: 0xff };
    assert_eq!(serde_json::to_string(&digest).unwrap(), r#""2:000000000000000000000000000000ff""#);
    let mut bucketed = BucketedDigest::new();
    assert_eq!(String::from(bucketed.clone()), "");
    bucketed.add("id", 255);
    let wire = format!("{:03x}=1:000000000000000000000000000000ff", bucket_of("id"));
    assert_eq!(String::from(bucketed), wire);
    for wrong in [
        "x",
        "1",
        "1:ff",
        "-1:000000000000000000000000000000ff",
        "1:00000000000000000000000000000-ff",
    ] {
        assert!(serde_json::from_value::<Digest>(wrong.into()).is_err(), "{wrong}");
    }
    let sum = "000000000000000000000000000000ff";
    for wrong in [format!("1000=1:{sum}"), format!("g=1:{sum}"), "001".into(), "001=2".into()] {
        let error = BucketedDigest::try_from(wrong.clone()).unwrap_err();
        assert!(error.to_string().contains("is not a digest"), "{wrong}");
    }
}
