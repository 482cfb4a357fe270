# What env(1) runs may be a script, and that one may name env again.
root
program
mkdir -p usr/bin
mv program usr/bin/real
cp /usr/bin/env usr/bin/
script usr/bin/two '#!/usr/bin/env real'
script program '#!/usr/bin/env two'
