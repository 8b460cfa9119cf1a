# A container image of wan that holds no key. docs/install.md shows how to run it.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --wheel-dir /wheels '.[postgres,sandbox,storage]'

FROM python:3.13-slim-bookworm
# The mount keeps the wheels out of the image. The stage above has chosen their versions.
# hadolint ignore=DL3013
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels 'aimlapi-wan[postgres,sandbox,storage]' \
    && groupadd --gid 10001 wan \
    && useradd --uid 10001 --gid wan --create-home wan \
    && install -d -o wan -g wan -m 0700 /wan \
    && install -d -o wan -g wan -m 0755 /videos
# Configuration and history. Without this volume, a new container does not know earlier payments.
ENV WAN_HOME=/wan
VOLUME /wan
WORKDIR /videos
USER 10001:10001
ENTRYPOINT ["wan"]
CMD ["--help"]
