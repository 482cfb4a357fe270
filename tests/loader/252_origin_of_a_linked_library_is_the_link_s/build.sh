# $ORIGIN of a library is where it was opened: links are not resolved.
lib real/libm.so.6
lib real/liba.so real/libm.so.6 '-Wl,-rpath,$ORIGIN'
lib l/libm.so.6
ln -s ../real/liba.so l/
program real/liba.so '-Wl,-rpath,$ORIGIN/l'
