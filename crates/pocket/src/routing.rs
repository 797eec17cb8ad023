//! Which shard a document lives on: the formula of the engines, so that shard numbers agree.
//!
//! `shard = floor_mod(murmur3(routing), routing_shards) / (routing_shards / shards)`, where murmur3
//! is the 32-bit x86 variant with seed 0 over the UTF-16 little-endian bytes of the routing value.

/// How many routing shards an index of `shards` primaries gets when its settings do not say.
pub(crate) fn default_routing_shards(shards: u32) -> u32 {
    let log2 = u32::BITS - shards.saturating_sub(1).leading_zeros();
    shards << 10_u32.saturating_sub(log2).max(1)
}

/// The shard of a document: `routing` is its routing value or, without one, its id.
pub(crate) fn shard_of(routing: &str, shards: u32, routing_shards: u32) -> u32 {
    if shards <= 1 {
        return 0;
    }
    let hash = i64::from(murmur3(routing).cast_signed());
    let slot = hash.rem_euclid(i64::from(routing_shards.max(1)));
    let factor = i64::from((routing_shards / shards).max(1));
    u32::try_from(slot / factor).unwrap_or(0).min(shards - 1)
}

fn murmur3(text: &str) -> u32 {
    let mut hash = 0_u32;
    let mut length = 0_u32;
    let mut units = text.encode_utf16();
    while let Some(low) = units.next() {
        length += 2;
        if let Some(high) = units.next() {
            length += 2;
            hash ^= scramble(u32::from(low) | (u32::from(high) << 16));
            hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
        } else {
            hash ^= scramble(u32::from(low));
        }
    }
    hash ^= length;
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

fn scramble(block: u32) -> u32 {
    block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_match_the_published_vectors() {
        // From the unit test of the engines' hash function.
        for (text, hash) in [
            ("hell", 0x5a0c_b7c3_u32),
            ("hello", 0xd7c3_1989),
            ("hello w", 0x22ab_2984),
            ("hello wo", 0xdf0c_a123),
            ("hello wor", 0xe774_4d61),
            ("The quick brown fox jumps over the lazy dog", 0xe07d_b09c),
        ] {
            assert_eq!(murmur3(text), hash, "{text}");
        }
    }

    #[test]
    fn routing_shards_follow_the_default_of_version_seven() {
        assert_eq!(default_routing_shards(1), 1024);
        assert_eq!(default_routing_shards(3), 768);
        assert_eq!(default_routing_shards(5), 640);
        assert_eq!(default_routing_shards(1024), 2048);
    }

    #[test]
    fn every_shard_gets_documents() {
        let mut counts = [0_u32; 3];
        for number in 0..3000 {
            let shard = shard_of(&number.to_string(), 3, default_routing_shards(3));
            counts[usize::try_from(shard).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| *count > 800), "{counts:?}");
    }
}
