# musl: the path file is etc/ below the directory above the one in which PT_INTERP names the interpreter.
musl "$PWD/opt/m"
lib own/liba.so
program own/liba.so
echo "$PWD/own" >opt/m/etc/ld-musl-x86_64.path
