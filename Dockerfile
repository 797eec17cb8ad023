# A small image of Lockstep: the program and the packs of this repository.
#   docker build --tag lockstep .
#   docker run --rm --env LOCKSTEP_CLUSTER=http://search:9200 lockstep status --application shop
# An application that has `lockstep guard` as its entrypoint copies the program into its own image: COPY --from=lockstep /lockstep /

# Both images are of the same Debian, so that the program finds the C library that it was linked with.
ARG BUILD=docker.io/library/rust:1.95-bookworm
# What the program needs and nothing more: that library, and the certificates that are trusted. No shell, no package manager, no
# root: nothing that has to be kept up to date for its own sake, and nothing to work with for who breaks in.
ARG BASE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD} AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package lockstep && cp "${CARGO_TARGET_DIR:-target}/release/lockstep" /lockstep

FROM ${BASE}
COPY --from=build /lockstep /lockstep
COPY packs /packs
ENTRYPOINT ["/lockstep"]
