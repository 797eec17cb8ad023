//! Hosts for programs in jq, as processes: what they make, and what becomes of values that bring them down.
//!
//! This test is its own host, so that it needs no other binary.

use std::{env, fs, io, os::unix::fs::PermissionsExt as _, path::Path, process::ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use lockstep_engine::{
    EngineError, JqHosts,
    jq::{HOST_VERB, Made, serve},
};
use tokio::{runtime::Runtime, task::JoinSet};

fn main() -> ExitCode {
    if env::args_os().nth(1).is_some_and(|verb| verb == HOST_VERB) {
        return match serve(io::stdin().lock(), io::stdout().lock()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let mut trials: Vec<Trial> = GUILTY
        .into_iter()
        .map(|(name, program, expected)| {
            Trial::test(format!("{name}_harms_its_own_document_only"), move || {
                guilty(program, expected)
            })
        })
        .collect();
    trials.extend([
        Trial::test("values_come_back_in_their_order", in_order),
        Trial::test("a_host_has_no_environment_and_compiles_once", environment),
        Trial::test("hosts_that_are_killed_lose_nothing", killed),
        Trial::test("a_program_that_never_gets_through_halts", given_up),
        Trial::test("without_a_host_it_halts_with_the_reason", no_host),
    ]);
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Programs that are fatal to a document with `bad`, and how the code begins that it gets: what fills the memory may run out of
/// time first, where the machine is slow.
const GUILTY: [(&str, &str, &str); 8] = [
    ("an_endless_definition", "def f: f; if .bad then f end", "T0304"),
    ("a_long_list", "if .bad then [limit(1e12; repeat(1))] | length end", "T0304"),
    ("endless_memory", "if .bad then [range(1e12)] | length end", "T030"),
    ("a_deep_recursion", "def f: 1 + f; if .bad then f end", "T030"),
    ("a_doubled_text", "if .bad then reduce range(60) as $x (\"aaaaaaaa\"; . + .) end", "T030"),
    ("a_deeply_nested_value", "if .bad then reduce range(300000) as $x (1; [.]) end", "T030"),
    ("too_much_output", "if .bad then \"12345678\" * 14000000 end", "T030"),
    ("an_error", "if .bad then error(\"bad\") end", "T0301"),
];

fn hosts() -> Result<JqHosts, Failed> {
    Ok(JqHosts::of(env::current_exe()?))
}

fn run(hosts: &JqHosts, program: &str, values: &[Vec<u8>]) -> Result<Vec<Made>, EngineError> {
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(hosts.run(program, values))
}

/// Documents of which one is bad, with many quick ones before and behind it.
fn guilty(program: &str, expected: &str) -> Result<(), Failed> {
    let document = |number: usize| {
        let bad = if number == 150 { "true" } else { "false" };
        format!(r#"{{"n":{number},"bad":{bad}}}"#).into_bytes()
    };
    let values: Vec<Vec<u8>> = (0..300).map(document).collect();
    let made = run(&hosts()?, program, &values)?;
    assert_eq!(made.len(), values.len());
    for (number, (made, value)) in made.iter().zip(&values).enumerate() {
        match made {
            Ok(made) => assert_eq!(made, value),
            Err(failure) => {
                assert_eq!(number, 150, "{failure:?}");
                assert!(failure.code.as_str().starts_with(expected), "{failure:?}");
            }
        }
    }
    assert!(made.get(150).is_some_and(Result::is_err));
    Ok(())
}

fn in_order() -> Result<(), Failed> {
    let hosts = hosts()?;
    let runtime = Runtime::new()?;
    runtime.block_on(async {
        // Far more than pipes hold, by several at once and with several programs.
        let pages = (0..6_usize).map(|page| {
            let hosts = hosts.clone();
            async move {
                let values: Vec<Vec<u8>> =
                    (0..5_000).map(|number| format!("{{\"n\":{number}}}").into_bytes()).collect();
                let program = format!("{{n, page: {}}}", page % 3);
                let made = hosts.run(&program, &values).await.expect("all are made");
                for (number, made) in made.into_iter().enumerate() {
                    let expected = format!("{{\"n\":{number},\"page\":{}}}", page % 3);
                    assert_eq!(made.expect("made"), expected.into_bytes());
                }
            }
        });
        pages.collect::<JoinSet<()>>().join_all().await;
    });
    Ok(())
}

fn environment() -> Result<(), Failed> {
    let hosts = hosts()?;
    let folder = tempfile::tempdir()?;
    let starts = folder.path().join("starts");
    let own = env::current_exe()?;
    let script = format!(
        "#!/bin/sh\necho \"$HOME$USER$CARGO$LOCKSTEP_PASSWORD.\" >> {}\nexec {} \"$@\"\n",
        starts.display(),
        own.display()
    );
    let wrapped = JqHosts::of(executable(folder.path(), &script)?);
    let runtime = Runtime::new()?;
    runtime.block_on(async {
        for _ in 0..5 {
            let values = [b"1".to_vec(), b"2".to_vec()];
            for hosts in [&hosts, &wrapped] {
                let made = hosts.run(". + 1", &values).await.expect("made");
                assert_eq!(made, [Ok(b"2".to_vec()), Ok(b"3".to_vec())]);
            }
        }
    });
    assert_eq!(fs::read_to_string(starts)?, ".\n", "one start, and nothing of this environment");
    Ok(())
}

/// Every host is gone after a third of a second, whatever it is at.
fn killed() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let own = env::current_exe()?;
    let script = format!(
        "#!/bin/sh\nme=$$\n(sleep 0.3; kill -9 $me) >/dev/null 2>&1 </dev/null &\nexec {} \"$@\"\n",
        own.display()
    );
    let hosts = JqHosts::of(executable(folder.path(), &script)?);
    // Each takes some milliseconds.
    let program = "reduce range(2000) as $x (.; .n += 1) | .n";
    let values: Vec<Vec<u8>> =
        (0..300).map(|number| format!("{{\"n\":{number}}}").into_bytes()).collect();
    let made = run(&hosts, program, &values)?;
    for (number, made) in made.into_iter().enumerate() {
        assert_eq!(made, Ok((number + 2_000).to_string().into_bytes()));
    }
    Ok(())
}

fn given_up() -> Result<(), Failed> {
    let values = vec![b"1".to_vec(); 40];
    let error = run(&hosts()?, "def f: 1 + f; f", &values).expect_err("no value gets through");
    assert_eq!(error.code(), "R0210");
    assert!(
        error.to_string().contains(": 21 of them brought down its process: `def f: 1 + f; f`"),
        "{error}"
    );
    Ok(())
}

fn no_host() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let ends = executable(folder.path(), "#!/bin/sh\nexit 0\n")?;
    for (hosts, reason) in [
        (JqHosts::none(), "this process has no program for it"),
        (JqHosts::of(folder.path().join("nowhere")), "nowhere: No such file or directory"),
        (JqHosts::of(ends), "host: "),
    ] {
        let error = run(&hosts, ".", &[b"1".to_vec()]).expect_err("there is no host");
        assert_eq!(error.code(), "R0211");
        assert!(error.to_string().contains(reason), "{error}");
    }
    // A plan of another version may have a program that this one doesn't know.
    let error = run(&hosts()?, "nowhere", &[b"1".to_vec()]).expect_err("it doesn't compile");
    assert_eq!(
        error.to_string(),
        "a program in jq does not compile: there is no function `nowhere`"
    );
    Ok(())
}

fn executable(folder: &Path, script: &str) -> io::Result<std::path::PathBuf> {
    let path = folder.join("host");
    fs::write(&path, script)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}
