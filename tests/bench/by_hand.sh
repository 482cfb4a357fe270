#!/bin/sh
# What people write without a tool: by_hand.sh PROGRAM STAGE IMAGE.tar
set -eu
mkdir "$2"
{ echo "$1"; ldd "$1" | sed -n 's|^[^/]*\(/.*\) (0x.*|\1|p'; } | xargs -d '\n' cp -L --parents -t "$2"
tar -cf "$3" -C "$2" .
