#!/usr/bin/env bash
# Brings a cluster to what an overlay says, in the order in which no till notices: what has to be there, the migrations
# that new code needs, the new code, the migrations that would hurt old code. Stops at the first step that fails; run it
# again when the reason is gone. The first time it makes everything.
#
#   k8s/rollout.sh small            # or group, or the path of an overlay of your own that has the same four folders
#   KUBECTL='kubectl --context mall' k8s/rollout.sh group
set -euo pipefail
cd "$(dirname "$0")"

KUBECTL=${KUBECTL:-kubectl}
NAMESPACE=membership
overlay=${1:?say which overlay: small or group}
[ -d "$overlay" ] || overlay=overlays/$overlay

say() { echo "==> $*"; }

# A Job is either complete or failed one day; kubectl waits for one condition only.
job_succeeds() {
    local complete failed
    $KUBECTL -n "$NAMESPACE" wait --for=condition=complete "job/$1" --timeout=65m &
    complete=$!
    $KUBECTL -n "$NAMESPACE" wait --for=condition=failed "job/$1" --timeout=65m >/dev/null 2>&1 &
    failed=$!
    wait -n "$complete" "$failed" || true
    kill "$complete" "$failed" 2>/dev/null || true
    [ "$($KUBECTL -n "$NAMESPACE" get "job/$1" -o jsonpath='{.status.succeeded}')" = 1 ]
}

migrate() {
    say "migrations, $1"
    $KUBECTL -n "$NAMESPACE" delete job "membership-migrate-$1" --ignore-not-found --wait
    $KUBECTL apply -k "$overlay/$1"
    if ! job_succeeds "membership-migrate-$1"; then
        $KUBECTL -n "$NAMESPACE" logs "job/membership-migrate-$1" --tail=20 >&2 || true
        echo "rollout: the migration did not succeed; everything serves on as before" >&2
        exit 1
    fi
}

say "servers, and who may speak to whom"
$KUBECTL apply -k "$overlay/servers"
migrate pre
say "API and worker"
$KUBECTL apply -k "$overlay"
deployments=$($KUBECTL -n "$NAMESPACE" get deployment -l app.kubernetes.io/name=membership -o name)
for deployment in $deployments; do
    $KUBECTL -n "$NAMESPACE" rollout status "$deployment" --timeout=30m
done
# Pods that a rollout ended may still be finishing what they have in hand.
say "until the last pod of before is gone"
leaving=unknown
until [ -z "$leaving" ]; do
    leaving=$($KUBECTL -n "$NAMESPACE" get pods -l app.kubernetes.io/name=membership \
        -o jsonpath='{.items[?(@.metadata.deletionTimestamp)].metadata.name}')
    [ -z "$leaving" ] || sleep 2
done
migrate post
say "done"
