//! Every call of the client on clusters: on the pocket cluster in both its guises, and on those engines that
//! `LOCKSTEP_TEST_ENGINES` names, as `name=url,name=url`.

#[cfg(test)]
mod clusters;
#[cfg(test)]
mod copying;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod indices;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod surveying;
#[cfg(test)]
mod switching;
