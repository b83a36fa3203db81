#!/bin/sh
# Opens an ngrok tunnel to the API on this machine and tells Postmark and Twilio its address.
#
#   scripts/dev_tunnel.sh [PORT] [+61... ...]     PORT: the API's (8000); then the Twilio numbers to change
#
# Needs ngrok with its token set up (ngrok.com/download) and curl. Ctrl-C closes the tunnel; the providers keep the
# address until they are told another.
set -eu
cd "$(dirname "$0")/.."
port=${1:-8000}
[ $# -eq 0 ] || shift
fail() { echo "$1" >&2; exit 2; }
case $port in *[!0-9]*|'') fail "PORT is a number, got '$port'" ;; esac
for program in ngrok curl; do
  command -v "$program" >/dev/null 2>&1 || fail "$program is missing: install it (ngrok: ngrok.com/download), then run again"
done
python=.venv/bin/python
[ -x "$python" ] || fail "$python is missing: run \`make install\` first"

api=${NGROK_API:-http://127.0.0.1:4040/api}
ngrok http "$port" --log stderr --log-level error >/dev/null &
tunnel=$!
trap 'kill "$tunnel" 2>/dev/null || true' EXIT INT TERM

url=
tries=0
while [ -z "$url" ]; do
  tries=$((tries + 1))
  [ "$tries" -le 60 ] || fail "ngrok has opened no tunnel within 30 s: see its messages above"
  kill -0 "$tunnel" 2>/dev/null || fail "ngrok has ended: see its messages above"
  sleep 0.5
  # the tunnel to our port alone: another project's ngrok may be running here
  url=$(curl -fsS "$api/tunnels" 2>/dev/null | "$python" -c '
import json, sys
tunnels = json.load(sys.stdin)["tunnels"]
ours = [t["public_url"] for t in tunnels if t["config"]["addr"].rpartition(":")[2] == sys.argv[1]]
print(next((url for url in ours if url.startswith("https:")), ""))' "$port" 2>/dev/null || true)
done
echo "the API on port $port is reached at $url: start it with PUBLIC_URL=$url"
"$python" scripts/update_webhook_urls.py "$url" "$@" || echo "not every provider took it: see above" >&2
wait "$tunnel"
