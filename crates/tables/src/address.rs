//! Where a database is and who may work with it. A secret: nothing here prints it.

use std::fmt;

use lockstep_core::table::DatabaseKind;
use url::Url;

use crate::error::TableError;

/// What stands in an error in the place of a password.
const HIDDEN: &str = "***";

/// The URL of a database, with its credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    url: Url,
}

impl Address {
    /// Takes a URL such as `mysql://user:password@host:3306/database`.
    ///
    /// # Errors
    /// [`TableError::Address`] when it is none, of another kind of database, or names no database.
    pub fn parse(text: &str, kind: DatabaseKind) -> Result<Self, TableError> {
        let wrong = |reason: String| TableError::Address { reason };
        // Why a text is no URL is told without the text.
        let url = Url::parse(text.trim()).map_err(|error| wrong(error.to_string()))?;
        let schemes: &[&str] = match kind {
            DatabaseKind::Mysql => &["mysql", "mariadb"],
            DatabaseKind::Postgresql => &["postgresql", "postgres"],
        };
        if !schemes.contains(&url.scheme()) {
            return Err(wrong(format!("it has to begin with {}://", schemes.join(":// or "))));
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(wrong("it names no database behind the host".to_owned()));
        }
        Ok(Self { url })
    }

    /// The URL, for whoever connects.
    pub(crate) fn expose(&self) -> &str {
        self.url.as_str()
    }

    /// A text of a driver without the secrets that it may repeat.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut clean = text.replace(self.url.as_str(), HIDDEN);
        if let Some(password) = self.url.password().filter(|password| !password.is_empty()) {
            clean = clean.replace(password, HIDDEN);
        }
        clean
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Address(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_never_shown() {
        let text = "mysql://ada:pass%20word@localhost:3306/shop";
        let address = Address::parse(text, DatabaseKind::Mysql).expect("an address");
        assert_eq!(format!("{address:?}"), "Address(***)");
        assert_eq!(
            address.scrub(&format!("can't reach {text} with pass%20word")),
            "can't reach *** with ***"
        );
        for (text, kind) in [
            ("localhost", DatabaseKind::Mysql),
            ("mysql://h", DatabaseKind::Mysql),
            ("mysql://h/d", DatabaseKind::Postgresql),
            ("postgres://h/d", DatabaseKind::Mysql),
            ("https://h/d", DatabaseKind::Mysql),
        ] {
            let error = Address::parse(text, kind).expect_err(text);
            assert!(!error.to_string().contains(text), "{error}");
        }
        assert!(Address::parse(" mariadb://h/d\n", DatabaseKind::Mysql).is_ok());
        assert!(Address::parse("postgresql://h/d", DatabaseKind::Postgresql).is_ok());
    }
}
