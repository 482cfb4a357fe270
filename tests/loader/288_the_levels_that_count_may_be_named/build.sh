# Of the levels, those that were asked for count.
lib l/liba.so
for level in 2 3 4; do lib l/glibc-hwcaps/x86-64-v$level/liba.so; done
program l/liba.so "-Wl,-rpath,$PWD/l"
option --hwcaps x86-64-v2,x86-64-v3
told levels
