//! Where the databases of a pack's tables are: the environment says it, or files that it names. Addresses hold passwords, so
//! no flag takes one, and nothing here prints one.

use std::{env, ffi::OsString, fs, sync::Arc};

use lockstep_engine::{Databases, tables::variable};

/// The databases as the environment names them; looked up when they are needed.
pub(crate) fn databases() -> Databases {
    Databases::new(Arc::new(|name| {
        let variable = variable(name);
        let file_variable = format!("{variable}_FILE");
        let told = (env::var_os(&variable), env::var_os(&file_variable));
        address((&variable, &file_variable), told)
    }))
}

/// The address that one variable holds, or that the file holds which the other one names.
fn address(
    (variable, file_variable): (&str, &str),
    told: (Option<OsString>, Option<OsString>),
) -> Result<String, String> {
    let address = match told {
        (Some(_), Some(_)) => {
            return Err(format!("{variable} and {file_variable} are both set; keep one"));
        }
        (Some(address), None) => {
            address.into_string().map_err(|_bytes| format!("{variable} holds no text"))?
        }
        (None, Some(path)) => fs::read_to_string(&path).map_err(|error| {
            let path = path.display();
            format!("the file {path} that {file_variable} names can't be read: {error}")
        })?,
        (None, None) => return Err(format!("neither {variable} nor {file_variable} is set")),
    };
    Ok(address.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_from_one_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("address");
        fs::write(&file, "mysql://h/from-file\n").expect("a file");
        let missing = folder.path().join("missing");
        let names = ("DB", "DB_FILE");
        let direct = || Some(OsString::from("mysql://h/direct"));
        let from = |told| address(names, told);
        assert_eq!(from((direct(), None)), Ok("mysql://h/direct".to_owned()));
        assert_eq!(from((None, Some(file.clone().into()))), Ok("mysql://h/from-file".to_owned()));
        for (told, reason) in [
            ((direct(), Some(file.into())), "DB and DB_FILE are both set"),
            ((None, None), "neither DB nor DB_FILE is set"),
            ((None, Some(missing.into())), "that DB_FILE names can't be read"),
        ] {
            let error = from(told).expect_err(reason);
            assert!(error.contains(reason) && !error.contains("mysql://"), "{error}");
        }
    }
}
