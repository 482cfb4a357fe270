# A directory's plain file goes before the next directory's glibc-hwcaps.
lib one/liba.so
lib two/glibc-hwcaps/x86-64-v4/liba.so
program one/liba.so "-Wl,-rpath,$PWD/one:$PWD/two"
told levels
