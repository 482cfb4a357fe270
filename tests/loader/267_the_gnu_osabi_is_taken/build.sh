# EI_OSABI 3 (GNU) is taken like 0.
lib l/liba.so
lib gnu/liba.so
program l/liba.so "-Wl,-rpath,$PWD/gnu:$PWD/l"
patch gnu/liba.so 7 '\003'
