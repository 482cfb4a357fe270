# The interpreter's name may be a link; its $ORIGIN is the file's.
root
lib opt/l/liba.so
program opt/l/liba.so -Wl,-rpath,/opt/l
mkdir bin
mv program opt/real
ln -s /opt/real bin/sh
script program '#!/bin/sh'
