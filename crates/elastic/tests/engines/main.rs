//! Every call of the client on clusters: on those that `LOCKSTEP_TEST_ENGINES` names, as `name=url,name=url`.
// Without a list the tests have nothing to run on, and say so by passing at once: `./test` sets it.

#[cfg(test)]
mod clusters;
#[cfg(test)]
mod copying;
#[cfg(test)]
mod indices;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod surveying;
#[cfg(test)]
mod switching;
