# A library of a better level may need what the plain one does not.
lib l/liba.so
lib deep/libd.so
lib l/glibc-hwcaps/x86-64-v3/liba.so deep/libd.so "-Wl,-rpath,$PWD/deep"
program l/liba.so "-Wl,-rpath,$PWD/l"
told levels
