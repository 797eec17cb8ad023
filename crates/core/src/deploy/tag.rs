//! What a tag looks like: a version, perhaps with something around it.

use crate::version::Version;

/// The placeholder for the version.
const VERSION: &str = "{version}";

/// The form of a tag: `{version}` with what stands before and after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagForm {
    before: String,
    after: String,
}

impl TagForm {
    /// Reads a form such as `v{version}-slim`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (before, after) = text.split_once(VERSION).ok_or("it lacks `{version}`")?;
        let is_allowed = |part: &str| {
            part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        };
        if !is_allowed(before) || !is_allowed(after) {
            return Err("a tag is made of letters, digits, `_`, `.` and `-`");
        }
        if before.starts_with(['.', '-']) {
            return Err("a tag begins with a letter, a digit or `_`");
        }
        Ok(Self { before: before.to_owned(), after: after.to_owned() })
    }

    /// The tag of a version.
    pub fn tag(&self, version: &Version) -> String {
        format!("{}{version}{}", self.before, self.after)
    }

    /// The version that a tag stands for; `None` when it has another form.
    pub fn version(&self, tag: &str) -> Option<Version> {
        tag.strip_prefix(&self.before)?.strip_suffix(&self.after)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_and_its_version_go_both_ways() {
        let cases = [
            ("{version}", "1.10", Some("1.10")),
            ("v{version}-slim", "v2.0-slim", Some("2.0")),
            ("v{version}", "2.0", None),
            ("{version}", "latest", None),
            ("{version}", "", None),
            ("{version}", "1.0-rc1", None),
        ];
        for (form, tag, version) in cases {
            let form = TagForm::parse(form).unwrap();
            let seen = form.version(tag);
            assert_eq!(seen.as_ref().map(Version::as_str), version, "{tag}");
            if let Some(seen) = seen {
                assert_eq!(form.tag(&seen), tag);
            }
        }
        for wrong in
            ["", "latest", "-{version}", "{version}/x", "a b{version}", "{version}{version}"]
        {
            assert!(TagForm::parse(wrong).is_err(), "{wrong}");
        }
    }
}
