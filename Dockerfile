# bitfast and all that it needs, as `make image` builds it. Nothing here needs BuildKit.
ARG BASE=docker.io/library/debian:bookworm-20260918-slim@sha256:3783cc01769c7b2b1b83a5c5ad96c815348e28ed7da68e2e3687004faa906251

# The toolchain and the libraries, which a change of the code does not build again.
FROM $BASE AS env
# Lines of a sources.list, separated by ';', in the place of Debian's snapshot.
ARG APT_SOURCE=
COPY src/packages.txt src/container/install /usr/share/bitfast/
RUN /usr/share/bitfast/install /usr/share/bitfast/packages.txt "$APT_SOURCE"

# The code: sources and tools in /bitfast, where data/, results/ and plots/ of the host are mounted.
FROM env
COPY . /bitfast
WORKDIR /bitfast
RUN make -j2 build && mkdir data results
ENV PATH=/bitfast/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp LC_ALL=C.UTF-8
ENTRYPOINT ["/bitfast/src/container/inside"]
CMD ["make"]
