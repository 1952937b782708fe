# Consign in a container: built from source, run by nobody in particular, writing to /data and nowhere else.
#
#   docker build --tag consign .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges --stop-timeout 60 \
#       --volume consign-data:/data --volume ./consign.toml:/etc/consign/consign.toml:ro \
#       --publish 127.0.0.1:8080:8080 consign
#
# docs/deployment.md tells how consign.toml gets its keys, without which the server does not start.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock build.rs ./
COPY src src
RUN cargo build --release --locked

FROM debian:bookworm-slim
# The certificates are for webhooks, tesseract for text in pictures: another language is another package.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates tesseract-ocr tesseract-ocr-eng tesseract-ocr-osd \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 consign \
    && useradd --system --uid 10001 --gid consign --home-dir /data --no-create-home --shell /usr/sbin/nologin consign \
    && install --directory --owner=consign --group=consign --mode=0700 /data
COPY --from=build /build/target/release/consign /usr/bin/consign
# In words that mean the same in every container; consign.toml, if it is there, is read from the working directory.
ENV CONSIGN_LISTEN=0.0.0.0:8080 CONSIGN_DATA_DIR=/data
WORKDIR /etc/consign
USER 10001:10001
VOLUME /data
EXPOSE 8080
# Whether it answers: a server whose disk is full does, and another start would not help it.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["consign", "health", "--alive"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["consign"]
CMD ["serve"]
