//! What drivers that died left, and what was mended.

use lockstep_engine::doctor::Leftover;

use super::{GREEN, Text, YELLOW, quantity::counted, styled};

/// Nothing was found.
pub(crate) fn healthy(application: &str) -> Text {
    let mut text = Text::default();
    text.line(format_args!("{application}: {}", styled(GREEN, "nothing was left behind")));
    text
}

/// What was found, each with what to do; then how to have mended what can be, unless that is being done.
pub(crate) fn left_behind(found: &[Leftover], is_mending: bool) -> Text {
    let mut text = Text::default();
    for Leftover { code, subject, message, hint, remedy: _ } in found {
        let label = styled(YELLOW, format_args!("left[{code}]"));
        text.line(format_args!("{label}: {subject}: {message}"));
        text.line(format_args!("  {hint}"));
    }
    let mendable = found.iter().filter(|leftover| leftover.remedy.is_some()).count();
    if mendable > 0 && !is_mending {
        text.advice("next", format_args!("`lockstep doctor --mend` mends {mendable} of these"));
    }
    text
}

/// What was mended.
pub(crate) fn mended(done: &[Leftover]) -> Text {
    let mut text = Text::default();
    for Leftover { code, subject, .. } in done {
        text.line(format_args!("{}[{code}]: {subject}", styled(GREEN, "mended")));
    }
    if done.is_empty() {
        text.line("nothing is left to mend: somebody was faster");
    } else {
        text.line(counted(done.len() as u64, "thing is mended", "things are mended"));
    }
    text
}

#[cfg(test)]
mod tests {
    use lockstep_engine::doctor::Remedy;

    use super::*;

    fn plain(text: &Text) -> String {
        anstream::adapter::strip_str(text.as_str()).to_string()
    }

    #[test]
    fn what_was_left_is_told_with_what_to_do() {
        let leftover = |code, subject: &str, message: &str, hint: &str, remedy| Leftover {
            code,
            subject: subject.to_owned(),
            message: message.to_owned(),
            hint: hint.to_owned(),
            remedy,
        };
        let found = [
            leftover(
                "L0201",
                "shop",
                "a driver died within the fence: the application can't write to `a`",
                "mending lifts the block; the run goes on with the command that began it",
                Some(Remedy::LiftFence),
            ),
            leftover("L0303", "b", "it has a mark", "if nobody needs it, delete it", None),
        ];
        insta::assert_snapshot!(plain(&left_behind(&found, false)), @r"
        left[L0201]: shop: a driver died within the fence: the application can't write to `a`
          mending lifts the block; the run goes on with the command that began it
        left[L0303]: b: it has a mark
          if nobody needs it, delete it
        next: `lockstep doctor --mend` mends 1 of these
        ");
        insta::assert_snapshot!(plain(&mended(&found[..1])), @r"
        mended[L0201]: shop
        1 thing is mended
        ");
        insta::assert_snapshot!(plain(&healthy("shop")), @"shop: nothing was left behind");
    }
}
