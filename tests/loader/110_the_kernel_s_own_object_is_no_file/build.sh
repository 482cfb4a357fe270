# linux-vdso.so.1 is mapped by the kernel and serves its name; a file of this name is not looked at.
lib own/linux-vdso.so.1
program own/linux-vdso.so.1 "-Wl,-rpath,$PWD/own"
