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
  jq -c --arg step "$1" '{step: $step, ok: false, code, message}' "$answer"
  exit 1
}

# call URL: asks with the JSON of stdin; false when the answer is an error.
call() {
  local status
  status=$(gzip | curl -sS -o "$answer" -w '%{http_code}' --compressed --data-binary @- "${token[@]}" \
    -H 'content-type: application/json' -H 'content-encoding: gzip' "$1")
  [ "$status" = 200 ]
}

# open URL [CURL OPTION…]: as call, for a stream: each message has 5 bytes before it, the flags (1:
# compressed, 2: the last) and the length. The answers come on descriptor 3.
open() {
  local question
  question=$(cat)
  printf "\\x00$(printf '%08x' "${#question}" | sed 's/../\\x&/g')%s" "$question" >"$files/question"
  rm -f "$files/stream" && mkfifo "$files/stream"
  curl -sSN -o "$files/stream" --data-binary "@$files/question" "${token[@]}" \
    -H 'content-type: application/connect+json' -H 'connect-accept-encoding: gzip' "${@:2}" "$1" &
  stream=$!
  exec 3<"$files/stream"
}

# next: reads the next message of the stream; false for the last one, {} or {"error": …}.
next() {
  local flags size
  read -r flags size < <(head -c 5 <&3 | od -An -tu1 | awk '{print $1, (($2 * 256 + $3) * 256 + $4) * 256 + $5}')
  head -c "$size" <&3 | if [ $((flags & 1)) = 1 ]; then gunzip; else cat; fi >"$answer"
  [ $((flags & 2)) = 0 ]
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
error='{code} + ([.details[].debug | {detail: .code, reason} | map_values(select(.))] | add)'

vid=$(id 80)
cid=$(id C0)

call "$metastore/CreateVolume" <<<"{\"vid\": \"$vid\", \"pageSize\": 4096}" || fail create
report create '{vid: "'"$vid"'", created, pageSize}'

jq -n '{vid: "'"$vid"'", pages: [{pageidx: 1, data: "'"$(page 1)"'"}, {pageidx: 2, data: "'"$(page 2)"'"}]}' |
  call "$pagestore/WritePages" || fail write
report write '{segments: .segments | length, compressed: true}'

commit=$(jq -c '{vid: "'"$vid"'", cid: "'"$cid"'", pageCount: 2, segments, commitId: "'"$(commit_id)"'"}' "$answer")
for step in commit retry; do
  call "$metastore/Commit" <<<"$commit" || fail $step
  report $step '{lsn: .snapshot.lsn | tonumber, replayed: (.replayed // false)}'
done

jq -c '.commitId = "'"$(commit_id)"'"' <<<"$commit" | call "$metastore/Commit" && fail reject
report reject "$error"

call "$metastore/PullGraft" <<<"{\"vid\": \"$vid\", \"range\": {\"inclusiveStart\": \"1\"}}" || fail pull
report pull '{lsn: .snapshot.lsn | tonumber, graft}'

jq '{vid: "'"$vid"'", lsn: 1, graft}' "$answer" >"$files/read"
call "$pagestore/ReadPages" <"$files/read" || fail read
sum=$(jq -r '.pages[].data' "$answer" | digest)
report read '{pages: .pages | length, sha256: "'"$sum"'"}'

open "$pagestore/StreamPages" <<<"{\"vid\": \"$vid\", \"lsn\": 1}"
while next; do jq -r '.pages[].data' "$answer"; done >"$files/pages"
report stream '{pages: '"$(wc -l <"$files/pages")"', sha256: "'"$(digest <"$files/pages")"'"}'

open "$metastore/Watch" <<<"{\"volumes\": [{\"vid\": \"$vid\", \"lsn\": 1}], \"heartbeatMs\": 1000}"
until next && jq -e .heartbeat "$answer" >"$files/heartbeat"; do :; done
call "$pagestore/WritePages" <<<"{\"vid\": \"$vid\", \"pages\": [{\"pageidx\": 2, \"data\": \"$(page 3)\"}]}" || fail watch
jq '{vid: "'"$vid"'", cid: "'"$cid"'", snapshotLsn: 1, pageCount: 2, segments, commitId: "'"$(commit_id)"'"}' "$answer" \
  >"$files/commit"
call "$metastore/Commit" <"$files/commit" || fail watch
until next && jq -e .news "$answer" >"$files/news"; do :; done
kill "$stream"
wait "$stream" 2>&- || [ $? = 143 ] # Ended by our signal.
report watch '.news | {from: .fromLsn | tonumber, lsn: .snapshot.lsn | tonumber, code: "canceled"}'

open "$metastore/Watch" -H 'connect-timeout-ms: 500' <<<"{\"volumes\": [{\"vid\": \"$vid\", \"lsn\": 2}]}"
while next; do :; done
report deadline '.error | {code}'

jq -n '{vid: "'"$vid"'", pages: [range(1; 2050) | {pageidx: ., data: "'"$(page 1)"'"}]}' |
  call "$pagestore/WritePages" && fail limit
report limit "$error"

call "$url/grpc.health.v1.Health/Check" <<<'{"service": "graft.metastore.v1.MetastoreService"}' || fail health
report health '{status}'
