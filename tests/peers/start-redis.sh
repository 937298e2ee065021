#!/bin/sh
# One Redis in the foreground, nothing kept: 16 databases for each of 16 processes of tests.
# REDIS_PORT (16379), REDIS_PASSWORD (none). A file that another Redis has left there is not read.
exec redis-server --port "${REDIS_PORT:-16379}" --bind 127.0.0.1 --databases 256 \
  --save '' --appendonly no --dbfilename "none-$$.rdb" \
  --dir "${TMPDIR:-/tmp}" --daemonize no --loglevel warning \
  ${REDIS_PASSWORD:+--requirepass "$REDIS_PASSWORD"}
