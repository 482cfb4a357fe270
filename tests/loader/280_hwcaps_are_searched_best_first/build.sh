# In each directory glibc-hwcaps is searched first, from the best level that the CPU has downwards.
lib l/liba.so
lib l/libb.so
lib l/libc1.so
for level in 2 3 4; do lib l/glibc-hwcaps/x86-64-v$level/liba.so; done
lib l/glibc-hwcaps/x86-64-v2/libb.so
lib l/glibc-hwcaps/x86-64-v4/libc1.so
program l/liba.so l/libb.so l/libc1.so "-Wl,-rpath,$PWD/l"
told levels
