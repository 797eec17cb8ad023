//! A small API server that keeps to what Kubernetes documents: a patch raises `generation`, a controller follows it with
//! `observedGeneration`, what is 0 in a status is left out, strategic merge patches merge containers by name.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::StatusCode,
};
use tokio::{net::TcpListener, task::JoinSet};

use super::{
    super::stand::{change, listener},
    *,
};

/// A Deployment and what its controller does at every look.
struct Api {
    deployment: Mutex<Value>,
    /// Looks after which new pods are available; `None`: never.
    available_after: Option<u32>,
    looks: Mutex<u32>,
    /// What was asked, without looks.
    patches: Mutex<Vec<String>>,
    refusal: Option<u16>,
    /// Somebody who sets this image again after every patch.
    stranger: Option<&'static str>,
    /// Whether pods that aren't available have had their time.
    is_exceeded: bool,
}

impl Api {
    fn new(strategy: &str, image: &str) -> Self {
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "api", "namespace": "shop", "generation": 1},
            "spec": {
                "replicas": 2, "strategy": {"type": strategy},
                "template": {"spec": {"containers": [
                    {"name": "proxy", "image": "proxy:3"}, {"name": "web", "image": image, "env": [{"name": "A", "value": "1"}]}
                ]}}
            },
            "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
        });
        Self {
            deployment: Mutex::new(deployment),
            available_after: Some(4),
            looks: Mutex::new(0),
            patches: Mutex::default(),
            refusal: None,
            stranger: None,
            is_exceeded: false,
        }
    }

    /// The same with a guard of this image before its containers.
    fn guarded(self, image: &str) -> Self {
        let guard = json!([{"name": "guard", "image": image, "command": ["/lockstep"]}]);
        self.deployment.lock().unwrap()["spec"]["template"]["spec"]["initContainers"] = guard;
        self
    }

    /// The same without the container that isn't the application.
    fn alone(self) -> Self {
        let mut deployment = self.deployment.lock().unwrap();
        let containers = &mut deployment["spec"]["template"]["spec"]["containers"];
        containers.as_array_mut().unwrap().remove(0);
        drop(deployment);
        self
    }

    /// The images of the guard and of the application.
    fn images(&self) -> Vec<String> {
        let deployment = self.deployment.lock().unwrap();
        let spec = &deployment["spec"]["template"]["spec"];
        let all = [&spec["initContainers"], &spec["containers"]];
        let all = all.into_iter().flat_map(|list| list.as_array().into_iter().flatten());
        let own = all.filter(|container| container["name"] != "proxy");
        own.map(|container| container["image"].as_str().unwrap().to_owned()).collect()
    }

    /// One look at it, before which the controller does a step.
    fn look(&self) -> Value {
        let mut deployment = self.deployment.lock().unwrap();
        let generation = deployment["metadata"]["generation"].as_i64().unwrap();
        if generation > 1 {
            let mut looks = self.looks.lock().unwrap();
            *looks += 1;
            let is_available = self.available_after.is_some_and(|after| *looks >= after);
            deployment["status"] = match *looks {
                // Not seen yet.
                1 => deployment["status"].clone(),
                2 => json!({"observedGeneration": generation, "replicas": 2}),
                3 => json!({"observedGeneration": generation, "replicas": 3, "updatedReplicas": 2}),
                _ if is_available => json!({
                    "observedGeneration": generation, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2
                }),
                _ => json!({"observedGeneration": generation, "replicas": 2, "updatedReplicas": 2}),
            };
            if self.is_exceeded && !is_available {
                let message = "has timed out progressing";
                deployment["status"]["conditions"] = json!([
                    {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": message}
                ]);
            }
        }
        deployment.clone()
    }

    fn patch(&self, patch: &Value) -> Value {
        let mut deployment = self.deployment.lock().unwrap();
        let spec = &mut deployment["spec"]["template"]["spec"];
        for (list, containers) in patch["spec"]["template"]["spec"].as_object().unwrap() {
            let old = spec[list.as_str()].as_array_mut().unwrap();
            for new in containers.as_array().unwrap() {
                let old = old.iter_mut().find(|old| old["name"] == new["name"]).unwrap();
                old["image"] = self.stranger.map_or(new["image"].clone(), |image| json!(image));
            }
        }
        let generation = deployment["metadata"]["generation"].as_i64().unwrap();
        deployment["metadata"]["generation"] = json!(generation + 1);
        deployment.clone()
    }
}

async fn answer(State(api): State<Arc<Api>>, request: Request) -> (StatusCode, String) {
    let (head, body) = request.into_parts();
    let refuse = |code: u16, message: &str| {
        let status =
            json!({"kind": "Status", "status": "Failure", "message": message, "code": code});
        (StatusCode::from_u16(code).unwrap(), status.to_string())
    };
    let header = |name: &str| {
        head.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    if header("authorization") != "Bearer token-of-a-test" {
        return refuse(401, "Unauthorized");
    }
    if let Some(code) = api.refusal {
        return refuse(code, "deployments.apps \"api\" is forbidden");
    }
    if head.uri.path() != "/apis/apps/v1/namespaces/shop/deployments/api" {
        return refuse(404, "deployments.apps not found");
    }
    if head.method == "GET" {
        return (StatusCode::OK, api.look().to_string());
    }
    if header("content-type") != "application/strategic-merge-patch+json" {
        return refuse(415, "the body of the request was in an unknown format");
    }
    let body = to_bytes(body, 10_000).await.unwrap();
    let patch: Value = serde_json::from_slice(&body).unwrap();
    let line = format!("{} {} {patch}", head.method, head.uri.query().unwrap_or_default());
    api.patches.lock().unwrap().push(line);
    (StatusCode::OK, api.patch(&patch).to_string())
}

struct Stand {
    api: Arc<Api>,
    kubernetes: Kubernetes,
    _folder: tempfile::TempDir,
    _serving: JoinSet<()>,
}

async fn stand(api: Api) -> Stand {
    let api = Arc::new(api);
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "token-of-a-test\n").unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}/", socket.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(Arc::clone(&api));
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(socket, router).await.unwrap() });
    let kubernetes = Kubernetes {
        server,
        token_file: Some(token),
        ca: None,
        namespace: "shop".to_owned(),
        deployment: "api".to_owned(),
        containers: vec!["web".to_owned()],
        time_limit: Duration::from_secs(20),
    };
    Stand { api, kubernetes, _folder: folder, _serving: serving }
}

impl Stand {
    /// These containers are meant.
    fn meaning(&self, containers: &str) -> Kubernetes {
        let containers = containers.split_whitespace().map(str::to_owned).collect();
        Kubernetes { containers, ..self.kubernetes.clone() }
    }
}

#[tokio::test]
async fn one_image_is_patched_and_the_rollout_watched() {
    let stand = stand(Api::new("RollingUpdate", "reg:5000/shop:1.0")).await;
    let own = &stand.kubernetes;
    assert_eq!(own.check(&TagForm::default(), false).await.unwrap(), "1.0");
    let (listener, heard) = listener();
    own.change(&change("1.0", "1.0.1"), &listener).await.unwrap();
    let patches = stand.api.patches.lock().unwrap().clone();
    assert_eq!(
        patches,
        [
            r#"PATCH fieldManager=lockstep {"spec":{"template":{"spec":{"containers":[{"name":"web","image":"reg:5000/shop:1.0.1"}]}}}}"#
        ]
    );
    let containers =
        stand.api.deployment.lock().unwrap()["spec"]["template"]["spec"]["containers"].clone();
    assert_eq!(
        (&containers[0]["image"], &containers[1]["env"][0]["name"]),
        (&json!("proxy:3"), &json!("A"))
    );
    assert_eq!(
        heard.lines(),
        [
            "shop/api: reg:5000/shop:1.0.1",
            "  the Deployment's controller has not seen the change yet",
            "  0 of 2 pods are new",
            "  1 old pods are left",
        ]
    );
    // Repeated after a kill it finds its own work, and patches nothing.
    own.change(&change("1.0", "1.0.1"), &listener).await.unwrap();
    assert_eq!(stand.api.patches.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn pods_that_wait_for_the_data_are_not_waited_for() {
    let api = Api { available_after: None, ..Api::new("Recreate", "shop:1.0") };
    let stand = stand(api).await;
    let own = Kubernetes { time_limit: Duration::from_secs(4), ..stand.kubernetes.clone() };
    assert_eq!(own.check(&TagForm::default(), true).await.unwrap(), "1.0");
    let waits = Change { waits_for_data: true, ..change("1.0", "2.0") };
    own.change(&waits, &listener().0).await.unwrap();
    let late = Kubernetes { time_limit: Duration::from_millis(100), ..own };
    let error = late.settle(&listener().0).await.unwrap_err();
    assert_eq!(error.code(), "K0404");
    assert!(error.to_string().contains("0 of 2 pods are available"), "{error}");
}

#[tokio::test]
async fn an_init_container_goes_along_and_comes_back() {
    let stand = stand(Api::new("Recreate", "shop:1.0").guarded("reg:5000/guarded:1.0")).await;
    let own = stand.meaning("guard web");
    assert_eq!(own.check(&TagForm::default(), true).await.unwrap(), "1.0");
    let (listener, heard) = listener();
    own.change(&change("1.0", "1.1"), &listener).await.unwrap();
    assert_eq!(stand.api.images(), ["reg:5000/guarded:1.1", "shop:1.1"]);
    assert_eq!(heard.lines()[0], "shop/api: reg:5000/guarded:1.1, shop:1.1");
    // One patch for both: no pod ever starts with one of them.
    assert_eq!(
        *stand.api.patches.lock().unwrap(),
        [
            r#"PATCH fieldManager=lockstep {"spec":{"template":{"spec":{"initContainers":[{"name":"guard","image":"reg:5000/guarded:1.1"}],"containers":[{"name":"web","image":"shop:1.1"}]}}}}"#
        ]
    );
    own.change(&change("1.1", "1.0"), &listener).await.unwrap();
    assert_eq!(stand.api.images(), ["reg:5000/guarded:1.0", "shop:1.0"]);
    // What has the tag already isn't patched again.
    stand.meaning("guard").change(&change("1.0", "1.1"), &listener).await.unwrap();
    own.change(&change("1.0", "1.1"), &listener).await.unwrap();
    let last = stand.api.patches.lock().unwrap().last().cloned().unwrap();
    assert!(!last.contains("initContainers") && last.contains("shop:1.1"), "{last}");
}

#[tokio::test]
async fn who_sets_the_image_again_is_told_of() {
    let api = Api { stranger: Some("shop:0.9"), ..Api::new("Recreate", "shop:1.0") };
    let stand = stand(api).await;
    let error = stand.kubernetes.change(&change("1.0", "1.1"), &listener().0).await.unwrap_err();
    assert_eq!(error.code(), "K0403");
    let told = "`web` of shop/api has the image `shop:0.9` although the tag 1.1 was set";
    assert!(error.to_string().contains(told), "{error}");
}

/// The controller gives pods that wait for the data no more time; once they have it they get on.
#[tokio::test]
async fn a_deadline_that_passed_while_pods_waited_is_no_failure() {
    let api = || Api { is_exceeded: true, ..Api::new("Recreate", "shop:1.0") };
    let waiting = stand(Api { available_after: Some(8), ..api() }).await;
    let waits = Change { waits_for_data: true, ..change("1.0", "2.0") };
    waiting.kubernetes.change(&waits, &listener().0).await.unwrap();
    waiting.kubernetes.settle(&listener().0).await.unwrap();
    // Who waits for nothing has no excuse.
    let stuck = stand(Api { available_after: None, ..api() }).await;
    let error = stuck.kubernetes.change(&change("1.0", "1.1"), &listener().0).await.unwrap_err();
    assert!(error.to_string().contains("has timed out progressing"), "{error}");
    assert_eq!(error.code(), "K0404");
}

#[tokio::test]
async fn a_deployment_that_cant_be_worked_with_is_told() {
    let rolling = || Api::new("RollingUpdate", "shop:1.0");
    let cases: [(Api, &str, &str, &str); 11] = [
        (rolling(), "web", "K0403", "the strategy RollingUpdate"),
        (Api::new("Recreate", "shop"), "web", "K0403", "has no tag"),
        (Api::new("Recreate", "shop:1.0@sha256:00"), "web", "K0403", "has no tag"),
        (Api::new("Recreate", "shop:main"), "web", "K0403", "no version"),
        (rolling(), "worker", "K0403", "no container `worker`; there are proxy, web"),
        (rolling(), "", "K0403", "more than one container"),
        (
            rolling().guarded("shop:1.0"),
            "cook guard",
            "K0403",
            "no container `cook`; there are proxy, web, guard",
        ),
        (
            Api::new("Recreate", "shop:1.0").guarded("shop:1.1"),
            "web guard",
            "K0403",
            "several tags: web has 1.0, guard has 1.1",
        ),
        (
            Api::new("Recreate", "shop:1.0").guarded("guards"),
            "web guard",
            "K0403",
            "the image `guards` of the container `guard` has no tag",
        ),
        (
            rolling().alone().guarded("shop:1.0"),
            "",
            "K0403",
            "the image of `web` in the init container `guard` as well",
        ),
        (
            Api { refusal: Some(403), ..rolling() },
            "web",
            "K0402",
            "403 Forbidden: deployments.apps \"api\" is forbidden",
        ),
    ];
    for (api, containers, code, part) in cases {
        let stand = stand(api).await;
        let own = stand.meaning(containers);
        let error = own.check(&TagForm::default(), true).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(part), "{error}");
        assert!(stand.api.patches.lock().unwrap().is_empty());
    }
    let stand = stand(rolling()).await;
    let server = "http://127.0.0.1:1".to_owned();
    let nobody = Kubernetes { server, ..stand.kubernetes.clone() };
    let error = nobody.check(&TagForm::default(), false).await.unwrap_err();
    assert_eq!(error.code(), "K0401", "{error}");
}
