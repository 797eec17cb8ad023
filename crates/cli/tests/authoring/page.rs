//! `lockstep pack docs`.

use insta::assert_snapshot;

use super::folder::Folder;

#[test]
fn the_page_of_a_pack_tells_its_steps_and_ways_back() {
    let folder = Folder::with_demo();
    assert_snapshot!(folder.run(&["pack", "docs", "pack"]).told(), @r#"
    # event-store

    The application finds its indices by aliases, which the switch moves.
    The first 2 numbers of a version are its data version: only when they change is there something to migrate.
    A tenant's name fits `[a-z0-9]+`.

    ## Release 2.0

    | index | its name in the cluster | alias | cut by | unknown fields |
    | --- | --- | --- | --- | --- |
    | `audit` | `{tenant}-audit-v2.0` | `{tenant}-audit` |  | are refused |
    | `consent` | `{tenant}-consent-v2.0` | `{tenant}-consent` |  | are refused |
    | `event` | `{tenant}-event-v2.0-{partition}` | `{tenant}-event` | month | are refused |
    | `order` | `{tenant}-order-v2.0` | `{tenant}-order` |  | are refused |
    | `profile` | `{tenant}-profile-v2.0` | `{tenant}-profile` |  | are refused |
    | `rejection` | `{tenant}-rejection-v2.0-{partition}` | `{tenant}-rejection` | month | are refused |
    | `ticket` | `{tenant}-note-v2.0` | `{tenant}-note` |  | are refused |

    ### The step from 1.1

    Carried over as they are: `audit`, `consent`.

    Start empty, and stay behind on the way back: `rejection`.

    #### `event`

    On the way up:

    1. `rename user → customer`
    2. `copy timestamp → received`
    3. `move client.ip → origin.address`
    4. `move client.agent → origin.agent`
    5. `rename client.screen → client.display`
    6. `cast amount to double`
    7. `default channel = "web", where it is missing`
    8. `set schema = 2`
    9. `remove experiment`

    On the way back, as the pack says:

    1. `remove received, schema`
    2. `rename customer → user`
    3. `move origin.address → client.ip`
    4. `move origin.agent → client.agent`
    5. `rename client.display → client.screen`
    6. `cast amount to string`

    #### `order`

    On the way up:

    1. `cast customer_id to string`
    2. `rename customer_id → customer`
    3. `cast lines.quantity to long`
    4. `rename lines.price → lines.unit_price`
    5. `move shipping → delivery.address`
    6. `remove coupon`
    7. `default currency = "EUR", where it is missing`

    On the way back, as the pack says:

    1. `rename customer → customer_id`
    2. `cast customer_id to long`
    3. `rename lines.unit_price → lines.price`
    4. `move delivery.address → shipping`

    #### `profile`

    On the way up:

    1. `cast address.zip to string`
    2. `rename contacts.value → contacts.address`
    3. `move score → rating.score`
    4. `remove legacy_id`

    On the way back, as the pack says:

    1. `rename contacts.address → contacts.value`
    2. `move rating.score → score`

    #### `ticket` from `note`

    On the way up:

    1. `rename text → body`
    2. `cast pinned to boolean, or remove it`
    3. `cast priority to long, or make it null`

    On the way back, as the pack says:

    1. `rename body → text`

    ## Release 1.1

    | index | its name in the cluster | alias | cut by | unknown fields |
    | --- | --- | --- | --- | --- |
    | `audit` | `{tenant}-audit-v1.1` | `{tenant}-audit` |  | are refused |
    | `consent` | `{tenant}-consent-v1.1` | `{tenant}-consent` |  | are refused |
    | `event` | `{tenant}-event-v1.1-{partition}` | `{tenant}-event` | month | are ignored |
    | `note` | `{tenant}-note-v1.1` | `{tenant}-note` |  | are ignored |
    | `order` | `{tenant}-order-v1.1` | `{tenant}-order` |  | are ignored |
    | `profile` | `{tenant}-profile-v1.1` | `{tenant}-profile` |  | are ignored |

    ### The step from 1.0

    Carried over as they are: `audit`, `note`, `order`.

    Start empty, and stay behind on the way back: `consent`.

    End here, and their documents with them: `visit`.

    #### `event`

    On the way up:

    1. `rename type → action`
    2. `cast duration to long`
    3. `remove debug`

    On the way back, as the pack says:

    1. `rename action → type`

    #### `profile`

    On the way up:

    1. `split name at " " into first_name, last_name`
    2. `cast newsletter to boolean`

    On the way back, as the pack says:

    1. `join first_name, last_name with " " into name`

    ## Release 1.0

    | index | its name in the cluster | alias | cut by | unknown fields |
    | --- | --- | --- | --- | --- |
    | `audit` | `{tenant}-audit-v1.0` | `{tenant}-audit` |  | are refused |
    | `event` | `{tenant}-event-v1.0-{partition}` | `{tenant}-event` | month | are ignored |
    | `note` | `{tenant}-note-v1.0` | `{tenant}-note` |  | are ignored |
    | `order` | `{tenant}-order-v1.0` | `{tenant}-order` |  | are ignored |
    | `profile` | `{tenant}-profile-v1.0` | `{tenant}-profile` |  | are ignored |
    | `visit` | `{tenant}-visit-v1.0` | `{tenant}-visit` |  | are ignored |
    exit 0
    "#);
    folder.run(&["pack", "new", "shop"]);
    folder.replace(
        "shop/releases/1.1/release.yaml",
        "          - rename: {from: name, to: full_name}",
        "          - split: {field: name, separator: \"`|`\", into: [full_name, email]}",
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

    1. `` split name at "`|`" into full_name, email ``

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
