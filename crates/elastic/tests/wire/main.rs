//! What happens on the wire: the client against a raw server that answers well, badly, partly, or not at all.

#[cfg(test)]
mod bulk;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod encryption;
#[cfg(test)]
mod greeting;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod scripts;
#[cfg(test)]
mod server;
#[cfg(test)]
mod transport;
