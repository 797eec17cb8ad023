//! Reads data out of Python files: literals that are assigned to a name. Nothing is executed, and whatever is more than
//! data is refused by file and line.

mod token;
mod value;

pub(crate) use token::{PythonText, Token};
pub(crate) use value::{Kind, Value};
