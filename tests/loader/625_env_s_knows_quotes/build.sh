# `env -S` keeps what stands in quotes together.
root
program
mkdir -p usr/bin 'my dir'
mv program 'my dir/real'
cp /usr/bin/env usr/bin/
script program '#!/usr/bin/env -S "/my dir/real" -x'
