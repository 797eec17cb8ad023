//! Where the databases of a pack's tables are: the environment says it, or files that it names. Addresses hold passwords, so
//! no flag takes one, and nothing here prints one.

use std::{env, fs, sync::Arc};

use lockstep_engine::{Databases, tables::variable};

/// The databases as the environment names them; looked up when they are needed.
pub(crate) fn databases() -> Databases {
    Databases::new(Arc::new(|name| address(&variable(name))))
}

/// The address that a variable holds, or that the file holds which another one names.
fn address(variable: &str) -> Result<String, String> {
    let file_variable = format!("{variable}_FILE");
    match (env::var(variable), env::var_os(&file_variable)) {
        (Ok(_), Some(_)) => Err(format!("{variable} and {file_variable} are both set; keep one")),
        (Ok(address), None) if !address.trim().is_empty() => Ok(address),
        (Err(env::VarError::NotUnicode(_)), None) => Err(format!("{variable} is no text")),
        (_, Some(path)) => {
            let text = fs::read_to_string(&path).map_err(|error| {
                format!(
                    "the file {} that {file_variable} names can't be read: {error}",
                    path.display()
                )
            })?;
            Ok(text.trim().to_owned())
        }
        (Ok(_) | Err(env::VarError::NotPresent), None) => {
            Err(format!("neither {variable} nor {file_variable} is set"))
        }
    }
}
