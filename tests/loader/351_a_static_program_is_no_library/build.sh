# musl: a file without a dynamic section in a library's place ends the start.
musl "$PWD/m"
lib static/liba.so
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/static:$PWD/l"
cc -static -o static/liba.so "$MAIN"
