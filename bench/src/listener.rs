//! Which process listens on a port of this machine, so that the engine's processor time can be read beside ours.

use std::fs;

/// The process that listens on this address, if it is on this machine and may be looked at.
///
/// `None` is an answer, not a failure: the engine may run elsewhere, or under another user.
pub(crate) fn process_behind(address: &str) -> Option<String> {
    let rest = address.split_once("://")?.1;
    let authority = rest.split('/').next()?.rsplit('@').next()?;
    let (host, port) = authority.rsplit_once(':')?;
    if !matches!(host, "127.0.0.1" | "localhost" | "[::1]") {
        return None;
    }
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .find_map(|table| listening_inode(&table, port.parse().ok()?))?;
    let wanted = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?;
    processes.filter_map(Result::ok).find_map(|process| {
        let name = process.file_name().into_string().ok()?;
        name.parse::<u32>().ok()?;
        let open = fs::read_dir(process.path().join("fd")).ok()?;
        open.filter_map(Result::ok)
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|target| target.to_string_lossy() == wanted)
            .then_some(name)
    })
}

/// The inode of the socket that listens on a port, in a table such as `/proc/net/tcp`.
fn listening_inode(table: &str, port: u16) -> Option<String> {
    const LISTENING: &str = "0A";
    let ending = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        (local.ends_with(&ending) && *state == LISTENING).then(|| (*inode).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listener_of_ours_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = std::process::id().to_string();
        assert_eq!(process_behind(&format!("http://127.0.0.1:{port}/")), Some(own.clone()));
        assert_eq!(process_behind(&format!("http://u:p@localhost:{port}")), Some(own));
        assert_eq!(process_behind(&format!("http://10.1.2.3:{port}")), None);
        drop(listener);
        assert_eq!(process_behind(&format!("http://127.0.0.1:{port}/")), None);
    }
}
