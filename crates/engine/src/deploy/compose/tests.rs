//! Real files in folders of their own, and commands that are run beside them.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::{
    super::stand::{change, listener},
    *,
};

const FILE: &str = "# the shop\nservices:\n  api:\n    image: \"shop:1.0\" # now\n";

/// A compose file in a folder of its own; `apply` is a text for a shell.
fn compose(folder: &Path, text: &str, apply: &str) -> Compose {
    fs::write(folder.join("compose.yaml"), text).unwrap();
    Compose {
        file: folder.join("compose.yaml"),
        services: vec!["api".to_owned()],
        image: None,
        apply: Some(["sh", "-c", apply].map(str::to_owned).to_vec()),
        time_limit: Duration::from_secs(20),
    }
}

#[tokio::test]
async fn a_file_is_changed_keeps_its_rights_and_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let own = compose(
        folder.path(),
        FILE,
        "echo $LOCKSTEP_FROM $LOCKSTEP_VERSION; cat compose.yaml >> applied",
    );
    fs::set_permissions(&own.file, fs::Permissions::from_mode(0o640)).unwrap();
    let form = TagForm::default();
    assert_eq!(own.check(&form).unwrap(), "1.0");
    let (listener, heard) = listener();
    own.change(&form, &change("1.0", "2.0"), &listener).await.unwrap();
    let after = FILE.replace("1.0", "2.0");
    assert_eq!(fs::read_to_string(&own.file).unwrap(), after);
    assert_eq!(fs::metadata(&own.file).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(heard.lines().contains(&"  1.0 2.0".to_owned()), "{:?}", heard.lines());
    // Repeated, it runs the command again and writes nothing.
    own.change(&form, &change("1.0", "2.0"), &listener).await.unwrap();
    own.change(&form, &change("2.0", "1.0"), &listener).await.unwrap();
    assert_eq!(fs::read_to_string(&own.file).unwrap(), FILE);
    let applied = fs::read_to_string(folder.path().join("applied")).unwrap();
    assert_eq!(applied, format!("{after}{after}{FILE}"));
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[tokio::test]
async fn a_variable_and_a_link_are_changed_where_they_lead() {
    let folder = tempfile::tempdir().unwrap();
    let text = "services: {api: {image: 'shop:${TAG_OF_A_TEST}'}}";
    let own = compose(folder.path(), text, "true");
    fs::write(folder.path().join("real.env"), "A=1\nTAG_OF_A_TEST=1.0 # now\n").unwrap();
    symlink("real.env", folder.path().join(".env")).unwrap();
    let form = TagForm::default();
    assert_eq!(own.check(&form).unwrap(), "1.0");
    own.change(&form, &change("1.0", "2.0"), &listener().0).await.unwrap();
    assert_eq!(fs::read_to_string(&own.file).unwrap(), text);
    let variables = fs::read_to_string(folder.path().join("real.env")).unwrap();
    assert_eq!(variables, "A=1\nTAG_OF_A_TEST=2.0 # now\n");
    assert!(folder.path().join(".env").is_symlink());
}

#[test]
fn what_somebody_else_writes_meanwhile_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let own = compose(folder.path(), FILE, "true");
    let edited = format!("{FILE}  web: {{image: web}}\n");
    fs::write(&own.file, &edited).unwrap();
    assert!(!replace(&own.file, FILE, &FILE.replace("1.0", "2.0")).unwrap());
    assert_eq!(fs::read_to_string(&own.file).unwrap(), edited);
    // Read again, both stand there.
    assert_eq!(own.write(&TagForm::default(), "2.0").unwrap(), ["api"]);
    assert_eq!(fs::read_to_string(&own.file).unwrap(), edited.replace("1.0", "2.0"));
}

#[tokio::test]
async fn what_stands_in_the_way_is_told_before_anything_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let form = TagForm::default();
    let code = |own: &Compose| {
        let error = own.check(&form).unwrap_err();
        format!(
            "{} {}",
            error.code(),
            error.to_string().replace(folder.path().to_str().unwrap(), "")
        )
    };
    let gone =
        Compose { file: folder.path().join("gone.yaml"), ..compose(folder.path(), FILE, "true") };
    assert!(code(&gone).starts_with("K0101 /gone.yaml: it can't be read"), "{}", code(&gone));
    let own = compose(folder.path(), &FILE.replace(":1.0", ":latest"), "true");
    assert_eq!(code(&own), "K0106 /compose.yaml:4: the tag `latest` of `api` is no version");
    let own = compose(folder.path(), FILE, "true");
    let other = Compose { services: vec!["web".to_owned()], ..own.clone() };
    assert_eq!(code(&other), "K0103 /compose.yaml: there is no service `web`; there are api");
    fs::set_permissions(&own.file, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(code(&own).starts_with("K0101 /compose.yaml: it can't be written"), "{}", code(&own));
    fs::set_permissions(&own.file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(folder.path().join("compose.yaml"), [0xff, 0xfe]).unwrap();
    assert!(code(&own).starts_with("K0101"), "{}", code(&own));
}

#[tokio::test]
async fn a_command_that_fails_is_told_and_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let own = compose(folder.path(), FILE, "echo no room >&2; test -e ready");
    let form = TagForm::default();
    let failed = own.change(&form, &change("1.0", "2.0"), &listener().0).await.unwrap_err();
    assert_eq!(failed.code(), "K0202");
    assert!(failed.to_string().contains("no room"), "{failed}");
    fs::write(folder.path().join("ready"), "").unwrap();
    own.change(&form, &change("1.0", "2.0"), &listener().0).await.unwrap();
}

#[test]
fn without_a_command_it_is_docker_compose() {
    let folder = tempfile::tempdir().unwrap();
    let own = Compose { apply: None, ..compose(folder.path(), FILE, "true") };
    let command = own.command(&["api".to_owned(), "worker".to_owned()]);
    assert_eq!(command.words.join(" "), "docker compose -f compose.yaml up -d api worker");
    assert_eq!(command.folder.as_deref(), Some(folder.path()));
}
