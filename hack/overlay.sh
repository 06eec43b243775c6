#!/usr/bin/env bash
# Writes build/deploy: the overlay that names the images to deploy. A generated overlay, because
# `kustomize edit` would change a file under version control.
#
#   hack/overlay.sh KUSTOMIZATION_DIR MANAGER_IMAGE RUNNER_IMAGE
set -euo pipefail
cd "$(dirname "$0")/.."

overlay=$1 manager=$2 runner=$3

# Local images keep their tag when they are built anew; their IDs roll the manager out all the same. Images of a
# registry have none here.
image_ids=$({ cat build/images/controller.id build/images/runner.id 2>/dev/null || true; } | sha256sum | cut -c1-16)

mkdir -p build/deploy
cat >build/deploy/kustomization.yaml <<YAML
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- ../../$overlay
patches:
- target:
    kind: Deployment
    name: topas-controller-manager
  patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: topas-controller-manager
    spec:
      template:
        metadata:
          annotations:
            topas.dev/image-ids: "$image_ids"
        spec:
          containers:
          - name: manager
            image: $manager
            env:
            - name: RUNNER_IMAGE
              value: $runner
YAML
