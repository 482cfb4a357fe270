# A path that leads through 41 links is a loop.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/own"
mkdir own
ln -s ../l/liba.so own/1
for n in $(seq 2 40); do ln -s "$((n - 1))" "own/$n"; done
ln -s 40 own/liba.so
