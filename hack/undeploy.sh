#!/usr/bin/env bash
# Takes TOPAS out of the cluster. Apps and TestRuns go first, while everything that cleans up
# after them still runs; the API server deletes what they own.
#
#   hack/undeploy.sh INSTALL_YAML      (`make undeploy` sets KUBECONFIG and the PATH)
set -euo pipefail

if kubectl get crd apps.topas.dev testruns.topas.dev >/dev/null 2>&1; then
  kubectl delete testruns.topas.dev,apps.topas.dev --all --all-namespaces --cascade=foreground --timeout=120s
  # Without the CRDs the garbage collector loses sight of what belonged to an App that was deleted just before.
  kubectl wait --for=delete deployments,replicasets,jobs,pods --all-namespaces -l topas.dev/app --timeout=120s
fi
kubectl delete --ignore-not-found --timeout=120s -f "$1"
