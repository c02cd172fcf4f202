# One image for the web, the sweeper and the jobs. Not built by this repository's checks, only linted.
FROM python:3.11-slim-bookworm

# util-linux's setpriv is part of the base image; nothing else of the system is needed.
RUN useradd --system --create-home --home-dir /srv/sourcingx --uid 10001 sourcingx
WORKDIR /srv/sourcingx/app

COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt

COPY --chown=sourcingx:sourcingx . .
RUN mkdir -p /srv/sourcingx/data && chown sourcingx:sourcingx /srv/sourcingx/data

USER sourcingx
ENV SOURCINGX_HOME=/srv/sourcingx/data BIND=0.0.0.0 PORT=8050 PYTHONUNBUFFERED=1
VOLUME /srv/sourcingx/data
EXPOSE 8050
HEALTHCHECK --interval=15s --timeout=3s --start-period=60s --retries=4 \
  CMD ["python", "-c", "import os,urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/readyz\", timeout=2)"]
# SIGTERM ends everything cleanly; give it as long as a provider's call may take.
STOPSIGNAL SIGTERM
CMD ["python", "-m", "services.supervisor"]
