# Flags of env(1) may stand together: `-vS`, `-iS`.
root
program
mkdir -p usr/bin
mv program usr/bin/real
cp /usr/bin/env usr/bin/
script program '#!/usr/bin/env -vS real -x'
