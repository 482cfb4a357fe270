# env(1) without -S takes the rest of the line as one name.
root
program
mkdir -p usr/bin
mv program usr/bin/real
cp /usr/bin/env usr/bin/
script program '#!/usr/bin/env real -x'
