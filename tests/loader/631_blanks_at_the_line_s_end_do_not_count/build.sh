# Blanks at the end of the first line are no part of the argument.
root
program
mkdir -p usr/bin
mv program usr/bin/real
cp /usr/bin/env usr/bin/
script program '#!/usr/bin/env real \t'
