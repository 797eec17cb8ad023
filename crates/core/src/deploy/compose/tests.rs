//! Compose files in all their forms, and what can't be changed in them.

use super::*;

fn files<'a>(
    compose: &'a str,
    variables: Option<&'a str>,
    environment: &'a dyn Fn(&str) -> Option<String>,
) -> ComposeFiles<'a> {
    ComposeFiles { compose, variables, environment }
}

const fn nothing(_: &str) -> Option<String> {
    None
}

/// From 1.0 to 2.0 for the services `api` and, where it is there, `worker`: the tag that was found and both files after it.
fn changed(
    compose: &str,
    variables: Option<&str>,
) -> Result<(String, String, String), ComposeProblem> {
    let mut services = vec!["api".to_owned()];
    if compose.contains("worker") {
        services.push("worker".to_owned());
    }
    let files = files(compose, variables, &nothing);
    let places = find(files, Wanted { services: &services, image: None }, &TagForm::default())?;
    let tag = common_tag(&places)?;
    let changed = with_tag(files, &places, "2.0")?;
    let back = |text: &str, variables: Option<&str>| {
        let files = ComposeFiles { compose: text, variables, environment: &nothing };
        let places =
            find(files, Wanted { services: &services, image: None }, &TagForm::default()).unwrap();
        with_tag(files, &places, &tag).unwrap()
    };
    let after = (
        changed.compose.unwrap_or_else(|| compose.to_owned()),
        changed.variables.or(variables.map(str::to_owned)).unwrap_or_default(),
    );
    // And back, to the byte.
    let returned = back(&after.0, variables.map(|_| after.1.as_str()));
    assert_eq!(returned.compose.as_deref().unwrap_or(&after.0), compose);
    assert_eq!(returned.variables.as_deref().unwrap_or(&after.1), variables.unwrap_or_default());
    Ok((tag, after.0, after.1))
}

#[test]
fn only_the_tag_changes() {
    let cases = [
        "services:\n  api:\n    image: shop:1.0\n",
        "# shop:1.0 stays\nservices:\n  api: {image: 'registry:5000/a/shop:1.0', ports: [\"1.0:1.0\"]} # 1.0\n",
        "services:\r\n  api:\r\n    image:   \"shop:1.0\"   # the application\r\n",
        "version: '1.0'\nservices:\n  db:\n    image: shop:1.0\n  api:\n    image: shop:1.0\n  worker:\n    image: other/worker:1.0\n",
        "x-base: &base\n  restart: always\nservices:\n  api:\n    <<: *base\n    image: shop:1.0\n",
        "services:\n  api:\n    image: shop:${TAG:-1.0}\n",
        "services:\n  api:\n    image: \"${REGISTRY:-a/b}/shop:${TAG-1.0}\"\n",
    ];
    for compose in cases {
        let (tag, after, _) =
            changed(compose, None).unwrap_or_else(|problem| panic!("{compose}: {problem:?}"));
        assert_eq!(tag, "1.0");
        // Put back by hand, it is the file as it was.
        assert_eq!(
            after.matches("2.0").count(),
            if compose.contains("worker") { 2 } else { 1 },
            "{after}"
        );
        assert_eq!(after.replace("2.0", "1.0"), compose);
    }
}

#[test]
fn a_variable_is_changed_where_it_is_set() {
    let compose =
        "services:\n  api:\n    image: shop:${TAG:-0.9}\n  worker:\n    image: work:$TAG\n";
    let cases = [
        ("TAG=1.0\n", "TAG=2.0\n"),
        (
            "# TAG=0\nA=1\nexport TAG=\"1.0\" # now\nB=1.0",
            "# TAG=0\nA=1\nexport TAG=\"2.0\" # now\nB=1.0",
        ),
        ("TAG='1.0'\r\n", "TAG='2.0'\r\n"),
        ("TAG = 1.0 # now\n", "TAG = 2.0 # now\n"),
    ];
    for (variables, expected) in cases {
        let (tag, after, variables) = changed(compose, Some(variables)).unwrap();
        assert_eq!((tag.as_str(), after.as_str()), ("1.0", compose));
        assert_eq!(variables, expected);
    }
    // The part of the tag that stands around it stays.
    let form = TagForm::parse("v{version}-slim").unwrap();
    let own = files("services: {api: {image: 'shop:v${TAG}-slim'}}", Some("TAG=1.0"), &nothing);
    let services = ["api".to_owned()];
    let places = find(own, Wanted { services: &services, image: None }, &form).unwrap();
    assert_eq!(places[0].tag, "v1.0-slim");
    let after = with_tag(own, &places, "v2.0-slim").unwrap();
    assert_eq!(after.variables.as_deref(), Some("TAG=2.0"));
    assert_eq!(with_tag(own, &places, "2.0").unwrap_err().kind, ProblemKind::Unchangeable);
}

#[test]
fn what_cant_be_changed_is_told() {
    use ProblemKind::{Absent, Ambiguous, Different, Malformed, NotAVersion, Unchangeable};
    let cases = [
        ("services: {api: [", None, Malformed, Some(1)),
        ("service: {}", None, Absent, None),
        ("services: {web: {image: 'shop:1.0'}}", None, Absent, None),
        ("services:\n  api: {build: .}", None, Absent, Some(2)),
        ("services:\n  api: {image: 'a:1.0'}\n  api: {image: 'b:1.0'}", None, Ambiguous, Some(3)),
        ("services:\n  api:\n    image: a:1.0\n    image: b:1.0", None, Ambiguous, Some(4)),
        ("services:\n  api:\n    image: shop", None, Unchangeable, Some(3)),
        ("services:\n  api:\n    image: host:5000/shop", None, Unchangeable, Some(3)),
        ("services:\n  api:\n    image: shop:1.0@sha256:00", None, Unchangeable, Some(3)),
        ("x: &i shop:1.0\nservices:\n  api:\n    image: *i", None, Unchangeable, Some(4)),
        ("services:\n  api:\n    image: shop:${TAG}", None, Unchangeable, Some(3)),
        ("services:\n  api:\n    image: shop:${TAG}", Some("OTHER=1"), Unchangeable, Some(3)),
        ("services:\n  api:\n    image: shop:${A}.${B}", Some("A=1\nB=0"), Unchangeable, Some(3)),
        ("services:\n  api:\n    image: shop:${TAG:+1.0}", None, Unchangeable, Some(3)),
        ("services:\n  api:\n    image: ${IMAGE}", Some("IMAGE=shop:1.0"), Unchangeable, Some(3)),
        ("services:\n  api:\n    image: shop:${TAG}", Some("TAG=1.0\nTAG=2.0"), Ambiguous, Some(2)),
        ("services:\n  api:\n    image: shop:latest", None, NotAVersion, Some(3)),
        ("services:\n  api:\n    image: shop:${TAG}", Some("A=1\nTAG=main"), NotAVersion, Some(2)),
        ("services: {api: {image: 'a:1.0'}, worker: {image: 'a:1.1'}}", None, Different, None),
    ];
    for (compose, variables, kind, line) in cases {
        let problem = changed(compose, variables).unwrap_err();
        assert_eq!((problem.kind, problem.line), (kind, line), "{compose}: {problem:?}");
        assert!(!problem.message.is_empty() && !problem.fix.is_empty());
    }
    let set = |name: &str| (name == "TAG").then(|| "9.9".to_owned());
    let beaten = files("services: {api: {image: 'shop:${TAG}'}}", Some("TAG=1.0"), &set);
    let services = ["api".to_owned()];
    let problem = find(beaten, Wanted { services: &services, image: None }, &TagForm::default());
    assert_eq!(problem.unwrap_err().kind, Unchangeable);
}

#[test]
fn an_image_names_its_service_if_only_one_has_it() {
    let form = TagForm::default();
    let found = |compose: &str, services: &[String]| {
        let wanted = Wanted { services, image: Some("reg:5000/shop") };
        find(files(compose, None, &nothing), wanted, &form).map(|places| places.len())
    };
    let one = "services: {api: {image: 'reg:5000/shop:1.0'}, web: {image: 'shop:1.0'}}";
    assert_eq!(found(one, &[]), Ok(1));
    let two = "services: {api: {image: 'reg:5000/shop:1.0'}, web: {image: 'reg:5000/shop:1.0'}}";
    assert_eq!(found(two, &[]).unwrap_err().kind, ProblemKind::Ambiguous);
    assert_eq!(found(two, &["api".to_owned(), "web".to_owned()]), Ok(2));
    assert_eq!(found(one, &["web".to_owned()]).unwrap_err().kind, ProblemKind::Absent);
    assert_eq!(found("services: {}", &[]).unwrap_err().kind, ProblemKind::Absent);
}
