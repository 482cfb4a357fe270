# A loop in glibc-hwcaps does not end the list while the plain directory merely lacks the name.
lib own/libm.so.6
program own/libm.so.6 "-Wl,-rpath,$PWD/l:$PWD/own"
mkdir -p l/glibc-hwcaps/x86-64-v2
ln -s libm.so.6 l/glibc-hwcaps/x86-64-v2/
told levels
