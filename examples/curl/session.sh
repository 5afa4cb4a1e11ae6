#!/usr/bin/env bash
# A whole session with curl and jq: Connect with JSON. Bytes are base64, 64-bit numbers are text.
set -euo pipefail

url=${GRAFT_URL:-http://127.0.0.1:3000}
metastore=$url/graft.metastore.v1.MetastoreService
pagestore=$url/graft.pagestore.v1.PagestoreService
if [ "${GRAFT_PROTOCOL:-connect}" != connect ]; then
  echo "curl speaks Connect, expected GRAFT_PROTOCOL=connect" >&2
  exit 2
fi
token=()
[ -z "${GRAFT_TOKEN:-}" ] || token=(-H "authorization: Bearer $GRAFT_TOKEN")

files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
answer=$files/answer # The last answer or error, JSON.

# report STEP FILTER: prints the line of a step.
report() { jq -c --arg step "$1" "{step: \$step, ok: true} + ($2)" "$answer"; }

# fail STEP: the line of a call that failed.
fail() {
  jq -c --arg step "$1" '{step: $step, ok: false} + (.error // . | {message} + '"$error)" "$answer"
  exit 1
}

# call URL: asks with the JSON of stdin; false when the answer is an error.
call() {
  local status
  status=$(gzip | curl -sS -o "$answer" -w '%{http_code}' --compressed --data-binary @- "${token[@]}" \
    -H 'content-type: application/json' -H 'content-encoding: gzip' "$1")
  [ "$status" = 200 ]
}

# open URL JSON [CURL OPTION…]: asks for a stream, whose messages come on descriptor 3. Each has 5
# bytes before it: the flags (1: compressed, 2: the last) and the length.
open() {
  local question=$2
  printf "\\x00$(printf '%08x' "${#question}" | sed 's/../\\x&/g')%s" "$question" >"$files/question"
  exec 3< <(exec curl -sSN --data-binary "@$files/question" "${token[@]}" "${@:3}" "$1" \
    -H 'content-type: application/connect+json' -H 'connect-accept-encoding: gzip')
  stream=$!
}

# next: takes the next message of the stream; false for the last one, {} or {"error": …}.
next() {
  local flags size
  read -r flags size < <(head -c 5 <&3 | od -An -tu1 | awk '{print $1, (($2 * 256 + $3) * 256 + $4) * 256 + $5}')
  head -c "$size" <&3 | if [ $((flags & 1)) = 1 ]; then gunzip; else cat; fi >"$answer"
  [ $((flags & 2)) = 0 ]
}

# await EVENT: takes the messages of Watch up to the first event of a kind.
await() {
  while next; do
    if jq -e ".$1" "$answer" >"$files/event"; then return; fi
  done
  fail watch
}

# id KIND: 16 bytes: the kind, milliseconds since 1970 in 6 bytes, 9 random bytes.
id() { printf '%s%012x%s' "$1" "$(date +%s%3N)" "$(random 9)" | tr a-f A-F | basenc -d --base16 | base64; }
random() { head -c "$1" /dev/urandom | od -An -tx1 | tr -d ' \n'; }
commit_id() { head -c 16 /dev/urandom | base64; }

# page BYTE: 4096 times an octal byte.
page() { head -c 4096 /dev/zero | tr '\0' "\\$1" | base64 -w 0; }
# digest: the SHA-256 of the pages that come line by line.
digest() { while read -r data; do base64 -d <<<"$data"; done | sha256sum | cut -d ' ' -f 1; }

# An error's details are bytes; beside them the server shows them as JSON.
error='{code} + ([.details[]?.debug | {detail: .code, reason, retryAfterMs: (.retryDelay // null |
  if . then rtrimstr("s") | tonumber * 1000 else . end)} | map_values(select(.))] | add)'

export vid cid page1 page2 page3 # jq reads them as $ENV.
vid=$(id 80)
cid=$(id C0)
page1=$(page 1)
page2=$(page 2)
page3=$(page 3)

jq -n '{vid: $ENV.vid, pageSize: 4096}' | call "$metastore/CreateVolume" || fail create
report create '{vid: $ENV.vid, created, pageSize}'

jq -n '{vid: $ENV.vid, pages: [{pageidx: 1, data: $ENV.page1}, {pageidx: 2, data: $ENV.page2}]}' |
  call "$pagestore/WritePages" || fail write
report write '{segments: .segments | length, compressed: true}'

jq --arg id "$(commit_id)" '{vid: $ENV.vid, cid: $ENV.cid, commitId: $id, pageCount: 2, segments}' \
  "$answer" >"$files/commit"
for step in commit retry; do
  call "$metastore/Commit" <"$files/commit" || fail $step
  report $step '{lsn: .snapshot.lsn | tonumber, replayed: (.replayed // false)}'
done

jq --arg id "$(commit_id)" '.commitId = $id' "$files/commit" | call "$metastore/Commit" && fail reject
report reject "$error"

jq -n '{vid: $ENV.vid, range: {inclusiveStart: 1}}' | call "$metastore/PullGraft" || fail pull
report pull '{lsn: .snapshot.lsn | tonumber, graft}'

jq '{vid: $ENV.vid, lsn: 1, graft}' "$answer" >"$files/read"
call "$pagestore/ReadPages" <"$files/read" || fail read
sum=$(jq -r '.pages[].data' "$answer" | digest)
report read '{pages: .pages | length, sha256: "'"$sum"'"}'

open "$pagestore/StreamPages" "$(jq -cn '{vid: $ENV.vid, lsn: 1}')"
while next; do jq -r '.pages[].data' "$answer"; done >"$files/pages"
[ "$(cat "$answer")" = '{}' ] || fail stream
report stream '{pages: '"$(wc -l <"$files/pages")"', sha256: "'"$(digest <"$files/pages")"'"}'

open "$metastore/Watch" "$(jq -cn '{volumes: [{vid: $ENV.vid, lsn: 1}], heartbeatMs: 1000}')"
await heartbeat
jq -n '{vid: $ENV.vid, pages: [{pageidx: 2, data: $ENV.page3}]}' | call "$pagestore/WritePages" || fail watch
jq --arg id "$(commit_id)" '.segments as $new | input | .commitId = $id | .snapshotLsn = 1 | .segments = $new' \
  "$answer" "$files/commit" >"$files/next"
call "$metastore/Commit" <"$files/next" || fail watch
await news
kill "$stream"
wait "$stream" || [ $? = 143 ] # Ended by our signal.
report watch '.news | {from: .fromLsn | tonumber, lsn: .snapshot.lsn | tonumber, code: "canceled"}'

open "$metastore/Watch" "$(jq -cn '{volumes: [{vid: $ENV.vid, lsn: 2}]}')" -H 'connect-timeout-ms: 500'
while next; do :; done
report deadline '.error | {code}'

jq -n '{vid: $ENV.vid, pages: [range(1; 2050) | {pageidx: ., data: $ENV.page1}]}' |
  call "$pagestore/WritePages" && fail limit
report limit "$error"

jq -n '{service: "graft.metastore.v1.MetastoreService"}' | call "$url/grpc.health.v1.Health/Check" || fail health
report health '{status}'
