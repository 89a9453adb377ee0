#!/usr/bin/env bash
# run.sh find_package BUILD_DIR | run.sh add_subdirectory SOURCE_DIR: builds and runs a stranger's project against ours.
set -euo pipefail
kind=$1 given=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "$kind" = find_package ]; then
  cmake --install "$given" --prefix "$work/prefix" >"$work/log" || { cat "$work/log"; exit 1; }
  test -x "$work/prefix/bin/starglow"
  arguments=(-DCMAKE_PREFIX_PATH="$work/prefix")
else
  arguments=(-DSTARGLOW_SOURCE="$given")
fi
cmake -S "$here/$kind" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release "${arguments[@]}"
cmake --build "$work/build" -j2
"$work/build/consumer" | grep -E '^Halpha [0-9.]+ A$'
