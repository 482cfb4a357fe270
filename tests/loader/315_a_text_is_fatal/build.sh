# musl: a candidate that is no ELF file ends the start.
musl "$PWD/m"
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/text:$PWD/l"
mkdir text
printf '%0900d' 0 >text/liba.so
