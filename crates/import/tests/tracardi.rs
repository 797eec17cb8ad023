//! Made-up installations become packs, and what isn't understood is told with its place. The real ones are not part of
//! this project; `scripts/tracardi` tries the same on them.

#![expect(clippy::unwrap_used, reason = "a test stops where something unexpected happens")]

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use insta::assert_snapshot;
use lockstep_core::{
    names::{Recognised, ReleaseNames},
    pack::{
        PackFiles, load,
        model::{IndexStep, Pack},
        read,
    },
    transform::operation::Operation,
};
use lockstep_import::{Fields, Installation, Mistake, folder, import};

const VERSIONS: [&str; 5] = ["0.7.4", "0.8.0", "0.8.1", "0.8.2", "0.9.0"];

fn fixture(version: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    fixtures.join("tracardi-installations").join(version)
}

/// A fixture, as if it had been named by its version alone.
fn installation(version: &str) -> Installation {
    let Installation { shown: _, files } = Installation::read(&fixture(version)).unwrap();
    Installation { shown: version.to_owned(), files }
}

fn files(imported: BTreeMap<String, String>) -> PackFiles {
    PackFiles {
        files: imported.into_iter().map(|(path, text)| (path, text.into_bytes())).collect(),
    }
}

fn whole_pack() -> (BTreeMap<String, String>, Pack) {
    let imported = import(&VERSIONS.map(installation), Fields::Mended).unwrap();
    let pack = load(&files(imported.files.clone())).unwrap();
    (imported.files, pack)
}

#[test]
fn installations_become_a_pack_without_a_mistake() {
    // The order in which they are named doesn't count.
    let mut installations = VERSIONS.map(installation);
    installations.reverse();
    let imported = import(&installations, Fields::Mended).unwrap();
    assert_eq!(imported.versions, VERSIONS);
    assert_eq!((imported.index_count, imported.carried_count, imported.script_count), (82, 55, 7));
    assert_eq!(imported.files.get("README.md"), Some(&imported.report));
    let files = files(imported.files.clone());
    let reading = read(&files);
    assert_eq!(reading.diagnostics.render(&files, false), "");
    // That there is no way back from a table is no oversight.
    assert!(!reading.lints.warnings.render(&files, false).contains("L607"));
    for (path, text) in &imported.files {
        let is_told = !path.contains("/mappings/") || path.ends_with("0.8.0/mappings/profile.json");
        if is_told {
            assert_snapshot!(path.replace('/', "__"), text);
        }
    }
}

#[test]
fn as_shipped_nothing_stands_beside_scripts_and_mappings() {
    // What would be rejected is told by the check of the pack.
    let whole = import(&VERSIONS.map(installation), Fields::AsShipped).unwrap();
    assert_eq!((whole.index_count, whole.carried_count, whole.script_count), (82, 55, 7));
    let whole = files(whole.files);
    let told = read(&whole).diagnostics.render(&whole, false);
    assert_eq!(told.matches("error[P0607]: the field `level` of").count(), 2, "{told}");
    assert_eq!(told.matches("error[").count(), 2, "{told}");
    let first = ["0.7.4", "0.8.0", "0.8.1"].map(installation);
    let shipped = import(&first, Fields::AsShipped).unwrap();
    let pack = load(&files(shipped.files)).unwrap();
    let steps = pack.releases.iter().filter_map(|release| release.step.as_ref());
    let operations = steps.flat_map(|step| step.indices.values()).filter_map(|index| match index {
        IndexStep::Migrate { operations, .. } => Some(operations),
        _ => None,
    });
    let operations: Vec<&Operation> = operations.flatten().collect();
    let are_scripts =
        operations.iter().all(|operation| matches!(operation, Operation::Painless(_)));
    assert!(operations.len() == 5 && are_scripts, "{operations:?}");
    let (_, mended) = whole_pack();
    let pii = |pack: &Pack| {
        let version = "0.8.0".parse().unwrap();
        pack.release(&version).unwrap().1.indices["profile"].mapping["properties"]["pii"]["dynamic"]
            .clone()
    };
    assert_eq!((pii(&pack), pii(&mended)), (serde_json::Value::Null, false.into()));
    assert!(shipped.report.contains("`--as-shipped`"), "{}", shipped.report);
}

#[test]
fn names_of_indices_are_known_by_tenant_and_partition() {
    let (_, pack) = whole_pack();
    let known = |version: &str, name: &str| {
        let version = version.parse().unwrap();
        let names = ReleaseNames::new(&pack, pack.release(&version).unwrap().1).unwrap();
        match names.recognise(name) {
            Recognised::Known { key, tenant, partition } => {
                format!("{key} of {tenant}, {}", partition.as_deref().unwrap_or("whole"))
            }
            other => format!("{other:?}"),
        }
    };
    let cases = [
        ("0.7.4", "074.75120.tracardi-event-2022-10", "event of 75120, 2022-10"),
        (
            "0.7.4",
            "074.75120.tracardi-event-2022-q4",
            r#"Unknown { tenant: "75120", name: "tracardi-event" }"#,
        ),
        ("0.7.4", "tracardi-lock", "Foreign"),
        (
            "0.8.0",
            "prod-080.my-shop.tracardi-profile-2023-1",
            "production-profile of my-shop, 2023-1",
        ),
        ("0.8.0", "static-080.product-a.tracardi-bridge", "bridge of product-a, whole"),
        ("0.8.0", "080.prod-acme.tracardi-user", "Foreign"),
        ("0.8.0", "080.static-acme.tracardi-user", "Foreign"),
        ("0.8.1", "08x.acme.tracardi-entity", "entity of acme, whole"),
        ("0.8.2", "0820.acme.tracardi-entity-2000-q1", "entity of acme, 2000-q1"),
        ("0.8.2", "prod-0820.acme.tracardi-event-2024-year", "production-event of acme, 2024-year"),
        ("0.8.2", "0820.acme.tracardi-event-2023-12", "event of acme, 2023-12"),
    ];
    for (version, name, expected) in cases {
        assert_eq!(known(version, name), expected, "{name} in {version}");
    }
}

#[test]
fn scripts_stay_as_they_are_to_the_last_byte() {
    let (_, pack) = whole_pack();
    let mut compared = 0;
    for (release, migration) in
        [("0.8.0", "074_to_080"), ("0.8.1", "080_to_08x"), ("0.8.2", "08x_to_082x")]
    {
        let installation = installation(release);
        let file = format!("process_engine/migration/schemas/{migration}.json");
        let entries: serde_json::Value = serde_json::from_str(&installation.files[&file]).unwrap();
        let scripts: Vec<&str> = entries
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|entry| entry["copy_index"]["script"].as_str())
            .collect();
        let version = release.parse().unwrap();
        let step = pack.release(&version).unwrap().1.step.as_ref().unwrap();
        for index in step.indices.values() {
            let IndexStep::Migrate { operations, .. } = index else { continue };
            for operation in operations {
                if let Operation::Painless(script) = operation {
                    assert!(scripts.contains(&script.script.as_str()), "{}", script.script);
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(compared, 7);
}

#[test]
fn a_wheel_and_the_package_itself_are_read_like_the_folder_around_it() {
    let folder = fixture("0.8.1");
    let around = Installation::read(&folder).unwrap();
    let package = Installation::read(&folder.join("tracardi")).unwrap();
    assert_eq!(around.files, package.files);
    let place = tempfile::tempdir().unwrap();
    let wheel = place.path().join("tracardi-0.8.1-py3-none-any.whl");
    zip(&folder, &wheel).unwrap();
    let from_wheel = Installation::read(&wheel).unwrap();
    assert_eq!(from_wheel.files, around.files);
    assert!(from_wheel.shown.ends_with("any.whl/tracardi"), "{}", from_wheel.shown);
}

fn zip(folder: &Path, wheel: &Path) -> io::Result<()> {
    let mut archive = zip::ZipWriter::new(fs::File::create(wheel)?);
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).map_err(io::Error::other)?;
            let name = name.to_string_lossy().replace('\\', "/");
            archive.start_file(name, zip::write::SimpleFileOptions::default())?;
            archive.write_all(&fs::read(&path)?)?;
        }
    }
    archive.finish()?;
    Ok(())
}

const CONFIG: &str = "config.py";
const LIST: &str = "service/storage/index.py";
const MANAGER: &str = "process_engine/migration/migration_manager.py";
const MIGRATION: &str = "process_engine/migration/schemas/074_to_080.json";
const EVENT: &str = "service/setup/mappings/event-index.json";

/// A change in a file of 0.8.0: what stands there once, and what stands there instead.
type Change = (&'static str, &'static str, &'static str);

fn told(mistakes: &[Mistake]) -> String {
    let tell = |Mistake { code, place, message, fix }: &Mistake| {
        format!("{code} {place}\n  {message}\n  {fix}")
    };
    mistakes.iter().map(tell).collect::<Vec<_>>().join("\n")
}

fn mistakes(installations: &[Installation]) -> String {
    told(&import(installations, Fields::Mended).unwrap_err())
}

fn with(changes: &[Change]) -> String {
    let mut changed = installation("0.8.0");
    for (file, from, to) in changes {
        let text = changed.files.get_mut(*file).unwrap();
        assert!(text.contains(from), "`{from}` in {file}");
        *text = text.replacen(from, to, 1);
    }
    mistakes(&[installation("0.7.4"), changed])
}

/// What is wrong, and how it gets there.
const CASES: &[(&str, &[Change])] = &[
    (
        "a version before migrations",
        &[
            (CONFIG, "VERSION = os.environ.get('_DEBUG_VERSION', '0.8.0')", ""),
            (CONFIG, "self.version = VERSION", "self.version = '0.6.1'"),
        ],
    ),
    ("a version that is too new", &[(CONFIG, "'0.8.0'", "'0.10.0'")]),
    ("a candidate for a version", &[(CONFIG, "'0.8.0'", "'0.8.0-rc5'")]),
    ("a version that is no version", &[(CONFIG, "'0.8.0'", "'0.8.0-dev'")]),
    ("a version that is worked out", &[(CONFIG, "'0.8.0')", "'0.8.0') + suffix")]),
    ("no version", &[(CONFIG, "VERSION = os", "version = os")]),
    ("an unknown worker", &[(MIGRATION, r#""worker": "reindex""#, r#""worker": "copy_to_file""#)]),
    ("rows of no kind", &[(MIGRATION, r#""worker": "reindex""#, r#""worker": "copy_to_mysql""#)]),
    ("an entry without script", &[(MIGRATION, "\"script\": null", "\"skript\": null")]),
    ("a script that is no text", &[(MIGRATION, "\"script\": null", "\"script\": [\"a\"]")]),
    ("an entry that says nothing of partitions", &[(MIGRATION, "\"multi\": true,", "")]),
    (
        "parameters of a plain worker",
        &[(MIGRATION, r#""worker": "reindex""#, r#""worker": "reindex", "params": {"size": 10}"#)],
    ),
    ("an entry that is a number", &[(MIGRATION, "[\n", "[\n7,")]),
    (
        "two entries for one index",
        &[(MIGRATION, "\"to_index\": \"tracardi-entity\"", "\"to_index\": \"tracardi-event\"")],
    ),
    ("a migration that is no JSON", &[(MIGRATION, "\"multi\": true", "\"multi\": True")]),
    (
        "a migration that is no list",
        &[(MIGRATION, "[\n", "{\"a\": [\n"), (MIGRATION, "  }\n]", "  }\n]}")],
    ),
    ("a table that names another file", &[(MANAGER, "\"074_to_080\"", "\"074_to_08\"")]),
    ("a table that is worked out", &[(MANAGER, "\"074_to_080\"", "file(\"074\", \"080\")")]),
    ("no table", &[(MANAGER, "available_migrations =", "migrations =")]),
    (
        "an index list that is worked out",
        &[(LIST, "\"tracardi-event\"", "\"tracardi-\" + \"event\"")],
    ),
    ("an index list in parts", &[(LIST, "resources = Resource()", "self.resources = {}")]),
    ("no index list", &[(LIST, "self.resources = {", "self.indices = {")]),
    (
        "a comprehension",
        &[(LIST, "\"bridge\": Index(", "name: Index(name) for name in [1], \"b\": Index(")],
    ),
    ("an unknown argument", &[(LIST, "staging=False", "replicas=True")]),
    ("an argument of an older version", &[(LIST, "staging=False", "aliased=False")]),
    ("an argument without a name", &[(LIST, "Index(staging=False, static=True, ", "Index(True, ")]),
    ("a flag that is a text", &[(LIST, "static=True", "static=\"yes\"")]),
    (
        "static and partitioned",
        &[(LIST, "static=True, multi_index=False", "static=True, multi_index=True")],
    ),
    ("no mapping named", &[(LIST, "index=\"tracardi-user\",\n", "index=\"tracardi-user\")}\n#")]),
    ("another class", &[(LIST, "\"bridge\": Index(", "\"bridge\": Table(")]),
    ("two indices with one name", &[(LIST, "\"tracardi-user\"", "\"tracardi-event\"")]),
    ("a mapping that isn't there", &[(LIST, "event-index.json", "events.json")]),
    ("a mapping outside", &[(LIST, "mappings/event-index.json", "../../config.py")]),
    (
        "partitions by day",
        &[(
            LIST,
            "Index(multi_index=True, index=\"tracardi-profile\"",
            "Index(partitioning='day', multi_index=True, index=\"tracardi-profile\"",
        )],
    ),
    (
        "partitions by an unknown variable",
        &[(
            LIST,
            "Index(multi_index=True, index=\"tracardi-profile\"",
            "Index(partitioning=tracardi.by, multi_index=True, index=\"tracardi-profile\"",
        )],
    ),
    (
        "partitions that become one piece",
        &[
            (
                LIST,
                "multi_index=True, index=\"tracardi-profile\"",
                "multi_index=False, index=\"tracardi-profile\"",
            ),
            (LIST, "profile-index.json", "user-index.json"),
        ],
    ),
    ("a text without an end", &[(LIST, "\"event\": Index", "\"event: Index")]),
    ("an unknown placeholder", &[(EVENT, "%%SHARDS%%", "%%SHARD_COUNT%%")]),
    ("a mapping that is no JSON", &[(EVENT, "\"template\": {", "\"template\": {,")]),
    ("another alias", &[(EVENT, "\"%%ALIAS%%\"", "\"%%PREFIX%%.events\"")]),
    ("another pattern", &[(EVENT, "%%TEMPLATE_PATTERN%%", "%%VERSION%%.*")]),
    ("a mapping without a template", &[(EVENT, "\"template\"", "\"priority\"")]),
    ("a setting from the environment", &[(EVENT, "\"10s\"", "%%REPLICAS%%")]),
];

#[test]
fn what_is_not_understood_is_refused_by_file_and_line() {
    let told: Vec<String> =
        CASES.iter().map(|(what, changes)| format!("# {what}\n{}\n", with(changes))).collect();
    assert_snapshot!("mistakes", told.join("\n"));
}

const TABLES: &str = "service/storage/mysql/schema/table.py";
const ROWS: &str = "process_engine/migration/elastic/0820_to_09x.json";

/// A change in a file of 0.9.0, by what it does.
const TABLE_CASES: &[(&str, Change)] = &[
    ("an unknown kind of record", (ROWS, "\"mysql\": \"task\"", "\"mysql\": \"tasks\"")),
    (
        "a parameter that isn't known",
        (ROWS, "\"mysql\": \"task\"", "\"mysql\": \"task\", \"size\": 1"),
    ),
    ("a version that is a number", (ROWS, "\"version\": \"0.9.0-rc2\"", "\"version\": 2")),
    ("a table that isn't there", (TABLES, "__tablename__ = 'task'", "__tablename__ = 'tasks'")),
    ("a type that isn't known", (TABLES, "draft = Column(JSON)", "draft = Column(Binary)")),
    (
        "a key of other columns",
        (TABLES, "PrimaryKeyConstraint('id', 'tenant')", "PrimaryKeyConstraint('ids')"),
    ),
    (
        "a constraint that isn't known",
        (TABLES, "UniqueConstraint('event_type'", "CheckConstraint('event_type'"),
    ),
    ("a table's name that is worked out", (TABLES, "'workflow'", "PREFIX + 'workflow'")),
];

#[test]
fn tables_that_are_not_understood_are_refused_by_file_and_line() {
    let told: Vec<String> = TABLE_CASES
        .iter()
        .map(|(what, (file, from, to))| {
            let mut changed = installation("0.9.0");
            let text = changed.files.get_mut(*file).unwrap();
            assert!(text.contains(from), "`{from}` in {file}");
            *text = text.replacen(from, to, 1);
            format!("# {what}\n{}\n", mistakes(&[installation("0.8.2"), changed]))
        })
        .collect();
    let mut without = installation("0.9.0");
    without.files.retain(|file, _| file != TABLES);
    let without = mistakes(&[installation("0.8.2"), without]);
    assert_snapshot!("mistakes_of_tables", format!("{}\n# no tables\n{without}", told.join("\n")));
}

#[test]
fn versions_must_follow_each_other() {
    let both = mistakes(&[
        installation("0.8.0"),
        Installation { shown: "again".to_owned(), ..installation("0.8.0") },
    ]);
    let gap = mistakes(&[installation("0.7.4"), installation("0.8.1")]);
    let mut bare = installation("0.8.0");
    bare.files.retain(|file, _| file != LIST);
    let bare = mistakes(&[bare]);
    let mut several = [installation("0.7.4"), installation("0.8.0")];
    for installation in &mut several {
        let text = installation.files.get_mut(LIST).unwrap();
        *text = text
            .replace("mappings/user-index.json", "mappings/u.json")
            .replace("mappings/entity-index.json", "mappings/e.json");
    }
    let several = mistakes(&several);
    assert_snapshot!(format!("{both}\n{gap}\n{bare}\n{several}"), @r#"
    A0106 again/config.py
      this is Tracardi 0.8.0 with data version 080, and so is 0.8.0
      give one installation for each version
    A0107 0.8.1/process_engine/migration/migration_manager.py
      no migration leads from 0.7.4 to 0.8.1: this version takes up 080
      give the installations between the two as well, one for each version
    A0102 0.8.0/service/storage/index.py
      there is no such file, which every Tracardi from 0.7.0 on has
      give a whole installation of Tracardi 0.7 to 0.9: a site-packages folder, a checkout, or a wheel
    A0301 0.7.4/service/storage/index.py:19
      the mapping file of `entity`, `service/setup/mappings/e.json`, is not there
      give a whole installation; wheels and site-packages have these files as well
    A0301 0.7.4/service/storage/index.py:21
      the mapping file of `user`, `service/setup/mappings/u.json`, is not there
      give a whole installation; wheels and site-packages have these files as well
    A0301 0.8.0/service/storage/index.py:19
      the mapping file of `entity`, `service/setup/mappings/e.json`, is not there
      give a whole installation; wheels and site-packages have these files as well
    A0301 0.8.0/service/storage/index.py:21
      the mapping file of `user`, `service/setup/mappings/u.json`, is not there
      give a whole installation; wheels and site-packages have these files as well
    "#);
}

#[test]
fn what_is_no_installation_is_told() {
    let place = tempfile::tempdir().unwrap();
    let text = place.path().join("text.whl");
    fs::write(&text, "no archive").unwrap();
    let empty = place.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let odd = place.path().join("odd/tracardi");
    fs::create_dir_all(&odd).unwrap();
    fs::write(odd.join(CONFIG), [0xff, 0xfe]).unwrap();
    let tell = |path: &Path| {
        let mistake = Installation::read(path).unwrap_err();
        told(&[mistake]).replace(&place.path().display().to_string(), "PLACE")
    };
    let paths = [&text, &empty, &place.path().join("missing"), &place.path().join("odd")];
    assert_snapshot!(paths.map(|path| tell(path)).join("\n"), @r#"
    A0101 PLACE/text.whl
      neither a folder nor a wheel: invalid Zip archive: Could not find EOCD
      name a folder, or a file that ends in .whl
    A0102 PLACE/empty
      no Tracardi: there is neither `config.py` nor `tracardi/config.py`
      name the folder that the package `tracardi` is in (site-packages, or a checkout), its own folder, or a wheel
    A0101 PLACE/missing
      can't be read: No such file or directory (os error 2)
      check the path and who may read it
    A0101 PLACE/odd/tracardi/config.py
      can't be read: not UTF-8 text
      check the path and who may read it
    "#);
}

#[test]
fn a_pack_is_written_whole_or_not_at_all() {
    let place = tempfile::tempdir().unwrap();
    let (files, _) = whole_pack();
    let listed = |folder: &Path| {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    // Into an empty folder, and into one that isn't there.
    let (empty, new) = (place.path().join("empty"), place.path().join("deep/new"));
    fs::create_dir(&empty).unwrap();
    for folder in [&empty, &new] {
        folder::write(folder, &files).unwrap();
        assert_eq!(listed(folder), ["README.md", "pack.yaml", "releases"]);
    }
    // Not over anything.
    assert_eq!(folder::write(&empty, &files).unwrap_err().code, "A0501");
    assert_eq!(folder::write(&empty.join("pack.yaml"), &files).unwrap_err().code, "A0501");
    // A file that can't be written takes the others with it.
    let mut odd = files;
    odd.insert("pack.yaml/odd".to_owned(), String::new());
    let half = place.path().join("half");
    assert_eq!(folder::write(&half, &odd).unwrap_err().code, "A0502");
    assert_eq!(listed(place.path()), ["deep", "empty"]);
}
