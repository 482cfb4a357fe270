# A name that merely holds an `S` is a name.
root
program
mkdir -p usr/bin
mv program usr/bin/myScript
cp /usr/bin/env usr/bin/
script program '#!/usr/bin/env myScript'
