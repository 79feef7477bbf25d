#!/usr/bin/env bash
# Runs the tests on other Node.js versions: scripts/test-on-nodes.sh 22 24
# The last one named runs all that need no outside programs; those before it only the tests beside the sources.
# `TESTS=all` in the environment runs everything on each.
# The project must be built. The binaries come from the npm packages node-linux-<arch> and are kept in a
# cache folder outside the tree; the programs that tests start find the same Node.js first on PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ "$#" -eq 0 ]; then
  echo "Say which versions: $0 22 24" >&2
  exit 64
fi
if [ "$(uname -s)" != Linux ]; then
  echo "▸ other Node.js versions: only on Linux" >&2
  exit 1
fi
case "$(uname -m)" in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) echo "No Node.js package is known for $(uname -m)." >&2 && exit 1 ;;
esac

cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/postroad/nodes
if ! mkdir -p "$cache" 2>/dev/null || [ ! -w "$cache" ]; then
  cache=$(mktemp -d)
  trap 'rm -rf "$cache"' EXIT
fi

# Unpacks the newest node-linux-<arch> of one major version into its folder of the cache, whole or not at all.
fetch_node() {
  local name=node-linux-$arch folder=$1 work
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  if ! (cd "$work" && npm pack --silent "$name@$2" >packed && tar -xzf "$(tail -n 1 packed)"); then
    rm -rf "$work"
    echo "✗ node $2 failed. Its package $name@$2 could not be fetched: check that the registry can be reached." >&2
    return 1
  fi
  chmod +x "$work/package/bin/node"
  rm -rf "$folder"
  mv "$work/package" "$folder"
  rm -rf "$work"
}

[ -t 1 ] || export NO_COLOR=1

for version in "$@"; do
  folder=$cache/$arch-$version
  [ -x "$folder/bin/node" ] || fetch_node "$folder" "$version"
  echo "▸ test on node $("$folder/bin/node" --version)"
  level=alone
  [ "$version" = "${*: -1}" ] || level=units
  TESTS=${TESTS:-$level} PATH=$folder/bin:$PATH "$folder/bin/node" node_modules/vitest/vitest.mjs run
done
