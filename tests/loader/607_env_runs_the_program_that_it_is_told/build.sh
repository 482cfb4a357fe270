# env(1) runs the program that its argument names, found in PATH.
root
program
mkdir -p usr/bin usr/local/bin
mv program usr/local/bin/real
cp usr/local/bin/real usr/bin/real
cp /usr/bin/env usr/bin/
script program '#!/usr/bin/env real'
