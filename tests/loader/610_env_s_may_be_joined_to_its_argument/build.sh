# `env -Sreal` and options in front are read as env(1) reads them.
root
program
mkdir -p usr/bin
mv program usr/bin/real
cp /usr/bin/env usr/bin/
script program '#!/usr/bin/env -S-u A real'
