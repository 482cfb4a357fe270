# A candidate that is ET_EXEC ends the start.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/other:$PWD/l"
mkdir other
cc -no-pie -o other/liba.so "$MAIN"
