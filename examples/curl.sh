#!/bin/sh
# Sends a prompt, waits for its answer and hears it once more as a stream. Beside `npm start`:  FILA_API_KEY=fila_live_… sh examples/curl.sh
set -eu

api="${FILA_URL:-http://127.0.0.1:7433}/api/v1"
prompt=$(printf '%s' "${1:-Why is the sky blue?}" | sed 's/["\\]/\\&/g')

fila() {
  path=$1
  shift
  curl --silent --show-error --fail-with-body "$api$path" \
    --header "Authorization: Bearer $FILA_API_KEY" "$@"
}

# The same key in every attempt makes it one request; `Prefer: wait` asks to be answered when it has ended.
request=$(
  fila /requests \
    --header 'Content-Type: application/json' \
    --header "Idempotency-Key: $(date +%s)-$$" \
    --header 'Prefer: wait=30' \
    --retry 3 \
    --data "{\"prompt\": \"$prompt\"}"
)
printf '%s\n' "$request"

id=$(printf '%s' "$request" | sed 's/.*"id":"\(req_[^"]*\)".*/\1/')
fila "/requests/$id/stream" --no-buffer
