# musl: lib{c,pthread,rt,m,dl,util,xnet}.ANYTHING is the loader itself, whatever files there are.
musl "$PWD/m"
for name in c pthread rt m dl util xnet; do lib "own/lib$name.so.6"; done
lib own/libmm.so
program own/*.so* "-Wl,-rpath,$PWD/own"
