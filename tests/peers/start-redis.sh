#!/bin/sh
# One Redis in the foreground, nothing kept. REDIS_PORT (16379), REDIS_PASSWORD (none).
exec redis-server --port "${REDIS_PORT:-16379}" --bind 127.0.0.1 --save '' --appendonly no \
  --dir "${TMPDIR:-/tmp}" --daemonize no --loglevel warning \
  ${REDIS_PASSWORD:+--requirepass "$REDIS_PASSWORD"}
