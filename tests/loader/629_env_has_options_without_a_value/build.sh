# Options of env(1) behind `-S` that have no value are passed over.
root
program
mkdir -p usr/bin
mv program usr/bin/real
cp /usr/bin/env usr/bin/
script program '#!/usr/bin/env -S -v --unset=A real'
