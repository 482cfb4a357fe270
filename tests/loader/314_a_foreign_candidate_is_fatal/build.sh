# musl: the first candidate that opens is final: one of another class or machine ends the start.
musl "$PWD/m"
lib l/liba.so
lib other/liba.so -m32
program l/liba.so "-Wl,-rpath,$PWD/other:$PWD/l"
