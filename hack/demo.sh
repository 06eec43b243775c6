#!/usr/bin/env bash
# The whole path, from nothing to a passed test. Every command is printed before it is run, so
# that it can be repeated by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS

say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
run() {
  printf '$ %s\n' "$*"
  "$@"
}

say "A cluster, the images, and TOPAS in it"
run make --no-print-directory cluster-up
run make --no-print-directory images-load
run make --no-print-directory deploy
run make --no-print-directory kctrl

say "From here on everything is kubectl and kctrl"
KUBECONFIG=$(bin/cluster kubeconfig)
export KUBECONFIG
printf '$ export KUBECONFIG=%s\n' "$KUBECONFIG"
tools=$PWD/bin
command -v kubectl >/dev/null || tools+=:$(bin/cluster assets)
export PATH=$tools:$PATH
# shellcheck disable=SC2016  # to be repeated by hand as it is
printf '$ export PATH=%s:$PATH\n' "$tools"

say "The system under test: two services, a database and its schema"
run kubectl apply -f config/samples/app.yaml

say "A test that upgrades it: HTTP, gRPC, SQL and a Postman collection"
name=upgrade-$(date +%H%M%S)
verdict=0
run kctrl test run --app mock-app --name "$name" --script config/samples/upgrade_test.lua --include config/samples/tests || verdict=$?

say "The verdict"
run kctrl test status "$name" || true # it says by its exit code what is known by now
run kubectl get apps,testruns,pods

printf '\nThe demo took %d s. The cluster stays up: make cluster-down takes it away.\n' $((SECONDS - started))
exit "$verdict"
