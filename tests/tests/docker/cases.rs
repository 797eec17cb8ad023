//! What may happen when the tag of an image is changed.

use crate::{Case, Trouble, scene::Scene};

pub(crate) fn cases() -> Vec<Case> {
    vec![Case { name: "plain", is_pocket_only: false, play: plain, live: "1.1" }]
}

fn plain(scene: &mut Scene<'_>) -> Result<(), Trouble> {
    let held = scene.begin_lockstep(&["upgrade", "--to", "1.1", "--hold"])?;
    scene.wait_for_state("holding")?;
    scene.stop_all()?;
    scene.lockstep(&["switch"])?;
    held.finish()?;
    scene.change_tag("1.1")?;
    scene.note("switched by hand");
    Ok(())
}
