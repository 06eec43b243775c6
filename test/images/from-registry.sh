# Copyright 2026 The TOPAS Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Part of build: images by a docker engine that can reach the registries of the Dockerfiles' default bases.
# shellcheck shell=bash disable=SC2154  # the variables that describe sets

prepare() {
	timeout 10 docker info >/dev/null 2>&1 ||
		die 'no docker engine answers: start it, or set IMAGES_FROM=packages'
}

make_image() {
	local name=$1 id
	if [[ $name == postgres ]]; then
		step "Pull $tag" pull_postgres
	else
		step "Build $tag" docker build --file "$dockerfile" --build-arg "VERSION=$version" --tag "$tag" .
	fi
	id=$(docker image inspect --format '{{.Id}}' "$tag")
	if [[ -f $out/$name.tar && $(cat "$out/$name.id" 2>/dev/null) == "$id" ]]; then
		echo "Image $tag is unchanged"
		return
	fi
	rm -f "$out/$name.id"
	step "Write $out/$name.tar" docker save --output "$out/$name.tar.new" "$tag"
	mv "$out/$name.tar.new" "$out/$name.tar"
	echo "$id" >"$out/$name.id"
}

pull_postgres() {
	docker pull postgres:15
	docker tag postgres:15 "$tag"
}
