#!/usr/bin/env bash
# Fails when something that is generated, formatted or tidied is not what it would be now. It
# works on a copy, so that the working tree stays as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  [ -e "$file" ] && printf '%s\0' "$file"
done | xargs -0 cp -a --parents -t "$copy"
mkdir -p "$copy/bin"
cp bin/controller-gen "$copy/bin/"

(
  cd "$copy"
  git init -q . && git add -A . && git -c user.name=verify -c user.email=verify@localhost commit -qm verify
  make --no-print-directory -o "$copy/bin/controller-gen" manifests generate fmt
  for module in . hack/cluster hack/tools hack/tools/lint; do
    (cd "$module" && go mod tidy)
  done
  if ! git diff --exit-code; then
    echo >&2
    echo "verify: the files above are not up to date: run 'make manifests generate fmt' and 'go mod tidy', and commit" >&2
    exit 1
  fi
)
for overlay in config/default config/samples test/e2e/config; do
  bin/kustomize build "$overlay" >/dev/null
done
echo "verify: generated code, manifests, formatting and modules are up to date"
