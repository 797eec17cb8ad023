//! The one place that decides what an error means for the caller: a table over status and error type.
//!
//! Message texts are never read: they differ between engines and versions. A request and an item of a bulk body are
//! judged apart, because a 400 on an item is the document's fault and a 400 on a request is ours or the operator's.
//!
//! | error type | status | item | request |
//! | --- | --- | --- | --- |
//! | `version_conflict_engine_exception` | 409 | conflict is success | conflict is success |
//! | `es_rejected_execution_exception`, `rejected_execution_exception`, `circuit_breaking_exception` | any | back off | back off |
//! | `cluster_block_exception` | 503 (no master, state not recovered) | retry | retry |
//! | `cluster_block_exception` | 429 (disk flood stage), 403 (write or read-only block) | operator | operator |
//! | types of a shard or node that is away ([`PASSING_TYPES`]) | any | retry | retry |
//! | types that name the cluster's state ([`OPERATOR_TYPES`]) | any | operator | operator |
//! | types of a request that we built wrongly ([`BUG_TYPES`]) | any | poison | bug |
//! | `illegal_state_exception`: how the engines refuse an alias change that contradicts another index | any | poison | operator |
//! | anything else | 401, 403 | operator | operator |
//! | | 404 | operator | operator |
//! | | 413 | poison | operator |
//! | | 429 | back off | back off |
//! | | 408, 502, 503, 504 | retry | retry |
//! | | 400 and other 4xx | poison | operator |
//! | | 405, 406 | bug | bug |
//! | | 500 and other 5xx | poison | retry |
//! | | 3xx | operator | operator |
//!
//! An unknown 500 on an item is poison: what the engines themselves call passing has a type in the table, and what is
//! left are exceptions that one document provokes in a field or a script. Retrying would only lose its id.

/// What the caller should do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Something was away for a moment: do the same again after a short wait.
    Retry,
    /// The cluster is overloaded: do the same again, later and slower.
    BackOff,
    /// A newer state is there already: for a versioned write that is the wished result.
    ConflictIsSuccess,
    /// This one document can't be written, however often it is tried.
    Poison,
    /// Somebody has to change the cluster, the credentials or the input first.
    Operator,
    /// The request should never have been built like this: a defect of this program.
    Bug,
}

/// Whether an error answers one item of a bulk body or a whole request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One item of a bulk body.
    Item,
    /// A whole request.
    Request,
}

/// Error types of overload. Elasticsearch and OpenSearch name the full queue differently.
pub const OVERLOAD_TYPES: &[&str] = &[
    "circuit_breaking_exception",
    "es_rejected_execution_exception",
    "rejected_execution_exception",
];

/// Error types of a shard, a node or a master that is away for a moment.
pub const PASSING_TYPES: &[&str] = &[
    "already_closed_exception",
    "cluster_manager_not_discovered_exception",
    "cluster_manager_throttling_exception",
    "connect_transport_exception",
    "delay_recovery_exception",
    "engine_closed_exception",
    "failed_to_commit_cluster_state_exception",
    "illegal_index_shard_state_exception",
    "index_shard_closed_exception",
    "index_shard_not_recovering_exception",
    "index_shard_not_started_exception",
    "index_shard_recovering_exception",
    "index_shard_relocated_exception",
    "master_not_discovered_exception",
    "no_node_available_exception",
    "no_shard_available_action_exception",
    "node_closed_exception",
    "node_disconnected_exception",
    "node_not_connected_exception",
    "not_cluster_manager_exception",
    "not_master_exception",
    "primary_shard_not_allocated_exception",
    "process_cluster_event_timeout_exception",
    "receive_timeout_transport_exception",
    "retry_on_primary_exception",
    "retry_on_replica_exception",
    "send_request_transport_exception",
    "shard_not_found_exception",
    "shard_not_in_primary_mode_exception",
    "timeout_exception",
    "transport_exception",
    "unavailable_shards_exception",
];

/// Error types that name a state of the cluster, or an input, which only somebody can change.
pub const OPERATOR_TYPES: &[&str] = &[
    "alias_not_found_exception",
    "aliases_not_found_exception",
    "authentication_processing_error",
    "index_already_exists_exception",
    "index_closed_exception",
    "index_create_block_exception",
    "index_not_found_exception",
    "index_primary_shard_not_allocated_exception",
    "index_template_missing_exception",
    "invalid_alias_name_exception",
    "invalid_index_name_exception",
    "invalid_index_template_exception",
    "resource_already_exists_exception",
    "resource_not_found_exception",
    "security_exception",
    "snapshot_in_progress_exception",
    "validation_exception",
];

/// Error types of a request that was built wrongly.
pub const BUG_TYPES: &[&str] = &[
    "action_request_validation_exception",
    "invalid_type_name_exception",
    "json_e_o_f_exception",
    "json_parse_exception",
    "media_type_header_exception",
    "named_object_not_found_exception",
    "not_x_content_exception",
    "parsing_exception",
    "query_shard_exception",
    "x_content_parse_exception",
];

/// Says what an error of this status and type means.
///
/// `error_type` is the engine's `error.type`, or its root cause where the outer type only wraps it.
pub fn classify(status: u16, error_type: Option<&str>, scope: Scope) -> Class {
    error_type
        .and_then(|name| by_type(status, name, scope))
        .unwrap_or_else(|| by_status(status, scope))
}

fn by_type(status: u16, name: &str, scope: Scope) -> Option<Class> {
    if name == "version_conflict_engine_exception" {
        return Some(Class::ConflictIsSuccess);
    }
    if name == "cluster_block_exception" {
        return Some(if status == 503 { Class::Retry } else { Class::Operator });
    }
    if OVERLOAD_TYPES.contains(&name) {
        return Some(Class::BackOff);
    }
    if PASSING_TYPES.contains(&name) {
        return Some(Class::Retry);
    }
    if OPERATOR_TYPES.contains(&name) {
        return Some(Class::Operator);
    }
    if name == "illegal_state_exception" {
        return Some(match scope {
            Scope::Item => Class::Poison,
            Scope::Request => Class::Operator,
        });
    }
    if BUG_TYPES.contains(&name) {
        return Some(match scope {
            Scope::Item => Class::Poison,
            Scope::Request => Class::Bug,
        });
    }
    None
}

fn by_status(status: u16, scope: Scope) -> Class {
    match (status, scope) {
        (408 | 502..=504, _) | (500.., Scope::Request) => Class::Retry,
        (429, _) => Class::BackOff,
        // Below 300 is no error: nobody should have asked.
        (405 | 406 | 0..=299, _) => Class::Bug,
        (401 | 403 | 404 | 300..=399, _) | (400..=499, Scope::Request) => Class::Operator,
        (400.., Scope::Item) => Class::Poison,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every line of the table above, and the cases that differ in one field alone.
    #[test]
    fn every_line_of_the_table_holds() {
        let conflict = Some("version_conflict_engine_exception");
        let block = Some("cluster_block_exception");
        let cases: &[(u16, Option<&str>, Class, Class)] = &[
            (409, conflict, Class::ConflictIsSuccess, Class::ConflictIsSuccess),
            (409, Some("resource_already_exists_exception"), Class::Operator, Class::Operator),
            (409, None, Class::Poison, Class::Operator),
            (429, Some("es_rejected_execution_exception"), Class::BackOff, Class::BackOff),
            (429, Some("rejected_execution_exception"), Class::BackOff, Class::BackOff),
            (429, Some("circuit_breaking_exception"), Class::BackOff, Class::BackOff),
            (503, Some("es_rejected_execution_exception"), Class::BackOff, Class::BackOff),
            (429, block, Class::Operator, Class::Operator),
            (403, block, Class::Operator, Class::Operator),
            (503, block, Class::Retry, Class::Retry),
            (503, Some("unavailable_shards_exception"), Class::Retry, Class::Retry),
            (500, Some("node_disconnected_exception"), Class::Retry, Class::Retry),
            (404, Some("shard_not_found_exception"), Class::Retry, Class::Retry),
            (404, Some("index_not_found_exception"), Class::Operator, Class::Operator),
            (400, Some("index_closed_exception"), Class::Operator, Class::Operator),
            (403, Some("security_exception"), Class::Operator, Class::Operator),
            (401, Some("security_exception"), Class::Operator, Class::Operator),
            (400, Some("mapper_parsing_exception"), Class::Poison, Class::Operator),
            (400, Some("strict_dynamic_mapping_exception"), Class::Poison, Class::Operator),
            (400, Some("illegal_argument_exception"), Class::Poison, Class::Operator),
            (400, Some("document_parsing_exception"), Class::Poison, Class::Operator),
            (400, Some("script_exception"), Class::Poison, Class::Operator),
            (400, Some("parsing_exception"), Class::Poison, Class::Bug),
            (400, Some("action_request_validation_exception"), Class::Poison, Class::Bug),
            (500, Some("illegal_state_exception"), Class::Poison, Class::Operator),
            (500, Some("null_pointer_exception"), Class::Poison, Class::Retry),
            (401, None, Class::Operator, Class::Operator),
            (403, None, Class::Operator, Class::Operator),
            (404, None, Class::Operator, Class::Operator),
            (405, None, Class::Bug, Class::Bug),
            (408, None, Class::Retry, Class::Retry),
            (413, None, Class::Poison, Class::Operator),
            (429, None, Class::BackOff, Class::BackOff),
            (500, None, Class::Poison, Class::Retry),
            (502, None, Class::Retry, Class::Retry),
            (503, None, Class::Retry, Class::Retry),
            (504, None, Class::Retry, Class::Retry),
            (301, None, Class::Operator, Class::Operator),
            (400, Some("a_type_nobody_knows"), Class::Poison, Class::Operator),
        ];
        for (status, error_type, item, request) in cases {
            let seen = classify(*status, *error_type, Scope::Item);
            assert_eq!(seen, *item, "item {status} {error_type:?}");
            let seen = classify(*status, *error_type, Scope::Request);
            assert_eq!(seen, *request, "request {status} {error_type:?}");
        }
    }

    #[test]
    fn no_type_stands_in_two_lists() {
        let mut all: Vec<&str> =
            [OVERLOAD_TYPES, PASSING_TYPES, OPERATOR_TYPES, BUG_TYPES].concat();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
