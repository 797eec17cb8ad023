//! The pack's operations and the application's own account, on the documents of the demo: two implementations, one outcome.

use std::collections::BTreeMap;

use lockstep_core::{
    pack::{
        PackFiles, load,
        model::{IndexStep, Pack},
    },
    transform::{Document, Program, Workspace},
};

use crate::{
    application::{MONTHS, Release},
    documents::{self, Random},
    expected::expected,
    json::Json,
    pack_files,
};

const DOCUMENTS: u64 = 1500;

fn pack() -> Pack {
    let files = PackFiles { files: pack_files().into_iter().collect() };
    load(&files).unwrap_or_else(|mistakes| panic!("{}", mistakes.render(&files, false)))
}

/// What each index of 1.0 goes through on its way to 2.0; `None` where it ends.
fn programs(pack: &Pack) -> BTreeMap<String, Option<Vec<Program>>> {
    let [first, later @ ..] = pack.releases.as_slice() else { panic!("no release") };
    let ways = first.indices.keys().map(|start| {
        let mut key = start.clone();
        let mut programs = Vec::new();
        for release in later {
            let step = release.step.as_ref().unwrap();
            let next = step.indices.iter().find_map(|(to, index)| match index {
                IndexStep::Unchanged if *to == key => Some((to, Vec::new())),
                IndexStep::Migrate { from, partition: _, operations, down: _ }
                    if *from == [key.clone()] =>
                {
                    Some((to, operations.clone()))
                }
                _ => None,
            });
            let Some((to, operations)) = next else {
                assert!(step.dropped.contains(&key));
                return (start.clone(), None);
            };
            key.clone_from(to);
            programs.push(Program::new(operations));
        }
        (start.clone(), Some(programs))
    });
    ways.collect()
}

fn apply(program: &Program, document: &documents::Document) -> String {
    let mut emitted = Vec::new();
    let source = document.source.as_bytes();
    let input =
        Document { index: None, id: &document.id, routing: document.routing.as_deref(), source };
    program
        .apply(&mut Workspace::default(), input, &mut |output| {
            assert_eq!((output.id, output.routing), (input.id, input.routing));
            emitted.push(String::from_utf8(output.source.to_vec()).unwrap());
        })
        .unwrap_or_else(|rejection| panic!("{rejection} {}", document.source));
    assert_eq!(emitted.len(), 1);
    emitted.remove(0)
}

#[test]
fn the_pack_and_the_application_agree_on_every_document() {
    for (name, programs) in programs(&pack()) {
        for number in 0..DOCUMENTS {
            let mut random = Random::new(&[number]);
            let document =
                documents::document(&name, number, Some(MONTHS[0]), &mut random).unwrap();
            let old = Json::parse(&document.source).unwrap();
            let wanted = expected(&name, Release::V1_0, Release::V2_0, old).unwrap();
            let (Some(wanted), Some(programs)) = (&wanted, &programs) else {
                assert!(wanted.is_none() && programs.is_none(), "{name}");
                continue;
            };
            let fused = apply(&Program::fuse(programs), &document);
            let differences = wanted.differences(&Json::parse(&fused).unwrap());
            assert_eq!(differences, [""; 0], "{name} {}", document.source);
        }
    }
}
