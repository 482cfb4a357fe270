# The loader serves the name that libc asks for, whatever its own file is called; no second one is mapped.
mkdir opt
cp /lib64/ld-linux-x86-64.so.2 opt/my-loader
INTERP=$PWD/opt/my-loader
lib own/ld-linux-x86-64.so.2
lib own/liba.so own/ld-linux-x86-64.so.2 "-Wl,-rpath,$PWD/own"
program own/liba.so "-Wl,-rpath,$PWD/own"
