# musl: $ORIGIN of a program that is run through a link is where the file is.
musl "$PWD/m"
lib real/l/liba.so
lib l/liba.so
program real/l/liba.so '-Wl,-rpath,${ORIGIN}/l'
mv program real/
ln -s real/program program
