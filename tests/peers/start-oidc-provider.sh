#!/bin/sh
# The certified OpenID provider on port OP_PORT (9000). The other OP_* variables are in README.md.
cd "$(dirname "$0")/oidc-provider" && exec node server.mjs
