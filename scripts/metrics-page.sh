#!/usr/bin/env bash
# Prints docs/metrics.md, from what the programs declare. CARGO is what builds them.
set -euo pipefail
cd "$(dirname "$0")/.."
cat <<'EOF'
# Metrics

Made by `make docs` from what the programs declare. `--admin HOST:PORT` serves them at `/metrics`; see [monitoring](monitoring.md) for how to
have them scraped, and for rules and a dashboard. A histogram `x` is queried as `x_bucket`, `x_sum` and `x_count`.
EOF
"${CARGO:-cargo}" run --quiet --package ringtail-dataserver --example server_metrics
"${CARGO:-cargo}" run --quiet --package ringtail-proxy --example proxy_metrics
