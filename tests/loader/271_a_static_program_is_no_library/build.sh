# A file without a dynamic section in a library's place ends the start.
lib liba.so
program liba.so "-Wl,-rpath,$PWD"
cc -static -o liba.so "$MAIN"
