# The links among a path's directories count towards the 40.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/own:$PWD/d40"
mkdir own
ln -s l d1
for n in $(seq 2 40); do ln -s "d$((n - 1))" "d$n"; done
