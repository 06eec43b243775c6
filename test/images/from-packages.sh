# Copyright 2026 The TOPAS Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Part of build: images where no registry can be reached. The base images are made of Debian and npm packages, and
# buildah builds the same Dockerfiles with them; Go binaries come from outside, by replacing the stage named build.
# shellcheck shell=bash disable=SC2154  # the variables that describe sets

readonly suite=bookworm
readonly cache=${XDG_CACHE_HOME:-$HOME/.cache}/topas/images
readonly bases_dir=test/images/bases
arch=$($go env GOARCH)
readonly arch

declare -gA base_tags=()

bud() {
	# chroot: a build needs no container runtime, no cgroups and no bridge on this machine.
	# timestamp: the same inputs make the same image, whenever they are built.
	buildah bud --isolation=chroot --network=host --layers --timestamp=0 "$@"
}

buildah() {
	command buildah --root "$cache/storage" --runroot "$cache/run" "$@"
}

prepare() {
	[[ $(id -u) == 0 ]] || die 'making base images needs root: run it as root, or with a docker engine and IMAGES_FROM=registry'
	install_packages
	mkdir -p "$cache/tmp"
	exec 9>"$cache/lock"
	if ! flock --nonblock 9; then
		echo "Waiting for another build that uses $cache (holders: fuser $cache/lock)"
		flock 9
	fi
	clean_up_after_interruption
	write_npm_home
}

install_packages() {
	local missing=()
	# type -P: buildah is a function here too.
	type -P buildah >/dev/null || missing+=(buildah)
	type -P mmdebstrap >/dev/null || missing+=(mmdebstrap)
	type -P npm >/dev/null || missing+=(npm)
	[[ -s /etc/ssl/certs/ca-certificates.crt ]] || missing+=(ca-certificates)
	((${#missing[@]})) || return 0
	step 'Update the list of Debian packages' apt-get update
	DEBIAN_FRONTEND=noninteractive step "Install Debian packages ${missing[*]}" \
		apt-get install --yes --no-install-recommends "${missing[@]}"
}

# An interrupted build leaves working containers and half-written files; the lock says that nobody uses them now.
clean_up_after_interruption() {
	rm -rf --one-file-system "$cache/tmp"
	mkdir -p "$cache/tmp"
	export TMPDIR=$cache/tmp
	if [[ -n $(buildah containers --quiet) ]]; then
		step 'Remove containers of an interrupted build' buildah rm --all
	fi
}

# write_npm_home makes the /root of npm's build steps: it brings this machine's certificates and registry along and
# takes npm's cache, so that nothing of the three is in an image.
write_npm_home() {
	npm_home=$cache/npm
	mkdir -p "$npm_home"
	cp "${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}" "$npm_home/ca.crt"
	printf '%s\n' "registry=$(npm config get registry 2>/dev/null)" cafile=/root/ca.crt update-notifier=false \
		>"$npm_home/.npmrc"
}

# key TEXT...: names a set of inputs.
key() {
	printf '%s\0' "$@" | sha256sum | cut -c1-16
}

# need_base NAME: makes the base image unless an earlier build made it of the same inputs.
need_base() {
	local name=$1 tag
	[[ -z ${base_tags[$name]:-} ]] || return 0
	[[ $name == debian ]] || need_base debian
	tag=localhost/topas/base-$name:$(key "$arch" "${base_tags[debian]:-}" "$(declare -f "make_$name")" \
		"$("inputs_of_$name")" "$(cat "$bases_dir/Dockerfile.$name")")
	if ! buildah inspect --type image "$tag" >/dev/null 2>&1; then
		step "Make the base image $name" "make_$name" "$tag"
	fi
	base_tags[$name]=$tag
}

# debian_sources prints the file that says where this machine gets Debian from.
debian_sources() {
	local file
	for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
		if [[ -s $file ]]; then
			echo "$file"
			return
		fi
	done
	die 'neither /etc/apt/sources.list.d/debian.sources nor /etc/apt/sources.list says where to get Debian from'
}

inputs_of_debian() { echo "$suite" && cat "$(debian_sources)"; }

make_debian() {
	# merged-usr and usr-is-merged: without them the package that merges /usr drags in perl.
	# shellcheck disable=SC2016  # mmdebstrap expands $1
	# unshare: what it mounts goes with it when it is killed, and is not found by the next run's cleaning up.
	SOURCE_DATE_EPOCH=0 unshare --mount mmdebstrap --variant=minbase --architectures="$(dpkg --print-architecture)" \
		--include=ca-certificates,usr-is-merged --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--customize-hook='rm -f "$1/etc/resolv.conf" "$1/etc/hostname"' \
		"$suite" "$TMPDIR/rootfs.tar" "$(debian_sources)"
	bud --file "$bases_dir/Dockerfile.debian" --tag "$1" "$TMPDIR"
	rm "$TMPDIR/rootfs.tar"
}

inputs_of_node() { cat "$bases_dir/node/package.json" "$bases_dir/node/package-lock.json"; }

make_node() {
	local folder=$TMPDIR/node
	mkdir -p "$folder"
	cp "$bases_dir"/node/package*.json "$folder"
	npm ci --prefix "$folder" --cache "$npm_home/.npm" --ignore-scripts --no-audit --no-fund --no-update-notifier
	mv "$folder"/node_modules/node-linux-*/bin/node "$folder/node"
	mv "$folder/node_modules/npm" "$folder/npm"
	bud --file "$bases_dir/Dockerfile.node" --build-arg "DEBIAN_IMAGE=${base_tags[debian]}" --tag "$1" "$folder"
	rm -r "$folder"
}

inputs_of_static() { :; }

make_static() {
	bud --file "$bases_dir/Dockerfile.static" --build-arg "DEBIAN_IMAGE=${base_tags[debian]}" --tag "$1" "$bases_dir"
}

# make_image NAME writes the archive of the image that describe has described.
make_image() {
	local name=$1 base binaries=bin/linux/$1 arguments=() image_key before id
	for base in "${bases[@]}"; do
		need_base "${base#*=}"
		arguments+=(--build-arg "${base%%=*}=${base_tags[${base#*=}]}")
	done
	if [[ -n $binary ]]; then
		step "Compile $binary $version" compile "$binaries/$binary"
		inputs+=("$binaries/$binary")
		arguments+=(--build-context "build=$binaries")
	fi

	image_key=$(key "$tag" "${arguments[@]}" "$(sha256sum "$dockerfile" "${inputs[@]}")")
	if [[ -f $out/$name.tar && -f $out/$name.id && $(cat "$out/$name.key" 2>/dev/null) == "$image_key" ]]; then
		echo "Image $tag is unchanged"
		return
	fi
	# The npm home also goes where no npm runs: it only needs to be the same for all, for the steps' cache.
	before=$(buildah images --quiet --no-trunc "$tag" 2>/dev/null || true)
	step "Build $tag" bud --file "$dockerfile" "${arguments[@]}" --volume "$npm_home:/root" \
		--iidfile "$TMPDIR/id" --tag "$tag" .
	id=$(cat "$TMPDIR/id")
	if [[ -n $before && $before != "$id" ]]; then
		# Predecessors would fill the disk. (rmi --prune would take the cached steps of other stages along.)
		buildah rmi "$before" >/dev/null
	fi
	if [[ ! -f $out/$name.tar || $(cat "$out/$name.id" 2>/dev/null) != "$id" ]]; then
		rm -f "$out/$name.id" "$out/$name.tar.new"
		step "Write $out/$name.tar" buildah push "$id" "docker-archive:$out/$name.tar.new:$tag"
		mv "$out/$name.tar.new" "$out/$name.tar"
		echo "$id" >"$out/$name.id"
	fi
	echo "$image_key" >"$out/$name.key"
}

# compile writes the binary exactly as the stage build of the Dockerfiles does.
compile() {
	mkdir -p "$(dirname "$1")"
	CGO_ENABLED=0 GOOS=linux GOARCH=$arch $go build -trimpath -buildvcs=false \
		-ldflags "-s -w -X main.version=$version" -o "$1" "$package"
}
