# The image of `membership serve`, `membership worker`, `membership migrate` and all other commands.
#
#   docker build --build-arg VERSION=0.1.0 --build-arg REVISION=$(git rev-parse HEAD) --tag membership:0.1.0 .
#
# `make image-steps` runs the instructions of this file without an engine and tries what comes out of them. The base is
# named by its exact tag and not by a digest: which digest is the right one depends on the registry or mirror that you
# build from. Whoever releases images pins it there (`--build-context python:…=docker-image://python@sha256:…`).

FROM python:3.11.14-slim-trixie AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_INPUT=1

WORKDIR /build

# Dependencies first: they change less often than we do. The environment gets no pip: what runs installs nothing.
COPY requirements-runtime.lock ./
COPY tools/build.lock tools/
RUN python -m venv /opt/build \
    && /opt/build/bin/python -m pip install --require-hashes -r tools/build.lock \
    && python -m venv --without-pip /opt/membership \
    && /opt/build/bin/python -m pip --python /opt/membership/bin/python install --no-compile --require-hashes -r requirements-runtime.lock

COPY LICENSE README.md pyproject.toml ./
COPY graphql graphql
COPY sql sql
COPY src src
# Compiled here, once: what runs may not write. By hash and unchecked, so that no time of a file matters.
RUN /opt/build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/build/bin/python -m pip --python /opt/membership/bin/python install --no-compile --no-deps --no-index dist/*.whl \
    && /opt/membership/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/membership/lib


FROM python:3.11.14-slim-trixie

ARG VERSION=0.1.0.dev0
ARG REVISION=unknown

LABEL org.opencontainers.image.title="membership" \
      org.opencontainers.image.description="Loyalty and membership service for department stores, over GraphQL" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11.14-slim-trixie"

# It belongs to root, and nobody else may write to it.
COPY --from=build /opt/membership /opt/membership

# Outside a container the defaults are this machine only; inside one that would be nobody. The health check below asks
# the second listener, because API and worker alike have it.
ENV PATH=/opt/membership/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MEMBERSHIP_HOST=0.0.0.0 \
    MEMBERSHIP_MONITORING_HOST=0.0.0.0 \
    MEMBERSHIP_MONITORING_PORT=9000

# By number, so that Kubernetes can see that it is not root (runAsNonRoot).
USER 10001:10001
WORKDIR /

EXPOSE 8000 9000

# Alive, not ready: what restarts a container must not be led by what a restart does not heal. Kubernetes has probes of
# its own and does not look at this.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(f\"http://127.0.0.1:{os.environ['MEMBERSHIP_MONITORING_PORT']}/healthz\", timeout=2)"]

STOPSIGNAL SIGTERM
ENTRYPOINT ["membership"]
CMD ["serve"]
