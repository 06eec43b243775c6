# Everything that is built, tested and run here goes through this file: `make help` lists it.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -o pipefail -ec
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Where the cluster comes from: auto (kind if a Docker engine and kind answer, else a
# Kubernetes of our own), kind, local, or current (the cluster of your kubeconfig).
CLUSTER ?= auto
export CLUSTER

# Image names. The defaults are what the local clusters load.
IMG ?= localhost/topas/controller:dev
RUNNER_IMG ?= localhost/topas/runner:dev
CONTAINER_TOOL ?= docker
# What `make deploy` applies: a kustomization below this folder.
OVERLAY ?= config/default

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
BIN := $(CURDIR)/bin
BUILD := $(CURDIR)/build

# What a command needs to reach the cluster: its kubeconfig, and a kubectl (the one on the PATH, or
# else the one that comes with the cluster).
on_cluster = KUBECONFIG="$$($(BIN)/cluster kubeconfig)" PATH="$$PATH:$$(command -v kubectl >/dev/null || $(BIN)/cluster assets)"

##@ General

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN {FS = ":.*##"; printf "\nUsage:\n  make \033[36m<target>\033[0m\n"} /^[a-zA-Z_0-9-]+:.*?##/ { printf "  \033[36m%-18s\033[0m %s\n", $$1, $$2 } /^##@/ { printf "\n\033[1m%s\033[0m\n", substr($$0, 5) } ' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## From nothing to a passed test: cluster, images, TOPAS, a sample App, a test followed live.
	@hack/demo.sh

##@ Development

.PHONY: manifests
manifests: $(BIN)/controller-gen ## Generate the CRDs and the manager's role.
	$(BIN)/controller-gen crd rbac:roleName=manager-role paths="./api/..." paths="./internal/controller/..." output:crd:artifacts:config=config/crd/bases output:rbac:artifacts:config=config/rbac

.PHONY: generate
generate: $(BIN)/controller-gen ## Generate the DeepCopy methods.
	$(BIN)/controller-gen object:headerFile=hack/boilerplate.go.txt paths="./api/..."

.PHONY: fmt
fmt: ## Format the Go code.
	gofmt -w $$(git ls-files '*.go')

.PHONY: vet
vet: ## Run go vet.
	go vet ./...
	go vet -tags e2e ./test/e2e/...
	go -C hack/cluster vet ./cmd/cluster ./internal/...

.PHONY: lint
lint: $(BIN)/golangci-lint ## Run the linters, and hold the imports to their directions.
	$(BIN)/golangci-lint run --build-tags e2e
	cd hack/cluster && $(BIN)/golangci-lint run --config $(CURDIR)/.golangci.yml ./cmd/cluster/... ./internal/...

.PHONY: verify
verify: $(BIN)/controller-gen $(BIN)/kustomize ## Fail when generated code, manifests, formatting or modules are not up to date.
	hack/verify.sh

##@ Test

.PHONY: test
test: ## Run everything: unit, API server and end-to-end tests.
	$(MAKE) test-unit
	$(MAKE) test-e2e

.PHONY: test-unit
test-unit: test-deps envtest newman ## Run the tests that need no cluster, against real servers.
	KUBEBUILDER_ASSETS="$$($(BIN)/cluster assets)" go test ./api/... ./cmd/... ./internal/... ./test/apps/... ./test/bench/... ./test/chaos/... ./test/deployed/... ./test/e2e ./test/servers/...
	go -C hack/cluster test ./cmd/cluster ./internal/...

.PHONY: test-e2e
test-e2e: kctrl cluster-up images-load ## Run the end-to-end tests on a real cluster.
	$(MAKE) deploy OVERLAY=test/e2e/config
	$(on_cluster) go test -tags e2e -count=1 -timeout 30m -parallel 4 -v ./test/e2e
	if [ "$$($(BIN)/cluster which)" = local ]; then $(MAKE) chaos CHAOS="--runs=40 --restarts=1 --timeout=5m"; fi
	$(MAKE) undeploy OVERLAY=test/e2e/config
	$(on_cluster) go test -tags e2e -count=1 -v ./test/e2e/undeployed

# How much happens in `make test-chaos`, see test/chaos/main.go.
CHAOS ?= --runs=300 --restarts=2

.PHONY: test-chaos
test-chaos: images-load chaos ## Kill the manager, the API server and Pods while 300 TestRuns are on their way; needs the local cluster.

.PHONY: chaos
chaos:
	$(MAKE) deploy OVERLAY=test/chaos/config
	go build -o $(BUILD)/chaos ./test/chaos
	$(on_cluster) $(BUILD)/chaos --cluster=$(BIN)/cluster $(CHAOS)

.PHONY: test-deps
test-deps: ## Install the servers that the tests run against (Debian packages).
	hack/test-deps.sh

.PHONY: envtest
envtest: $(BIN)/cluster ## Build the etcd and kube-apiserver that the tests start, and print their folder.
	@$(BIN)/cluster assets

.PHONY: newman
newman: $(BUILD)/newman/.installed ## Install Newman for the tests.

$(BUILD)/newman/.installed: internal/driver/postman/newman/package.json internal/driver/postman/newman/package-lock.json
	mkdir -p $(@D)
	cp $^ $(@D)
	npm ci --prefix $(@D) --omit=dev --no-audit --no-fund
	touch $@

##@ Benchmarks

.PHONY: bench
bench: ## Run all benchmarks, one after the other; nothing else should use the machine.
	$(MAKE) bench-app
	$(MAKE) bench-queue
	$(MAKE) bench-latency

.PHONY: bench-app
bench-app: envtest manager ## Measure what 50 and 200 Apps cost the manager; the last line is JSON.
	go build -o $(BUILD)/bench-app ./test/bench/app
	KUBEBUILDER_ASSETS="$$($(BIN)/cluster assets)" exec $(BUILD)/bench-app --manager=$(BIN)/manager

.PHONY: bench-queue
bench-queue: envtest manager ## Measure what 1,000 and 10,000 waiting TestRuns cost the manager, beside Jobs; the last line is JSON.
	go build -o $(BUILD)/bench-queue ./test/bench/queue
	KUBEBUILDER_ASSETS="$$($(BIN)/cluster assets)" exec $(BUILD)/bench-queue --manager=$(BIN)/manager

.PHONY: bench-latency
bench-latency: images-load ## Measure on a real cluster what a TestRun takes beyond a bare Pod; the last line is JSON.
	$(MAKE) deploy
	go build -o $(BUILD)/bench-latency ./test/bench/latency
	$(on_cluster) $(BUILD)/bench-latency

##@ Build

.PHONY: build
build: manager runner kctrl ## Build the binaries into bin/.

.PHONY: manager
manager: ## Build the manager.
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o $(BIN)/manager ./cmd/manager

.PHONY: runner
runner: ## Build the runner.
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o $(BIN)/runner ./cmd/runner

.PHONY: kctrl
kctrl: ## Build the CLI.
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o $(BIN)/kctrl ./cmd/kctrl

.PHONY: run
run: manifests generate ## Run the manager on this machine, against the current kubeconfig.
	RUNNER_IMAGE=$(RUNNER_IMG) go run ./cmd/manager --metrics-bind-address=0

.PHONY: docker-build
docker-build: ## Build the images of the manager and the runner with CONTAINER_TOOL.
	$(CONTAINER_TOOL) build --build-arg VERSION=$(VERSION) -t $(IMG) -f Dockerfile.controller .
	$(CONTAINER_TOOL) build --build-arg VERSION=$(VERSION) -t $(RUNNER_IMG) -f Dockerfile.runner .

.PHONY: docker-push
docker-push: ## Push the images of the manager and the runner.
	$(CONTAINER_TOOL) push $(IMG)
	$(CONTAINER_TOOL) push $(RUNNER_IMG)

.PHONY: images
images: ## Build all images, the samples' too, into build/images; from packages where no registry is.
	test/images/build

.PHONY: build-installer
build-installer: manifests generate $(BIN)/kustomize ## Write all that `make deploy` applies into build/install.yaml.
	@hack/overlay.sh $(OVERLAY) $(IMG) $(RUNNER_IMG)
	$(BIN)/kustomize build $(BUILD)/deploy >$(BUILD)/install.yaml

##@ Cluster

.PHONY: cluster-up
cluster-up: $(BIN)/cluster ## Bring up a real Kubernetes, or find the one that CLUSTER names.
	$(BIN)/cluster up

.PHONY: cluster-down
cluster-down: $(BIN)/cluster ## Take the cluster away, with all that belongs to it.
	$(BIN)/cluster down

.PHONY: cluster-status
cluster-status: $(BIN)/cluster ## Show what runs, and how to reach it.
	$(BIN)/cluster status

.PHONY: images-load
images-load: images cluster-up ## Load the images into the cluster.
	$(BIN)/cluster load $(BUILD)/images/*.tar

##@ Deployment


.PHONY: install
install: $(BIN)/cluster ## Put the CRDs into the cluster.
	$(on_cluster) kubectl apply --server-side -k config/crd

.PHONY: uninstall
uninstall: $(BIN)/cluster ## Take the CRDs, and with them every App and TestRun, out of the cluster.
	$(on_cluster) kubectl delete --ignore-not-found -k config/crd

.PHONY: deploy
deploy: $(BIN)/cluster build-installer ## Put TOPAS into the cluster and wait until it is ready.
	$(on_cluster) kubectl apply --server-side --force-conflicts -f $(BUILD)/install.yaml
	$(on_cluster) kubectl -n topas-system rollout status deployment/topas-controller-manager --timeout=120s

.PHONY: undeploy
undeploy: $(BIN)/cluster build-installer ## Take TOPAS out of the cluster, with every App and TestRun.
	$(on_cluster) hack/undeploy.sh $(BUILD)/install.yaml

##@ Tools

.PHONY: FORCE
$(BIN)/cluster: FORCE
	@go build -C hack/cluster -o $@ ./cmd/cluster

$(BIN)/controller-gen $(BIN)/kustomize &: hack/tools/go.mod
	go build -C hack/tools -o $(BIN)/ sigs.k8s.io/controller-tools/cmd/controller-gen sigs.k8s.io/kustomize/kustomize/v5

$(BIN)/golangci-lint: hack/tools/lint/go.mod
	go build -C hack/tools/lint -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
