# env(1) looks for the program in the PATH that its own assignment sets.
root
program
mkdir -p usr/bin own
mv program own/real
cp own/real usr/bin/
cp /usr/bin/env usr/bin/
script program '#!/usr/bin/env -S PATH=/own real'
