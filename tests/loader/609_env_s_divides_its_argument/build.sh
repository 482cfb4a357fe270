# `env -S` divides its argument at blanks; assignments and options come before the program.
root
program
mkdir -p usr/bin
mv program usr/bin/real
cp /usr/bin/env usr/bin/
script program '#!/usr/bin/env -S A=b real -x'
