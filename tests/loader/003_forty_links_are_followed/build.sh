# A path may lead through 40 links.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/own"
mkdir own
ln -s ../l/liba.so own/1
for n in $(seq 2 39); do ln -s "$((n - 1))" "own/$n"; done
ln -s 39 own/liba.so
