//! `lockstep pack docs`.

use insta::assert_snapshot;

use super::folder::Folder;

#[test]
fn the_page_of_a_pack_tells_its_steps_and_ways_back() {
    let folder = Folder::with_demo();
    assert_snapshot!("page_of_the_demo", folder.run(&["pack", "docs", "pack"]).told());
    folder.run(&["pack", "new", "shop"]);
    folder.replace(
        "shop/releases/1.1/release.yaml",
        "          - copy: {from: name, to: display_name}",
        "          - split: {field: name, separator: \"`|`\", into: [display_name, email]}",
    );
    assert_snapshot!(folder.run(&["pack", "docs", "shop"]).told(), @r#"
    # shop

    The application finds its indices by aliases, which the switch moves.
    The first 2 numbers of a version are its data version: only when they change is there something to migrate.
    A tenant's name fits `[a-z0-9]+`.

    ## Release 1.1

    | index | its name in the cluster | alias | cut by | unknown fields |
    | --- | --- | --- | --- | --- |
    | `person` | `{tenant}-person-v1.1` | `{tenant}-person` |  | are refused |

    ### The step from 1.0

    #### `person`

    On the way up:

    1. `` split name at "`|`" into display_name, email ``

    No way back: `split` of `name` can't be undone: a `null` leaves no part, and a part may have been there before.

    ## Release 1.0

    | index | its name in the cluster | alias | cut by | unknown fields |
    | --- | --- | --- | --- | --- |
    | `person` | `{tenant}-person-v1.0` | `{tenant}-person` |  | are refused |
    exit 0
    "#);
    let ended = folder.run(&["pack", "docs", "shop", "--json"]);
    assert!(ended.stdout.contains("\"markdown\": \"# shop\\n"), "{}", ended.told());
    assert_eq!(folder.run(&["pack", "docs", "nowhere"]).code, Some(4));
}
