# musl: a library that exports __libc_start_main and stdin is taken for libc, and not mapped.
musl "$PWD/m"
lib l/libnew.so -x c - -x none <<end
int __libc_start_main, stdin;
end
lib l/liba.so
program l/libnew.so l/liba.so "-Wl,-rpath,$PWD/l"
