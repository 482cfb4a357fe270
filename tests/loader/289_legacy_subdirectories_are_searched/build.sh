# Before glibc 2.37: tls/ and the platform's, and both in each other, before the plain directory.
lib l/liba.so
lib l/libb.so
lib l/libc1.so
lib l/libd.so
lib l/tls/liba.so
lib l/x86_64/liba.so
lib l/x86_64/libb.so
lib l/tls/x86_64/libc1.so
lib l/x86_64/x86_64/libc1.so
lib l/haswell/libd.so
program l/liba.so l/libb.so l/libc1.so l/libd.so "-Wl,-rpath,$PWD/l"
