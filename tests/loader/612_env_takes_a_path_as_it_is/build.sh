# A name with a slash is not looked for in PATH by env(1).
root
program
mkdir -p usr/bin opt
mv program opt/real
cp /usr/bin/env usr/bin/
script program '#!/usr/bin/env /opt/real'
