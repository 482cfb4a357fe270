# DT_AUDIT and DT_DEPAUDIT count in the program alone.
lib l/libone.so -x c - -x none <<end
unsigned la_version(unsigned v) { return v; }
end
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/l"
lib l/liba.so -Wl,--audit,libone.so,--depaudit,libone.so "-Wl,-rpath,$PWD/l"
told runs
