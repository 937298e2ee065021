#!/bin/bash
# PostgreSQL in the foreground, with a new data directory that goes when it ends, or in PG_FOLDER,
# which stays, so that the next start finds what was there. PG_PORT (15432).
# User and database vestibule, password vestibule; the user may create databases. PG_FSYNC=on for
# honest write timings, PG_SYNCHRONOUS=on to acknowledge no commit before its standby has it,
# PG_BUFFERS for more than 128MB of shared buffers.
# PostgreSQL refuses root, so root runs it as the user postgres.
set -euo pipefail
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
port=${PG_PORT:-15432} fsync=${PG_FSYNC:-off} synchronous=${PG_SYNCHRONOUS:-${PG_FSYNC:-off}} connections=${PG_MAX_CONNECTIONS:-200} buffers=${PG_BUFFERS:-128MB}
folder=${PG_FOLDER:-$(mktemp -d "${TMPDIR:-/tmp}/postgres.XXXXXX")}
server=
trap '[ -z "$server" ] || { kill -INT $server; wait $server; } 2>/dev/null || :
  [ -n "${PG_FOLDER:-}" ] || rm -rf "$folder"' EXIT
trap 'exit 0' TERM INT

as=()
if [ "$(id -u)" = 0 ]; then
  as=(setpriv --reuid postgres --regid postgres --init-groups)
  chown postgres: "$folder"
fi
cd "$folder"
if [ ! -d data ]; then
  printf vestibule | "${as[@]}" tee pw >/dev/null
  "${as[@]}" "$bin/initdb" -D data -U vestibule -A scram-sha-256 --pwfile pw -E UTF8 --locale C.UTF-8 -N >/dev/null
  echo 'create database vestibule;' | "${as[@]}" "$bin/postgres" --single -D data postgres >/dev/null
fi
"${as[@]}" "$bin/postgres" -D data -p "$port" -c listen_addresses=127.0.0.1 \
  -c unix_socket_directories="$folder" -c max_connections="$connections" -c log_min_messages=fatal \
  -c shared_buffers="$buffers" \
  -c fsync="$fsync" -c synchronous_commit="$synchronous" -c full_page_writes="$fsync" &
server=$!
wait $server
