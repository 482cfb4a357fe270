# env(1) counts by its name, wherever it lies; a program of another name runs nothing.
root
program
mkdir -p bin usr/bin
mv program usr/bin/real
cp usr/bin/real usr/bin/environ
script program '#!/usr/bin/environ real'
